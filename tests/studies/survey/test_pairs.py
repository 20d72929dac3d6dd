"""Pairs that differ in one thing, and the noise floor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose
from scipy.stats import ttest_1samp

from brainalign.datasets import NETWORKS
from brainalign.models.registry import models
from brainalign.studies.survey import SEEDS, compare_with_floor, find_pairs, pair_differences, pair_evidence
from brainalign.topology import METRICS

STUDY = [row.id for row in models(study="topology")]


def heads_of(similarities):
    """A table of heads from similarities of shape (layers, heads, 7) by model."""
    parts = []
    for model, values in similarities.items():
        layer, head = np.indices(values.shape[:2]).reshape(2, -1)
        places = {"model": model, "layer": layer, "head": head, "n_nodes": 8, **dict.fromkeys(METRICS, 0.0)}
        parts.append(pd.DataFrame(places | dict(zip(NETWORKS, values.reshape(-1, 7).T, strict=True))))
    return pd.concat(parts, ignore_index=True)


def listed(*rows):
    return pd.DataFrame(rows, columns=["kind", "first", "second", "block"])


def test_pairs_of_the_study_by_name():
    pairs = find_pairs(STUDY)
    found = {kind: list(zip(rows["first"], rows["second"], strict=True)) for kind, rows in pairs.groupby("kind")}
    assert len(found["instruction-tuned"]) == 12
    assert ("mistral-7b-v0.3", "mistral-7b-v0.3-instruct") in found["instruction-tuned"]
    assert ("llama-2-7b", "llama-2-7b-chat") in found["instruction-tuned"]
    assert len(found["fine-tuned"]) == 12
    assert ("beit-base-in22k", "beit-base-in22k-ft-in1k") in found["fine-tuned"]
    assert ("vit-base-16-miil-in21k", "vit-base-16-miil-in21k-ft-in1k") in found["fine-tuned"]
    assert not [pair for pair in found["fine-tuned"] if "dino" in pair[0]]
    assert found["distilled"] == [(f"deit-{size}", f"deit-{size}-distilled") for size in ("tiny", "small", "base")]
    assert found["DINOv2 instead of DINO"] == [(f"dino-{size}-16", f"dinov2-{size}") for size in ("small", "base")]
    assert pairs.loc[pairs["kind"] == "instruction-tuned", "block"].nunique() == 3


def test_pairs_of_the_mini_zoo_by_seed_parent_and_recipe():
    references = [f"zoo:{name}" for name in ("tower-s", "tower-s/1", "meter-s#vision", "meter-s/1#vision",
        "meter-s#text", "clip-hard-s#vision", "clip-hard-scratch-s#vision", "supervised-xs/2", "distilled-xs/2",
        "supervised-xs")]  # fmt: skip
    pairs = find_pairs(references).to_numpy().tolist()
    assert sorted(map(tuple, pairs)) == [
        (SEEDS, "zoo:meter-s#vision", "zoo:meter-s/1#vision", "meter-s#vision"),
        (SEEDS, "zoo:supervised-xs", "zoo:supervised-xs/2", "supervised-xs"),
        (SEEDS, "zoo:tower-s", "zoo:tower-s/1", "tower-s"),
        ("distilled instead of supervised", "zoo:supervised-xs/2", "zoo:distilled-xs/2", "supervised-xs/2"),
        (
            "from a trained tower instead of scratch", "zoo:clip-hard-scratch-s#vision", "zoo:clip-hard-s#vision",
            "clip-hard-scratch-s/0",
        ),
        ("trained on", "zoo:meter-s#vision", "zoo:clip-hard-s#vision", "zoo:meter-s#vision"),
        ("trained on", "zoo:tower-s", "zoo:meter-s#vision", "zoo:tower-s"),
        ("trained on", "zoo:tower-s/1", "zoo:meter-s/1#vision", "zoo:tower-s/1"),
    ]  # fmt: skip


def test_pairs_bear_the_names_that_were_given_and_strangers_are_in_none():
    pairs = find_pairs(["zoo:mae-s/0", "zoo:mae-s/1", "minilm", "file:my-model", "bert-base-cased"])
    assert pairs[["first", "second"]].to_numpy().tolist() == [["zoo:mae-s/0", "zoo:mae-s/1"]]
    assert find_pairs(["minilm"]).empty


def test_heads_that_only_changed_places_differ_by_place_and_not_when_matched():
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, size=(3, 4, 7))
    similarities = {"a": values, "same": values, "moved": values[:, [1, 2, 3, 0]], "other layers": values[::-1]}
    table = heads_of(similarities)
    scores = pd.Series({"a": 0.0, "same": 0.0, "moved": 0.0, "other layers": 1.0})
    pairs = listed(*(("x", "a", name, "b") for name in ("same", "moved", "other layers")))
    found = pair_differences(table, scores, pairs)
    assert_allclose(found["matched"].iloc[:2], 0, atol=1e-12)
    assert_allclose(found["by_place"].iloc[0], 0, atol=1e-12)
    assert_allclose(found["by_place"].iloc[1], np.sqrt(np.mean((values - values[:, [1, 2, 3, 0]]) ** 2)))
    assert 0 < found["matched"].iloc[2] <= found["by_place"].iloc[2]
    assert found["difference"].tolist() == [0.0, 0.0, 1.0]


def test_models_of_other_sizes_have_a_score_but_no_heads_in_common():
    rng = np.random.default_rng(0)
    table = heads_of({"a": rng.uniform(size=(2, 3, 7)), "b": rng.uniform(size=(3, 3, 7))})
    (row,) = pair_differences(table, pd.Series({"a": 1.0, "b": 3.0}), listed(("x", "a", "b", "c"))).to_dict("records")
    assert row["difference"] == 2.0
    assert np.isnan([row["by_place"], row["matched"]]).all()


def test_pairs_of_which_a_model_is_missing_are_left_out():
    table = heads_of({"a": np.zeros((1, 2, 7)), "b": np.ones((1, 2, 7))})
    pairs = listed(("x", "a", "b", "c"), ("x", "a", "gone", "c"))
    assert len(pair_differences(table, pd.Series({"a": 1.0, "b": 3.0}), pairs)) == 1
    assert pair_differences(table, pd.Series({"a": 1.0}), pairs).empty


def floored(treated, seeds, blocks=None):
    rows = [("tuned", "a", "b", f"{i if blocks is None else blocks[i]}", d, 0.1, 0.1) for i, d in enumerate(treated)]
    rows += [(SEEDS, "a", "b", "s", d, 0.2, 0.2) for d in seeds]
    columns = ["kind", "first", "second", "block", "difference", "by_place", "matched"]
    return compare_with_floor(pd.DataFrame(rows, columns=columns), generator=np.random.default_rng(0))


def test_a_treatment_is_held_against_the_seeds():
    row = floored([0.3, 0.2, 0.4, 0.3, 0.2], [0.1, -0.1, 0.1]).loc["tuned"]
    assert_allclose(row[["n_pairs", "n_blocks", "difference", "size"]].to_list(), [5, 5, 0.28, 0.28])
    assert_allclose(row[["floor", "over_floor", "matched", "matched_floor"]].to_list(), [0.1, 2.8, 0.1, 0.2])
    assert_allclose(row[["p", "least_p"]].to_list(), [2 / 2**5, 2 / 2**5])


def test_pairs_of_one_block_are_one_observation():
    row = floored([0.3, 0.1, 0.2, 0.4], [0.1], blocks=[0, 0, 1, 1]).loc["tuned"]
    assert row["n_blocks"] == 2
    assert_allclose([row["difference"], row["p"], row["least_p"]], [0.25, 0.5, 0.5])
    assert floored([0.3, 0.1], [0.1], blocks=[0, 0]).loc["tuned", ["p", "least_p"]].tolist() == [1.0, 1.0]


def test_without_seeds_there_is_no_floor_and_with_seeds_alone_no_comparison():
    assert np.isnan(floored([0.3, 0.2], []).loc["tuned", "over_floor"])
    alone = floored([], [0.1])
    assert alone.empty
    assert list(alone.columns) == list(floored([0.3], [0.1]).columns)


def test_evidence_is_an_upper_limit_in_differences_between_seeds():
    scores = pd.Series({"a": 1.0, "b": 3.0, "c": 2.0, "d": 2.5})
    table = heads_of({name: np.zeros((1, 2, 7)) for name in scores.index})
    pairs = listed(("tuned", "a", "b", "one"), ("tuned", "a", "c", "one"), ("tuned", "c", "d", "two"))
    floors = pd.DataFrame({"floor": [4.0, np.nan]}, index=["tuned", "other"])
    found = pair_evidence(pair_differences(table, scores, pairs), floors, {"x": "tuned", "y": "gone"})
    assert list(found) == ["x"]
    sizes = np.array([(2.0 + 1.0) / 2, 0.5])  # of two blocks
    assert_allclose(found["x"], ttest_1samp(sizes, 0).confidence_interval(0.9).high / 4.0)
    assert pair_evidence(pair_differences(table, scores, pairs.iloc[:2]), floors, {"x": "tuned"}) == {}
