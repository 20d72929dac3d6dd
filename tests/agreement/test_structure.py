"""Clusters, consistency and reliability find what was planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign.agreement import (
    Correlations,
    ScoreTable,
    cluster_metrics,
    consistency,
    correlations,
    disattenuated,
    mean_by_group,
    reliability,
    simulate_scores,
)


def test_clusters_are_the_planted_categories():
    table = simulate_scores(
        n_models=200, n_neural=8, n_behavioral=7, shared=0.7, correlation=0.2, generator=np.random.default_rng(0)
    ).table
    found = cluster_metrics(correlations(table), n_clusters=2)
    together = pd.crosstab(found.labels, table.metrics["category"]).to_numpy()
    assert sorted(together.ravel().tolist()) == [0, 0, 7, 8]
    assert found.linkage.shape == (14, 4)
    with pytest.raises(ValueError, match="15 metrics cannot be put into 16 clusters"):
        cluster_metrics(correlations(table), n_clusters=16)


def test_a_metric_without_defined_correlations_stands_alone():
    values = np.random.default_rng(0).normal(size=(20, 1)) + np.zeros((20, 3))
    values[:, 2] = 1.0
    names = ["x", "y", "constant"]
    table = ScoreTable(
        pd.DataFrame(values, columns=names).rename(index=str),
        pd.DataFrame({"category": "all", "parent": None}, index=names),
    )
    labels = cluster_metrics(correlations(table), n_clusters=2).labels
    assert labels["x"] == labels["y"] != labels["constant"]
    assert np.isnan(consistency(table)["constant"])
    assert_allclose(consistency(table)["x"], 1)


def test_consistency_is_the_correlation_with_the_mean_of_the_others():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 1)) + rng.normal(size=(30, 4)) * [0.3, 0.3, 0.3, 5]
    names = list("abcd")
    metrics = pd.DataFrame({"category": "all", "parent": None}, index=names)
    scores = pd.DataFrame(values, columns=names).rename(index=str)
    found = consistency(ScoreTable(scores, metrics), "pearson")
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    expected = [np.corrcoef(values[:, i], np.delete(z, i, axis=1).mean(axis=1))[0, 1] for i in range(4)]
    assert_allclose(found, expected)
    assert found.idxmin() == "d"
    with pytest.raises(ValueError, match="at least two metrics"):
        consistency(ScoreTable(scores[["a"]], metrics.loc[["a"]]))


def repeated(noise, n_recipes=2000, n_seeds=3):
    """Two metrics of one truth, measured with noise several times."""
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.normal(size=n_recipes), n_seeds)[:, None]
    values = truth + rng.normal(size=(n_recipes * n_seeds, 2)) * noise
    scores = pd.DataFrame(values, columns=["x", "y"]).rename(index=str)
    metrics = pd.DataFrame({"category": "all", "parent": None}, index=["x", "y"])
    return ScoreTable(scores, metrics), pd.Series(np.repeat(np.arange(n_recipes), n_seeds), index=scores.index)


def test_reliability_is_the_share_of_variance_that_is_not_noise():
    noise = np.array([0.5, 1.0])
    table, recipes = repeated(noise)
    found = reliability(table, recipes)
    assert_allclose(found, 1 / (1 + noise**2), atol=0.03)
    corrected = disattenuated(correlations(table, "pearson"), found)
    assert correlations(table, "pearson").mean < 0.7
    assert_allclose(corrected.loc["x", "y"], 1, atol=0.05)
    assert_allclose(np.diag(corrected), 1)


def test_reliability_of_balanced_repeats_is_the_textbook_formula():
    """The example of Shrout and Fleiss 1979: six targets, four ratings, ICC(1,1) = .17."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    scores = pd.DataFrame({"x": np.ravel(ratings)}, dtype=float).rename(index=str)
    table = ScoreTable(scores, pd.DataFrame({"category": "all", "parent": None}, index=["x"]))
    targets = pd.Series(np.repeat(np.arange(6), 4), index=scores.index)
    assert_allclose(reliability(table, targets)["x"], 0.1657, atol=5e-4)


def test_unequal_repeats_and_single_ones():
    table, recipes = repeated(np.array([0.5, 1.0]))
    scores = table.scores.copy()
    scores.iloc[::7, 0] = np.nan
    recipes.iloc[:600] = -np.arange(1, 601)
    found = reliability(ScoreTable(scores, table.metrics), recipes)
    assert_allclose(found, [0.8, 0.5], atol=0.04)


def test_repeats_that_do_not_fit_are_refused():
    table, recipes = repeated(np.array([0.5, 1.0]), n_recipes=4)
    with pytest.raises(ValueError, match="what it repeats"):
        reliability(table, recipes.iloc[:3])
    with pytest.raises(ValueError, match="'x' has 0 things with repeated scores"):
        reliability(table, pd.Series(table.scores.index, index=table.scores.index))
    with pytest.raises(ValueError, match="no reliability of 'y'"):
        disattenuated(correlations(table), pd.Series({"x": 0.5}))
    assert np.isnan(disattenuated(correlations(table), pd.Series({"x": 0.5, "y": -0.1})).loc["x", "y"])
    # All models may be alike on a metric.
    assert np.isnan(disattenuated(correlations(table), pd.Series({"x": 0.5, "y": np.nan})).loc["x", "y"])


def test_means_by_group_leave_out_what_a_metric_has_with_itself_and_what_is_not_defined():
    matrix = pd.DataFrame(np.eye(4), list("abcd"), list("abcd"))
    for (first, second), r in {"ab": 0.5, "ac": 0.1, "bc": 0.3, "ad": np.nan, "bd": -0.2, "cd": 0.7}.items():
        matrix.loc[first, second] = matrix.loc[second, first] = r
    found = Correlations(matrix, matrix.notna().astype(int), "spearman")
    groups = pd.Series({"a": "x", "b": "x", "c": "y", "d": "z"})
    means = mean_by_group(found, groups)
    expected = pd.DataFrame([[0.5, 0.2, -0.2], [0.2, np.nan, 0.7], [-0.2, 0.7, np.nan]], list("xyz"), list("xyz"))
    pd.testing.assert_frame_equal(means, expected)
    with pytest.raises(ValueError, match="no group of 'd'"):
        mean_by_group(found, groups.drop("d"))
