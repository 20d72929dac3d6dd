"""Shifts by Fourier transform are the shifts by hand, and refits are refits."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import contiguous_folds, correlation_scores, fit_ridge
from brainalign.encoding.refits import shifted_scores
from brainalign.encoding.shifts import admissible_shifts, share_at_least, shifted_products


@pytest.mark.parametrize("n", [20, 21])
def test_products_are_those_of_rolled_series(n):
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((n, 3)), generator.standard_normal((n, 2))
    by_hand = [a.T @ np.roll(b, shift, axis=0) for shift in range(n)]
    np.testing.assert_allclose(shifted_products(a, b), by_hand, atol=1e-12)


def test_refits_are_ridge_fits_to_rolled_responses():
    generator = np.random.default_rng(0)
    X, Y = generator.standard_normal((60, 4)), generator.standard_normal((60, 3))
    folds = contiguous_folds(60, 3, gap=2)
    found = shifted_scores(X, Y, folds, penalty=5.0, shifts=[0, 7])
    for scores, shift in zip(found, (0, 7), strict=True):
        rolled, guess, fold = np.roll(Y, shift, axis=0), np.empty((60, 3)), np.empty(60, dtype=int)
        for number, (train, test) in enumerate(folds):
            guess[test] = fit_ridge(X[train], rolled[train], penalties=(5.0,), splits=2).predict(X[test])
            fold[test] = number
        np.testing.assert_allclose(scores, correlation_scores(guess, rolled, fold), atol=1e-8)


def test_a_shift_by_nothing_finds_a_real_relation():
    X = np.random.default_rng(0).standard_normal((100, 2))
    scores = shifted_scores(X, X @ [[1.0], [1.0]], contiguous_folds(100, 4), penalty=1e-6, shifts=[0, 50])
    assert scores[0, 0] > 0.999
    assert abs(scores[1, 0]) < 0.5


def test_a_constant_response_scores_zero():
    X = np.random.default_rng(0).standard_normal((40, 2))
    assert shifted_scores(X, np.ones((40, 1)), contiguous_folds(40, 2), penalty=1.0, shifts=[0]).item() == 0.0


def test_admissible_shifts_keep_the_margin_on_both_sides():
    np.testing.assert_array_equal(admissible_shifts(40, 5), np.arange(5, 36))
    with pytest.raises(ValueError, match="margin = 12 leaves 17 shifts of 40 samples"):
        admissible_shifts(40, 12)
    with pytest.raises(ValueError, match="margin = 0"):
        admissible_shifts(40, 0)


def test_p_values_count_the_observation():
    null = np.arange(19.0)[:, None] * [1.0, 0.0]
    np.testing.assert_allclose(share_at_least([18.0, 1.0], null), [2 / 20, 1 / 20])


def test_wrong_sizes_are_refused():
    X = np.zeros((10, 2))
    with pytest.raises(ValueError, match="features have 10 samples and responses 9"):
        shifted_scores(X, X[:9], [], penalty=1.0, shifts=[0])
    with pytest.raises(ValueError, match="penalty = 0 must be above 0"):
        shifted_scores(X, X, [], penalty=0.0, shifts=[0])
