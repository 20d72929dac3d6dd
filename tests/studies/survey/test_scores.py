"""Scores of models against their twins, nearest networks, depth, and evidence on claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign.datasets import NETWORKS
from brainalign.studies.survey import (
    GROUP_LABELS,
    compare_within_nodes,
    group_evidence,
    head_depth,
    higher_order_lead,
    layer_trend,
    nearest_network,
    network_evidence,
    score_models,
)
from brainalign.topology import METRICS, icn_profiles, network_profiles, space, with_similarity

PROFILES = icn_profiles()


def invented(seed, models, *, layers=2, heads=3, n_nodes=8, shift=0.0):
    """Heads with random metrics near those of the networks, compared with the networks."""
    rng = np.random.default_rng(seed)
    layer, head = np.divmod(np.arange(layers * heads), heads)
    tables = []
    for model in models:
        metrics = PROFILES.to_numpy()[rng.integers(7, size=layers * heads)] + shift
        metrics = metrics * rng.uniform(0.7, 1.4, size=metrics.shape)
        places = {"model": model, "layer": layer, "head": head, "n_nodes": n_nodes}
        tables.append(pd.DataFrame(places | dict(zip(METRICS, metrics.T, strict=True))))
    return with_similarity(pd.concat(tables, ignore_index=True), PROFILES)


def twins_of(table, seed, n_twins=5):
    parts = []
    for number in range(n_twins):
        twin = invented(seed + number, table["model"].unique(), layers=2, heads=3)
        parts.append(twin.assign(twin=number))
    return pd.concat(parts, ignore_index=True)


def described(groups, families=None):
    table = pd.DataFrame({"group": groups}).rename_axis("model")
    return table.assign(family=families or table.index)


@pytest.fixture(scope="module")
def table():
    return invented(0, ["a", "b", "c"])


def test_scores_are_those_of_the_space_and_of_the_twins(table):
    fitted, twins = space(table), twins_of(table, 10)
    scores = score_models(fitted, {"matched": twins})
    for by in ("sum", "mean", "median"):
        assert_allclose(scores[by], fitted.scores(by))
    assert scores["n_heads"].tolist() == [6, 6, 6]
    assert_allclose(scores["similarity"].iloc[0], table.loc[:5, list(NETWORKS)].to_numpy().mean())
    places = fitted.axes.project(twins[list(NETWORKS)].to_numpy())[:, 0]
    of_b = [places[(twins["model"] == "b") & (twins["twin"] == number)].mean() for number in range(5)]
    expected = fitted.scores("mean")["b"] - np.mean(of_b)
    assert_allclose(scores.loc["b", "above matched"], expected)
    assert_allclose(scores.loc["b", "z matched"], expected / np.std(of_b, ddof=1))


def test_a_model_that_is_one_of_its_twins_is_not_above_them(table):
    twins = pd.concat([table.assign(twin=number) for number in range(3)], ignore_index=True)
    scores = score_models(space(table), {"keys": twins})
    assert_allclose(scores["above keys"], 0, atol=1e-12)


def test_twins_must_be_there_and_have_the_heads_of_their_model(table):
    twins = twins_of(table, 3)
    with pytest.raises(ValueError, match="twins are missing, or have other heads"):
        score_models(space(table), {"matched": twins[twins["model"] != "b"]})
    with pytest.raises(ValueError, match="have other heads than their model: a"):
        score_models(space(table), {"matched": twins.drop(index=0)})


def test_a_space_of_many_models_refuses_too_few_and_mixed_nodes_unless_asked(table):
    with pytest.raises(ValueError, match="needs at least 3 of them: got 2"):
        space(table[table["model"] != "a"])
    mixed = pd.concat([table, invented(1, ["d"], n_nodes=9)], ignore_index=True)
    with pytest.raises(ValueError, match=r"different numbers of nodes \(8, 9\)"):
        space(mixed)
    assert len(score_models(space(mixed, mixed_nodes=True))) == 4


def test_a_network_needs_three_parcels():
    with pytest.raises(ValueError, match="network 'b' has 2 parcels"):
        network_profiles(np.ones((5, 5)), ["a", "a", "a", "b", "b"])


def test_the_nearest_network_of_a_network_is_itself():
    heads = PROFILES.reset_index(drop=True)
    places = pd.DataFrame({"model": "brain", "layer": 0, "head": range(7), "n_nodes": 20})
    table = with_similarity(places.join(heads), PROFILES)
    assert nearest_network(table).tolist() == list(NETWORKS)
    lead = higher_order_lead(table)
    similarity = table[list(NETWORKS)].to_numpy()
    order = list(NETWORKS)
    higher, low = ([order.index(name) for name in names]
                   for names in (("Frontoparietal", "DefaultMode"), ("Visual", "Somatomotor")))  # fmt: skip
    assert_allclose(lead, similarity[:, higher].mean(axis=1) - similarity[:, low].mean(axis=1))
    with pytest.raises(ValueError, match="no similarity to Visual"):
        higher_order_lead(table.drop(columns="Visual"))


def test_depth_goes_from_the_first_layer_to_the_last():
    table = pd.DataFrame({"model": ["a"] * 3 + ["b"], "layer": [0, 1, 4, 0]})
    assert_allclose(head_depth(table, pd.Series({"a": 5, "b": 1})), [0, 0.25, 1, 0.5])
    with pytest.raises(ValueError, match="numbers of layers do not fit the heads of a"):
        head_depth(table, pd.Series({"a": 4, "b": 1}))
    with pytest.raises(ValueError, match="numbers of layers do not fit the heads of b"):
        head_depth(table, pd.Series({"a": 5}))


def test_in_a_trend_every_model_counts_the_same():
    small, large = invented(1, ["small"], layers=3, heads=1), invented(2, ["large"], layers=3, heads=20)
    table = pd.concat([small, large], ignore_index=True)
    trend = layer_trend(table, pd.Series({"small": 3, "large": 3}), pd.Series({"small": "g", "large": "g"}))
    assert trend["third"].astype(str).tolist() == ["early", "middle", "deep"]
    of_first = [part.loc[part["layer"] == 0, list(NETWORKS)].to_numpy().mean() for part in (small, large)]
    assert_allclose(trend["similarity"].iloc[0], np.mean(of_first))
    counts = nearest_network(table)[table["layer"] == 2].value_counts()
    assert counts[trend["nearest"].iloc[2]] == counts.max()


def test_within_one_number_of_nodes_every_number_has_its_own_space():
    groups = {"a": "language", "b": "plain ViT", "c": "plain ViT", "d": "language", "e": "plain ViT"}
    of_eight = invented(3, ["a", "b", "c"], n_nodes=8)
    table = pd.concat([of_eight, invented(4, ["d", "e"], n_nodes=9)], ignore_index=True)
    found = compare_within_nodes(table, described(groups), generator=np.random.default_rng(0), n_resamples=99)
    assert found["n_nodes"].tolist() == [8]  # two models of 9 nodes make no space
    means = space(of_eight).scores("mean")
    assert_allclose(found["difference"], means["a"] - means[["b", "c"]].mean())
    alone = compare_within_nodes(
        table, described(dict.fromkeys(groups, "language")), generator=np.random.default_rng(0)
    )
    assert alone.empty


# Evidence


def study_like():
    """A survey with one model of every group and those that claims name."""
    groups = {f"m{i}": group for i, group in enumerate(GROUP_LABELS.values())}
    extra = {f"deit-{size}-distilled": "local-reconstructive" for size in ("tiny", "small", "base")}
    extra |= {"dinov2-small": "local-reconstructive", "dino-small-16": "global-semantic", "beit": "global-semantic"}
    families = {name: name for name in groups} | dict.fromkeys(list(extra)[:3], "deit")
    families |= {"dinov2-small": "dinov2", "dino-small-16": "dino", "beit": "beit"}
    models = described(groups | extra, list(families.values()))
    return invented(5, list(models.index)), models


def test_all_claims_on_groups_are_tested_where_the_models_are_there():
    table, models = study_like()
    fitted = space(table)
    scores = score_models(fitted)
    found = group_evidence(fitted, scores, models)
    assert set(found) == {
        "axis-1", "axis-2", "rope-right", "multimodal-tip", "rope", "dinov2-dino", "beit-dino-up", "distilled-deit",
    }  # fmt: skip
    heads = fitted.transform()
    assert_allclose(found["axis-2"]["low"], heads["axis_2"].min())
    assert_allclose(found["dinov2-dino"]["dinov2"], scores.loc["dinov2-small", "sum"])
    assert_allclose(found["dinov2-dino"]["dino_by_mean"], scores.loc["dino-small-16", "mean"])
    assert_allclose(found["beit-dino-up"]["beit_and_dino"], scores.loc[["beit", "dino-small-16"], "sum"].mean())
    of_base = fitted.table[fitted.table["model"] == "deit-base-distilled"]
    higher = of_base[["Frontoparietal", "DefaultMode"]].to_numpy().mean()
    assert_allclose(found["distilled-deit"]["deit_base_distilled"], higher)
    middles = heads.groupby("model")["axis_1"].mean().groupby(models["group"]).mean()
    rotary = middles[["language, rotary", "multimodal language, rotary"]]
    assert_allclose(found["rope-right"]["others"], middles.drop(rotary.index).max())
    assert_allclose(found["rope-right"]["rope"], rotary.min())


@pytest.mark.parametrize(
    ("group", "lost"),
    [
        ("language, rotary", {"axis-1", "axis-2", "rope", "rope-right"}),
        ("multimodal language", {"axis-1", "axis-2", "multimodal-tip"}),
        ("global-semantic", {"axis-1", "axis-2", "dinov2-dino", "beit-dino-up"}),
        ("local-reconstructive", {"axis-1", "axis-2", "dinov2-dino", "distilled-deit"}),
    ],
)
def test_claims_are_left_out_where_models_are_missing(group, lost):
    table, models = study_like()
    whole = group_evidence(space(table), score_models(space(table)), models)
    kept = table[table["model"].map(models["group"]) != group]
    fitted = space(kept)
    found = group_evidence(fitted, score_models(fitted), models)
    expected = set(whole) - lost
    if group == "global-semantic":
        expected -= {"beit-dino-up"}
    assert set(found) == expected


def test_claims_on_networks_count_every_language_model_once():
    small, large = invented(1, ["small"], heads=1), invented(2, ["large"], heads=9)
    seeing = invented(3, ["seeing"])
    table = pd.concat([small, large, seeing], ignore_index=True)
    models = described({"small": "language", "large": "language, rotary", "seeing": "plain ViT"})
    n_layers = pd.Series({"small": 2, "large": 2, "seeing": 2})
    found = network_evidence(table, n_layers, models)
    expected = np.mean([part[["Visual", "Somatomotor"]].to_numpy().mean() for part in (small, large)])
    assert_allclose(found["higher-order"]["low_level"], expected)
    depth, nearest = head_depth(table, n_layers), nearest_network(table)
    assert_allclose(found["layers"]["limbic_visual"], depth[nearest.isin(["Limbic", "Visual"])].mean())
    assert_allclose(found["low-level"]["low_level"], seeing[["Visual", "Somatomotor"]].to_numpy().mean())
    assert "higher-order" not in network_evidence(seeing, n_layers, models)
