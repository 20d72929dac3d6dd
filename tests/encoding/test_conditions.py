"""Encoding models of conditions, and the null model in which blocks trade names."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.encoding import correlation_scores, delay, leave_one_run_out
from brainalign.encoding.conditions import condition_means, condition_test, indicate_conditions

CONDITIONS = ("face", "house", "shoe", "cat")
N_RUNS, BLOCK = 6, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def design(rng):
    """Six runs, each with one block of every condition in random order and rest between blocks."""
    labels = []
    for _ in range(N_RUNS):
        for name in rng.permutation(CONDITIONS):
            labels += ["rest"] * BLOCK + [name] * BLOCK
    return np.array(labels), np.repeat(np.arange(N_RUNS), len(labels) // N_RUNS)


def noise(rng, labels, n_targets):
    return rng.normal(size=(len(labels), n_targets))


def plain_scores(responses, labels, runs, *, delays, penalty):
    """The same model by way of samples: one ridge regression a run."""
    X = delay(indicate_conditions(labels, CONDITIONS), delays, runs)
    Y = responses.copy()
    for run in range(N_RUNS):
        X[runs == run] -= X[runs == run].mean(axis=0)
        Y[runs == run] -= Y[runs == run].mean(axis=0)
    X /= np.sqrt(np.mean(X**2))
    predictions = np.empty_like(Y)
    for train, test in leave_one_run_out(runs):
        gram = X[train].T @ X[train] + penalty * np.eye(X.shape[1])
        predictions[test] = X[test] @ np.linalg.solve(gram, X[train].T @ Y[train])
    return correlation_scores(predictions, Y, runs)


def test_indicators_follow_the_order_of_the_conditions(design):
    labels = design[0]
    found = indicate_conditions(labels, CONDITIONS)
    assert_array_equal(found[:, 2], labels == "shoe")
    assert_array_equal(found.sum(axis=1), labels != "rest")


def test_means_are_those_of_the_volumes_of_each_run_and_condition(design, rng):
    labels, runs = design
    Y = noise(rng, labels, 2)
    found = condition_means(Y, labels, runs, conditions=CONDITIONS)
    for run, condition in np.ndindex(N_RUNS, len(CONDITIONS)):
        own = (runs == run) & (labels == CONDITIONS[condition])
        assert_allclose(found[run, condition], Y[own].mean(axis=0))


def test_a_run_without_a_condition_is_refused(design, rng):
    labels, runs = design
    some = ~((runs == 2) & (labels == "shoe"))
    with pytest.raises(ValueError, match=r"run 2 \(from 0\) has no volume of 'shoe'"):
        condition_means(noise(rng, labels, 2)[some], labels[some], runs[some], conditions=CONDITIONS)


@pytest.mark.parametrize("delays", [(0,), (0, 2)])
def test_scores_are_those_of_a_ridge_regression_on_the_other_runs(design, rng, delays):
    labels, runs = design
    Y = noise(rng, labels, 3) + (labels == "face")[:, None] * [1.0, 0.3, 0]
    options = {"delays": delays, "penalty": 7.0}
    found = condition_test(Y, labels, runs, conditions=CONDITIONS, n_draws=1, generator=rng, **options)
    assert_allclose(found.scores, plain_scores(Y, labels, runs, **options), atol=1e-12)


def test_a_draw_is_the_model_of_blocks_whose_names_were_exchanged(design, rng):
    labels, runs = design
    Y = noise(rng, labels, 2)
    options = {"delays": (0, 1), "penalty": 3.0}
    found = condition_test(
        Y, labels, runs, conditions=CONDITIONS, n_draws=1, generator=np.random.default_rng(1), **options
    )
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(len(CONDITIONS)), (N_RUNS, 1)), axis=1)
    exchanged = labels.copy()
    for run in range(N_RUNS):
        for name, source in zip(CONDITIONS, orders[run], strict=True):
            exchanged[(runs == run) & (labels == CONDITIONS[source])] = name
    assert (exchanged != labels).any()
    assert_allclose(found.null[0], plain_scores(Y, exchanged, runs, **options), atol=1e-12)


def test_what_follows_a_condition_is_found_and_what_follows_any_block_is_not(design, rng):
    labels, runs = design
    face, block = (labels == "face").astype(float), (labels != "rest").astype(float)
    Y = noise(rng, labels, 3) + np.stack([2 * face, 2 * block, 0 * block], axis=1)
    found = condition_test(Y, labels, runs, conditions=CONDITIONS, n_draws=199, generator=rng)
    assert found.p_values[0] == 1 / 200
    assert found.q_values[0] <= 0.05
    assert min(found.p_values[1:]) > 0.05
    assert found.scores[1] > 0.5  # the score alone would say that it follows the conditions
    assert found.null[:, 1].mean() > 0.5


def test_p_values_are_uniform_where_conditions_do_not_matter(design, rng):
    labels, runs = design
    Y = noise(rng, labels, 400) + (labels != "rest")[:, None]
    p = condition_test(Y, labels, runs, conditions=CONDITIONS, n_draws=199, generator=rng).p_values
    assert 0.02 < (p <= 0.05).mean() < 0.09
    assert 0.43 < (p <= 0.5).mean() < 0.57


@pytest.mark.parametrize(
    ("conditions", "text"),
    [((), "got none"), (("face", "face"), "got face, face"), (("face", "sofa"), r"absent \(sofa\)")],
)
def test_conditions_that_do_not_fit_are_refused(design, conditions, text):
    with pytest.raises(ValueError, match=text):
        indicate_conditions(design[0], conditions)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"penalty": 0.0}, "got 6, 4, 0.0 and 5"),
        ({"n_draws": 0}, "got 6, 4, 100.0 and 0"),
        ({"conditions": ("face",)}, "got 6, 1, 100.0 and 5"),
    ],
)
def test_numbers_out_of_range_are_refused(design, rng, changed, text):
    labels, runs = design
    options = {"conditions": CONDITIONS, "n_draws": 5, "generator": rng, **changed}
    with pytest.raises(ValueError, match=text):
        condition_test(noise(rng, labels, 2), labels, runs, **options)


def test_one_run_and_a_target_that_varies_in_no_run_are_refused(design, rng):
    labels, runs = design
    options = {"conditions": CONDITIONS, "n_draws": 5, "generator": rng}
    with pytest.raises(ValueError, match=r"got 1, 4, 100\.0 and 5"):
        condition_test(noise(rng, labels, 2), labels, np.zeros_like(runs), **options)
    Y = np.column_stack([noise(rng, labels, 1), runs])
    with pytest.raises(ValueError, match="target 1 varies in no run"):
        condition_test(Y, labels, runs, **options)
