"""Error consistency against enumeration, known mixtures and its bounds."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import cohen_kappa_score

from brainalign.agreement import error_consistency, error_consistency_bounds, error_consistency_spread


def test_it_is_cohens_kappa_for_all_pairs_at_once():
    correct = np.random.default_rng(0).random((4, 50)) < np.array([[0.9], [0.7], [0.5], [0.2]])
    found = error_consistency(correct[:, None], correct[None])
    expected = [[cohen_kappa_score(a, b) for b in correct] for a in correct]
    assert_allclose(found, expected)


def test_over_all_shuffles_it_is_zero_with_the_spread_of_the_closed_form():
    first, second = np.array([1, 1, 1, 0, 0, 1]), np.array([1, 0, 0, 0, 1, 0])
    shuffled = np.array(list(permutations(second)))
    values = error_consistency(first, shuffled)
    assert_allclose(values.mean(), 0, atol=1e-12)
    assert_allclose(values.std(), error_consistency_spread(4 / 6, 2 / 6, n_trials=6))


@pytest.mark.parametrize("copied", [0.0, 0.3, 0.8])
def test_an_observer_who_copies_a_share_has_that_consistency(copied):
    rng = np.random.default_rng(0)
    first, own = rng.random((2, 400_000)) < 0.7
    second = np.where(rng.random(400_000) < copied, first, own)
    assert_allclose(error_consistency(first, second), copied, atol=0.01)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30))
def test_it_stays_within_what_the_accuracies_allow(trials):
    first, second = np.array(trials).T
    if first.all() == second.all() and (first.all() or not (first.any() or second.any())):
        assert np.isnan(error_consistency(first, second))
        return
    low, high = error_consistency_bounds(first.mean(), second.mean())
    assert low - 1e-9 <= error_consistency(first, second) <= high + 1e-9


def test_bounds_are_reached():
    best = error_consistency([1, 1, 1, 0], [1, 1, 0, 0])
    worst = error_consistency([1, 1, 1, 0], [0, 0, 1, 1])
    assert_allclose(error_consistency_bounds(0.75, 0.5), (worst, best))
    assert_allclose(error_consistency_bounds(1.0, 0.4), 0, atol=1e-15)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ([1, 0, 2], [1, 0, 1], "got 2. Compare answers with the truth"),
        ([1, 0], [1, 0, 1], "got 2 and 3. Align them"),
        ([], [], "at least one trial"),
    ],
)
def test_answers_that_cannot_be_compared_are_refused(first, second, text):
    with pytest.raises(ValueError, match=text):
        error_consistency(first, second)


def test_accuracies_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"got 1\.2 and 0\.5"):
        error_consistency_bounds(1.2, 0.5)
    with pytest.raises(ValueError, match="not both 0 or both 1"):
        error_consistency_bounds(1.0, 1.0)
    with pytest.raises(ValueError, match=r"n_trials be 2 or more: got 0\.5, 0\.5 and 1"):
        error_consistency_spread(0.5, 0.5, n_trials=1)
