"""Redundancy: known values, surrogates that keep the spectrum, curves that fall as they must."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import (
    contiguous_folds,
    correlation_scores,
    fit_ridge,
    map_overlap,
    mean_overlap,
    participation_ratio,
    redundancy,
    removal_curve,
    spectrum_surrogate,
)


def noise(n=200, k=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, k))


def test_known_correlation_matrices():
    assert participation_ratio(np.eye(5)) == pytest.approx(5)
    assert participation_ratio(np.ones((5, 5))) == pytest.approx(1)
    assert mean_overlap(np.eye(5)) == 0
    assert mean_overlap([[1, -0.5], [-0.5, 1]]) == 0.5


@pytest.mark.parametrize("n", [100, 101])
def test_surrogates_keep_mean_and_spectrum_and_lose_relations(n):
    common = noise(n, 1) + 3.0
    both = np.repeat(common, 2, axis=1)
    surrogate = spectrum_surrogate(both, generator=np.random.default_rng(1))
    np.testing.assert_allclose(surrogate.mean(axis=0), both.mean(axis=0))
    np.testing.assert_allclose(np.abs(np.fft.rfft(surrogate, axis=0)), np.abs(np.fft.rfft(both, axis=0)), atol=1e-9)
    assert abs(np.corrcoef(surrogate.T)[0, 1]) < 0.4


def test_units_that_share_a_source_are_redundant_and_others_are_not():
    generator = np.random.default_rng(2)
    shared = redundancy(noise() + 2 * noise(k=1, seed=1), n_draws=39, generator=generator)
    assert shared.p_value == 1 / 40
    assert shared.overlap > 0.7
    assert shared.participation_ratio < 2 < shared.null_participation_ratio.min()
    apart = redundancy(noise(), n_draws=39, generator=generator)
    assert apart.p_value > 0.05
    assert apart.participation_ratio > 5


def test_overlap_of_maps():
    assert map_overlap([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]) == pytest.approx(1 / 3)


def curve(features, responses, **options):
    folds = contiguous_folds(len(features), 4)
    settings = {"penalty": 1.0, "generator": np.random.default_rng(0)} | options
    return removal_curve(features, responses, folds, **settings)


def test_the_curve_begins_with_the_score_of_a_ridge_regression():
    X = noise()
    Y = X @ noise(6, 2, seed=3) + noise(200, 2, seed=4)
    expected = []
    for train, test in contiguous_folds(200, 4):
        guess = fit_ridge(X[train], Y[train], penalties=(1.0,), splits=2).predict(X[test])
        expected.append(correlation_scores(guess, Y[test]).mean())
    assert curve(X, Y)[0] == pytest.approx(np.mean(expected), abs=1e-8)


def test_copies_can_be_removed_without_loss_and_unique_atoms_can_not():
    X = noise(k=3)
    Y = X.sum(axis=1, keepdims=True)
    copied = curve(np.repeat(X, 2, axis=1), Y, order="greedy")
    assert copied[3] > 0.99  # one of each pair is left
    assert copied[4] < 0.9
    assert curve(X, Y, order="greedy")[1] < 0.9


def test_greedy_removal_takes_idle_atoms_first():
    X = noise()
    Y = X[:, :1] + 0.1 * noise(200, 1, seed=5)
    greedy, random = curve(X, Y, order="greedy"), curve(X, Y, order="random", n_orders=5)
    assert (greedy > 0.98).all()
    assert random[-1] < 0.8


def test_delays_of_an_atom_go_together():
    X = np.concatenate([noise(), np.roll(noise(), 1, axis=0)], axis=1)
    assert curve(X, X[:, :1], groups=np.tile(np.arange(6), 2)).shape == (6,)


def test_wrong_input_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"shape \(200, 1\) need 2 units"):
        redundancy(noise(k=1), n_draws=19, generator=generator)
    with pytest.raises(ValueError, match="n_draws = 18, 19 or more"):
        redundancy(noise(), n_draws=18, generator=generator)
    with pytest.raises(ValueError, match="1 units do not vary"):
        redundancy(np.column_stack([noise(), np.ones(200)]), n_draws=19, generator=generator)
    with pytest.raises(ValueError, match="order = 'worst' must be 'random' or 'greedy'"):
        curve(noise(), noise(), order="worst")
    with pytest.raises(ValueError, match=r"groups \(5,\) must fit together"):
        curve(noise(), noise(), groups=np.arange(5))
