"""Designed comparisons: every trained model as a dot, differences with their intervals, shares of variance."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainalign.figures.names import in_words
from brainalign.figures.spaces import name_axes
from brainalign.figures.style import (
    ACCENT,
    MUTED,
    NETWORK_COLORS,
    NETWORK_MARKERS,
    WIDTH,
    color_and_marker,
    house_style,
)

_SHARE_COLORS = ("#bbbbbb", ACCENT, "#E69F00", "#009E73")


def show_treatments(values: dict[str, pd.DataFrame], *, reference: str, label: str) -> Figure:
    """One panel a table: a column of dots for every treatment, and a line through the dots of one block.

    Parameters
    ----------
    values : dict of str to DataFrame of shape (n_blocks, n_treatments)
        Values by title of the panel; rows are blocks, columns treatments.
    reference : str
        Column that the treatments are compared with; it comes first, in grey.
    label : str
        What the values are.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, axes = plt.subplots(1, len(values), figsize=(WIDTH, 3.2), sharey=True, squeeze=False)
        for ax, (title, table) in zip(axes[0], values.items(), strict=True):
            names = [reference, *(name for name in table.columns if name != reference)]
            for i, (block, row) in enumerate(table[names].iterrows()):
                color, marker = color_and_marker(i)
                ax.plot(range(len(names)), row, color=color, marker=marker, ms=5, lw=0.7, alpha=0.8, label=str(block))
            means = table[names].mean()
            colors = [MUTED, *[ACCENT] * (len(names) - 1)]
            ax.hlines(means, np.arange(len(names)) - 0.3, np.arange(len(names)) + 0.3, colors=colors, lw=3, zorder=3)
            ax.axhline(means[reference], color=MUTED, lw=0.8, ls="--", zorder=0)
            ax.set(title=title, xticks=range(len(names)))
            ax.set_xticklabels(names, rotation=40, ha="right")
        axes[0, 0].set_ylabel(label)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        title = next(iter(values.values())).index.name
        figure.legend(handles, labels, loc="outside right upper", title=title, frameon=False)
    return figure


def show_contrasts(contrasts: pd.DataFrame, *, label: str) -> Figure:
    """Differences between treatments, each a dot with its interval; full dots are those that pass the correction.

    Parameters
    ----------
    contrasts : DataFrame with one row a difference
        ``first``, ``second``, ``difference``, ``low``, ``high``, ``p_holm`` and a column ``family`` that puts rows
        into panels, each corrected for itself.
    label : str
        What the difference is of.

    Returns
    -------
    Figure
    """
    families = dict(list(contrasts.groupby("family", sort=False)))
    heights = [len(rows) + 1 for rows in families.values()]
    with house_style():
        figure, axes = plt.subplots(
            len(families),
            1,
            figsize=(WIDTH, 0.24 * sum(heights) + 0.5),
            sharex=True,
            squeeze=False,
            height_ratios=heights,
        )
        for ax, (family, rows) in zip(axes[:, 0], families.items(), strict=True):
            places = np.arange(len(rows))[::-1]
            fills = np.where(rows["p_holm"] < 0.05, ACCENT, "white")
            ax.hlines(places, rows["low"], rows["high"], color=ACCENT, lw=1.4)
            ax.scatter(rows["difference"], places, c=fills, edgecolors=ACCENT, s=36, zorder=3)
            ax.axvline(0, color=MUTED, lw=0.8, ls="--")
            names = [f"{first} - {second}" for first, second in zip(rows["first"], rows["second"], strict=True)]
            ax.set(yticks=places, yticklabels=names, ylim=(-0.7, len(rows) - 0.3), title=family)
            for place, p in zip(places, rows["p_holm"], strict=True):
                ax.text(1.01, place, f"p {p:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=7)
        axes[-1, 0].set_xlabel(label)
    return figure


def show_variance_shares(shares: pd.DataFrame, *, label: str) -> Figure:
    """One bar a quantity, divided into what its variance is due to.

    Parameters
    ----------
    shares : DataFrame of shape (n_quantities, n_sources)
        Shares from 0 to 1; every row sums to 1.
    label : str
        What the variance is over.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.26 * len(shares) + 0.9))
        left, places = np.zeros(len(shares)), np.arange(len(shares))[::-1]
        for name, color in zip(shares.columns, _SHARE_COLORS, strict=False):
            ax.barh(places, shares[name], left=left, color=color, edgecolor="white", label=name)
            left += shares[name].to_numpy()
        names = [in_words(name) for name in shares.index]
        ax.set(xlim=(0, 1), xlabel=label, yticks=places, yticklabels=names)
        ax.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=len(shares.columns), frameon=False)
    return figure


def show_models(heads: pd.DataFrame, groups: pd.Series, *, reference: str, explained: tuple[float, float]) -> Figure:
    """Heads of many models as grey dots, and the middle of every model as a mark by group.

    Parameters
    ----------
    heads : DataFrame
        ``model``, ``axis_1`` and ``axis_2``, one row per head.
    groups : Series indexed by model
        Group of every model.
    reference : str
        Group that is drawn in grey.
    explained : tuple of two float
        Share of the variance along each axis.

    Returns
    -------
    Figure
    """
    middles = heads.groupby("model", sort=False)[["axis_1", "axis_2"]].mean()
    names = [name for name in dict.fromkeys(groups) if name != reference]
    styles = dict(zip(names, zip(NETWORK_COLORS, NETWORK_MARKERS, strict=True), strict=False))
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
        ax.scatter(heads["axis_1"], heads["axis_2"], s=3, color=MUTED, alpha=0.3, rasterized=True)
        for name in [reference, *names]:
            color, marker = styles.get(name, (MUTED, "o"))
            points = middles.loc[groups.index[groups == name]]
            ax.scatter(*points.to_numpy().T, color=color, marker=marker, s=46, edgecolor="white", lw=0.6, label=name)
        name_axes(ax, explained)
        figure.legend(loc="outside lower center", ncols=6, frameon=False)
    return figure
