"""Interactive figures: what they hold, what they say, how large they are, and their still pictures."""

from __future__ import annotations

import io
import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brainalign.book import interactive_pages
from brainalign.datasets import NETWORKS
from brainalign.datasets.surfaces import load_surface
from brainalign.figures import show_interactive_brain, show_interactive_brain_systems, show_interactive_space
from brainalign.figures.interactive import INK, PLOTLY_MIME
from brainalign.figures.style import MUTED, NETWORK_COLORS
from brainalign.topology import null_envelope

mpl.use("Agg")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def heads(rng):
    table = pd.DataFrame(rng.normal(size=(12, 2)), columns=["axis_1", "axis_2"])
    return table.assign(model=["b", "a"] * 6, layer=table.index // 4, head=table.index % 4)


@pytest.fixture
def networks(rng):
    return pd.DataFrame(rng.normal(size=(7, 2)), index=NETWORKS)


@pytest.fixture(scope="module")
def surface():
    return load_surface(100)


@pytest.fixture(scope="module")
def maps(surface):
    values = np.linspace(-1, 1, 100)
    return show_interactive_brain({"one": np.where(surface.is_left, values, np.nan), "two": values}, surface, label="r")


@pytest.fixture(scope="module")
def systems(surface):
    members = {name: surface.networks == name for name in NETWORKS}
    return show_interactive_brain_systems(members, surface)


def trace(figure, name):
    (found,) = [one for one in figure.figure.data if one.name == name]
    return found


def size(bundle):
    return len(json.dumps(bundle, indent=1))


def test_every_head_is_drawn_where_it_lies_and_told_by_its_numbers(heads, networks):
    figure = show_interactive_space(heads, networks=networks)
    own = heads[heads["model"] == "a"]
    drawn = trace(figure, "a")
    np.testing.assert_allclose(drawn.x, own["axis_1"], rtol=1e-6)
    np.testing.assert_allclose(drawn.y, own["axis_2"], rtol=1e-6)
    np.testing.assert_array_equal(drawn.customdata, own[["layer", "head"]])
    assert drawn.hovertemplate.startswith("<b>a</b><br>layer %{customdata[0]:d}")
    assert "nearest" not in drawn.hovertemplate
    assert [one.name for one in figure.figure.data] == ["b", "a", *NETWORKS]


def test_the_nearest_network_is_told_when_it_is_known(heads):
    known = heads.assign(nearest_network="DefaultMode", similarity=0.25)
    drawn = trace(show_interactive_space(known), "b")
    assert set(drawn.text) == {"DefaultMode"}
    assert set(np.asarray(drawn.customdata)[:, 2]) == {0.25}
    assert "nearest: %{text} (%{customdata[2]:.2f})" in drawn.hovertemplate


def test_groups_of_several_models_tell_the_model_of_every_head(heads):
    by_layer = show_interactive_space(heads, color="layer")
    assert [one.name for one in by_layer.figure.data] == ["0", "1", "2"]
    assert list(by_layer.figure.data[0].hovertext) == ["b", "a", "b", "a"]
    assert by_layer.figure.layout.legend.title.text == "layer"


def test_null_heads_are_thinned_openly_and_their_envelope_is_one_entry(heads, rng):
    null = np.concatenate([rng.normal(size=(1600, 2)), rng.normal(9, size=(1600, 2))])
    envelope = null_envelope(null)
    figure = show_interactive_space(heads, null=null, envelope=envelope, null_label="twins")
    cloud = trace(figure, "twins: one head (1 of 2 is drawn)")
    np.testing.assert_allclose(cloud.x, null[::2, 0], rtol=1e-6)
    assert cloud.marker.color == MUTED != INK
    lines = [one for one in figure.figure.data if one.mode == "lines"]
    assert len(lines) >= 2  # two clouds apart
    assert [one.showlegend for one in lines] == [True] + [False] * (len(lines) - 1)
    places = np.stack([np.concatenate([one.x for one in lines]), np.concatenate([one.y for one in lines])], axis=1)
    assert np.abs(places - np.median(places, axis=0)).max() < 15
    few = show_interactive_space(heads, null=null[:50], null_label="twins")
    assert len(trace(few, "twins: one head").x) == 50


def test_many_models_look_different(heads):
    many = pd.concat([heads.assign(model=f"m{number}") for number in range(49)], ignore_index=True)
    looks = {(one.marker.color, one.marker.symbol) for one in show_interactive_space(many).figure.data}
    assert len(looks) == 49


def test_nothing_black_lies_on_a_ground_that_may_be_dark(heads, networks):
    figure = show_interactive_space(heads, networks=networks)
    assert trace(figure, NETWORKS[6]).marker.color == INK
    assert NETWORK_COLORS[6] not in figure.figure.to_json()
    assert figure.figure.layout.paper_bgcolor == figure.figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_the_bundle_holds_the_figure_its_picture_and_a_line_of_text(heads):
    before = plt.get_fignums()
    figure = show_interactive_space(heads)
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {PLOTLY_MIME, "image/png", "text/plain"}
    assert bundle["text/plain"] == "Interactive figure: 12 heads in the space of brain networks, by model"
    picture = np.asarray(Image.open(io.BytesIO(figure.picture)).convert("RGB"))
    assert picture.shape[1] > 800
    assert (picture == (0, 114, 178)).all(axis=-1).sum() > 100  # the first colour was drawn
    assert plt.get_fignums() == before  # a notebook would show it a second time


def test_no_figure_offers_to_send_itself_away(heads):
    config = show_interactive_space(heads)._repr_mimebundle_()[PLOTLY_MIME]["config"]
    assert (config["showSendToCloud"], config["plotlyServerURL"], config["displaylogo"]) == (False, "", False)


def test_the_pages_look_for_the_type_that_figures_have():
    assert interactive_pages.PLOTLY_MIME == PLOTLY_MIME


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "layer"}, "the table of heads lacks layer; it has axis_1, axis_2, model, head"),
        ({"color": "family"}, "the table of heads lacks family"),
        ({"rows": 0}, "the table of heads has no row"),
        ({"lost": True}, r"1 of 12 heads have no finite place \(axis_1, axis_2\)"),
        ({"nameless": True}, "1 of 12 heads have no model; leave them out, or name their group"),
    ],
)
def test_tables_that_cannot_be_drawn_are_refused(heads, change, message):
    table = heads.drop(columns=change["drop"]) if "drop" in change else heads.iloc[: change.get("rows", 12)]
    if "lost" in change:
        table = table.assign(axis_1=table["axis_1"].where(table.index > 0))
    if "nameless" in change:
        table = table.assign(model=table["model"].where(table.index > 0))
    with pytest.raises(ValueError, match=message):
        show_interactive_space(table, color=change.get("color", "model"))


