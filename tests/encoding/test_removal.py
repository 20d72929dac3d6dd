"""Removal: curves fall as they must, and their test tells units that say the same from units of which few count."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import contiguous_folds, correlation_scores, delay, fit_ridge, removal_curve, removal_test


def noise(n=200, k=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, k))


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


def run_test(units, response, **options):
    settings = {"penalty": 10.0, "n_orders": 2, "n_draws": 19, "generator": np.random.default_rng(1)} | options
    return removal_test(units, response, contiguous_folds(len(units), 2), **settings)


def test_units_that_say_the_same_keep_more_than_surrogates():
    sources = noise(k=2)
    units = np.repeat(sources, 4, axis=1) + 0.3 * noise(k=8, seed=1)
    found = run_test(units, sources.sum(axis=1, keepdims=True) + noise(k=1, seed=2))
    assert found.p_value == 1 / 20
    assert found.kept > found.null_kept.max()
    assert found.curve.shape == (8,)
    assert found.null_curves.shape == (19, 8)
    assert found.kept == pytest.approx(found.curve.mean() / found.curve[0])


def test_surrogates_predict_as_well_together():
    sources = noise(400, 2)
    units = np.repeat(sources, 4, axis=1) + 0.3 * noise(400, 8, seed=1)
    found = run_test(units, sources.sum(axis=1, keepdims=True) + noise(400, 1, seed=2))
    assert found.null_curves[:, 0].mean() == pytest.approx(found.curve[0], abs=0.05)


def test_idle_units_are_not_taken_for_redundancy():
    units = noise(k=8)
    found = run_test(units, units[:, :1] + noise(k=1, seed=2), n_orders=6)
    assert found.p_value > 0.05


def test_all_delays_of_a_unit_go_with_it():
    units = noise(k=3)
    found = run_test(units, delay(units, (2,))[:, :1] + 0.1 * noise(k=1, seed=2), delays=(1, 2))
    assert found.curve.shape == (3,)
    assert found.curve[0] > 0.9


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="order = 'worst' must be 'random' or 'greedy'"):
        curve(noise(), noise(), order="worst")
    with pytest.raises(ValueError, match=r"groups \(5,\) must fit together"):
        curve(noise(), noise(), groups=np.arange(5))
    with pytest.raises(ValueError, match="n_draws = 18; 19 or more"):
        run_test(noise(), noise(k=1), n_draws=18)
