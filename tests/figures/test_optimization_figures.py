"""Figures of optimised scores show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures.optimization import show_captures, show_score_pairs


@pytest.fixture
def captures():
    rows = [
        ("linear_cka", start, component, 0.5 / (component + 1), 0.2 + 0.3 * component + 0.1 * start)
        for start in range(2)
        for component in range(3)
    ]
    return pd.DataFrame(rows, columns=["measure", "start", "component", "variance", "score"])


def test_captures_are_means_over_starts_and_published_dots_have_the_color_of_their_measure(captures):
    figure = show_captures(captures, published=captures[captures["start"] == 1])
    (ax,) = figure.axes
    line, dots, *_ = ax.lines
    assert_allclose(line.get_xdata(), [0.5, 0.25, 0.5 / 3])
    assert_allclose(line.get_ydata(), [0.25, 0.55, 0.85])
    assert_allclose(dots.get_ydata(), [0.3, 0.6, 0.9])
    assert dots.get_color() == line.get_color()
    assert ax.get_xscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear cka", "published"]


def test_captures_without_published_ones_name_none(captures):
    figure = show_captures(captures)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear cka"]


@pytest.mark.parametrize("bounds", [None, (np.array([0.0, 1.0]), np.array([0.0, 0.5]), np.array([0.5, 1.0]))])
def test_every_kind_of_pairs_has_a_panel_with_ways_targets_and_what_was_reached(bounds):
    rng = np.random.default_rng(0)
    ways = {kind: rng.random((5, 2, 2)) for kind in ("one moves", "both move")}
    reached = {kind: pairs[-1] for kind, pairs in ways.items()}
    targets = np.array([[0.0, 0.0], [1.0, 0.0]])
    figure = show_score_pairs(ways, reached, targets, bounds=bounds, labels=("first", "second"))
    assert [ax.get_title() for ax in figure.axes] == list(ways)
    for ax, (kind, pairs) in zip(figure.axes, ways.items(), strict=True):
        first, second, crosses, points = ax.lines
        assert_allclose(first.get_xydata(), pairs[:, 0])
        assert_allclose(second.get_xydata(), pairs[:, 1])
        assert_allclose(crosses.get_xydata(), targets)
        assert_allclose(points.get_xydata(), reached[kind])
        assert len(ax.collections) == (bounds is not None)
    assert figure.axes[0].get_ylabel() == "second"
