"""Matrices as pictures."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import DIVERGING, SEQUENTIAL, WIDTH, house_style


def show_steps(matrices: Mapping[str, ArrayLike], *, axis: str = "position") -> Figure:
    """Square matrices side by side, each with a colour scale of its own.

    Parameters
    ----------
    matrices : mapping of str to array_like of shape (n, n)
        Title and matrix of every step.
    axis : str
        What rows and columns are.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, axes = plt.subplots(1, len(matrices), figsize=(WIDTH, WIDTH / len(matrices) + 0.35), squeeze=False)
        for ax, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
            picture = ax.imshow(matrix, cmap=SEQUENTIAL, interpolation="nearest")
            bar = figure.colorbar(picture, ax=ax, orientation="horizontal", shrink=0.9, aspect=12)
            bar.ax.tick_params(labelsize=7)
            bar.ax.locator_params(nbins=3)
            bar.formatter.set_powerlimits((-2, 3))
            ax.set(title=title, xticks=[], yticks=[], xlabel=axis)
        axes[0, 0].set_ylabel(axis)
    return figure


def show_labelled_matrix(
    table: pd.DataFrame, *, label: str, center: float | None = None, limits: tuple[float, float] | None = None
) -> Figure:
    """A table of numbers as coloured cells with the numbers written in.

    Parameters
    ----------
    table : DataFrame
        Rows and columns are labelled.
    label : str
        What the numbers are, written at the colour scale.
    center : float, optional
        Value of the neutral colour of a two-sided scale; a one-sided scale without it.
    limits : tuple of two floats, optional
        Ends of the colour scale; the table's own range by default.

    Returns
    -------
    Figure
    """
    low, high = limits or (None, None)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.34 * len(table) + 1.4))
        sns.heatmap(
            table, ax=ax, annot=True, fmt=".2f", annot_kws={"size": 7}, linewidths=0.5, vmin=low, vmax=high,
            cmap=SEQUENTIAL if center is None else DIVERGING, center=center, cbar_kws={"label": label},
        )  # fmt: skip
        ax.set(xlabel=table.columns.name or "", ylabel=table.index.name or "")
        ax.tick_params(axis="x", rotation=35)
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
        ax.tick_params(axis="y", rotation=0)
    return figure
