"""Aggregates: closed forms, invariances, the identity between spreads and explained variance, refusals."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.agreement import (
    AGGREGATES,
    ScoreTable,
    aggregate,
    category_gap,
    category_scores,
    explained_by_category,
    explained_from_spread,
    rank_stability,
    rankings,
    simulate_scores,
    spread_from_explained,
)
from brainalign.agreement.kemeny import kemeny_order, preference_matrix

WITHOUT_RELIABILITY = tuple(how for how in AGGREGATES if how != "reliability")
MEANS = ("mean", "zscore", "rank", "borda", "flat_zscore", "flat_rank")


def table_of(values, n_neural=2, models=None):
    values = np.asarray(values, dtype=float)
    models = models or [f"model {i}" for i in range(len(values))]
    scores = pd.DataFrame(values, index=models, columns=[f"m{i}" for i in range(values.shape[1])])
    category = ["neural" if i < n_neural else "behavior" for i in range(values.shape[1])]
    return ScoreTable(scores, pd.DataFrame({"category": category, "parent": None}, index=scores.columns))


def normal(n_models=12, n_metrics=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n_models, n_metrics))


# ---- aggregates


def test_the_mean_weighs_categories_and_not_metrics():
    values = normal()
    expected = (values[:, :2].mean(axis=1) + values[:, 2:].mean(axis=1)) / 2
    assert_allclose(aggregate(table_of(values), "mean"), expected)


def test_z_scores_bring_metrics_and_categories_to_one_spread():
    values = normal() * [1, 50, 1, 1, 1e-3]

    def standard(x):
        return (x - x.mean(axis=0)) / x.std(axis=0)

    z = standard(values)
    expected = (standard(z[:, :2].mean(axis=1)) + standard(z[:, 2:].mean(axis=1))) / 2
    assert_allclose(aggregate(table_of(values), "zscore"), expected)


def test_flat_ways_are_means_over_all_metrics_whatever_the_hierarchy():
    values = normal(n_metrics=6)
    table = table_of(values, n_neural=2)
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    beaten = values.argsort(axis=0).argsort(axis=0) / 11
    nested = ScoreTable(table.scores, table.metrics.assign(parent=["a", None, "b", "b", "b", None]))
    for of in (table, nested):
        assert_allclose(aggregate(of, "flat_zscore"), z.mean(axis=1))
        assert_allclose(aggregate(of, "flat_rank"), beaten.mean(axis=1))


def test_flat_z_scores_do_not_tie_two_categories_by_construction():
    shares = {how: explained_by_category(table_of(normal(), n_neural=1), how)["explained"] for how in MEANS}
    assert shares["zscore"]["neural"] == pytest.approx(shares["zscore"]["behavior"])
    assert abs(shares["flat_zscore"]["neural"] - shares["flat_zscore"]["behavior"]) > 0.1


def test_borda_is_the_share_of_models_beaten():
    values = np.array([[1, 3, 1.0], [2, 2, 1], [3, 1, 2]])
    # m0: 0, 1/2, 1; m1: 1, 1/2, 0; m2: two tied at 1/4, then 1.
    assert_allclose(aggregate(table_of(values), "borda"), [3 / 8, 3 / 8, 3 / 4])


def test_a_model_that_beats_every_other_by_majority_comes_first_by_kemeny_though_not_by_mean():
    values = np.array([[0.5, 0.5, 0.5], [0.4, 0.4, 9], [0.3, 0.3, 8]])
    table = table_of(values, n_neural=3)
    assert aggregate(table, "kemeny").tolist() == [2, 1, 0]
    assert aggregate(table, "mean").idxmax() == "model 1"


@pytest.mark.parametrize("how", WITHOUT_RELIABILITY)
def test_which_changes_of_a_metric_an_aggregate_ignores(how):
    values = normal()
    scaled, bent = values.copy(), values.copy()
    scaled[:, 0] = 40 * scaled[:, 0] + 3
    bent[:, 0] = np.exp(3 * bent[:, 0])
    of_all = [aggregate(table_of(changed), how).to_numpy() for changed in (values, scaled, bent)]
    ignores_scale, ignores_bends = how != "mean", how in ("rank", "borda", "kemeny", "flat_rank")
    assert (np.abs(of_all[1] - of_all[0]).max() < 1e-9) == ignores_scale
    assert (np.abs(of_all[2] - of_all[0]).max() < 1e-9) == ignores_bends


def test_reliable_metrics_weigh_more():
    values = normal()
    table = table_of(values)
    equal = pd.Series(0.5, index=table.scores.columns)
    assert_allclose(aggregate(table, "reliability", reliability=equal), aggregate(table, "zscore"))
    one_left = pd.Series([0, 1, 0, 0, 1.0], index=table.scores.columns)
    expected = aggregate(table_of(values[:, [1, 4]], n_neural=1), "zscore")
    assert_allclose(aggregate(table, "reliability", reliability=one_left), expected)


def test_gaps_are_skipped_or_count_as_zero():
    values = normal()
    values[0, 0] = np.nan
    values[1, :2] = np.nan
    skipped, zero = (aggregate(table_of(values), "mean", missing=missing) for missing in ("skip", "zero"))
    behavior = values[:2, 2:].mean(axis=1)
    assert_allclose(skipped.iloc[0], (values[0, 1] + behavior[0]) / 2)
    assert np.isnan(skipped.iloc[1])
    assert_allclose(zero.iloc[:2], [(values[0, 1] / 2 + behavior[0]) / 2, behavior[1] / 2])
    assert_allclose(skipped.iloc[2:], zero.iloc[2:])


@pytest.mark.parametrize("how", ["zscore", "rank"])
def test_a_constant_metric_moves_nobody(how):
    values = normal()
    constant = np.column_stack([np.full(12, 0.1), values])
    order = aggregate(table_of(values), how).rank()
    assert_array_equal(aggregate(table_of(constant, n_neural=3), how).rank(), order)


def test_hierarchies_are_averaged_level_by_level():
    values = normal(n_metrics=3)
    scores = pd.DataFrame(values, columns=["one", "two", "alone"]).rename(index=str)
    metrics = pd.DataFrame({"category": "neural", "parent": ["study", "study", None]}, index=scores.columns)
    expected = (values[:, :2].mean(axis=1) + values[:, 2]) / 2
    assert_allclose(aggregate(ScoreTable(scores, metrics), "mean"), expected)


def test_rankings_put_aggregates_side_by_side():
    table = table_of([[1, 1, 3.0], [2, 2, 2], [3, 3, 1]], models=["a", "b", "c"])
    found = rankings(table, ("mean", "borda"))
    assert found["borda"].tolist() == [2, 2, 2]
    assert list(found) == ["mean", "borda"]


def test_what_does_not_fit_is_refused():
    table = table_of(normal())
    with pytest.raises(ValueError, match="'zscores' is unknown; did you mean 'zscore'"):
        aggregate(table, "zscores")
    with pytest.raises(ValueError, match="missing = 'zero' with how = 'rank' is not"):
        aggregate(table, "rank", missing="zero")
    with pytest.raises(ValueError, match="reliability must be given with how ="):
        aggregate(table, "reliability")
    with pytest.raises(ValueError, match="reliability of 'm1' is nan"):
        aggregate(table, "reliability", reliability=pd.Series({"m0": 1.0}))
    with pytest.raises(ValueError, match="'kemeny' is not a mean"):
        explained_by_category(table, "kemeny")
    values = normal(n_models=4)
    values[:2, :2] = np.nan
    with pytest.raises(ValueError, match="only 2 models have a score in every category"):
        explained_by_category(table_of(values))


# ---- what each category explains


@pytest.mark.parametrize("how", WITHOUT_RELIABILITY)
@pytest.mark.parametrize("absent", [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4]])
@pytest.mark.parametrize("model", [5])
def test_a_model_without_a_score_in_a_category_has_no_aggregate_and_no_rank(how, absent, model):
    values = normal()
    values[model, absent] = np.nan
    table, others = table_of(values), np.delete(np.arange(12), model)
    found = aggregate(table, how)
    assert np.isnan(found.iloc[model])
    stability = rank_stability(table, how, n_draws=6, generator=np.random.default_rng(0))
    assert f"model {model}" not in stability.summary.index
    if how in ("mean", "kemeny"):  # by ranks, the model still counts among those that others beat; and ties share
        assert_allclose(found.iloc[others].rank(), aggregate(table_of(values[others]), how).rank().to_numpy())
        assert_allclose(stability.summary["p_first"].sum(), 1, atol=1e-12)


def test_kemeny_counts_only_ranked_models_after_each():
    scores = [[np.nan, np.nan], [3.0, 3.0], [2.0, 2.0], [1.0, 1.0], [9.0, np.nan]]
    assert_array_equal(aggregate(table_of(scores, n_neural=1), "kemeny"), [np.nan, 2, 1, 0, np.nan])


@pytest.mark.parametrize("how", MEANS)
def test_the_identity_of_spreads_correlation_and_explained_variance_holds_on_any_table(how):
    values = normal(n_models=30) * [1, 2, 5, 4, 3] + normal(n_models=30, n_metrics=1, seed=9)
    values[3, 1] = np.nan
    table = table_of(values)
    found = explained_by_category(table, how)
    parts = category_scores(table, how)
    ratio, correlation = spread_from_explained(*found["explained"])
    assert (found["correlation"] > 0).all()
    counts = (2, 3) if how.startswith("flat") else (1, 1)  # a category counts as often as it has metrics, or once
    assert_allclose(ratio, found["spread"].iloc[0] * counts[0] / found["spread"].iloc[1] / counts[1])
    assert_allclose(correlation, parts.corr().iloc[0, 1])
    assert_allclose(explained_from_spread(ratio, correlation), found["explained"])
    assert_allclose(found["contribution"].sum(), 1)


def test_with_z_scores_two_categories_explain_the_same():
    table = table_of(normal(n_models=30) * [1, 2, 50, 4, 3])
    found = explained_by_category(table, "zscore")["explained"]
    correlation = category_scores(table, "zscore").corr().iloc[0, 1]
    assert_allclose(found, (1 + correlation) / 2)


def test_the_published_shares_imply_a_spread_ratio_and_a_correlation():
    """Ahlert et al. 2024: 95.25 % by behavior, 33.33 % by neural metrics; 81.24 % and 67.31 % in an earlier one."""
    assert_allclose(spread_from_explained(0.3333, 0.9525), (0.267, 0.385), atol=5e-4)
    assert_allclose(spread_from_explained(0.6731, 0.8124), (0.758, 0.492), atol=5e-4)


@given(st.floats(0.05, 20), st.floats(-0.04, 0.99))
def test_shares_and_spreads_lead_back_to_each_other(ratio, correlation):
    shares = explained_from_spread(ratio, correlation)
    assert_allclose(spread_from_explained(*shares), (ratio, correlation), rtol=1e-6, atol=1e-7)


def test_shares_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        spread_from_explained(0.5, 1.2)
    with pytest.raises(ValueError, match=r"not both are 0: got 0\.0 and 0\.0"):
        spread_from_explained(0.0, 0.0)
    with pytest.raises(ValueError, match="ratio must be above 0"):
        explained_from_spread(0.0, 0.5)


def test_a_planted_gap_between_categories_is_found():
    table = simulate_scores(n_models=300, generator=np.random.default_rng(0)).table
    found = category_gap(table, "behavior", "neural", n_permutations=99, generator=np.random.default_rng(1))
    assert found.observed > 2 * np.abs(found.null).max()
    assert found.p_value == 0.01
    assert found.explained.to_dict() == pytest.approx(
        explained_by_category(table.without_hierarchy())["explained"].to_dict()
    )


def lone_metric_beside_a_nest(rng):
    """Metrics without any structure; in behavior one of them stands for itself beside an average of ten."""
    names = [f"n{i}" for i in range(11)] + ["alone", *(f"b{i}" for i in range(10))]
    parents = {name: "average" for name in names if name.startswith("b")}
    metrics = pd.DataFrame(
        {"category": ["neural"] * 11 + ["behavior"] * 11, "parent": [parents.get(name) for name in names]}, index=names
    )
    metrics.loc["average"] = ["behavior", None]
    return ScoreTable(pd.DataFrame(rng.standard_normal((60, 22)), columns=names), metrics)


def test_a_hierarchy_alone_makes_no_gap_between_categories():
    """A lone metric spreads more than an average and explains more of the mean; no deal may call that a category."""
    rng = np.random.default_rng(3)
    p_values, nested = [], []
    for _ in range(40):
        table = lone_metric_beside_a_nest(rng)
        shares = explained_by_category(table)["explained"]
        nested.append(shares["behavior"] - shares["neural"])
        p_values.append(category_gap(table, "behavior", "neural", n_permutations=39, generator=rng).p_value)
    assert np.mean(nested) > 0.4
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15
    assert 0.3 < np.mean(p_values) < 0.7


def test_a_gap_needs_categories_that_are_there():
    table = simulate_scores(generator=np.random.default_rng(0)).table
    with pytest.raises(ValueError, match="no category 'memory'"):
        category_gap(table, "memory", "neural", n_permutations=9, generator=np.random.default_rng(0))


# ---- planted structure is found


def test_the_planted_structure_is_recovered():
    planted = simulate_scores(n_models=4000, n_families=4000, generator=np.random.default_rng(0))
    found = explained_by_category(planted.table)
    assert_allclose(found.loc["neural", "spread"] / found.loc["behavior", "spread"], 0.267, atol=0.01)
    assert_allclose(category_scores(planted.table).corr().iloc[0, 1], 0.385, atol=0.04)
    assert_allclose(found.loc[["neural", "behavior"], "explained"], planted.explained, atol=0.03)
    assert_allclose(planted.explained, (0.3333, 0.9525), atol=1e-3)
    r = np.corrcoef(planted.table.scores.T)
    assert_allclose(r[np.triu_indices(69, k=1)].mean(), planted.mean_correlation, atol=0.01)
    assert_allclose(planted.mean_correlation, 0.198, atol=0.005)


def test_structures_that_cannot_be_planted_are_refused():
    with pytest.raises(ValueError, match="raise shared or lower correlation"):
        simulate_scores(shared=0.05, correlation=0.9, generator=np.random.default_rng(0))


# ---- Kemeny


def disagreement(order, preferences):
    return sum(preferences[b, a] for place, a in enumerate(order) for b in order[place + 1 :])


@pytest.mark.parametrize("seed", range(20))
def test_kemeny_against_all_orders_of_six_models(seed):
    values = normal(n_models=6, n_metrics=7, seed=seed)
    values[0, 0] = np.nan
    preferences = preference_matrix(values, np.ones(7))
    found = disagreement(kemeny_order(preferences), preferences)
    best = min(disagreement(order, preferences) for order in permutations(range(6)))
    borda = disagreement(np.argsort(-(preferences - preferences.T).sum(axis=1)), preferences)
    assert best <= found <= borda
    assert found <= 1.1 * best  # local search; equal in most cases


def test_kemeny_cannot_be_bettered_by_moving_one_model():
    preferences = preference_matrix(normal(n_models=15, n_metrics=9), np.ones(9))
    order = kemeny_order(preferences).tolist()
    least = disagreement(order, preferences)
    for model in order:
        rest = [other for other in order if other != model]
        moved = [disagreement([*rest[:place], model, *rest[place:]], preferences) for place in range(15)]
        assert min(moved) >= least - 1e-9


def test_circles_of_preferences_end():
    circle = np.array([[0, 2, 1.0], [1, 0, 2], [2, 1, 0]])
    assert sorted(kemeny_order(circle)) == [0, 1, 2]


# ---- how sure ranks are


@pytest.mark.parametrize("how", WITHOUT_RELIABILITY)
def test_a_model_that_wins_everywhere_always_wins(how):
    values = normal(n_models=8)
    values[5] = values.max() + 1
    found = rank_stability(table_of(values), how, n_draws=50, generator=np.random.default_rng(0), top=3)
    assert found.summary.index[0] == "model 5"
    assert found.summary.iloc[0].tolist() == [1, 1, 1, 1, 1]
    assert_allclose(found.summary["p_first"].sum(), 1)
    assert found.ranks.shape == (8, 50)


@pytest.mark.parametrize("how", MEANS)
def test_a_draw_is_the_aggregate_of_repeated_metrics(how):
    values = normal(n_models=9, n_metrics=6)
    table = table_of(values, n_neural=3)
    found = rank_stability(table, how, n_draws=4, generator=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    counts = np.hstack([rng.multinomial(3, np.full(3, 1 / 3), size=4) for _ in range(2)])
    for draw, times in enumerate(counts):
        repeated = aggregate(table_of(values[:, np.repeat(np.arange(6), times)], n_neural=3), how)
        ranks = repeated.round(12).rank(ascending=False)
        assert_array_equal(found.ranks[:, draw], ranks[found.summary.index])


def test_chance_of_the_top_is_that_of_unrelated_models():
    found = rank_stability(
        table_of(normal(n_models=10, n_metrics=40), n_neural=20), n_draws=300, generator=np.random.default_rng(0), top=4
    )
    assert_allclose(found.summary["p_top"].sum(), 4, atol=1e-9)
    assert (found.summary["low"] <= found.summary["rank"]).all()
    assert (found.summary["high"] >= found.summary["rank"]).all()
    with pytest.raises(ValueError, match="top between 1 and 10: got 300 and 11"):
        rank_stability(table_of(normal(10)), n_draws=300, generator=np.random.default_rng(0), top=11)
