"""Figures of many analyses show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures import show_clouds, show_one_at_a_time, show_specification_curve
from brainalign.figures.style import ACCENT


def test_analyses_are_in_order_with_the_options_they_took():
    table = pd.DataFrame(
        {
            "scaling": ["min-max", "rank", "min-max", "rank"],
            "brain": ["own", "own", "hcp", "hcp"],
            "estimate": [0.3, -0.2, 0.1, 0.0],
            "p": [0.01, 0.04, 0.5, 1.0],
            "is_study": [True, False, False, False],
        }
    )
    figure = show_specification_curve(table, choices=["scaling", "brain"], label="difference")
    above, below = figure.axes
    dots, own = above.collections
    assert_allclose(dots.get_offsets(), [[0, -0.2], [1, 0], [2, 0.1], [3, 0.3]])
    assert [to_hex(color) == ACCENT.lower() for color in dots.get_facecolors()] == [True, False, False, True]
    assert_allclose(own.get_offsets(), [[3, 0.3]])
    labels = [text.get_text() for text in below.get_yticklabels()]
    assert labels == ["brain: hcp", "brain: own", "scaling: rank", "scaling: min-max"]
    taken = {label: row.get_offsets()[:, 0].tolist() for label, row in zip(labels, below.collections, strict=True)}
    assert taken == {
        "brain: hcp": [1, 2],
        "brain: own": [0, 3],
        "scaling: rank": [0, 1],
        "scaling: min-max": [2, 3],
    }


def test_clouds_share_the_plane_and_the_marks():
    rng = np.random.default_rng(0)
    clouds = {name: rng.normal(size=(5 + i, 2)) for i, name in enumerate(["a", "b", "c", "d"])}
    marks = pd.DataFrame([[1.0, 2.0], [0.0, -1.0]], index=["Visual", "Limbic"])
    figure = show_clouds(clouds, marks=marks, explained=(0.9, 0.06))
    used = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in used] == ["a", "b", "c", "d"]
    for ax, points in zip(used, clouds.values(), strict=True):
        assert_allclose(ax.collections[0].get_offsets(), points)
        assert_allclose([mark.get_offsets()[0] for mark in ax.collections[1:]], marks)
        assert ax.get_xlim() == used[0].get_xlim()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Visual", "Limbic"]
    assert figure.get_supxlabel() == "axis 1 (90% of the variance)"


def test_one_line_an_option_and_one_panel_a_claim():
    options = [("margin", 1e-5), ("margin", 1e-3), ("left_out", "none"), ("left_out", "modularity")]
    rows = [
        {"choice": choice, "option": option, "claim": claim, "is_study": option in (1e-5, "none")}
        for choice, option in options
        for claim in ("first", "second")
    ]
    table = pd.DataFrame(rows).assign(
        effect=[2.0, -1.0, 1.0, -2.0, 2.0, -1.0, 0.5, 3.0], p=[0.01, 0.2, 0.3, 0.04, 0.01, 0.2, 0.6, 0.001]
    )
    figure = show_one_at_a_time(table, value="effect", label="in sd")
    first, second = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["first", "second"]
    labels = [text.get_text() for text in first.get_yticklabels()]
    assert labels == ["as in the study", "margin: 0.001", "left out: modularity"]
    for ax, values, study in ((first, [2.0, 1.0, 0.5], 2.0), (second, [-1.0, -2.0, 3.0], -1.0)):
        dots, own = ax.collections
        assert_allclose(dots.get_offsets(), [[value, place] for place, value in enumerate(values)])
        assert_allclose(own.get_offsets(), [[study, 0]])
        assert_allclose(ax.get_lines()[0].get_xdata(), [study, study])
    full = [to_hex(color) == ACCENT.lower() for color in first.collections[0].get_facecolors()]
    assert full == [True, False, False]
    assert figure.get_supxlabel() == "in sd"


def test_an_option_that_failed_has_no_line():
    table = pd.DataFrame(
        {
            "choice": ["density"] * 3,
            "option": [1.0, 0.5, 0.1],
            "claim": "only",
            "effect": [1.0, 0.4, np.nan],
            "p": [0.01, 0.5, np.nan],
            "is_study": [True, False, False],
        }
    )
    (ax,) = show_one_at_a_time(table, value="effect", label="").axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["as in the study", "density: 0.5"]
