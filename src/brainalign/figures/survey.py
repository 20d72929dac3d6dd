"""Many models at once: trends over depth by group, models by networks, pairs against the noise floor."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from brainalign.figures.style import ACCENT, DARK, DIVERGING, MUTED, WIDTH, house_style

_PANELS_IN_A_ROW = 3
_NAMED_ROWS = 80  # with more models than that, names would be too small to read


def show_depth_trends(
    trend: pd.DataFrame, twins: pd.DataFrame, *, thirds: Sequence[str], value: str, label: str, null_label: str
) -> Figure:
    """One panel per group: the value in each third of the depth, of the trained models and of their twins.

    Parameters
    ----------
    trend, twins : DataFrame
        ``group``, ``third`` and the value, one row per group and third, of trained models and of twins.
    thirds : sequence of str
        Names of the thirds, from the first layers to the last. A group may lack one.
    value : str
        Column that is drawn.
    label : str
        What the value is.
    null_label : str
        What the twins are.

    Returns
    -------
    Figure
    """
    groups = list(dict.fromkeys(trend["group"]))
    thirds = list(thirds)
    n_rows = -(-len(groups) // _PANELS_IN_A_ROW)
    with house_style():
        figure, axes = plt.subplots(
            n_rows, _PANELS_IN_A_ROW, figsize=(WIDTH, 1.75 * n_rows + 0.5), sharex=True, sharey=True, squeeze=False
        )
        for ax in axes.ravel()[len(groups) :]:
            ax.axis("off")
        styles = ((twins, MUTED, "s", "--", null_label), (trend, ACCENT, "o", "-", "trained"))
        for ax, group in zip(axes.ravel(), groups, strict=False):
            for table, color, marker, line, name in styles:
                rows = table[table["group"] == group]
                places = [thirds.index(third) for third in rows["third"].astype(str)]
                ax.plot(places, rows[value], color=color, marker=marker, ls=line, ms=5, label=name)
            ax.set(title=group, xticks=range(len(thirds)), xticklabels=thirds)
        figure.supylabel(label, fontsize=9)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def show_models_by_networks(means: pd.DataFrame, groups: pd.Series, *, label: str, center: float) -> Figure:
    """A coloured row for every model and a column for every network, models of a group together.

    Parameters
    ----------
    means : DataFrame of shape (n_models, n_networks)
        Values, in the order in which rows and columns are drawn.
    groups : Series indexed by model
        Group of every model; rows of one group must follow each other.
    label : str
        What the values are.
    center : float
        Value of the neutral colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When the rows of a group are not together.
    """
    names = groups.loc[means.index]
    starts = np.flatnonzero(names != names.shift())
    if len(starts) != names.nunique():
        msg = "the models of a group must follow each other; sort the rows by group first."
        raise ValueError(msg)
    is_named = len(means) <= _NAMED_ROWS
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, (0.13 if is_named else 0.05) * len(means) + 1.2))
        sns.heatmap(means, ax=ax, cmap=DIVERGING, center=center, cbar_kws={"label": label}, yticklabels=is_named)
        if is_named:
            ax.tick_params(axis="y", labelsize=5.5, length=0)
        ends = [*starts[1:], len(means)]
        for start, end in zip(starts, ends, strict=True):
            ax.axhline(end, color="white", lw=2.5)
            ax.text(-0.02 if not is_named else 7.05, (start + end) / 2, names.iloc[start], va="center", fontsize=7,
                    ha="left" if is_named else "right", color=DARK)  # fmt: skip
        ax.set(xlabel="", ylabel="")
        plt.setp(ax.get_xticklabels(), rotation=35, ha="right", rotation_mode="anchor")
    return figure


def show_pair_differences(differences: pd.DataFrame, *, floor: str, label: str) -> Figure:
    """One line per kind of pair: the difference of every pair as a dot, over the spread of the noise floor.

    Parameters
    ----------
    differences : DataFrame with one row per pair
        ``kind`` and ``difference``.
    floor : str
        Kind that is the noise floor; its dots are grey, and 95 % of its absolute differences lie within the band. There
        may be none.
    label : str
        What the difference is of.

    Returns
    -------
    Figure
    """
    kinds = [*(kind for kind in dict.fromkeys(differences["kind"]) if kind != floor), floor]
    of_floor = differences.loc[differences["kind"] == floor, "difference"].abs()
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(kinds) + 0.9))
        if len(of_floor):
            limit = of_floor.quantile(0.95)
            ax.axvspan(-limit, limit, color=MUTED, alpha=0.2, lw=0, label=f"95 % of the pairs with {floor}")
        for place, kind in enumerate(reversed(kinds)):
            values = differences.loc[differences["kind"] == kind, "difference"].to_numpy()
            spread = np.linspace(-0.2, 0.2, values.size) if values.size > 1 else np.zeros(values.size)
            color = MUTED if kind == floor else ACCENT
            ax.scatter(values, place + spread, color=color, s=22, alpha=0.8, edgecolor="white", lw=0.4, zorder=3)
        ax.axvline(0, color=DARK, lw=0.8, ls="--")
        ax.set(yticks=range(len(kinds)), yticklabels=kinds[::-1], xlabel=label, ylim=(-0.6, len(kinds) - 0.4))
        ax.tick_params(axis="y", length=0)
        if len(of_floor):
            figure.legend(loc="outside upper right", frameon=False)
    return figure
