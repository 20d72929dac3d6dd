"""Figures of the survey: what stands where."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

from brainalign.figures import show_depth_trends, show_models_by_networks, show_pair_differences
from brainalign.figures.style import ACCENT, MUTED

THIRDS = ["early", "middle", "deep"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def trend(groups, start):
    rows = [(group, third, start + i) for group in groups for i, third in enumerate(THIRDS)]
    return pd.DataFrame(rows, columns=["group", "third", "value"])


def test_every_group_has_a_panel_with_models_over_twins():
    groups = [f"group {i}" for i in range(4)]
    table = trend(groups, 1.0).drop(index=1)  # the first group has no middle layer
    figure = show_depth_trends(
        table, trend(groups, 0.0), thirds=THIRDS, value="value", label="similarity", null_label="twins"
    )
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == groups
    twins, models = shown[0].lines
    assert_allclose(models.get_xydata(), [[0, 1.0], [2, 3.0]])
    assert_allclose(twins.get_ydata(), [0, 1, 2])
    assert (to_hex(models.get_color()), to_hex(twins.get_color())) == (ACCENT.lower(), MUTED.lower())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["twins", "trained"]


def means(n):
    return pd.DataFrame(np.arange(7.0 * n).reshape(n, 7), index=[f"m{i}" for i in range(n)], columns=list("abcdefg"))


@pytest.mark.parametrize(("n", "n_named"), [(5, 5), (90, 0)])
def test_models_are_named_while_names_can_be_read_and_groups_always(n, n_named):
    groups = pd.Series(["vision"] * (n - 2) + ["language"] * 2, index=means(n).index)
    figure = show_models_by_networks(means(n), groups, label="similarity", center=3.0)
    ax = figure.axes[0]
    assert len(ax.get_yticklabels()) == n_named
    assert [text.get_text() for text in ax.texts] == ["vision", "language"]
    assert_allclose([text.get_position()[1] for text in ax.texts], [(n - 2) / 2, n - 1])
    assert_allclose(ax.collections[0].get_array().reshape(n, 7), means(n))
    assert figure.axes[1].get_ylabel() == "similarity"


def test_models_of_a_group_must_follow_each_other():
    groups = pd.Series(["vision", "language", "vision"], index=means(3).index)
    with pytest.raises(ValueError, match="the models of a group must follow each other"):
        show_models_by_networks(means(3), groups, label="similarity", center=0.0)


def test_pairs_stand_over_the_band_of_the_floor():
    rows = [("tuned", 0.3), ("tuned", -0.2), ("seeds", 0.1), ("seeds", -0.1), ("distilled", 0.0)]
    differences = pd.DataFrame(rows, columns=["kind", "difference"])
    figure = show_pair_differences(differences, floor="seeds", label="difference")
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["seeds", "distilled", "tuned"]
    band = ax.patches[0]
    assert_allclose([band.get_x(), band.get_x() + band.get_width()], [-0.1, 0.1])
    seeds, distilled, tuned = (np.asarray(dots.get_offsets()) for dots in ax.collections)
    assert_allclose(seeds[:, 0], [0.1, -0.1])
    assert_allclose(distilled, [[0.0, 1.0]])
    assert_allclose(tuned[:, 0], [0.3, -0.2])
    assert to_hex(ax.collections[0].get_facecolor()[0]) == MUTED.lower()


def test_without_a_floor_there_is_no_band():
    figure = show_pair_differences(
        pd.DataFrame({"kind": ["tuned"], "difference": [0.2]}), floor="seeds", label="difference"
    )
    assert not figure.axes[0].patches
    assert not figure.legends