def parcel_look(figure, surface, parcel):
    """Colour and text of one parcel's piece of the cortex."""
    ending = f"{surface.networks[parcel]}, {'left' if surface.is_left[parcel] else 'right'}, parcel {parcel + 1}"
    (found,) = [one for one in figure.figure.data if (one.hovertext or "").endswith(ending)]
    return found.color, found.hovertext.split("<br>")[0]


def test_parcels_have_the_colour_and_tell_the_value_of_the_map(maps, surface):
    assert parcel_look(maps, surface, 0) == ("#440154", "r: -1")
    assert parcel_look(maps, surface, 99) == ("#c7c7c7", "no value")
    second = maps.figure.layout.updatemenus[1].buttons[1]
    assert second.label == "two"
    look, numbers = second.args
    place = [one.hovertext for one in maps.figure.data].index("medial wall")
    assert look["color"][place] == "#c7c7c7"
    assert "#fde725" in look["color"]  # the largest value, which the first map lacks
    assert len(numbers) == len(look["color"]) == len(look["hovertext"]) == 102


def test_one_map_has_no_menu_of_maps(surface):
    one = show_interactive_brain({"one": np.linspace(0, 1, 100)}, surface, label="r", limits=(0, 2))
    assert [len(menu.buttons) for menu in one.figure.layout.updatemenus] == [3]
    bar = one.figure.data[-1].marker
    assert (bar.cmin, bar.cmax) == (0, 2)
    assert bar.colorbar.title.text == "r"


def test_systems_are_entries_of_the_legend_once_each(systems):
    shown = [one for one in systems.figure.data if one.showlegend]
    assert {one.name: one.color for one in shown} == dict(zip(NETWORKS, [*NETWORK_COLORS[:6], "#5a5a5a"], strict=True))
    assert len(shown) == 7
    assert {one.legendgroup for one in systems.figure.data if one.legendgroup} == set(NETWORKS)


def test_buttons_show_one_half_each(systems):
    both, left, right = systems.figure.layout.updatemenus[0].buttons
    shown = [np.array(button.args[0]["visible"]) for button in (both, left, right)]
    assert shown[0].all()
    np.testing.assert_array_equal(shown[1], ~shown[2])
    x = np.array([np.mean(one.x) for one in systems.figure.data])
    assert (x[shown[1]] < 0).all()
    assert (x[shown[2]] > 0).all()


def test_a_brain_takes_less_than_a_megabyte_of_a_notebook(maps, systems):
    assert all(size(figure._repr_mimebundle_()) < 900e3 for figure in (maps, systems))


@pytest.mark.parametrize("show", [show_interactive_brain, show_interactive_brain_systems])
def test_values_for_other_parcels_are_refused(show, surface):
    extra = {"label": "r"} if show is show_interactive_brain else {}
    with pytest.raises(ValueError, match=r"'one' has shape \(200,\)"):
        show({"one": np.ones(200, dtype=bool)}, surface, **extra)


def test_maps_without_any_value_are_refused(surface):
    with pytest.raises(ValueError, match="no parcel has a value in one"):
        show_interactive_brain({"one": np.full(100, np.nan)}, surface, label="r")


def test_more_systems_than_colours_are_refused(surface):
    with pytest.raises(ValueError, match="8 systems, but there are colours for 7"):
        show_interactive_brain_systems({str(n): np.ones(100, dtype=bool) for n in range(8)}, surface)
