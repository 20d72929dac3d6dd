"""Curves: profiles over metrics, and values over layers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.names import in_words
from brainalign.figures.style import ACCENT, DARK, MUTED, NETWORK_COLORS, NETWORK_MARKERS, WIDTH, house_style


def show_profile_shapes(head: pd.Series, networks: pd.DataFrame) -> Figure:
    """Standardised profile of one head over those of the brain networks.

    Parameters
    ----------
    head : Series of length 5
        Standardised metrics, by name.
    networks : DataFrame of shape (n_networks, 5)
        Standardised metrics of the networks.

    Returns
    -------
    Figure
    """
    names = [in_words(name) for name in head.index]
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.4))
        for (network, row), color, marker in zip(networks.iterrows(), NETWORK_COLORS, NETWORK_MARKERS, strict=False):
            ax.plot(names, row, color=color, marker=marker, lw=1, ms=5, alpha=0.75, label=network)
        ax.plot(names, head, color="#C00000", lw=3, marker="*", ms=13, label="this head", zorder=3)
        ax.axhline(0, color=MUTED, lw=0.7, ls=":")
        ax.set(ylabel="standardised over the five metrics")
        ax.margins(x=0.04)
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def show_lines(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    line: str,
    theory: pd.DataFrame | None = None,
    labels: tuple[str, str],
    log_x: bool = False,
) -> Figure:
    """Means over repeats as lines, the middle 95 % of the repeats as bands, and what theory expects as dashes.

    Parameters
    ----------
    table : DataFrame
        One repeat a row.
    x, y, line : str
        Columns with the horizontal and the vertical value, and the name of the line that the row belongs to.
    theory : DataFrame, optional
        The same columns, one expected value per row.
    labels : tuple of two str
        What the axes are.
    log_x : bool
        Whether the horizontal axis is logarithmic.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
        for (name, rows), color, marker in zip(
            table.groupby(line, sort=False), NETWORK_COLORS, NETWORK_MARKERS, strict=False
        ):
            repeats = rows.groupby(x)[y]
            mean, low, high = repeats.mean(), repeats.quantile(0.025), repeats.quantile(0.975)
            ax.plot(mean.index, mean, color=color, marker=marker, ms=5, lw=1.2, label=name)
            ax.fill_between(mean.index, low, high, color=color, alpha=0.2, lw=0)
        if theory is not None:
            for _, rows in theory.groupby(line, sort=False):
                ax.plot(rows[x], rows[y], color=DARK, ls="--", lw=1.4, zorder=4)
            ax.plot([], [], color=DARK, ls="--", lw=1.4, label="expected")
        ax.axhline(0, color=MUTED, lw=0.7, ls=":")
        ax.set(xlabel=labels[0], ylabel=labels[1], xscale="log" if log_x else "linear")
        figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def show_layer_trend(values: ArrayLike, null: ArrayLike, *, label: str, null_label: str) -> Figure:
    """Heads of every layer over the range of null models.

    Parameters
    ----------
    values : array_like of shape (n_layers, n_heads)
        Value of every head of the trained model.
    null : array_like of shape (n_null, n_layers)
        Mean over heads of every layer, of every null model.
    label, null_label : str
        What the values are; what the null is.

    Returns
    -------
    Figure
    """
    values, null = np.asarray(values), np.asarray(null)
    layers = np.arange(len(values))
    low, high = np.quantile(null, [0.025, 0.975], axis=0)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.2))
        ax.fill_between(layers, low, high, color=MUTED, alpha=0.35, label=f"{null_label}: 95 % of layer means")
        ax.plot(layers, null.mean(axis=0), color=MUTED, lw=1.2, ls="--")
        jitter = np.linspace(-0.16, 0.16, values.shape[1])
        ax.scatter(
            (layers[:, None] + jitter).ravel(), values.ravel(), color=ACCENT, alpha=0.5, s=16, label="trained: one head"
        )
        ax.plot(layers, values.mean(axis=1), color=ACCENT, marker="o", ms=6, label="trained: mean of the layer")
        ax.set(xlabel="layer", ylabel=label, xticks=layers)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
