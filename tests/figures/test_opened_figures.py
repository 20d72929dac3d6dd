"""Figures of opened models show the wiring, the courses and the movements that they are given."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import FancyBboxPatch
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures import show_courses, show_meeting, show_movement, show_preferences, show_wiring


def streams(*rows, bridged=False):
    columns = ["stream", "layers", "heads", "crosses", "bridged"]
    return pd.DataFrame([(*row, row[0].startswith("fusion"), bridged) for row in rows], columns=columns)


TOWERS = ("image", 3, 2), ("text", 2, 1)
FUSION = ("fusion_image", 2, 4), ("fusion_text", 2, 4)


def boxes(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def arrows(ax):
    return [text for text in ax.texts if not text.get_text()]


def test_every_layer_is_a_box_and_every_reading_an_arrow():
    models = {
        "apart": streams(*TOWERS),
        "fused": streams(*TOWERS, *FUSION),
        "bridged": streams(*TOWERS, *FUSION, bridged=True),
        "one": streams(TOWERS[1]),
    }
    figure = show_wiring(models)
    panels = {ax.get_title(): ax for ax in figure.axes}
    assert {title: len(boxes(ax)) for title, ax in panels.items()} == {"apart": 5, "fused": 9, "bridged": 9, "one": 2}
    # Input, one per tower; to the end, or two per fusion layer and one per tower; bridges: per layer and stream one.
    assert {title: len(arrows(ax)) for title, ax in panels.items()} == {"apart": 4, "fused": 8, "bridged": 10, "one": 1}
    assert "compared" in words(panels["apart"])
    assert "read together" in words(panels["fused"])
    assert words(panels["one"]) == ["2 layers\n1 head", "caption"]
    heights = [box.get_y() for box in boxes(panels["fused"])]
    assert max(heights[:5]) < min(heights[5:])
    with pytest.raises(ValueError, match="odd has streams decoder"):
        show_wiring({"odd": streams(("decoder", 2, 2))})


def test_courses_are_standardised_and_scenes_begin_at_their_lines():
    table = pd.DataFrame({"picture": [1.0, 2, 3, 4], "text": [5.0, 5, 7, 7]})
    figure = show_courses({"context": table, "neurons": -table}, [0, 0, 1, 2])
    first, second = figure.axes
    drawn = [line for line in first.lines if len(line.get_xdata()) == 4]
    assert_allclose(drawn[0].get_ydata(), (table["picture"] - 2.5) / table["picture"].std())
    assert_allclose(second.lines[0].get_ydata(), -drawn[0].get_ydata())
    assert [line.get_xdata()[0] for line in first.lines if len(line.get_xdata()) == 2] == [1.5, 2.5]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["picture", "text"]


def test_meetings_keep_the_order_of_steps_in_every_panel():
    rows = [
        {"model": model, "step": step, "condition": condition, "value": value, "low": value - 0.1, "high": value + 0.1}
        for model, steps in (("A", ["tower 1", "summary"]), ("B", ["tower 1", "fusion 1", "summary"]))
        for condition in ("trained", "untrained")[: 1 + (model == "B")]
        for value, step in zip((0.1, 0.4, 0.9), steps, strict=False)
    ]
    figure = show_meeting(pd.DataFrame(rows), label="similarity")
    one, two = figure.axes
    assert [text.get_text() for text in two.get_xticklabels()] == ["tower 1", "fusion 1", "summary"]
    assert_allclose(two.lines[0].get_ydata(), [0.1, 0.4, 0.9])
    assert_allclose(one.lines[0].get_ydata(), [0.1, 0.4])
    assert one.get_ylabel() == "similarity"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["trained", "untrained"]


def movement(model, *, untrained):
    places = [("text", 0, "own"), ("image", 0, "own"), ("fusion_text", 0, "other"), ("fusion_text", 0, "own")]
    return [
        {"model": model, "tower": tower, "layer": layer, "reads": reads, "change": change, "value": i / 4,
         "low": i / 4 - 0.1, "high": i / 4 + 0.1, "untrained": untrained}
        for change in ("picture", "caption")
        for i, (tower, layer, reads) in enumerate(places)
    ]  # fmt: skip


def test_movements_stand_in_the_order_in_which_a_stimulus_passes_the_layers():
    figure = show_movement(pd.DataFrame(movement("A", untrained=0.5) + movement("B", untrained=np.nan)))
    one, two = figure.axes
    names = [text.get_text() for text in one.get_yticklabels()]
    assert names == ["picture tower 1", "text tower 1", "text fusion 1", "text fusion 1 reads other"]
    picture, twins = (one.collections[i].get_offsets() for i in (1, 2))
    rows = {names[round(float(y))]: float(x) for x, y in picture}
    assert rows == {
        "text tower 1": 0, "picture tower 1": 0.25, "text fusion 1 reads other": 0.5, "text fusion 1": 0.75
    }  # fmt: skip
    assert_allclose(twins[:, 0], 0.5)
    assert len(two.collections) == 4  # intervals and marks of two changes, no twins
    assert len(one.collections) == 6


def test_preferences_are_shares_of_neurons():
    table = pd.DataFrame(
        {
            "stream": ["text"] * 6,
            "model": ["trained"] * 4 + ["untrained"] * 2,
            "index": [-1.0, -1.0, 0.0, 1.0, 0.9, 1.0],
        }
    )
    (ax,) = show_preferences(table, label="index", n_bins=5).axes
    trained, untrained = (patch.get_data().values for patch in ax.patches)
    assert_allclose(trained, [0.5, 0, 0.25, 0, 0.25])
    assert_allclose(untrained, [0, 0, 0, 0, 1])
    assert ax.get_title() == "text"
