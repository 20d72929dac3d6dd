import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology import (
    METRICS,
    align,
    alignment,
    as_profiles,
    attention_graph,
    graph_metrics,
    head_metrics,
    icn_profiles,
    icn_similarity,
    similarity_by_model,
    space,
    with_similarity,
)
from tests.topology.small_models import small_model

ICNS = icn_profiles()


@pytest.fixture(scope="module")
def aligned():
    return align({f"m{seed}": small_model(seed) for seed in range(4)}, ICNS)


@pytest.fixture(scope="module")
def table(aligned):
    return aligned.heads


def test_one_row_a_head_with_metrics_and_similarities(table):
    assert list(table.columns) == ["model", "layer", "head", "n_nodes", *METRICS, *ICNS.index]
    assert len(table) == 4 * 2 * 3
    model = small_model(2)
    metrics = graph_metrics(attention_graph(model.positions, model.query, model.key, 4))
    rows = table[table["model"] == "m2"]
    assert_allclose(rows[list(METRICS)], as_profiles(metrics).reshape(6, 5), rtol=0, atol=1e-10)
    assert_allclose(rows[list(ICNS.index)], icn_similarity(metrics, ICNS).reshape(6, 7), rtol=0, atol=1e-9)
    assert_array_equal(rows["layer"], [0, 0, 0, 1, 1, 1])
    assert_array_equal(rows["head"], [0, 1, 2, 0, 1, 2])


def test_a_model_with_one_head_is_defined():
    table = align({f"m{seed}": small_model(seed, layers=1, heads=1) for seed in range(3)}, ICNS).heads
    fitted = space(table)
    for by in ("mean", "median"):
        assert_allclose(fitted.scores(by), fitted.scores("sum"))


def test_a_model_that_fails_is_recorded_and_skipped():
    broken = small_model(1)
    broken.key[0, 0, 0, 0] = np.nan

    def unreadable():
        message = "no such file"
        raise FileNotFoundError(message)

    aligned = align({"good": small_model(), "broken": broken, "gone": unreadable, "late": small_model}, ICNS)
    assert list(aligned.heads["model"].unique()) == ["good", "late"]
    assert list(aligned.problems.index) == ["broken", "gone"]
    summary = aligned.models
    assert list(summary.index) == ["good", "broken", "gone", "late"]
    assert summary.loc["gone", "problem"] == "no such file"
    assert "key holds 1 values that are not finite" in summary.loc["broken", "problem"]
    assert_array_equal(summary["n_heads"], [6, 0, 0, 6])
    assert_array_equal(summary["mean_similarity"].isna(), [False, True, True, False])
    assert_allclose(summary.loc["good", "mean_similarity"], summary.loc["late", "mean_similarity"])


def test_a_fault_of_the_program_is_not_a_failing_model():
    def faulty():
        raise KeyError

    with pytest.raises(KeyError):
        align({"good": small_model(), "faulty": faulty}, ICNS)


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError, match="no model was given"):
        align({}, ICNS)
    lost = small_model()
    lost.positions = None
    with pytest.raises(ValueError, match=r"none of 1 models could be measured\. lost"):
        align({"lost": lost}, ICNS)


def test_networks_are_named_by_the_table_of_align_alone(table):
    assert alignment.network_columns(table) == list(ICNS.index)
    with pytest.raises(ValueError, match="must start with the columns model, layer"):
        alignment.network_columns(table.drop(columns="n_nodes"))
    with pytest.raises(ValueError, match="then networks"):
        alignment.network_columns(table[["model", "layer", "head", "n_nodes", *METRICS]])


def test_mixed_sizes_may_stand_in_one_table_but_not_in_one_space():
    aligned = align({f"m{n}": small_model(n, n=n) for n in (6, 7, 9)}, ICNS)
    table = aligned.heads
    assert_array_equal(aligned.models["n_nodes"], [6, 7, 9])
    with pytest.raises(ValueError, match=r"different numbers of nodes \(6, 7, 9\)"):
        space(table)
    assert len(space(table, mixed_nodes=True).scores()) == 3


def test_the_table_survives_a_file(table, tmp_path):
    table.to_parquet(tmp_path / "heads.parquet")
    again = pd.read_parquet(tmp_path / "heads.parquet")
    assert_allclose(space(again).scores(), space(table).scores())


def test_one_number_a_model_from_metrics_that_are_there(aligned):
    table = aligned.heads
    found = similarity_by_model(table, ICNS)
    assert_allclose(found, aligned.models["mean_similarity"])
    assert list(found.index) == ["m0", "m1", "m2", "m3"]
    assert_allclose(similarity_by_model(table, ICNS, by="sum"), 6 * found)
    fewer = similarity_by_model(table, ICNS.iloc[:2], metrics=METRICS[:4], by="median")
    by_hand = icn_similarity(table[list(METRICS)], ICNS.iloc[:2], metrics=METRICS[:4]).mean(axis=1)
    assert_allclose(fewer, np.median(by_hand.reshape(4, 6), axis=1))
    with pytest.raises(ValueError, match="by = 'max' is unknown; choose one of mean"):
        similarity_by_model(table, ICNS, by="max")


@pytest.mark.parametrize("entries", [1, 8 * 8 * 3, 2 * 8 * 8 * 3, 10**9])
def test_layers_may_be_batched_in_any_way(monkeypatch, entries):
    models = {"a": small_model(0, layers=5), "b": small_model(1, layers=1)}
    whole = align(models, ICNS).heads
    monkeypatch.setattr(alignment, "_BATCH_ENTRIES", entries)
    pd.testing.assert_frame_equal(align(models, ICNS).heads, whole)


def test_metrics_of_some_heads_are_those_of_all():
    model = small_model(3, layers=4, per_layer=True)
    whole = head_metrics(model).set_index(["layer", "head"])
    assert list(whole.columns) == ["n_nodes", *METRICS]
    some = head_metrics(model, heads=[(3, 1), (0, 2), (3, 0)]).set_index(["layer", "head"])
    assert list(some.index) == [(0, 2), (3, 0), (3, 1)]
    pd.testing.assert_frame_equal(some, whole.loc[some.index])


@pytest.mark.parametrize(
    ("heads", "named"), [([(2, 0)], "layer 2 head 0"), ([(0, 3), (0, 0)], "layer 0 head 3"), ([], "none")]
)
def test_heads_that_are_not_there_are_refused(heads, named):
    with pytest.raises(ValueError, match=rf"name heads of layers 0 to 1, heads 0 to 2, at least one: got {named}\."):
        head_metrics(small_model(), heads=heads)


def test_other_networks_need_no_new_graphs(table):
    metrics = head_metrics(small_model(1))
    found = with_similarity(metrics, ICNS)
    rows = table[table["model"] == "m1"].reset_index(drop=True)
    assert_allclose(found[list(ICNS.index)], rows[list(ICNS.index)], rtol=0, atol=1e-12)
    assert list(metrics.columns) == ["layer", "head", "n_nodes", *METRICS]
    fewer = with_similarity(metrics, ICNS.iloc[:2].rename(index={"Visual": "seen"}))
    assert list(fewer.columns[-2:]) == ["seen", "Somatomotor"]
    with pytest.raises(ValueError, match="has the columns Visual, Somatomotor already"):
        with_similarity(found, ICNS.iloc[:2])
