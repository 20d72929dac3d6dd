"""Figures of encoding models: marks, bands and cells are where the numbers are."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.figures import show_interval_lines, show_intervals, show_matrix_with_intervals

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def table():
    rows = [(region, name, i + j / 4, i + j / 4 - 0.5, i + j / 4 + 0.25)
            for j, name in enumerate(["model", "twin"]) for i, region in enumerate([3, 5, 9])]  # fmt: skip
    return pd.DataFrame(rows, columns=["region", "who", "value", "low", "high"])


def legend_texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_intervals_stand_beside_each_other_at_their_item(table):
    figure = show_intervals(table, item="region", series="who", label="r")
    ax = figure.axes[0]
    assert_equal(legend_texts(figure), ["model", "twin"])
    assert_array_equal([text.get_text() for text in ax.get_xticklabels()], ["3", "5", "9"])
    for name, bars, shift in zip(["model", "twin"], ax.containers, (-0.06, 0.06), strict=True):
        rows = table[table.who == name]
        assert_allclose(bars[0].get_xdata(orig=False), np.arange(3) + shift)
        assert_allclose(bars[0].get_ydata(orig=False), rows.value)
        ends = np.array([segment[:, 1] for segment in bars[2][0].get_segments()])
        assert_allclose(ends, rows[["low", "high"]])


def test_lines_have_their_intervals_as_bands(table):
    figure = show_interval_lines(table, x="region", series="who", labels=("layer", "r"))
    ax = figure.axes[0]
    assert_equal((ax.get_xlabel(), ax.get_ylabel()), ("layer", "r"))
    assert_equal(list(ax.get_xticks()), [3, 5, 9])
    for (_, rows), line, band in zip(table.groupby("who"), ax.lines, ax.collections, strict=False):
        assert_allclose(line.get_xydata(), rows[["region", "value"]])
        corners = band.get_paths()[0].vertices
        assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [rows.low.min(), rows.high.max()])


def test_cells_hold_value_and_interval_and_are_grey_where_zero_is_inside():
    values = pd.DataFrame([[0.2, -0.1]], index=["layer 0"], columns=["left", "right"])
    ax = show_matrix_with_intervals(values, [[0.1, -0.3]], [[0.3, 0.05]], label="r").axes[0]
    assert_array_equal([text.get_text() for text in ax.texts], ["0.20\n0.10 to 0.30", "-0.10\n-0.30 to 0.05"])
    assert_array_equal([text.get_color() for text in ax.texts], ["black", "#767676"])
    assert_array_equal([text.get_text() for text in ax.get_xticklabels()], ["left", "right"])


def test_tables_that_do_not_fit_are_refused(table):
    with pytest.raises(ValueError, match="the table has no column low; it has region"):
        show_intervals(table.drop(columns="low"), item="region", series="who", label="r")
    table.loc[2, "high"] = 0.0
    with pytest.raises(ValueError, match="an interval must hold its value"):
        show_interval_lines(table, x="region", series="who", labels=("layer", "r"))
    values = pd.DataFrame([[0.2, -0.1]])
    with pytest.raises(ValueError, match=r"low and high must have the shape \(1"):
        show_matrix_with_intervals(values, [[0.3, -0.3]], [[0.4, 0.1]], label="r")
    with pytest.raises(ValueError, match=r"got \(2,\) and \(1, 2\)"):
        show_matrix_with_intervals(values, [0.1, -0.3], [[0.4, 0.1]], label="r")
