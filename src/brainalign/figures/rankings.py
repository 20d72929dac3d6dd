"""Metrics by their likeness, correlations beside chance, and ranks under several averages."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import dendrogram

from brainalign.figures.style import ACCENT, DIVERGING, MUTED, WIDTH, color_and_marker, house_style

_MOST_LABELS = 25
"""Rows that can still be named beside a heat map of the width of a page."""


def show_clustered_matrix(matrix: pd.DataFrame, linkage: ArrayLike, groups: pd.Series, *, label: str) -> Figure:
    """A symmetric matrix in the order of a tree, with the tree and the group of every row beside it.

    Parameters
    ----------
    matrix : DataFrame of shape (n, n)
        Values in [-1, 1]; NaN stays white.
    linkage : array_like of shape (n - 1, 4)
        Tree in scipy's form.
    groups : Series of length n
        Group of every row, by the names of the rows; drawn as a strip of colours.
    label : str
        What the values are, written at the colour scale.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, (tree, strip, heat) = plt.subplots(
            1, 3, figsize=(WIDTH, 0.78 * WIDTH), gridspec_kw={"width_ratios": [1.4, 0.18, 6]}
        )
        drawn = dendrogram(linkage, orientation="left", ax=tree, no_labels=True, color_threshold=0,
                           above_threshold_color=MUTED)  # fmt: skip
        # The tree starts at the bottom, a picture at the top.
        names = matrix.index[drawn["leaves"][::-1]]
        tree.axis("off")
        kinds = list(dict.fromkeys(groups))
        codes = groups.loc[names].map(kinds.index).to_numpy(dtype=int)[:, None]
        colors = [color_and_marker(place)[0] for place in range(len(kinds))]
        strip.imshow(codes, cmap=ListedColormap(colors), vmin=-0.5, vmax=len(kinds) - 0.5, aspect="auto",
                     interpolation="nearest")  # fmt: skip
        strip.set(xticks=[], yticks=[])
        picture = heat.imshow(matrix.loc[names, names], cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto",
                              interpolation="nearest")  # fmt: skip
        _name_rows(heat, names)
        figure.colorbar(picture, ax=heat, label=label, shrink=0.7)
        patches = [Patch(color=color, label=kind) for color, kind in zip(colors, kinds, strict=True)]
        figure.legend(handles=patches, loc="outside upper left", ncols=len(kinds), frameon=False)
    return figure


def _name_rows(ax: Axes, names: pd.Index) -> None:
    if len(names) > _MOST_LABELS:
        ax.set(xticks=[], yticks=[], xlabel=f"{len(names)} metrics, in the order of the tree")
        return
    places = np.arange(len(names))
    ax.set_xticks(places, names, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks([])


def show_correlation_distribution(
    values: ArrayLike, null: ArrayLike, marks: Mapping[str, float], *, null_label: str, label: str
) -> Figure:
    """Histogram of correlations in front of that of a null model, with single values marked.

    Parameters
    ----------
    values, null : array_like
        Correlations in [-1, 1]; the two may differ in number.
    marks : mapping of str to float
        Values to mark by a line, by what they are.
    null_label, label : str
        What the null model is; what was measured.

    Returns
    -------
    Figure
    """
    edges = np.linspace(-1, 1, 41)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.2))
        for data, color, name in ((null, MUTED, null_label), (values, ACCENT, label)):
            data = np.asarray(data)
            ax.hist(data, bins=edges, weights=np.full(data.size, 1 / data.size), color=color, alpha=0.55, label=name)
        for (name, value), style in zip(marks.items(), ("-", "--", ":", "-.") * len(marks), strict=False):
            ax.axvline(value, color="black", ls=style, lw=1.5, label=name)
        ax.set(xlabel="correlation of two metrics", ylabel="share of the pairs", xlim=(-1, 1))
        figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def show_rank_slopes(ranks: pd.DataFrame, *, n_named: int = 5) -> Figure:
    """Ranks of models under several averages, one line per model; the leaders of every average are named.

    Parameters
    ----------
    ranks : DataFrame of shape (n_models, n_averages)
        1 is the best and drawn at the top. Models without all ranks are left out.
    n_named : int
        How many models are named: the best of the first average, then of the second, and so on.

    Returns
    -------
    Figure
    """
    ranks = ranks.dropna()
    named = _leaders(ranks, n_named)
    places = np.arange(ranks.shape[1])
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 4.6))
        ax.plot(places, ranks.drop(index=named).T, color=MUTED, lw=0.7, alpha=0.4)
        for place, name in enumerate(named):
            color, marker = color_and_marker(place)
            ax.plot(places, ranks.loc[name], color=color, marker=marker, lw=2, ms=6, label=name, zorder=3)
        ax.set_xticks(places, [str(name) for name in ranks.columns])
        ax.set(ylabel="rank (1 is the best)", xlabel="way of averaging")
        ax.set_ylim(len(ranks) + 0.7, 0.3)
        ax.set_yticks([1, *range(5, len(ranks) + 1, max(5, len(ranks) // 50 * 5))])
        ax.margins(x=0.04)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _leaders(ranks: pd.DataFrame, n_named: int) -> list[str]:
    """First the winners of all averages, then the seconds, without repeats."""
    orders: NDArray[np.int64] = np.argsort(ranks.to_numpy(), axis=0, kind="stable")
    found = dict.fromkeys(ranks.index[place] for row in orders for place in row)
    return list(found)[:n_named]
