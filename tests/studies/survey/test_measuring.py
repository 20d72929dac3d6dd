"""Many models measured one at a time: what is kept, what is skipped and why, and what twins keep."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.models import SpatialAttention, spatial_attention
from brainalign.runs.stages import STAGES, list_stages
from brainalign.studies.survey import TWIN_KINDS, SurveyRecipe, measure_models, measure_twins, reading
from brainalign.studies.survey.reading import read_weights
from brainalign.topology import METRICS, as_profiles, attention_graph, draw_twin, graph_metrics

RECIPE = SurveyRecipe(starts=2)
TINY = ["zoo:mae-xs", "zoo:supervised-xs/1", "zoo:bert-s"]


@pytest.fixture(autouse=True)
def _own_stages(monkeypatch, tmp_path):
    monkeypatch.setenv(STAGES, str(tmp_path / "stages"))


def made(seed=0, *, layers=2, heads=3, n=8, positions=True, bias=False):
    """Weights of an invented model."""
    rng = np.random.default_rng(seed)
    query, key = rng.normal(size=(2, layers, heads, 6, 4))
    return SpatialAttention(
        "made",
        rng.normal(size=(n, 6)) if positions else None,
        query,
        key,
        bias=rng.normal(size=(layers, heads, n, n)) if bias else None,
    )


@pytest.fixture
def weights_of(monkeypatch):
    """Lets references stand for invented weights, and counts how often each was read."""
    known, read = {}, []

    def read_known(reference, **_):
        read.append(reference)
        return known[reference] if reference in known else spatial_attention(reference)

    monkeypatch.setattr(reading, "spatial_attention", read_known)
    return SimpleNamespace(known=known, read=read)


def test_one_row_a_head_and_one_row_a_model():
    survey = measure_models(TINY, RECIPE)
    assert list(survey.heads.columns) == ["model", "layer", "head", "n_nodes", *METRICS]
    assert list(survey.models.index) == TINY
    assert_array_equal(survey.models["n_heads"], [9, 9, 16])
    assert_array_equal(survey.models["n_measured"], [9, 9, 16])
    assert_array_equal(survey.models["n_layers"], [3, 3, 4])
    assert_array_equal(survey.models["n_nodes"], [37, 37, 13])
    assert survey.problems.empty
    weights = spatial_attention("zoo:mae-xs")
    expected = graph_metrics(attention_graph(weights.positions, weights.query, weights.key, 16), starts=2)
    rows = survey.heads[survey.heads["model"] == "zoo:mae-xs"]
    assert_allclose(rows[list(METRICS)], as_profiles(expected).reshape(9, 5), rtol=0, atol=1e-10)


def test_one_more_model_costs_only_itself_and_a_second_survey_nothing(weights_of):
    measure_models(TINY[:2], RECIPE)
    assert weights_of.read == TINY[:2]
    first = measure_models(TINY, RECIPE)
    assert weights_of.read == TINY
    again = measure_models(TINY, RECIPE)
    assert weights_of.read == TINY
    pd.testing.assert_frame_equal(first.heads, again.heads)
    assert len(list_stages()) == 3


@pytest.mark.parametrize("change", [{"starts": 3}, {"max_positions": 9}, {"max_heads": 4}, {"grid": 5}])
def test_another_recipe_is_measured_anew(weights_of, change):
    measure_models(TINY[:1], RECIPE)
    measure_models(TINY[:1], replace(RECIPE, **change))
    assert weights_of.read == TINY[:1] * 2


def test_the_source_of_the_measurement_is_part_of_the_key(weights_of, monkeypatch):
    from brainalign.runs import stages

    def altered(inputs, function, original=stages.fingerprint_function):
        found = original(function, inputs, owner="x")
        assert {
            "brainalign.studies.survey.reading",
            "brainalign.studies.survey.measuring",
            "brainalign.topology.metrics",
        } <= set(found["source"])
        return found | {"source": {"brainalign.topology.metrics": "another"}}

    measure_models(TINY[:1], RECIPE)
    monkeypatch.setattr(stages, "fingerprint_function", lambda f, inputs, owner: altered(inputs, f))
    measure_models(TINY[:1], RECIPE)
    assert weights_of.read == TINY[:1] * 2


def test_what_cannot_be_used_is_skipped_with_its_reason(weights_of):
    broken, bare = made(), made(positions=False)
    broken.key[0, 0, 0, 0] = np.nan
    weights_of.known |= {"zoo:mae-s": broken, "zoo:mae-s/1": made(layers=1, heads=1), "zoo:mae-s/2": bare}
    references = ["zoo:mae-xs", "zoo:mae-s", "zoo:mae-s/1", "zoo:mae-s/2", "zoo:mae-s/9", "zoo:teacher"]
    survey = measure_models(references, RECIPE)
    assert list(survey.heads["model"].unique()) == ["zoo:mae-xs"]
    assert list(survey.models.index) == references
    assert list(survey.problems.index) == references[1:]
    parts = ["key holds 1 values that are not finite", "has a single head", "neither positions nor a bias"]
    parts += ["the mini-zoo has no mae-s-9.safetensors", "no known layout fits"]
    for problem, part in zip(survey.problems, parts, strict=True):
        assert part in problem
    assert_array_equal(survey.models["n_measured"], [9, 0, 0, 0, 0, 0])


def test_a_model_that_was_skipped_is_tried_again(weights_of):
    weights_of.known["zoo:mae-s"] = made(heads=1, layers=1)
    assert list(measure_models(["zoo:mae-xs", "zoo:mae-s"], RECIPE).problems.index) == ["zoo:mae-s"]
    weights_of.known["zoo:mae-s"] = made()
    assert measure_models(["zoo:mae-xs", "zoo:mae-s"], RECIPE).problems.empty


def test_a_fault_of_the_program_is_no_problem_of_a_model(monkeypatch):
    monkeypatch.setattr(reading, "spatial_attention", lambda *_, **__: {}["missing"])
    with pytest.raises(KeyError):
        measure_models(["zoo:mae-xs"], RECIPE)


@pytest.mark.parametrize(
    ("references", "text"),
    [
        ([], "no model was given"),
        (["zoo:mae-xs", "zoo:mae-xs/0"], "zoo:mae-xs was given more than once"),
        (["zoo:teacher"], r"none of 1 models could be measured\. zoo:teacher: "),
        (["mae-bas"], "unknown model 'mae-bas'. Did you mean 'mae-base'"),
    ],
)
def test_no_survey_without_models(references, text):
    with pytest.raises(ValueError, match=text):
        measure_models(references, RECIPE)


def test_of_many_models_that_are_not_here_a_few_reasons_are_given():
    with pytest.raises(ValueError, match="none of 9 models could be measured"):
        measure_models([f"zoo:mae-s/{seed}" for seed in range(10, 19)], RECIPE)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"weights": "random"}, "weights = 'random' is unknown; choose one of trained, drawn"),
        ({"positions": "none"}, "positions = 'none' is unknown; choose one of study, own, normed, rotary"),
        ({"max_heads": 1}, "max_heads = 1 leaves no spread over heads; give at least 2"),
        ({"weights": "drawn", "positions": "rotary"}, "give positions='study', not 'rotary'"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(fields, text):
    with pytest.raises(ValueError, match=text):
        SurveyRecipe(**fields)


@pytest.mark.parametrize(
    ("max_heads", "layers", "heads"),
    [(100, [0, 1, 2, 3], [0, 1, 2]), (8, [0, 1, 2, 3], [0, 1]), (3, [0, 1, 2], [0]), (2, [0, 2], [0])],
)
def test_few_heads_are_chosen_evenly_and_keep_their_numbers(weights_of, max_heads, layers, heads):
    weights_of.known["zoo:mae-s"] = made(layers=4, bias=True)
    whole = measure_models(["zoo:mae-s"], RECIPE).heads.set_index(["layer", "head"])
    survey = measure_models(["zoo:mae-s"], replace(RECIPE, max_heads=max_heads))
    few = survey.heads.set_index(["layer", "head"])
    assert sorted(set(few.index)) == [(layer, head) for layer in layers for head in heads]
    assert_allclose(few[list(METRICS)], whole.loc[few.index, list(METRICS)], rtol=0, atol=1e-12)
    assert survey.models.loc["zoo:mae-s", ["n_heads", "n_measured"]].tolist() == [12, len(few)]


def test_positions_of_every_layer_go_with_their_layer(weights_of):
    rng = np.random.default_rng(0)
    weights_of.known["zoo:mae-s"] = replace(made(layers=4), positions=rng.normal(size=(4, 8, 6)))
    whole = measure_models(["zoo:mae-s"], RECIPE).heads.set_index(["layer", "head"])
    few = measure_models(["zoo:mae-s"], replace(RECIPE, max_heads=2)).heads.set_index(["layer", "head"])
    assert_allclose(few[list(METRICS)], whole.loc[few.index, list(METRICS)], rtol=0, atol=1e-12)


# Drawn weights


@pytest.fixture
def drawn(monkeypatch):
    """A source of drawn weights that remembers what it was asked for."""
    asked = []

    def drawn_attention(model_id, *, generator, **options):
        asked.append((model_id, options))
        return made(int(generator.integers(2**30)), layers=2, heads=2)

    source = ModuleType("brainalign.models.drawn")
    source.drawn_attention, source.head_counts = drawn_attention, lambda model_id: (6, 4)
    monkeypatch.setitem(sys.modules, "brainalign.models.drawn", source)
    return asked


def test_drawn_weights_need_no_file_and_keep_the_numbers_of_the_model(drawn):
    recipe = replace(RECIPE, weights="drawn", max_heads=4, grid=7)
    survey = measure_models(["mae-base", "gpt2"], recipe)
    assert [name for name, _ in drawn] == ["mae-base", "gpt2"]
    assert drawn[0][1] == {"max_positions": 50, "grid": 7, "max_heads": 4, "logit_sd": None}
    assert survey.models["n_heads"].tolist() == [24, 24]
    rows = survey.heads[survey.heads["model"] == "gpt2"]
    assert list(zip(rows["layer"], rows["head"], strict=True)) == [(0, 0), (0, 2), (3, 0), (3, 2)]


def test_what_is_drawn_hangs_on_the_model_and_the_seed_alone(drawn, monkeypatch, tmp_path):
    recipe = replace(RECIPE, weights="drawn")
    both = measure_models(["mae-base", "gpt2"], recipe).heads
    monkeypatch.setenv(STAGES, str(tmp_path / "others"))
    alone = measure_models(["gpt2"], recipe).heads
    rows = both[both["model"] == "gpt2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, alone)
    other = measure_models(["gpt2"], replace(recipe, seed=1)).heads
    assert (other["clustering"] != alone["clustering"]).all()
    assert (both[both["model"] == "mae-base"]["clustering"].to_numpy() != alone["clustering"].to_numpy()).all()


def test_drawn_weights_of_a_model_of_the_registry():
    survey = measure_models(["deit-tiny-distilled"], replace(RECIPE, weights="drawn", max_heads=4, grid=4))
    assert survey.models.iloc[0][["n_layers", "n_heads", "n_measured", "n_nodes"]].tolist() == [12, 36, 4, 18]
    assert survey.heads[["layer", "head"]].to_numpy().tolist() == [[0, 0], [3, 0], [6, 0], [9, 0]]


@pytest.mark.parametrize(
    ("reference", "fields", "n_nodes"),
    [
        ("zoo:mae-xs", {"largest_grid": 4}, 17),
        ("zoo:mae-xs", {"largest_grid": 6}, 37),
        ("zoo:mae-xs", {"largest_grid": 4, "grid": 5}, 26),
        ("zoo:bert-s", {"largest_grid": 4}, 13),
        ("deit-tiny-distilled", {"largest_grid": 4, "weights": "drawn"}, 18),
        ("gpt2", {"largest_grid": 4, "weights": "drawn", "max_positions": 30}, 30),
    ],
)
def test_only_pictures_of_more_rows_are_resampled(reference, fields, n_nodes):
    found = read_weights(reference, replace(RECIPE, max_heads=4, **fields))
    assert found.positions.shape[-2] == n_nodes


def test_drawn_weights_of_a_tiny_model_are_its_first_ones(weights_of):
    found = read_weights("zoo:mae-xs/2", replace(RECIPE, weights="drawn"))
    assert weights_of.read == ["zoo:mae-xs/2@random"]
    assert_array_equal(found.query, spatial_attention("zoo:mae-xs/2@random").query)


# Twins


def test_twins_have_the_heads_and_nodes_of_their_model():
    survey = measure_models(TINY, RECIPE)
    twins = measure_twins(TINY, RECIPE, kind="keys", n_twins=3)
    assert list(twins.columns) == ["twin", *survey.heads.columns]
    for number in range(3):
        of_one = twins[twins["twin"] == number].drop(columns="twin").reset_index(drop=True)
        places = ["model", "layer", "head", "n_nodes"]
        pd.testing.assert_frame_equal(of_one[places], survey.heads[places])
    assert twins.groupby("twin")["clustering"].sum().nunique() == 3


@pytest.mark.parametrize("kind", TWIN_KINDS)
@pytest.mark.parametrize("has_positions", [True, False])
def test_a_twin_keeps_the_shapes_and_the_spread(kind, has_positions):
    model = made(n=20, positions=has_positions, bias=True)
    whole = reading.HeadWeights(
        model.positions, model.query, model.key, model.bias, np.arange(2), np.arange(3), 2, 6, "own"
    )
    twin = draw_twin(whole, kind, np.random.default_rng(0))
    assert (twin.positions is None) == (not has_positions)
    assert twin.query.shape == whole.query.shape
    assert not np.isclose(twin.bias, whole.bias).all()
    if kind == "initial":
        return  # its numbers have a spread of their own
    assert_allclose(twin.bias.std(axis=(-1, -2)), whole.bias.std(axis=(-1, -2)), rtol=0.2)
    if kind == "keys":
        assert_array_equal(np.sort(twin.key, axis=None), np.sort(whole.key, axis=None))
        assert_array_equal(np.sort(twin.bias[0, 0], axis=None), np.sort(whole.bias[0, 0], axis=None))


def test_twins_that_make_no_null_model_are_refused():
    with pytest.raises(ValueError, match="at least 2 twins: got 'matched' and 1"):
        measure_twins(TINY, RECIPE, n_twins=1)
    with pytest.raises(ValueError, match="got 'position rows' and 9"):
        measure_twins(TINY, RECIPE, kind="position rows")
