import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology import (
    METRICS,
    SUMMARIES,
    GraphRecipe,
    ModelClaims,
    align,
    fit_space,
    icn_profiles,
    icn_similarity,
    multiverse,
    one_at_a_time,
    similarity_by_model,
)
from tests.topology.small_models import small_model

MODELS = {name: small_model(seed) for seed, name in enumerate("abcdef")}
CLAIM = [(["a"], ["b", "c"]), (["d", "e"], ["f"])]
BRAINS = {"published": icn_profiles(), "coarse": icn_profiles("hcp", parcels=100)}


@pytest.fixture
def asked():
    return ModelClaims(MODELS, BRAINS, {"first": CLAIM, "other way": [(far, near) for near, far in CLAIM]}, starts=1)


def by_hand(values):
    return [values["a"] - (values["b"] + values["c"]) / 2, (values["d"] + values["e"]) / 2 - values["f"]]


def test_the_studys_analysis_by_hand(asked):
    values = similarity_by_model(align(MODELS, BRAINS["published"], starts=1).heads, BRAINS["published"])
    found = asked.differences(brain="published")
    assert list(found) == ["first", "other way"]
    assert_allclose(found["first"], by_hand(values))
    assert_array_equal(found["other way"], -found["first"])


@pytest.mark.parametrize(
    ("options", "recipe"),
    [
        ({"scaling": "rank"}, GraphRecipe(scaling="rank")),
        ({"diagonal": "left out"}, GraphRecipe(diagonal=False)),
        ({"positions": "normalised"}, GraphRecipe(layer_norm=True)),
        ({"edges_kept": 0.5}, GraphRecipe(density=0.5)),
        ({"margin": 1e-3}, GraphRecipe(eps=1e-3)),
    ],
)
def test_every_option_of_the_graphs_is_that_of_the_recipe(asked, options, recipe):
    icns = BRAINS["coarse"]
    values = similarity_by_model(align(MODELS, icns, recipe=recipe, starts=1).heads, icns)
    assert_allclose(asked.differences(brain="coarse", **options)["first"], by_hand(values))
    assert np.abs(asked.differences(brain="coarse")["first"] - by_hand(values)).max() > 1e-6


def test_what_is_compared_and_how_heads_are_taken_together(asked):
    icns = BRAINS["published"]
    table = align(MODELS, icns, starts=1).heads
    fewer = similarity_by_model(table, icns, metrics=[m for m in METRICS if m != "modularity"], by="median")
    found = asked.differences(brain="published", left_out="modularity", heads="median")
    assert_allclose(found["first"], by_hand(fewer))
    similarity = icn_similarity(table[list(METRICS)], icns)
    places = fit_space(similarity).project(similarity)[:, 0]
    n_heads = len(table) // len(MODELS)
    sums = {name: places[table["model"] == name].sum() for name in MODELS}
    assert_allclose(asked.differences(brain="published", heads="score sum")["first"], by_hand(sums))
    assert_allclose(
        asked.differences(brain="published", heads="score mean")["first"], np.array(by_hand(sums)) / n_heads
    )
    assert len(SUMMARIES) == 4


def test_graphs_are_made_once_a_recipe(asked, monkeypatch):
    asked.differences(brain="published")
    monkeypatch.setattr("brainalign.topology.model_claims.align", None)
    asked.differences(brain="coarse", left_out="clustering", heads="score sum")
    with pytest.raises(TypeError):
        asked.differences(brain="coarse", margin=1e-2)


def test_it_can_be_asked_in_all_ways_and_one_at_a_time(asked):
    choices = {"brain": list(BRAINS), "margin": [1e-5, 1e-3], "heads": ["mean", "score sum"]}
    every = multiverse(choices, asked.differences)
    singly = one_at_a_time(choices, asked.differences)
    assert len(every) == 8 * 2
    assert len(singly) == 6 * 2
    assert not every["problem"].any()
    changed = every.query("brain == 'published' and margin == 0.001 and heads == 'mean' and claim == 'first'")
    assert_allclose(singly.query("option == 0.001 and claim == 'first'")["estimate"], changed["estimate"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"brain": "mouse"}, "brain = 'mouse' is unknown; choose one of published, coarse"),
        ({"diagonal": "none"}, "diagonal = 'none' is unknown; choose one of kept, left out"),
        ({"positions": "scaled"}, "positions = 'scaled' is unknown; choose one of as they are, normalised"),
        ({"left_out": "degree"}, "left_out = 'degree' is unknown; choose one of none, clustering"),
        ({"heads": "max"}, "heads = 'max' is unknown; choose one of mean, median, score mean, score sum"),
        ({"margin": 0.7}, r"eps = 0\.7 is outside"),
        ({"edges_kept": 0.0}, r"density = 0\.0 is no share"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*left out")
def test_an_unknown_option_is_refused(asked, options, text):
    with pytest.raises(ValueError, match=text):
        asked.differences(**{"brain": "published", **options})


def test_mixed_node_counts_are_refused():
    mixed = ModelClaims({**MODELS, "f": small_model(5, n=9)}, BRAINS, {"first": CLAIM}, starts=1)
    with pytest.raises(ValueError, match="6 of 6 models have graphs, of 8, 9 nodes"):
        mixed.differences(brain="published")


@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_model_without_graphs_is_refused():
    lost = small_model(5)
    lost.positions = None
    asked = ModelClaims({**MODELS, "f": lost}, BRAINS, {"first": CLAIM}, starts=1)
    with pytest.raises(ValueError, match=r"5 of 6 models have graphs, of 8 nodes"):
        asked.differences(brain="published")


def test_claims_that_cannot_be_asked_are_refused():
    with pytest.raises(ValueError, match=r"'first' needs models on both sides .* unknown are: z"):
        ModelClaims(MODELS, BRAINS, {"first": [(["a"], ["z"])]}, starts=1)
    with pytest.raises(ValueError, match=r"'first' needs models on both sides .* unknown are: none"):
        ModelClaims(MODELS, BRAINS, {"first": [(["a"], [])]}, starts=1)
    with pytest.raises(ValueError, match="at least one brain and one claim"):
        ModelClaims(MODELS, {}, {"first": CLAIM}, starts=1)
