import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from brainalign.topology import GraphRecipe, attention_graph, layer_graphs, row_softmax
from tests.topology.small_models import small_model

SHARP = 1e-12


@pytest.mark.parametrize("per_layer", [False, True])
def test_the_default_recipe_is_the_study(per_layer):
    model = small_model(per_layer=per_layer)
    for layer in range(2):
        positions = model.positions[layer] if per_layer else model.positions
        expected = attention_graph(positions, model.query[layer], model.key[layer], 4)
        assert_allclose(layer_graphs(model, layer), expected, rtol=0, atol=SHARP)


def test_a_bias_is_added_after_the_division_as_models_do():
    model = small_model()
    model.bias = np.random.default_rng(1).normal(size=(2, 3, 8, 8))
    expected = attention_graph(model.positions, model.query[1], model.key[1], 4, bias=2 * model.bias[1])  # root of 4
    assert_allclose(layer_graphs(model, 1), expected, rtol=0, atol=SHARP)


def test_a_bias_alone_is_enough():
    model = small_model()
    model.bias, model.positions = np.random.default_rng(1).normal(size=(2, 3, 8, 8)), None
    zeros = attention_graph(np.zeros((8, 6)), model.query[0], model.key[0], 4, bias=2 * model.bias[0])
    assert_allclose(layer_graphs(model, 0), zeros, rtol=0, atol=SHARP)
    model.bias[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="bias holds 1 values that are not finite"):
        layer_graphs(model, 0)


def test_neither_positions_nor_bias():
    model = small_model()
    model.positions = None
    with pytest.raises(ValueError, match="neither positions nor a bias"):
        layer_graphs(model, 0)


def test_ranks_keep_the_order_and_nothing_else():
    model = small_model()
    model.positions, model.bias = None, np.random.default_rng(2).normal(size=(1, 2, 8, 8))
    model.bias[0, 1] *= 30  # attention on single positions
    graphs = layer_graphs(model, 0, GraphRecipe(scaling="rank"))
    for attention, graph in zip(row_softmax(model.bias[0]), graphs, strict=True):
        places = attention.ravel().argsort().argsort().reshape(8, 8)
        expected = 1e-5 + places / 63 * (1 - 2e-5)
        assert_allclose(graph, (expected + expected.T) / 2, rtol=0, atol=SHARP)


def test_ranks_leave_missing_edges_missing():
    model = small_model()
    model.positions, model.bias = None, np.zeros((1, 1, 4, 4))
    model.bias[..., 0] = -2000.0  # underflows in the softmax
    graph = layer_graphs(model, 0, GraphRecipe(scaling="rank", diagonal=False))[0]
    assert_array_equal(graph[0, 0], 0)
    assert_array_less(0, graph[1, 2])


def test_without_diagonal():
    graphs = layer_graphs(small_model(), 0, GraphRecipe(diagonal=False))
    assert_array_equal(np.diagonal(graphs, axis1=1, axis2=2), 0)
    with_it = layer_graphs(small_model(), 0)
    assert_array_less(0, np.diagonal(with_it, axis1=1, axis2=2).max())


@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_density_keeps_the_strongest_pairs(density):
    whole, kept = layer_graphs(small_model(), 0), layer_graphs(small_model(), 0, GraphRecipe(density=density))
    above = np.triu_indices(8, k=1)
    for before, after in zip(whole, kept, strict=True):
        strongest = np.sort(before[above])[::-1][: round(density * 28)]
        assert_array_equal(np.sort(after[above][after[above] > 0])[::-1], strongest)
        assert_array_equal(np.diag(after), np.diag(before))


def test_layer_norm_removes_scale_and_shift_of_positions():
    model, moved = small_model(), small_model()
    moved.positions = 3 * moved.positions + 5
    recipe = GraphRecipe(layer_norm=True)
    assert_allclose(layer_graphs(moved, 0, recipe), layer_graphs(model, 0, recipe), rtol=0, atol=1e-10)
    model.positions[0] = 0  # an untrained class token
    assert np.isfinite(layer_graphs(model, 0, recipe)).all()


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"scaling": "log"}, "scaling = 'log' is unknown; choose one of min-max, rank"),
        ({"density": 0.0}, "density = 0.0 is no share of the edges"),
        ({"density": 1.5}, "density = 1.5 is no share"),
    ],
)
def test_what_is_no_choice_is_refused(choice, text):
    with pytest.raises(ValueError, match=text):
        GraphRecipe(**choice)
