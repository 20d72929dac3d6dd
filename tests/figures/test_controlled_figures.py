"""Figures of designed comparisons show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures import show_contrasts, show_models, show_treatments, show_variance_shares
from brainalign.figures.style import ACCENT, MUTED


def test_treatments_have_a_panel_a_table_and_a_line_a_block():
    table = pd.DataFrame({"mae": [2.0, 4.0], "first": [1.0, 5.0]}, index=pd.Index(["seed 0", "seed 1"], name="block"))
    figure = show_treatments({"small": table, "large": table + 1}, reference="first", label="similarity")
    small, large = figure.axes
    assert [small.get_title(), large.get_title()] == ["small", "large"]
    assert [text.get_text() for text in small.get_xticklabels()] == ["first", "mae"]
    assert_allclose(small.lines[0].get_ydata(), [1, 2])
    assert_allclose(large.lines[1].get_ydata(), [6, 5])
    bars = small.collections[0]
    assert_allclose([segment[0][1] for segment in bars.get_segments()], [3, 3])
    assert [to_hex(color) for color in bars.get_colors()] == [MUTED.lower(), ACCENT.lower()]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["seed 0", "seed 1"]


def test_contrasts_are_full_dots_only_where_they_pass():
    rows = [
        ("a", "b", 0.5, 0.1, 0.9, 0.01, "one"),
        ("a", "c", -0.1, -0.5, 0.3, 0.7, "one"),
        ("b", "c", 0, -1, 1, 1, "two"),
    ]
    names = ["first", "second", "difference", "low", "high", "p_holm", "family"]
    figure = show_contrasts(pd.DataFrame(rows, columns=names), label="difference")
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    lines, dots = figure.axes[0].collections
    assert_allclose([segment[:, 0] for segment in lines.get_segments()], [[0.1, 0.9], [-0.5, 0.3]])
    assert_allclose(dots.get_offsets()[:, 0], [0.5, -0.1])
    assert [to_hex(color) for color in dots.get_facecolors()] == [ACCENT.lower(), "#ffffff"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a - b", "a - c"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["p 0.01", "p 0.70"]


def test_shares_of_variance_fill_the_bar():
    shares = pd.DataFrame({"blocks": [0.2, 0.5], "objective": [0.8, 0.5]}, index=["degree_std", "score"])
    figure = show_variance_shares(shares, label="share")
    ax = figure.axes[0]
    assert_allclose([bar.get_width() for bar in ax.patches], [0.2, 0.5, 0.8, 0.5])
    assert_allclose([bar.get_x() for bar in ax.patches], [0, 0, 0.2, 0.5])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["degree std", "score"]


def test_models_are_the_middles_of_their_heads():
    heads = pd.DataFrame(
        {"model": ["x", "x", "y", "z"], "axis_1": [0.0, 2.0, 5.0, 6.0], "axis_2": [1.0, 3.0, 0.0, 0.0]}
    )
    groups = pd.Series({"x": "mae", "y": "first", "z": "mae"})
    figure = show_models(heads, groups, reference="first", explained=(0.9, 0.05))
    dots, first, mae = figure.axes[0].collections
    assert len(dots.get_offsets()) == 4
    assert_allclose(first.get_offsets(), [[5, 0]])
    assert_allclose(mae.get_offsets(), [[1, 2], [6, 0]])
    assert to_hex(first.get_facecolors()[0]) == MUTED
    assert figure.axes[0].get_xlabel() == "axis 1 (90% of the variance)"
    assert np.isfinite(mae.get_offsets()).all()
