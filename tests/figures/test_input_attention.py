"""Figures of graphs with and without input show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures.input_attention import (
    show_agreement_beside_null,
    show_head_agreement,
    show_head_graphs,
    show_layer_agreement,
    show_metric_shifts,
    show_model_order,
)


def test_graphs_share_a_scale_and_leave_self_loops_white():
    graphs = {"one": np.full((3, 3), 0.2), "two": np.full((3, 3), 0.8), "three": 9 * np.eye(3), "four": np.eye(3)}
    figure = show_head_graphs(graphs)
    pictures = [ax.images[0] for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in figure.axes if ax.images] == ["one", "two", "three", "four"]
    assert {picture.get_clim() for picture in pictures} == {(0, 0.8)}
    shown = pictures[1].get_array()
    assert np.ma.getmaskarray(shown).tolist() == np.eye(3, dtype=bool).tolist()
    assert graphs["two"][0, 0] == 0.8  # what was given is as it was


def test_heads_lie_in_the_panel_of_their_model():
    heads = pd.DataFrame(
        {"model": ["a", "a", "b"], "layer": [0, 2, 1], "without": [0.1, 0.2, 0.3], "with": [0.4, 0.5, 0.6]}
    )
    figure = show_head_agreement(heads, titles={"b": "B", "a": "A"}, labels=("across", "up"))
    first, second = figure.axes[:2]
    assert [first.get_title(), second.get_title()] == ["B", "A"]
    assert_allclose(first.collections[0].get_offsets(), [[0.3, 0.6]])
    assert_allclose(second.collections[0].get_offsets(), [[0.1, 0.4], [0.2, 0.5]])
    assert_allclose(second.collections[0].get_array(), [0, 2])
    assert second.collections[0].get_clim() == first.collections[0].get_clim() == (0, 2)


def test_agreement_stands_before_its_null_and_below_its_ceiling():
    rows = [
        ("edges", "x", 0.5, 0.4, 0.6, -0.1, 0.2, 0.9, 0.3),
        ("edges", "y", 0.1, 0.0, 0.3, -0.2, 0.3, 0.8, 0.0),
        ("similarity", "y", -0.1, -0.2, 0.0, -0.3, 0.4, 0.7, 0.2),
        ("similarity", "x", 0.2, 0.1, 0.3, -0.4, 0.4, 0.6, 0.1),
    ]
    names = ["quantity", "model", "agreement", "low", "high", "null_low", "null_high", "ceiling", "twin"]
    figure = show_agreement_beside_null(pd.DataFrame(rows, columns=names), label="r")
    edges, similarity = figure.axes
    assert [edges.get_title(), similarity.get_title()] == ["edges", "similarity"]
    assert [text.get_text() for text in edges.get_yticklabels()] == ["x", "y"]
    assert_allclose([bar.get_x() for bar in edges.patches], [-0.1, -0.2])
    assert_allclose([bar.get_width() for bar in edges.patches], [0.3, 0.5])
    twin, ceiling, intervals, dots = similarity.collections
    assert_allclose(twin.get_offsets(), [[0.1, 1], [0.2, 0]])
    assert_allclose(ceiling.get_offsets()[:, 0], [0.6, 0.7])
    assert_allclose([line[:, 0] for line in intervals.get_segments()], [[0.1, 0.3], [-0.2, 0.0]])
    assert_allclose(dots.get_offsets()[:, 0], [0.2, -0.1])
    assert len(figure.legends[0].get_texts()) == 4


def test_layers_lie_between_first_and_last_and_lines_differ():
    table = pd.DataFrame(
        {"model": np.repeat([f"m{i}" for i in range(8)], 3), "layer": [0, 1, 2] * 8, "agreement": np.arange(24.0)}
    )
    (ax,) = show_layer_agreement(table, label="r").axes
    lines = ax.lines[:8]
    assert_allclose(lines[0].get_xdata(), [0, 0.5, 1])
    assert_allclose(lines[7].get_ydata(), [21, 22, 23])
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == 8


def test_shifts_follow_every_head_and_their_mean():
    heads = pd.DataFrame(
        {"variant": ["b", "b", "a", "a"], "clustering": [1.0, 3.0, 5.0, 9.0], "degree_std": [0.0, 1.0, 2.0, 3.0]}
    )
    figure = show_metric_shifts(heads, variants={"a": "first", "b": "second"})
    clustering, spread = figure.axes
    assert [clustering.get_title(), spread.get_title()] == ["clustering", "degree std"]
    assert_allclose([line.get_ydata() for line in clustering.lines], [[5, 1], [9, 3], [7, 2]])
    assert [text.get_text() for text in spread.get_xticklabels()] == ["first", "second"]


def test_order_of_models_has_a_mark_a_group_and_a_line_of_equality():
    models = pd.DataFrame(
        {"without": [0.1, 0.2, 0.5], "with": [0.3, 0.4, 0.2], "objective": ["mae", "supervised", "mae"]}
    )
    figure = show_model_order(models, group="objective", labels=("across", "up"))
    (ax,) = figure.axes
    mae, supervised = ax.collections
    assert_allclose(mae.get_offsets(), [[0.1, 0.3], [0.5, 0.2]])
    assert_allclose(supervised.get_offsets(), [[0.2, 0.4]])
    assert_allclose(ax.lines[0].get_xydata(), [[0.1, 0.1], [0.5, 0.5]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mae", "supervised", "equal"]
