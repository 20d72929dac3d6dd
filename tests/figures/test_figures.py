"""Figures show what they are given, and leave matplotlib as they found it."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from brainalign.datasets import NETWORKS
from brainalign.figures import (
    show_graph,
    show_labelled_matrix,
    show_layer_trend,
    show_null_comparison,
    show_profile_shapes,
    show_space,
    show_steps,
)
from brainalign.figures.style import house_style
from brainalign.topology import METRICS, null_envelope

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def draw_badly():
    with house_style():
        assert mpl.rcParams["axes.titlesize"] == 10
        msg = "on purpose"
        raise RuntimeError(msg)


def test_house_style_is_undone_even_after_an_error():
    before = dict(mpl.rcParams)
    with pytest.raises(RuntimeError, match="on purpose"):
        draw_badly()
    assert dict(mpl.rcParams) == before


def test_steps_show_every_matrix_with_its_own_values(rng):
    matrices = {"one": rng.random((5, 5)), "two": 100 * rng.random((5, 5))}
    figure = show_steps(matrices)
    pictures = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in pictures] == ["one", "two"]
    for ax, matrix in zip(pictures, matrices.values(), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), matrix)


def test_labelled_matrix_writes_its_numbers_and_names():
    table = pd.DataFrame([[0.25, -0.5]], index=["row"], columns=["left", "right"])
    ax = show_labelled_matrix(table, label="difference", center=0.0).axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.25", "-0.50"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["left", "right"]


def test_graph_draws_the_strongest_share_of_edges_and_counts_communities(rng):
    graph = rng.random((10, 10))
    graph = (graph + graph.T) / 2
    figure = show_graph(graph, [0] * 6 + [1] * 4, share=0.2)
    edges = figure.axes[0].collections[0].get_segments()
    assert len(edges) == 9  # a fifth of 45
    assert legend_texts(figure) == ["community 1 (6)", "community 2 (4)"]


def test_graph_with_more_communities_than_colours_is_drawn(rng):
    graph = rng.random((12, 12))
    assert len(legend_texts(show_graph(graph + graph.T, np.arange(12)))) == 12


def test_profile_shapes_name_every_network_and_the_head(rng):
    networks = pd.DataFrame(rng.normal(size=(7, 5)), index=NETWORKS, columns=METRICS)
    figure = show_profile_shapes(networks.iloc[0], networks)
    assert legend_texts(figure) == [*NETWORKS, "this head"]


def test_layer_trend_draws_layer_means_and_the_null_band(rng):
    values, null = rng.random((3, 4)), rng.random((50, 3))
    ax = show_layer_trend(values, null, label="similarity", null_label="twins").axes[0]
    means = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(means.get_ydata(), values.mean(axis=1))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    low, high = np.quantile(null, [0.025, 0.975], axis=0)
    assert band.min() == pytest.approx(low.min())
    assert band.max() == pytest.approx(high.max())


def test_null_comparison_marks_every_value(rng):
    values = {"a_b": 0.5, "c": -1.0}
    figure = show_null_comparison(values, {name: rng.random(30) for name in values}, null_label="twins")
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == ["a b", "c"]
    assert [ax.lines[0].get_xdata()[0] for ax in drawn] == [0.5, -1.0]


def test_space_shows_heads_null_networks_and_shares(rng):
    null = rng.normal(size=(200, 2))
    networks = pd.DataFrame(rng.normal(size=(7, 2)), index=NETWORKS)
    heads = pd.DataFrame(rng.normal(size=(12, 2)), columns=["axis_1", "axis_2"])
    heads = heads.assign(model="m", layer=np.repeat([0, 1], 6), head=heads.index % 6)
    about = {"networks": networks, "null": null, "envelope": null_envelope(null), "null_label": "twins"}
    figure = show_space(heads, color="layer", explained=(0.8, 0.15), **about)
    ax = figure.axes[0]
    assert ax.get_xlabel() == "axis 1 (80% of the variance)"
    drawn = [np.asarray(collection.get_offsets()) for collection in ax.collections]
    for _, group in heads.groupby("layer"):
        own = group[["axis_1", "axis_2"]].to_numpy()
        assert any(points.shape == own.shape and (points == own).all() for points in drawn)
    assert legend_texts(figure) == [*NETWORKS, "95% of twins", "twins: one head"]
    assert figure.axes[1].get_ylabel() == "layer"


def test_space_names_groups_of_words_in_the_legend_and_needs_no_null(rng):
    heads = pd.DataFrame(rng.normal(size=(4, 2)), columns=["axis_1", "axis_2"])
    figure = show_space(heads.assign(model=["one", "other"] * 2, layer=0, head=0))
    assert legend_texts(figure) == ["one", "other"]
    assert figure.axes[0].get_xlabel() == "axis 1"
    assert len(figure.axes) == 1
