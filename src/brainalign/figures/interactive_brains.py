"""Brains to be turned: values of parcels, or systems of parcels, on the folded cortex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike, NDArray

from brainalign.datasets.surfaces import NO_PARCEL, CorticalSurface
from brainalign.figures.brains import REST, color_scale, show_brain_maps, show_brain_systems
from brainalign.figures.interactive import BLACK, INK, InteractiveFigure, quiet_layout, still_picture
from brainalign.figures.meshes import ParcelMesh, parcel_meshes
from brainalign.figures.style import NETWORK_COLORS

_FINENESS = 24  # about 4 mm between neighbours; twice as fine a surface makes a page of two megabytes
_TENTHS = 10  # places are kept as whole tenths of a millimetre, which take two bytes each
_REST = to_hex((REST, REST, REST))
_DARKEST = "#5a5a5a"  # black would show no folds
_LIGHT = {"ambient": 0.75, "diffuse": 0.45, "specular": 0.05, "roughness": 0.9}
_HIDDEN = {"visible": False, "showspikes": False}
_EYE = {"both": (-0.95, -0.75, 0.6), "left": (-1.3, 0.0, 0.15), "right": (1.3, 0.0, 0.15)}
_MENU = {"bgcolor": "#f3f4f5", "bordercolor": INK, "font": {"color": "#222222", "size": 11}, "pad": {"t": 0, "r": 6}}
_SCALE_STEPS = 21


def show_interactive_brain(
    maps: Mapping[str, ArrayLike],
    surface: CorticalSurface,
    *,
    label: str,
    center: float | None = None,
    limits: tuple[float, float] | None = None,
) -> InteractiveFigure:
    """The maps of `show_brain_maps` on a cortex to be turned; with several maps, a menu chooses one.

    Parameters
    ----------
    maps, surface, label, center, limits
        See `show_brain_maps`. All maps share one scale.

    Returns
    -------
    InteractiveFigure
        A pointer on a parcel tells its side, network, number and value. Drawn by a notebook when it is the last
        expression of a cell, without a semicolon.

    Raises
    ------
    ValueError
        When a map has not one value per parcel, or no map has a value.
    """
    picture = still_picture(show_brain_maps(maps, surface, label=label, center=center, limits=limits))
    values = {name: np.asarray(one, dtype=float) for name, one in maps.items()}
    scale = color_scale(values, center=center, limits=limits)
    meshes = _meshes(surface)
    looks = {}
    for name, one in values.items():
        known = np.isfinite(one)
        colors = [to_hex(color) if seen else _REST for color, seen in zip(scale.to_rgba(one), known, strict=True)]
        told = [f"{label}: {value:.3g}" if seen else "no value" for value, seen in zip(one, known, strict=True)]
        looks[name] = _look(meshes, colors, _parcel_texts(surface, told))
    first = next(iter(looks.values()))
    traces = [*_traces(meshes, first), _color_bar(scale, label)]
    figure = _brain_figure(traces, meshes)
    if len(looks) > 1:
        _add_menu(figure, looks)
    return InteractiveFigure(figure, picture, f"{', '.join(values)} on the cortex ({label})")


def show_interactive_brain_systems(systems: Mapping[str, ArrayLike], surface: CorticalSurface) -> InteractiveFigure:
    """The systems of `show_brain_systems` on a cortex to be turned; the legend hides and shows them.

    Parameters
    ----------
    systems : mapping of str to array_like of bool, of shape (n_parcels,)
        At most seven; parcels of none stay grey.
    surface : CorticalSurface
        Where the parcels lie.

    Returns
    -------
    InteractiveFigure
        Drawn by a notebook when it is the last expression of a cell, without a semicolon.

    Raises
    ------
    ValueError
        When a system does not say of every parcel whether it belongs, or there are more than seven.
    """
    picture = still_picture(show_brain_systems(systems, surface))
    system = np.full(len(surface.networks), "", dtype=object)
    painted = np.full(len(surface.networks), _REST, dtype=object)
    for (name, members), color in zip(systems.items(), NETWORK_COLORS, strict=False):
        system[np.asarray(members, dtype=bool)] = name
        painted[np.asarray(members, dtype=bool)] = _DARKEST if color == BLACK else color
    told = _parcel_texts(surface, [f"<b>{name or 'none of the systems'}</b>" for name in system])
    meshes = _meshes(surface)
    traces = _traces(meshes, _look(meshes, list(painted), told))
    named = set()
    for mesh, trace in zip(meshes, traces, strict=True):
        name = "" if mesh.parcel == NO_PARCEL else system[mesh.parcel]
        if name:
            trace.update(legendgroup=name, name=name, showlegend=name not in named)
            named.add(name)
    figure = _brain_figure(traces, meshes)
    figure.update_layout(legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 0.5, "xanchor": "center"})
    return InteractiveFigure(figure, picture, f"{', '.join(systems)} on the cortex")


def _parcel_texts(surface: CorticalSurface, lines: Sequence[str]) -> list[str]:
    sides = np.where(surface.is_left, "left", "right")
    return [
        f"{line}<br>{network}, {side}, parcel {number}"
        for number, (line, network, side) in enumerate(zip(lines, surface.networks, sides, strict=True), 1)
    ]


def _meshes(surface: CorticalSurface) -> list[ParcelMesh]:
    halves = (surface.left, surface.right)
    return [mesh for half in halves for mesh in parcel_meshes(half, fineness=_FINENESS)]


def _look(meshes: Sequence[ParcelMesh], colors: Sequence[str], texts: Sequence[str]) -> dict[str, list[str]]:
    """Colour and text of every mesh; the medial wall is grey."""
    parcels = [mesh.parcel for mesh in meshes]
    return {
        "color": [_REST if parcel == NO_PARCEL else colors[parcel] for parcel in parcels],
        "hovertext": ["medial wall" if parcel == NO_PARCEL else texts[parcel] for parcel in parcels],
    }


def _traces(meshes: Sequence[ParcelMesh], look: Mapping[str, Sequence[str]]) -> list[go.Mesh3d]:
    return [
        go.Mesh3d(**_geometry(mesh), color=color, hovertext=text, hoverinfo="text", lighting=_LIGHT)
        for mesh, color, text in zip(meshes, look["color"], look["hovertext"], strict=True)
    ]


def _geometry(mesh: ParcelMesh) -> dict[str, NDArray]:
    smallest = np.uint8 if len(mesh.vertices) <= np.iinfo(np.uint8).max else np.uint16
    places = np.rint(mesh.vertices * _TENTHS).astype(np.int16)
    corners = mesh.triangles.astype(smallest)
    return {
        **{axis: places[:, number].copy() for number, axis in enumerate("xyz")},
        **{corner: corners[:, number].copy() for number, corner in enumerate("ijk")},
    }


def _color_bar(scale: mpl.cm.ScalarMappable, label: str) -> go.Scatter3d:
    """A point that is not drawn, for the sake of its colour scale."""
    low, high = scale.get_clim()
    steps = np.linspace(0, 1, _SCALE_STEPS)
    colors = [[step, to_hex(scale.to_rgba(low + step * (high - low)))] for step in steps]
    bar = {"title": {"text": label, "side": "right"}, "thickness": 12, "len": 0.7, "outlinewidth": 0, "x": 1}
    marker = {"color": [low], "cmin": low, "cmax": high, "colorscale": colors, "showscale": True, "colorbar": bar}
    nowhere = {"x": [None], "y": [None], "z": [None], "hoverinfo": "skip", "showlegend": False}
    return go.Scatter3d(**nowhere, mode="markers", marker=marker)


def _brain_figure(traces: Sequence[Any], meshes: Sequence[ParcelMesh]) -> go.Figure:
    figure = go.Figure(traces)
    axes = {f"{axis}axis": _HIDDEN for axis in "xyz"}
    camera = {"eye": dict(zip("xyz", _EYE["both"], strict=True))}
    figure.update_layout(**quiet_layout(height=460), scene={"aspectmode": "data", "camera": camera, **axes})
    buttons = []
    for side, eye in _EYE.items():
        shown = [side in ("both", "left" if mesh.vertices[:, 0].mean() < 0 else "right") for mesh in meshes]
        shown += [True] * (len(traces) - len(meshes))
        seen = {"scene.camera.eye": dict(zip("xyz", eye, strict=True))}
        buttons.append({"label": side, "method": "update", "args": [{"visible": shown}, seen]})
    sides = {"type": "buttons", "direction": "right", "buttons": buttons, "x": 0, "y": 1.0, "xanchor": "left"}
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 40, "b": 10}, updatemenus=[{**sides, "yanchor": "bottom", **_MENU}]
    )
    return figure


def _add_menu(figure: go.Figure, looks: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    numbers = list(range(len(next(iter(looks.values()))["color"])))
    buttons = [{"label": name, "method": "restyle", "args": [look, numbers]} for name, look in looks.items()]
    # Below the brain, opening upwards: above it are the buttons of plotly's own, which would lie over the menu.
    place = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "direction": "up"}
    menus = [*figure.layout.updatemenus, {"type": "dropdown", "buttons": buttons, **place, **_MENU}]
    figure.update_layout(updatemenus=menus, margin_b=45)
