"""Correlations against scipy, resampled ones against tables with repeated rows, nulls and intervals against theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from brainalign.agreement import (
    ScoreTable,
    bootstrap_correlations,
    correlations,
    permuted_mean_correlations,
    rank_correlation,
    simulate_scores,
)

METHODS = {"spearman": stats.spearmanr, "pearson": stats.pearsonr}
# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-12


def table_of(values, families=None):
    scores = pd.DataFrame(values, columns=[f"m{i}" for i in range(np.shape(values)[1])])
    scores.index = [f"model {i}" for i in scores.index]
    metrics = pd.DataFrame({"category": "all", "parent": None}, index=scores.columns)
    named = {} if families is None else {"families": pd.Series(families, index=scores.index)}
    return ScoreTable(scores, metrics, **named)


def ragged(n_models=40, n_metrics=5, seed=0):
    """Related columns with many ties, gaps and large offsets."""
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(n_models, 1)) + rng.normal(size=(n_models, n_metrics))).round(1)
    values[rng.random(values.shape) < 0.2] = np.nan
    return values + 100 * np.arange(n_metrics)


def oracle(x, y, method):
    both = ~(np.isnan(x) | np.isnan(y))
    return METHODS[method](x[both], y[both])


@pytest.mark.parametrize("method", METHODS)
def test_correlations_and_p_values_are_those_of_scipy_with_ties_and_gaps(method):
    values = ragged()
    found = correlations(table_of(values), method)
    for row in found.pairs.itertuples():
        i, j = int(row.first[1:]), int(row.second[1:])
        r, p = oracle(values[:, i], values[:, j], method)
        assert_allclose([row.r, row.p], [r, p], rtol=1e-9)
        assert row.n_models == (~np.isnan(values[:, [i, j]])).all(axis=1).sum()
    assert len(found.pairs) == 10
    assert_allclose(found.mean, found.pairs["r"].mean(), rtol=EXACT)
    assert_array_equal(found.matrix, found.matrix.T)


@pytest.mark.parametrize("method", METHODS)
def test_a_resample_is_the_table_with_its_models_repeated(method):
    values = ragged(n_models=12, n_metrics=3)
    families = np.repeat(["x", "y", "z", "w"], 3)
    n_draws = 70  # more than are handled side by side
    for by_family in (False, True):
        drawn = bootstrap_correlations(
            table_of(values, families), method, n_draws=n_draws, generator=np.random.default_rng(1), by_family=by_family
        )
        n = 4 if by_family else 12
        counts = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=n_draws)
        for index in (0, 33, 69):
            times = np.repeat(counts[index], 3) if by_family else counts[index]
            rows = values[np.repeat(np.arange(12), times)]
            expected = [oracle(rows[:, i], rows[:, j], method)[0] for i, j in [(0, 1), (0, 2), (1, 2)]]
            assert_allclose(drawn.draws[:, index], expected, rtol=1e-9, atol=EXACT)


def test_significance_is_adjusted_for_the_number_of_pairs():
    pairs = correlations(table_of(ragged())).pairs
    assert_allclose(pairs["p_bonferroni"], (pairs["p"] * 10).clip(upper=1))
    ordered = pairs.sort_values("p")
    step_up = (ordered["p"] * 10 / np.arange(1, 11))[::-1].cummin()[::-1].clip(upper=1)
    assert_allclose(ordered["p_bh"], step_up)
    assert (pairs["p"] <= pairs["p_bh"]).all()
    assert (pairs["p_bh"] <= pairs["p_bonferroni"]).all()


def test_a_perfect_relation_has_no_p_value_to_divide_by():
    x = np.arange(10.0)
    pairs = correlations(table_of(np.stack([x, -(x**3)], axis=1))).pairs
    assert_array_equal(pairs[["r", "p"]], [[-1, 0]])


@pytest.mark.parametrize("method", METHODS)
def test_constant_metrics_and_few_common_models_have_no_correlation(method):
    values = ragged(n_models=10, n_metrics=4)
    values[:, 0] = 1e8 + 0.1
    values[:8, 1] = np.nan
    values[8:, 1] = [1.0, 2.0]
    found = correlations(table_of(values), method)
    assert np.isnan(found.matrix.iloc[0, 1:]).all()
    assert np.isnan(found.matrix.iloc[1, 2:]).all()
    assert len(found.pairs) == 1
    assert_allclose(found.mean, found.matrix.iloc[2, 3])


def test_a_metric_constant_in_a_resample_is_left_out_of_that_one():
    values = np.stack([[0, 0, 0, 1.0], [1, 2, 3, 4.0], [1, 4, 3, 2.0]], axis=1)
    drawn = bootstrap_correlations(table_of(values), n_draws=200, generator=np.random.default_rng(0)).draws
    undefined = np.isnan(drawn).all(axis=0)
    without_last = np.isnan(drawn[0]) & ~undefined
    assert without_last.any()
    assert not np.isnan(drawn[2, without_last]).any()


def test_ranks_are_blind_to_increasing_maps_and_values_to_linear_ones():
    values = np.abs(ragged()) / 100
    for method, bend in (("spearman", np.exp), ("pearson", lambda x: 3 * x - 7)):
        bent = values.copy()
        bent[:, 1] = bend(bent[:, 1])
        assert_allclose(correlations(table_of(bent), method).matrix, correlations(table_of(values), method).matrix)
    bent[:, 1] = np.exp(100 * (values[:, 1] - 1))
    change = correlations(table_of(bent), "pearson").matrix - correlations(table_of(values), "pearson").matrix
    assert np.abs(change.to_numpy()).max() > 0.01


def test_averages_of_others_are_left_out():
    values = ragged(n_metrics=3)
    scores = pd.DataFrame(values, columns=["x", "y", "z"]).rename(index=str)
    metrics = pd.DataFrame({"category": "all", "parent": ["z", "z", None]}, index=["x", "y", "z"])
    assert list(correlations(ScoreTable(scores, metrics)).matrix) == ["x", "y"]


def test_permuted_metrics_correlate_at_zero_and_keep_their_gaps():
    values = ragged(n_models=30, n_metrics=6)
    null = permuted_mean_correlations(table_of(values), n_permutations=200, generator=np.random.default_rng(0))
    assert abs(null.mean()) < 3 * null.std() / np.sqrt(200)
    assert correlations(table_of(values)).mean > null.max()
    # Independent ranks of n models correlate with variance 1 / (n - 1), and 15 pairs are averaged.
    common = [(~np.isnan(values[:, [i, j]])).all(axis=1).sum() for i in range(6) for j in range(i)]
    expected = np.sqrt(np.sum(1 / (np.array(common) - 1))) / 15
    assert_allclose(null.std(), expected, rtol=0.2)


def test_families_that_are_alike_widen_the_interval():
    table = simulate_scores(
        n_models=60, n_neural=6, n_behavioral=6, n_families=12, family_share=1.0, shared=0.9,
        generator=np.random.default_rng(3),
    ).table  # fmt: skip
    widths = {}
    for by_family in (False, True):
        drawn = bootstrap_correlations(table, n_draws=400, generator=np.random.default_rng(0), by_family=by_family)
        low, high = drawn.interval()
        assert low < correlations(table).mean < high
        widths[by_family] = high - low
    assert widths[True] > 1.5 * widths[False]


def test_what_is_not_possible_is_refused():
    table = table_of(ragged(), families=["x", "y"] * 20)
    with pytest.raises(ValueError, match="'kendall' is unknown"):
        correlations(table, "kendall")
    with pytest.raises(ValueError, match="min_models must be 3 or more, got 2"):
        correlations(table, min_models=2)
    with pytest.raises(ValueError, match="at least 3 families or models, got 10 and 2"):
        bootstrap_correlations(table, n_draws=10, generator=np.random.default_rng(0), by_family=True)


def test_groups_with_the_same_gaps_take_the_short_way_and_come_out_the_same():
    values = ragged(n_models=40, n_metrics=30)
    values = np.nan_to_num(values, nan=0.3)
    values[:6, :12] = np.nan
    values[4:9, 12:25] = np.nan
    values[11, 27] = values[12, 28] = np.nan  # gaps of their own: pair by pair
    values[:, 3] = np.where(np.isnan(values[:, 3]), np.nan, 5.0)
    weights = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), size=150).T.astype(float)
    rows, columns = np.triu_indices(30, k=1)
    every_pair = rank_correlation._by_pairs(values, weights, rows, columns)
    assert_allclose(rank_correlation.rank_correlations(values, weights), every_pair, atol=EXACT)
    assert np.isnan(every_pair).any()


def test_only_pairs_that_share_no_gaps_are_left_to_the_long_way(monkeypatch):
    seen = []
    long_way = rank_correlation._by_pairs
    monkeypatch.setattr(rank_correlation, "_by_pairs", lambda *given: seen.append(len(given[2])) or long_way(*given))
    values = np.random.default_rng(0).normal(size=(20, 30))
    correlations(table_of(values))
    assert seen == []
    values[0, 0] = np.nan
    correlations(table_of(values))
    assert seen == [29]


def test_ranks_of_many_heavy_models_stay_exact_in_single_precision():
    values = np.random.default_rng(0).normal(size=(30, 2))
    values[0, 0] = np.nan
    weights = np.random.default_rng(1).integers(1, 2000, size=(30, 3)).astype(float)
    drawn = rank_correlation.rank_correlations(values, weights)
    rows = np.repeat(np.arange(1, 30), weights[1:, 2].astype(int))
    assert_allclose(drawn[0, 2], stats.spearmanr(*values[rows].T).statistic, atol=EXACT)
