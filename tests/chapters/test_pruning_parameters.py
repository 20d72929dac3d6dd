"""Parameters of the chapter on pruning: which pictures a run reads, and how many of them there are."""

import pytest
import torch

from brainalign.runs.errors import UsageError
from brainalign.studies.pruning import PUBLISHED_RECIPE, find_blocks, load_task, n_removable, resnet_cifar
from tests.chapters.values import values_of


def given(profile="default", **values):
    return values_of("pruning", values, profile=profile)


def test_a_run_declares_the_pictures_that_it_reads():
    assert "digits" in given().data()
    assert "cifar-10" in given(pictures="cifar-10").data()
    assert "digits" not in given(pictures="cifar-10").data()


def test_the_paper_profile_is_the_study_setting():
    paper = given("paper")
    assert (paper.pictures, paper.depth, paper.width) == ("cifar-10", 56, 16)
    assert (paper.epochs, paper.learning_rate) == (PUBLISHED_RECIPE.epochs, PUBLISHED_RECIPE.learning_rate)
    blocks = find_blocks(resnet_cifar(paper.depth, width=2))
    assert n_removable(blocks, min_per_stage=paper.min_per_stage) == 21  # the most that the study reports


@pytest.mark.parametrize("name", ["n_tuning", "n_scored"])
def test_no_more_pictures_are_asked_for_than_there_are(name):
    assert getattr(given(**{name: 1200}), name) == 1200
    assert getattr(given(pictures="cifar-10", **{name: 1201}), name) == 1201
    with pytest.raises(UsageError, match=f"{name}.*1201.*at most 1200, the training pictures of digits"):
        given(**{name: 1201})


def test_the_limit_for_digits_is_how_many_are_trained_on():
    assert len(load_task("digits", generator=torch.Generator()).train) == 1200
