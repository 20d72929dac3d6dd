"""Scores of encoding models with their intervals: by region, over layers, and as a table of layers by regions."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import DIVERGING, MUTED, WIDTH, color_and_marker, house_style


def show_intervals(table: pd.DataFrame, *, item: str, series: str, label: str) -> Figure:
    """Values of several series for every item, each a mark with its interval.

    Parameters
    ----------
    table : DataFrame
        One row an item and series, with the columns ``value``, ``low`` and ``high``.
    item, series : str
        Columns with the names along the horizontal axis, and of the marks beside each other.
    label : str
        What the values are.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A missing column, or an interval that does not hold its value.
    """
    _check_intervals(table, item, series)
    names = list(dict.fromkeys(table[item]))
    groups = list(table.groupby(series, sort=False))
    offsets = 0.12 * (np.arange(len(groups)) - (len(groups) - 1) / 2)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.4))
        for place, (name, rows) in enumerate(groups):
            x = np.array([names.index(own) for own in rows[item]]) + offsets[place]
            color, marker = color_and_marker(place)
            ax.errorbar(x, rows["value"], yerr=_arms(rows), fmt=marker, color=color, ms=5, lw=1.2, label=name)
        ax.set(xticks=range(len(names)), xticklabels=names, ylabel=label, xlim=(-0.6, len(names) - 0.4))
        _finish(figure, ax)
    return figure


def show_interval_lines(table: pd.DataFrame, *, x: str, series: str, labels: tuple[str, str]) -> Figure:
    """Lines over a number, layers or delays say, with their intervals as bands.

    Parameters
    ----------
    table : DataFrame
        One row per number and series, with the columns ``value``, ``low`` and ``high``.
    x, series : str
        Columns with the number, and with the name of the line.
    labels : tuple of two str
        What the axes are.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A missing column, or an interval that does not hold its value.
    """
    _check_intervals(table, x, series)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.4))
        for place, (name, rows) in enumerate(table.groupby(series, sort=False)):
            color, marker = color_and_marker(place)
            ax.plot(rows[x], rows["value"], color=color, marker=marker, ms=5, lw=1.4, label=name)
            ax.fill_between(rows[x], rows["low"], rows["high"], color=color, alpha=0.18, lw=0)
        ticks = np.unique(table[x])
        ax.set(xlabel=labels[0], ylabel=labels[1])
        if len(ticks) <= 13:
            ax.set_xticks(ticks)
        _finish(figure, ax)
    return figure


def show_matrix_with_intervals(values: pd.DataFrame, low: ArrayLike, high: ArrayLike, *, label: str) -> Figure:
    """A table of values as coloured cells, with every interval written below its value; grey where it holds zero.

    Parameters
    ----------
    values : DataFrame of shape (n_rows, n_columns)
        Rows and columns are labelled.
    low, high : array_like of shape (n_rows, n_columns)
        Ends of the intervals.
    label : str
        What the values are.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Other shapes, or an interval that does not hold its value.
    """
    low, high = np.asarray(low), np.asarray(high)
    if (
        low.shape != values.shape
        or high.shape != values.shape
        or not ((low <= values) & (values <= high)).all(axis=None)
    ):
        msg = f"low and high must have the shape {values.shape} and hold the values: got {low.shape} and {high.shape}."
        raise ValueError(msg)
    limit = float(np.abs(values.to_numpy()).max()) or 1.0
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(values) + 1.2))
        picture = ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
        for row, column in np.ndindex(values.shape):
            text = f"{values.iat[row, column]:.2f}\n{low[row, column]:.2f} to {high[row, column]:.2f}"
            sure = low[row, column] > 0 or high[row, column] < 0
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color="black" if sure else MUTED)
        ax.set(
            xticks=range(values.shape[1]),
            xticklabels=values.columns,
            yticks=range(len(values)),
            yticklabels=values.index,
        )
        ax.set(xlabel=values.columns.name or "", ylabel=values.index.name or "")
        figure.colorbar(picture, ax=ax, label=label)
    return figure


def _check_intervals(table: pd.DataFrame, *columns: str) -> None:
    absent = [column for column in (*columns, "value", "low", "high") if column not in table]
    if absent:
        msg = f"the table has no column {', '.join(absent)}; it has {', '.join(map(str, table.columns))}."
        raise ValueError(msg)
    wrong = ~((table["low"] <= table["value"]) & (table["value"] <= table["high"]))
    if wrong.any():
        row = table[wrong].iloc[0]
        msg = f"an interval must hold its value: got {row['value']:g} with {row['low']:g} to {row['high']:g}."
        raise ValueError(msg)


def _arms(rows: pd.DataFrame) -> np.ndarray:
    return np.stack([rows["value"] - rows["low"], rows["high"] - rows["value"]])


def _finish(figure: Figure, ax: Axes) -> None:
    ax.axhline(0, color=MUTED, lw=0.7, ls=":")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
