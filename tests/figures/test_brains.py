"""Brain maps colour the right parcels; the figures of neurons show what they are given."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from brainalign.datasets.surfaces import load_surface, study_systems
from brainalign.figures import (
    show_brain_maps,
    show_brain_systems,
    show_connectivity,
    show_layer_weights,
    show_rejection_rates,
)
from brainalign.figures.style import NETWORK_COLORS

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def surface():
    return load_surface(100)


def pictures(figure):
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]


def hues(picture):
    """Colour of every pixel without its shade: the largest channel becomes 1."""
    return picture / picture.max(axis=-1, keepdims=True)


def shows(picture, color):
    return np.isclose(hues(picture), np.array(to_rgb(color)) / max(to_rgb(color)), atol=1e-6).all(axis=-1).any()


def test_systems_appear_in_their_hemisphere_with_their_colour(surface):
    systems = {"left": surface.is_left, "right": ~surface.is_left}
    left_out, left_in, right_in, right_out = pictures(show_brain_systems(systems, surface))
    for picture in (left_out, left_in):
        assert shows(picture, NETWORK_COLORS[0])
        assert not shows(picture, NETWORK_COLORS[1])
    for picture in (right_in, right_out):
        assert shows(picture, NETWORK_COLORS[1])
        assert not shows(picture, NETWORK_COLORS[0])


def test_the_visual_system_lies_at_the_back_of_the_left_outside_view(surface):
    visual = {"visual": study_systems(surface)["visual"]}
    picture = pictures(show_brain_systems(visual, surface))[0]
    colored = np.ptp(picture, axis=-1) > 0.05
    # Seen from the left, the front is on the left.
    assert np.flatnonzero(colored.any(axis=0)).mean() > 0.7 * picture.shape[1]


def test_maps_share_one_scale_and_missing_values_are_grey(surface):
    values = np.where(surface.is_left, 1.0, np.nan)
    figure = show_brain_maps({"a": values, "b": -2 * np.ones(100)}, surface, label="r", center=0.0)
    drawn = pictures(figure)
    assert len(drawn) == 8
    assert np.ptp(drawn[2], axis=-1).max() < 1e-9  # the right side of the first map
    assert np.ptp(drawn[0], axis=-1).max() > 0.1
    assert figure.axes[-1].get_ylim() == (-2.0, 2.0)
    assert figure.axes[-1].get_ylabel() == "r"


def test_pixels_beside_the_brain_are_white_and_the_brain_has_no_holes(surface):
    picture = pictures(show_brain_maps({"a": np.ones(100)}, surface, label="r", limits=(0, 1)))[0]
    white = (picture == 1.0).all(axis=-1)
    assert white[0, 0]
    assert white[-1, -1]
    middle = white[len(white) // 3 : len(white) // 2, white.shape[1] // 3 : white.shape[1] // 2]
    assert not middle.any()


def rates():
    rows = [("a", "planted", 0.9, 0.8, 0.95), ("a", "nothing", 0.05, 0.02, 0.1), ("b", "planted", 1.0, 0.9, 1.0)]
    return pd.DataFrame(rows, columns=["statistic", "truth", "rate", "low", "high"])


def test_rates_stand_at_their_statistic_with_the_level():
    figure = show_rejection_rates(rates(), level=0.05)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    dots = [group.get_offsets()[:, 0].tolist() for group in ax.collections if isinstance(group, PathCollection)]
    assert dots == [[0.9, 1.0], [0.05]]
    assert {0.05} in [set(line.get_xdata()) for line in ax.lines]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["planted", "nothing", "nominal level 0.05"]


def test_connectivity_parts_the_groups():
    matrix = np.corrcoef(np.random.default_rng(0).standard_normal((5, 20)))
    figure = show_connectivity({"one": (matrix, ["x", "x", "y", "y", "y"])}, limit=0.5)
    ax = figure.axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), matrix)
    assert ax.images[0].get_clim() == (-0.5, 0.5)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]
    assert sorted(set(ax.lines[0].get_ydata())) == [1.5]


def test_layer_weights_show_both_halves():
    halves = np.array([[1.0, 2.0, 3.0], [1.5, 1.0, 0.5]])
    panels = {"one": halves, "two": -halves, "three": halves}
    figure = show_layer_weights(panels, label="weight", depth="quarter")
    for ax, sign in zip(figure.axes, (1, -1, 1), strict=False):
        np.testing.assert_array_equal([line.get_ydata() for line in ax.lines[:2]], sign * halves)
        assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
        assert ax.get_xlabel() == "quarter"
    assert not figure.axes[3].axison
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first half", "second half"]
