"""The plane of the first two axes of a space, with its null envelope."""

from __future__ import annotations

from typing import Protocol

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from brainalign.figures.style import (
    MUTED,
    NETWORK_COLORS,
    NETWORK_MARKERS,
    SEQUENTIAL,
    WIDTH,
    color_and_marker,
    house_style,
)

NEEDED = ("axis_1", "axis_2", "model", "layer", "head")
"""Columns that a table of heads must have."""

_LEGEND_COLUMNS = 4
_LEGEND_ROW = 0.19  # inches


class DensityRegion(Protocol):
    """A region given by a density on a grid and a level, as `brainalign.topology.null_envelope` returns it."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    density: NDArray[np.float64]
    level: float
    share: float


def show_space(
    heads: pd.DataFrame,
    *,
    color: str = "model",
    networks: pd.DataFrame | None = None,
    null: ArrayLike | None = None,
    envelope: DensityRegion | None = None,
    explained: ArrayLike | None = None,
    null_label: str = "random twins",
) -> Figure:
    """Heads in colours, brain networks as labelled marks, null heads in grey with their envelope.

    Parameters
    ----------
    heads : DataFrame
        One row per head: at least ``axis_1``, ``axis_2``, ``model``, ``layer`` and ``head``.
    color : str
        Column whose values give the colours: words get a colour and a mark each, numbers (such as the layer) a place
        on one scale.
    networks : DataFrame of shape (n_networks, 2), optional
        Where each brain network itself would lie; the index names them.
    null : array_like of shape (n_null, 2), optional
        Heads of the null models.
    envelope : DensityRegion, optional
        Region that holds most of the null heads.
    explained : array_like of length 2, optional
        Share of the variance along each axis.
    null_label : str
        What the null models are.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When the table has no row or lacks a column, or a head has no place or no value for the colour.
    """
    check_heads(heads, color)
    handles = _legend(heads, color, networks, envelope, null_label if null is not None else None)
    rows = -(-len(handles) // _LEGEND_COLUMNS)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 4.4 + _LEGEND_ROW * rows))
        if null is not None:
            ax.scatter(*np.asarray(null).T, s=2, color=MUTED, alpha=0.25, rasterized=True)
        if envelope is not None:
            lines = {"levels": [envelope.level], "colors": ["black"], "linestyles": "--"}
            ax.contour(envelope.x, envelope.y, envelope.density, **lines)
        for name, group in heads.groupby(color, sort=False):
            face, marker = group_style(heads, color, name)
            places = group["axis_1"], group["axis_2"]
            ax.scatter(*places, color=face, marker=marker, s=42, edgecolor="white", linewidth=0.6, zorder=3)
        for place, (x, y) in enumerate(networks.to_numpy() if networks is not None else ()):
            face, marker = color_and_marker(place)
            ax.scatter(x, y, color=face, marker=marker, s=90, edgecolor="black", linewidth=1, zorder=4)
        if is_ordered(heads[color]):
            _draw_scale(figure, ax, heads[color])
        name_axes(ax, explained)
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=_LEGEND_COLUMNS, frameon=False)
    return figure


def name_axes(ax: Axes, explained: ArrayLike | None) -> None:
    """Write at both axes of the plane how much of the variance lies along them."""
    first, second = axis_names(explained)
    ax.set(xlabel=first, ylabel=second)


def axis_names(explained: ArrayLike | None) -> tuple[str, str]:
    """What stands at both axes of the plane, with their share of the variance where it is known."""
    if explained is None:
        return "axis 1", "axis 2"
    first, second = (f"axis {number} ({share:.0%} of the variance)" for number, share in enumerate(explained, 1))
    return first, second


def check_heads(heads: pd.DataFrame, color: str) -> None:
    """Refuse a table that cannot be drawn, see `show_space`."""
    missing = [name for name in dict.fromkeys((*NEEDED, color)) if name not in heads]
    if missing:
        msg = f"the table of heads lacks {', '.join(missing)}; it has {', '.join(map(str, heads.columns))}."
        raise ValueError(msg)
    if heads.empty:
        msg = "the table of heads has no row; nothing can be drawn."
        raise ValueError(msg)
    lost = ~np.isfinite(heads[["axis_1", "axis_2"]].to_numpy(dtype=float)).all(axis=1)
    if lost.any():
        msg = f"{lost.sum()} of {len(heads)} heads have no finite place (axis_1, axis_2); leave them out first."
        raise ValueError(msg)
    if heads[color].isna().any():
        msg = f"{heads[color].isna().sum()} of {len(heads)} heads have no {color}; leave them out, or name their group."
        raise ValueError(msg)


def is_ordered(values: pd.Series) -> bool:
    """Whether the values are numbers, which get one scale of colours."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def group_style(heads: pd.DataFrame, color: str, name: object) -> tuple[str, str]:
    """Colour and mark of the heads of one group; 49 groups of words look different."""
    if is_ordered(heads[color]):
        scale = mpl.colors.Normalize(heads[color].min(), heads[color].max())
        return to_hex(mpl.colormaps[SEQUENTIAL](scale(name))), "o"
    place = list(heads[color].unique()).index(name)
    shifted = (place + place // len(NETWORK_COLORS)) % len(NETWORK_MARKERS)
    return NETWORK_COLORS[place % len(NETWORK_COLORS)], NETWORK_MARKERS[shifted]


def _draw_scale(figure: Figure, ax: Axes, values: pd.Series) -> None:
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(values.min(), values.max()), SEQUENTIAL)
    ticks = np.unique(values)
    figure.colorbar(scale, ax=ax, label=values.name, shrink=0.8, ticks=ticks if len(ticks) <= 12 else None)


def _legend(
    heads: pd.DataFrame, color: str, networks: pd.DataFrame | None, envelope: DensityRegion | None, null: str | None
) -> list[Line2D]:
    names = [] if is_ordered(heads[color]) else heads[color].unique()
    groups = [_mark(str(name), *group_style(heads, color, name), size=6) for name in names]
    anchors = [] if networks is None else networks.index
    marks = [_mark(name, *color_and_marker(place), size=7, edge="black") for place, name in enumerate(anchors)]
    region = [] if envelope is None else [_envelope_line(f"{envelope.share:.0%} of {null or 'null models'}")]
    cloud = [] if null is None else [_mark(f"{null}: one head", MUTED, "o", size=3)]
    return [*groups, *marks, *region, *cloud]


def _mark(label: str, color: str, marker: str, *, size: float, edge: str = "none") -> Line2D:
    return Line2D([], [], color=color, marker=marker, ls="", ms=size, mec=edge, label=label)


def _envelope_line(label: str) -> Line2D:
    return Line2D([], [], color="black", ls="--", label=label)
