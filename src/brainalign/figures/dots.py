"""Values as dots on a line, each in front of what it must be compared with."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from brainalign.figures.style import ACCENT, MUTED, NETWORK_COLORS, NETWORK_MARKERS, WIDTH, house_style


def show_dots(table: pd.DataFrame, *, item: str, measured: str, beside: list[str], label: str) -> Figure:
    """One line an item: the measured value as a full dot, what it is compared with as hollow marks.

    Parameters
    ----------
    table : DataFrame
        One row a measurement; several rows of one item (seeds, say) share a line. Missing values are left out.
    item : str
        Column with the names of the lines.
    measured : str
        Column with the measured value.
    beside : list of str
        Columns with chance, null models and controls.
    label : str
        What the values are.

    Returns
    -------
    Figure
    """
    names = list(dict.fromkeys(table[item]))
    places = table[item].map({name: len(names) - i for i, name in enumerate(names)})
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.27 * len(names) + 1.1))
        ax.hlines(range(1, len(names) + 1), *_span(table[[measured, *beside]]), color="#dddddd", lw=0.8, zorder=0)
        for column, color, marker in zip(beside, NETWORK_COLORS[1:], NETWORK_MARKERS[1:], strict=False):
            ax.scatter(table[column], places, marker=marker, facecolors="none", edgecolors=color, s=34, label=column)
        ax.scatter(table[measured], places, color=ACCENT, s=34, label=measured, zorder=3)
        ax.set(xlabel=label, yticks=range(1, len(names) + 1), yticklabels=names[::-1], ylim=(0.4, len(names) + 0.6))
        ax.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def show_sizes(table: pd.DataFrame, *, x: str, y: str, kind: str, labels: tuple[str, str]) -> Figure:
    """Two sizes of many models against each other, on logarithmic axes, marked by kind.

    Parameters
    ----------
    table : DataFrame
        One model a row.
    x, y : str
        Columns with positive sizes; rows without one are left out.
    kind : str
        Column that chooses colour and mark.
    labels : tuple of two str
        What x and y are, with units.

    Returns
    -------
    Figure
    """
    known = table.dropna(subset=[x, y])
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
        for i, (name, rows) in enumerate(known.groupby(kind, sort=False)):
            turn, place = divmod(i, len(NETWORK_COLORS))  # the second time round, colours get other marks
            color, marker = NETWORK_COLORS[place], NETWORK_MARKERS[(place + 3 * turn) % len(NETWORK_MARKERS)]
            ax.scatter(rows[x], rows[y], color=color, marker=marker, s=26, alpha=0.75, label=name)
        low, high = _span(known[[x, y]])
        ax.plot([low, high], [low, high], color=MUTED, lw=0.8, ls=":")
        ax.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def _span(values: pd.DataFrame) -> tuple[float, float]:
    return float(values.min().min()), float(values.max().max())
