"""The task for encoders of sentences: what is asked, and how it is scored."""

import math

import pytest
import torch
from torch.testing import assert_close

from brainalign.studies.pruning.paraphrases import digit_paraphrases, paraphrase_loss, retrieval_accuracy


@pytest.mark.parametrize(
    ("relation", "words", "numerals"),
    [
        ("beside", "A nine is to the left of a eight.", "9 to the left of 8"),
        ("above", "A nine is above a eight.", "9 above 8"),
    ],
)
def test_every_ordered_pair_is_told_once_in_words_and_once_in_numerals(relation, words, numerals):
    in_words, in_numerals = digit_paraphrases(relation)
    assert len(set(in_words)) == len(set(in_numerals)) == 90
    assert (in_words[-1], in_numerals[-1]) == (words, numerals)


def test_another_relation_is_refused():
    with pytest.raises(ValueError, match="relation = 'under'; give one of: beside"):
        digit_paraphrases("under")


def test_retrieval_counts_nearest_partners_by_angle():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])
    answers = torch.tensor([[9.0, 0.1], [0.0, 0.2], [-1.0, 1.0], [-3.0, 0.0]])
    assert retrieval_accuracy(queries, answers) == 0.75


def test_the_loss_of_equal_sentences_is_that_of_guessing_and_falls_for_partners_that_agree():
    facts = torch.tensor([0, 1, 0, 1])
    assert_close(paraphrase_loss(torch.ones(4, 3), facts), torch.tensor(math.log(3)))
    agreeing = torch.eye(2)[facts]
    assert paraphrase_loss(agreeing, facts) < 1e-6
    assert paraphrase_loss(agreeing[[0, 1, 1, 0]], facts) > 10


@pytest.mark.parametrize("facts", [[0, 1, 0], [0, 0, 0, 1, 1]])
def test_facts_that_are_not_told_twice_are_refused(facts):
    with pytest.raises(ValueError, match="every fact must be told by exactly two"):
        paraphrase_loss(torch.ones(len(facts), 2), torch.tensor(facts))
