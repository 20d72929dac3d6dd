"""Figures that answer to the mouse, each with a still picture of the same values."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from contourpy import contour_generator
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from brainalign.figures.names import in_words
from brainalign.figures.spaces import DensityRegion, axis_names, group_style, is_ordered, show_space
from brainalign.figures.style import MUTED, color_and_marker, house_style

PLOTLY_MIME = "application/vnd.plotly.v1+json"
"""Mime type under which notebooks find the figure; JupyterLab and the book draw it."""

INK = "#757575"
"""Colour of texts and lines: readable on white and on black. The book's pages put the colour of their text for it, so
nothing else may have it."""

BLACK = "#000000"
"""The last colour of the seven networks, which a dark page and a folded surface need in another shade."""

_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross", "X": "x",
}  # fmt: skip
_MOST_NULL_HEADS = 3000  # more make no cloud denser to the eye, and the page slow
_LEGEND = {"orientation": "h", "y": -0.13, "yanchor": "top", "x": 0, "font": {"size": 11}, "itemsizing": "constant"}
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "showSendToCloud": False,  # the figure would go to a company's machine
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d", "orbitRotation", "resetCameraLastSave3d"],
}


@dataclass(frozen=True)
class InteractiveFigure:
    """A figure of plotly and its still picture; made by the functions ``show_interactive_...``.

    Attributes
    ----------
    figure : plotly.graph_objects.Figure
        What answers to the mouse.
    picture : bytes
        The same values as PNG, for readers, printers and programs that run no script.
    label : str
        One line that says what is shown.
    """

    figure: go.Figure
    picture: bytes
    label: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        content = json.loads(self.figure.to_json()) | {"config": _CONFIG}
        picture = base64.b64encode(self.picture).decode("ascii")
        return {PLOTLY_MIME: content, "image/png": picture, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"Interactive figure: {self.label}"


def show_interactive_space(
    heads: pd.DataFrame,
    *,
    color: str = "model",
    networks: pd.DataFrame | None = None,
    null: ArrayLike | None = None,
    envelope: DensityRegion | None = None,
    explained: ArrayLike | None = None,
    null_label: str = "random twins",
) -> InteractiveFigure:
    """The space of `show_space`, where every head tells what it is and the legend hides and shows groups.

    Parameters
    ----------
    heads : DataFrame
        One row per head: at least ``axis_1``, ``axis_2``, ``model``, ``layer`` and ``head``; ``nearest_network`` and
        ``similarity`` (to that network) are told as well when they are there.
    color : str
        Column whose values give colours, marks and entries of the legend.
    networks, null, envelope, explained, null_label
        See `show_space`. Of more than 3000 null heads an even selection is drawn, and the legend says so.

    Returns
    -------
    InteractiveFigure
        Drawn by a notebook when it is the last expression of a cell, without a semicolon.

    Raises
    ------
    ValueError
        See `show_space`.
    """
    context = {"networks": networks, "null": null, "envelope": envelope, "null_label": null_label}
    picture = still_picture(show_space(heads, color=color, explained=explained, **context))
    traces = [
        *([] if null is None else [_null_trace(np.asarray(null, dtype=float), null_label)]),
        *([] if envelope is None else _envelope_traces(envelope, null_label)),
        *_head_traces(heads, color),
        *([] if networks is None else _network_traces(networks)),
    ]
    first, second = axis_names(explained)
    figure = go.Figure(traces)
    figure.update_layout(**quiet_layout(height=560), dragmode="zoom", hovermode="closest", legend=_LEGEND)
    figure.update_layout(legend_title_text=in_words(color))
    lines = {"showline": True, "linecolor": INK, "gridcolor": "rgba(117,117,117,0.2)", "zeroline": False}
    figure.update_xaxes(title={"text": first, "standoff": 6}, **lines)
    figure.update_yaxes(title={"text": second, "standoff": 6}, **lines)
    return InteractiveFigure(figure, picture, f"{len(heads)} heads in the space of brain networks, by {color}")


def quiet_layout(*, height: int) -> dict[str, Any]:
    """Layout that figures of all kinds share: no ground of their own, so that it suits light and dark pages."""
    return {
        "template": None,
        "height": height,
        "autosize": True,
        "margin": {"l": 55, "r": 10, "t": 30, "b": 45},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12},
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": "#222222"}, "align": "left"},
    }


def still_picture(figure: Figure) -> bytes:
    """The figure as PNG; it is closed, so that a notebook does not show it a second time."""
    drawn, small = io.BytesIO(), io.BytesIO()
    with house_style():
        figure.savefig(drawn, format="png", bbox_inches="tight")
    plt.close(figure)
    # A third of the bytes; more colours than 256 are only needed where the figure answers to the mouse.
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _head_traces(heads: pd.DataFrame, color: str) -> list[go.Scatter]:
    nearest = {"nearest_network", "similarity"} <= set(heads.columns)
    numbers = ["layer", "head", *(["similarity"] if nearest else [])]
    place = "<br>layer %{customdata[0]:d}, head %{customdata[1]:d}"
    place += "<br>nearest: %{text} (%{customdata[2]:.2f})" if nearest else ""
    traces = []
    for name, group in heads.groupby(color, sort=is_ordered(heads[color])):
        face, marker = group_style(heads, color, name)
        models = group["model"].astype(str)
        one_model = models.nunique() == 1  # its name is then written once and not at every point
        model = models.iloc[0] if one_model else "%{hovertext}"
        traces.append(
            go.Scatter(
                **_places(group[["axis_1", "axis_2"]].to_numpy()),
                mode="markers",
                name=str(name),
                legendrank=1,
                marker=_marker(face, marker, size=8, edge="#ffffff"),
                hovertext=None if one_model else list(models),
                text=list(group["nearest_network"].astype(str)) if nearest else None,
                customdata=group[numbers].to_numpy(dtype=np.float32),
                hovertemplate=f"<b>{model}</b>{place}<extra></extra>",
            )
        )
    return traces


def _network_traces(networks: pd.DataFrame) -> list[go.Scatter]:
    traces = []
    for place, (name, point) in enumerate(zip(networks.index, networks.to_numpy(), strict=True)):
        marker = _marker(*color_and_marker(place), size=13, edge=INK)
        told = f"<b>{name}</b><br>where the network itself lies<extra></extra>"
        shared = {"mode": "markers", "name": str(name), "legendrank": 2, "marker": marker, "hovertemplate": told}
        traces.append(go.Scatter(**_places(point[None]), **shared))
    return traces


def _null_trace(null: NDArray[np.float64], label: str) -> go.Scatter:
    step = -(-len(null) // _MOST_NULL_HEADS)
    name = f"{label}: one head" + (f" (1 of {step} is drawn)" if step > 1 else "")
    marker = {"size": 3, "color": MUTED, "opacity": 0.35}
    shared = {"mode": "markers", "name": name, "legendrank": 4, "marker": marker, "hoverinfo": "skip"}
    return go.Scatter(**_places(null[::step]), **shared)


def _envelope_traces(envelope: DensityRegion, null_label: str) -> list[go.Scatter]:
    """One line a piece of the region; they share an entry of the legend."""
    pieces = contour_generator(envelope.x, envelope.y, envelope.density).lines(envelope.level)
    shared = {
        "mode": "lines",
        "line": {"color": INK, "dash": "dash", "width": 1.5},
        "name": f"{envelope.share:.0%} of {null_label}",
        "legendgroup": "envelope",
        "legendrank": 3,
        "hoverinfo": "skip",
    }
    return [go.Scatter(**_places(piece), **shared, showlegend=not number) for number, piece in enumerate(pieces)]


def _places(points: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    # Single precision is finer than a screen, and half as long on the page.
    x, y = np.asarray(points, dtype=np.float32).T
    return {"x": x.copy(), "y": y.copy()}


def _marker(color: str, marker: str, *, size: int, edge: str) -> dict[str, Any]:
    seen = INK if color == BLACK else color  # black would be lost on a dark page
    return {"color": seen, "symbol": _SYMBOLS[marker], "size": size, "line": {"color": edge, "width": 1}}
