"""The plane of the first two axes of a space, with its null envelope."""

from __future__ import annotations

from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from brainalign.figures.style import MUTED, NETWORK_COLORS, NETWORK_MARKERS, SEQUENTIAL, WIDTH, house_style


class DensityRegion(Protocol):
    """A region given by a density on a grid and a level, as `brainalign.topology.null_envelope` returns it."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    density: NDArray[np.float64]
    level: float
    share: float


def show_space(
    heads: ArrayLike,
    layers: ArrayLike,
    networks: pd.DataFrame,
    null: ArrayLike,
    envelope: DensityRegion,
    *,
    explained: ArrayLike,
    null_label: str,
) -> Figure:
    """Heads coloured by layer, brain networks as labelled marks, null heads in grey with their envelope.

    Parameters
    ----------
    heads : array_like of shape (n, 2)
        Heads of the trained model.
    layers : array_like of shape (n,)
        Layer of every head.
    networks : DataFrame of shape (n_networks, 2)
        Where each brain network itself would lie.
    null : array_like of shape (n_null, 2)
        Heads of the null models.
    envelope : DensityRegion
        Region that holds most of the null heads.
    explained : array_like of length 2
        Share of the variance along each axis.
    null_label : str
        What the null models are.

    Returns
    -------
    Figure
    """
    heads, layers, null = np.asarray(heads), np.asarray(layers), np.asarray(null)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 4.8))
        ax.scatter(*null.T, s=2, color=MUTED, alpha=0.25, rasterized=True)
        ax.contour(envelope.x, envelope.y, envelope.density, levels=[envelope.level], colors=["black"], linestyles="--")
        points = ax.scatter(*heads.T, c=layers, cmap=SEQUENTIAL, s=42, edgecolor="white", linewidth=0.6, zorder=3)
        for (_, (x, y)), color, marker in zip(networks.iterrows(), NETWORK_COLORS, NETWORK_MARKERS, strict=False):
            ax.scatter(x, y, color=color, marker=marker, s=90, edgecolor="white", linewidth=1, zorder=4)
        figure.colorbar(points, ax=ax, label="layer", ticks=np.unique(layers), shrink=0.8)
        name_axes(ax, explained)
        figure.legend(
            handles=_legend(networks, envelope, null_label), loc="outside lower center", ncols=4, frameon=False
        )
    return figure


def name_axes(ax: Axes, explained: ArrayLike) -> None:
    """Write at both axes of the plane how much of the variance lies along them."""
    first, second = (f"axis {number} ({share:.0%} of the variance)" for number, share in enumerate(explained, 1))
    ax.set(xlabel=first, ylabel=second)


def _legend(networks: pd.DataFrame, envelope: DensityRegion, null_label: str) -> list[Line2D]:
    marks = [
        Line2D([], [], color=color, marker=marker, ls="", ms=7, label=name)
        for name, color, marker in zip(networks.index, NETWORK_COLORS, NETWORK_MARKERS, strict=False)
    ]
    return [
        *marks,
        Line2D([], [], color="black", ls="--", label=f"{envelope.share:.0%} of {null_label}"),
        Line2D([], [], color=MUTED, marker="o", ls="", ms=3, label=f"{null_label}: one head"),
    ]
