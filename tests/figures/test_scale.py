"""Figures of correlations with accuracy show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures import show_model_panels, show_null_correlations, show_power_curves
from brainalign.figures.style import ACCENT, NETWORK_COLORS


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_power_has_a_line_a_correlation():
    power = pd.DataFrame({0.1: [0.05, 0.1], 0.5: [0.2, 0.8]}, index=[10, 30])
    figure = show_power_curves(power, n_models=30, wanted=0.8)
    lines = figure.axes[0].lines
    assert_allclose(lines[1].get_xydata(), [[10, 0.2], [30, 0.8]])
    assert_allclose([lines[2].get_xdata(), lines[3].get_ydata()], [[30, 30], [0.8, 0.8]])
    assert legend_of(figure) == ["r = 0.1", "r = 0.5", "30 models", "power 0.8"]


def test_null_models_stand_in_rows_behind_the_measured_value():
    null = {"first": np.linspace(-0.5, 0.1, 50), "second": np.linspace(0.2, 0.4, 50)}
    figure = show_null_correlations(null, measured=0.3, interval=(-0.1, 0.6), label="r", measured_label="published")
    ax = figure.axes[0]
    assert_allclose(ax.lines[0].get_xdata(), [0.3, 0.3])
    assert to_hex(ax.lines[0].get_color()) == ACCENT.lower()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["first", "second"]
    bodies = [body.get_paths()[0].vertices for body in ax.collections if len(body.get_paths()) == 1][:2]
    for vertices, row, values in zip(bodies, (2, 1), null.values(), strict=True):
        assert_allclose([vertices[:, 0].min(), vertices[:, 0].max()], [values.min(), values.max()])
        assert_allclose(vertices[:, 1].mean(), row, atol=0.05)
    assert legend_of(figure) == ["its 95 % interval", "published"]


def test_models_have_a_panel_a_case_and_a_color_a_kind():
    table = pd.DataFrame(
        {
            "heads": [36, 144, 72, 36, 144, 72],
            "score": [1.0, 3, 2, -1, -3, -2],
            "case": ["all"] * 3 + ["pictures"] * 3,
            "family": ["deit", "deit", "vit"] * 2,
        }
    )
    figure = show_model_panels(
        table, x="heads", y="score", panel="case", kind="family", labels=("heads", "sum"), joined=["deit"], log_x=True
    )
    both, pictures = figure.axes
    assert [both.get_title(), pictures.get_title()] == ["all", "pictures"]
    assert_allclose(both.collections[0].get_offsets(), [[36, 1], [144, 3]])
    assert_allclose(pictures.collections[1].get_offsets(), [[72, -2]])
    assert_allclose(pictures.lines[0].get_xydata(), [[36, -1], [144, -3]])
    assert len(both.lines) == 2  # the joined kind and zero
    assert to_hex(both.collections[1].get_facecolor()[0]) == NETWORK_COLORS[1].lower()
    assert (both.get_xscale(), legend_of(figure)) == ("log", ["deit", "vit"])
