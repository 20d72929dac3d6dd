"""Odd-one-out judgements: by thought, against simulated people, and the closed forms of chance and ceiling."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.agreement import (
    odd_one_out,
    odd_one_out_accuracy,
    odd_one_out_ceiling,
    odd_one_out_probabilities,
)


def things(n=12, seed=0):
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return points @ points.T, np.array(list(combinations(range(n), 3)))


def test_the_odd_one_is_outside_the_closest_pair():
    points = np.array([0.0, 0.1, 5.0, 5.3])
    similarity = -np.abs(points[:, None] - points)
    assert odd_one_out(similarity, [[0, 1, 2], [0, 2, 3], [3, 1, 2]]).tolist() == [2, 0, 1]


def test_unrelated_choices_are_met_by_chance():
    similarity, triplets = things(n=60)
    chosen = np.random.default_rng(1).integers(3, size=len(triplets))
    assert_allclose(odd_one_out_accuracy(similarity, triplets, chosen), 1 / 3, atol=0.01)
    assert odd_one_out_accuracy(similarity, triplets, odd_one_out(similarity, triplets)) == 1


def test_ties_count_as_guesses():
    similarity = np.ones((3, 3))
    assert_allclose(odd_one_out_accuracy(similarity, [[0, 1, 2]], [2]), 1 / 3)
    similarity[0, 1] = similarity[1, 0] = 0  # then 0 and 1 tie, and 2 is never odd
    assert odd_one_out_accuracy(similarity, [[0, 1, 2]], [0]) == 0.5
    assert odd_one_out_accuracy(similarity, [[0, 1, 2]], [2]) == 0


def test_probabilities_are_a_softmax_over_pairs():
    similarity, triplets = things()
    found = odd_one_out_probabilities(similarity, triplets, temperature=2.0)
    i, j, k = triplets[5]
    weights = np.exp(np.array([similarity[j, k], similarity[i, k], similarity[i, j]]) / 2)
    assert_allclose(found[5], weights / weights.sum())
    assert_allclose(odd_one_out_probabilities(similarity, triplets, temperature=1e9), 1 / 3)
    sure = odd_one_out_probabilities(similarity, triplets, temperature=1e-6)
    assert_array_equal(sure.argmax(axis=1), odd_one_out(similarity, triplets))
    assert_allclose(sure.max(axis=1), 1)


def test_the_expected_accuracy_is_the_mean_highest_probability():
    similarity, triplets = things(n=40)
    p = odd_one_out_probabilities(similarity, triplets, temperature=2.0)
    chosen = (np.random.default_rng(0).random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert_allclose(odd_one_out_accuracy(similarity, triplets, chosen), p.max(axis=1).mean(), atol=0.015)


@pytest.mark.parametrize("n_people", [2, 4])
def test_the_ceiling_is_unbiased_for_any_number_of_people(n_people):
    p = np.array([0.6, 0.3, 0.1])
    mean, mode = 0.0, 0.0
    for choices in product(range(3), repeat=n_people):
        counts = np.bincount(choices, minlength=3)
        chance = np.prod(p[list(choices)])
        mean += chance * odd_one_out_ceiling([counts])
        mode += chance * counts.max() / n_people
    assert_allclose(mean, (p**2).sum())
    assert mode > p.max()  # what the most frequent choice would promise


@pytest.mark.parametrize(
    ("similarity", "triplets", "text"),
    [
        (np.ones((3, 2)), [[0, 1, 2]], "square matrix"),
        (np.triu(np.ones((3, 3))), [[0, 1, 2]], "must be symmetric"),
        (np.full((3, 3), np.nan), [[0, 1, 2]], "finite numbers"),
        (np.ones((3, 3)), [[0, 1, 3]], "three different things from 0 to 2"),
        (np.ones((3, 3)), [[0, 1, 1]], "three different things"),
        (np.ones((3, 3)), [[0, 1]], r"shape \(1, 2\)"),
    ],
)
def test_what_is_no_judgement_is_refused(similarity, triplets, text):
    with pytest.raises(ValueError, match=text):
        odd_one_out(similarity, triplets)


def test_choices_temperatures_and_counts_are_checked():
    similarity, triplets = things()
    with pytest.raises(ValueError, match="0, 1 or 2 for each of the 220 triplets"):
        odd_one_out_accuracy(similarity, triplets, [0])
    with pytest.raises(ValueError, match="above 0: got 0"):
        odd_one_out_probabilities(similarity, triplets, temperature=0)
    with pytest.raises(ValueError, match="at least two for each triplet"):
        odd_one_out_ceiling([[1, 0, 0]])
    with pytest.raises(ValueError, match=r"shape \(n_triplets, 3\): got \(3,\)"):
        odd_one_out_ceiling([1, 2, 3])
