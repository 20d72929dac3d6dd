"""Artificial neurons: how sure their statistics are, how they go together, and what their layers do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from brainalign.figures.style import (
    DARK,
    DIVERGING,
    NETWORK_COLORS,
    NETWORK_MARKERS,
    WIDTH,
    color_and_marker,
    house_style,
)

_OFFSET = 0.22  # between the marks of one row
_COLUMNS = 2


def show_rejection_rates(table: pd.DataFrame, *, level: float) -> Figure:
    """How often each statistic calls something, with confidence limits, beside its nominal level.

    Parameters
    ----------
    table : DataFrame
        Columns ``statistic``, ``truth``, ``rate``, ``low`` and ``high``.
    level : float
        Nominal rate of false calls, drawn as a line.

    Returns
    -------
    Figure
    """
    names, truths = list(dict.fromkeys(table["statistic"])), list(dict.fromkeys(table["truth"]))
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(names) + 1.1))
        for index, truth in enumerate(truths):
            rows = table[table["truth"] == truth]
            heights = np.array([names.index(name) for name in rows["statistic"]]) + _OFFSET * (index - 1)
            color, marker = color_and_marker(index)
            ax.hlines(heights, rows["low"], rows["high"], color=color, lw=1.2)
            ax.scatter(rows["rate"], heights, color=color, marker=marker, s=26, label=truth)
        ax.axvline(level, color=DARK, ls="--", lw=1.1, label=f"nominal level {level:g}")
        ax.set(yticks=range(len(names)), yticklabels=names, xlabel="share of simulated brains where it calls something")
        ax.invert_yaxis()
        figure.legend(loc="outside upper center", ncols=len(truths) + 1, frameon=False)
    return figure


def show_connectivity(matrices: Mapping[str, tuple[ArrayLike, Sequence[str]]], *, limit: float = 1.0) -> Figure:
    """Correlation matrices side by side, in the order given, with lines between their groups.

    Parameters
    ----------
    matrices : mapping of str to (array_like of shape (n, n), sequence of str)
        Title, matrix, and group of every row; rows of a group stand together.
    limit : float
        The colour scale goes from minus this to this.

    Returns
    -------
    Figure
    """
    with house_style():
        size = (WIDTH, WIDTH / len(matrices) + 0.7)
        figure, axes = plt.subplots(1, len(matrices), figsize=size, squeeze=False)
        for ax, (title, (matrix, groups)) in zip(axes[0], matrices.items(), strict=True):
            picture = ax.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
            names, begins = _runs(groups)
            for begin in begins[1:]:
                ax.axhline(begin - 0.5, color=DARK, lw=0.6)
                ax.axvline(begin - 0.5, color=DARK, lw=0.6)
            middles = (begins + np.append(begins[1:], len(groups))) / 2 - 0.5
            ax.set(title=title, xticks=[], yticks=middles, yticklabels=names)
            ax.tick_params(axis="y", length=0, labelsize=7)
        figure.colorbar(picture, ax=axes, label="correlation", shrink=0.7, aspect=22)
    return figure


def show_layer_weights(by_layer: Mapping[str, ArrayLike], *, label: str, depth: str = "layer") -> Figure:
    """Mean signed weight of every layer, measured in two halves of the data.

    Parameters
    ----------
    by_layer : mapping of str to array_like of shape (2, n_layers)
        One panel each, two in a row.
    label : str
        What the weights are.
    depth : str
        What the steps of the depth are; they are counted from 1.

    Returns
    -------
    Figure
    """
    n_rows = -(-len(by_layer) // _COLUMNS)
    with house_style():
        size = (WIDTH, 2.1 * n_rows + 0.5)
        figure, axes = plt.subplots(n_rows, _COLUMNS, figsize=size, squeeze=False)
        for ax in axes.ravel()[len(by_layer) :]:
            ax.axis("off")
        for ax, (title, halves) in zip(axes.ravel(), by_layer.items(), strict=False):
            steps = range(1, np.shape(halves)[1] + 1)
            for index, values in enumerate(np.asarray(halves)):
                ax.plot(
                    steps, values, color=NETWORK_COLORS[4 * index], marker=NETWORK_MARKERS[index], ms=5, lw=1.2,
                    label=("first half", "second half")[index],
                )  # fmt: skip
            ax.axhline(0, color=DARK, lw=0.7, ls=":")
            ax.set(title=title, xlabel=depth, xticks=steps)
        for row in axes:
            row[0].set_ylabel(label)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _runs(groups: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the groups, and the row where each begins."""
    groups = list(groups)
    begins = [i for i, group in enumerate(groups) if i == 0 or groups[i - 1] != group]
    return [groups[i] for i in begins], np.array(begins)
