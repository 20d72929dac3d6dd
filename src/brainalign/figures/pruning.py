"""Pruned networks: what blocks are worth, which go first, and what is kept at which cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t

from brainalign.figures.names import in_words
from brainalign.figures.style import (
    DARK,
    MUTED,
    NETWORK_COLORS,
    NETWORK_MARKERS,
    SEQUENTIAL,
    WIDTH,
    color_and_marker,
    house_style,
)


def show_accuracy_costs(
    table: pd.DataFrame, *, panels: Sequence[tuple[str, str]], whole: float, muted: Sequence[str] = (), chance: float
) -> Figure:
    """What is kept of the accuracy over the operations saved; one line per criterion, one panel per kind of accuracy.

    Parameters
    ----------
    table : DataFrame
        One network per row, with columns ``criterion``, ``saved`` (operations saved, in percent), and the accuracies.
    panels : sequence of (str, str)
        Column with an accuracy, from 0 to 1, and the title of its panel.
    whole : float
        Mean accuracy of the networks before.
    muted : sequence of str
        Criteria drawn in grey: null models.
    chance : float
        Accuracy of guessing.

    Returns
    -------
    Figure
        Lines are means over repeats, set apart a little; bars are 95 % intervals of the mean, by Student's t.
    """
    with house_style():
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 3.6), sharey=True, squeeze=False)
        for ax, (column, title) in zip(axes[0], panels, strict=True):
            _draw_criteria(ax, table, column, muted)
            ax.axhline(whole, color=DARK, lw=0.8, ls="--")
            ax.axhline(chance, color=MUTED, lw=0.8, ls=":")
            ax.set(title=title, xlabel="operations saved, %", ylim=(0, 1.03))
        axes[0, 0].set_ylabel("accuracy on held-out samples")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    return figure


def show_removal_times(orders: pd.DataFrame, *, label: str) -> Figure:
    """At which step each block goes, from early (dark) to late, one row per criterion, one column per block.

    Parameters
    ----------
    orders : DataFrame of shape (n_criteria, n_blocks)
        Mean step at which a block went, from 1. Columns are blocks, named STAGE.BLOCK; a missing value is a block
        that was never removed.
    label : str
        What the numbers are.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.36 * len(orders) + 1.3))
        colors = plt.get_cmap(SEQUENTIAL).with_extremes(bad="#F2F2F2")
        shown = ax.imshow(np.ma.masked_invalid(orders), cmap=colors, aspect="auto")
        ax.set_xticks(range(orders.shape[1]), orders.columns, rotation=90 if orders.shape[1] > 16 else 0)
        ax.set_yticks(range(len(orders)), [in_words(name) for name in orders.index])
        stages = [str(name).partition(".")[0] for name in orders.columns]
        for place in np.flatnonzero([a != b for a, b in pairwise(stages)]):
            ax.axvline(place + 0.5, color="white", lw=3)
        ax.set(xlabel="block (stage.place)")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        figure.colorbar(shown, ax=ax, label=label)
    return figure


def show_block_scores(scores: pd.DataFrame, *, label: str) -> Figure:
    """Importance of every block, one panel per criterion; every repeat is a dot, a line joins the means of a stage.

    Parameters
    ----------
    scores : DataFrame with columns ``criterion``, ``block`` (STAGE.BLOCK), ``score``
        One block of one network per row, in the order of the network.
    label : str
        What the scores are.

    Returns
    -------
    Figure
    """
    blocks = list(dict.fromkeys(scores["block"]))
    place = {block: number for number, block in enumerate(blocks)}
    criteria = list(dict.fromkeys(scores["criterion"]))
    with house_style():
        size = (WIDTH, 1.5 * len(criteria) + 0.6)
        figure, axes = plt.subplots(len(criteria), 1, figsize=size, sharex=True, squeeze=False)
        for ax, name in zip(axes[:, 0], criteria, strict=True):
            rows = scores[scores["criterion"] == name]
            means = rows.groupby("block", sort=False)["score"].mean()
            stages = pd.Series([block.partition(".")[0] for block in means.index], index=means.index)
            for number, (_, part) in enumerate(means.groupby(stages, sort=False)):
                color, _ = color_and_marker(number)
                ax.plot([place[block] for block in part.index], part, color=color, lw=1.4)
                chosen = rows[rows["block"].isin(part.index)]
                ax.plot(chosen["block"].map(place), chosen["score"], "o", color=color, ms=3.5, alpha=0.55)
            ax.set_title(in_words(name), loc="left")
            ax.set_ylim(bottom=min(0, rows["score"].min()))
        axes[-1, 0].set_xticks(range(len(blocks)), blocks)
        axes[-1, 0].set_xlabel("block (stage.place)")
        figure.supylabel(label, fontsize=9)
    return figure


def show_next_blocks(steps: pd.DataFrame, accuracies: pd.DataFrame | None = None) -> Figure:
    """Where the block that was removed next stood among the scores of a criterion, and what the networks answer.

    Parameters
    ----------
    steps : DataFrame with columns ``criterion``, ``step``, ``rank``, ``removed``, ``chosen``
        Of `brainalign.studies.pruning.score_next_blocks`; without rows, the panel says that there is nothing.
    accuracies : DataFrame with columns ``saved``, ``accuracy``, ``n``, optional
        A network a row: operations saved, in percent, the share of ``n`` pictures that it names, and how many they are.

    Returns
    -------
    Figure
        Filled marks: the criterion named the very block. Bars: 95 % binomial intervals.
    """
    with house_style():
        shape = {"width_ratios": [2, 1]} if accuracies is not None else {}
        figure, axes = plt.subplots(1, 1 + (accuracies is not None), figsize=(WIDTH, 3.3), squeeze=False, **shape)
        ax = axes[0, 0]
        for place, (name, rows) in enumerate(steps.groupby("criterion", sort=False)):
            color, marker = color_and_marker(place)
            is_named = (rows["removed"] == rows["chosen"]).to_numpy()
            look = {"color": color, "marker": marker, "s": 30}
            ax.plot(rows["step"], rows["rank"], color=color, lw=0.8, alpha=0.5)
            ax.scatter(rows["step"][~is_named], rows["rank"][~is_named], **look | {"facecolor": "white"}, zorder=3)
            label = in_words(name)
            ax.scatter(rows["step"][is_named], rows["rank"][is_named], **look, zorder=3, label=label)
        ax.axhline(0.5, color=MUTED, lw=0.8, ls=":")
        ax.set(xlabel="blocks removed before", ylabel="rank of the removed block", ylim=(1.04, -0.04))
        if steps.empty:
            ax.text(0.5, 0.25, "the released networks are not here", transform=ax.transAxes, ha="center")
        else:
            figure.legend(loc="outside upper center", ncols=3, frameon=False)
        if accuracies is not None:
            share, n = accuracies["accuracy"], accuracies["n"]
            half = 1.96 * np.sqrt(share * (1 - share) / n)
            axes[0, 1].errorbar(accuracies["saved"], share, yerr=half, color=DARK, marker="o", ms=4, capsize=2)
            axes[0, 1].set(xlabel="operations saved, %", ylabel="accuracy", ylim=(0, 1.03))
    return figure


def _draw_criteria(ax: plt.Axes, table: pd.DataFrame, column: str, muted: Sequence[str]) -> None:
    colors = iter(NETWORK_COLORS)
    n_criteria = table["criterion"].nunique()
    shifts = 0.008 * table["saved"].max() * (np.arange(n_criteria) - (n_criteria - 1) / 2)  # so that bars stand apart
    by_criterion = table.groupby("criterion", sort=False)
    for (name, rows), marker, shift in zip(by_criterion, NETWORK_MARKERS, shifts, strict=False):
        color = MUTED if name in muted else next(colors)
        repeats = rows.groupby("saved")[column]
        mean, half = repeats.mean(), repeats.apply(_half_interval)
        look = {"color": color, "marker": marker, "ms": 4.5, "lw": 1.2, "elinewidth": 0.8, "capsize": 2, "alpha": 0.85}
        line = "--" if name in muted else "-"
        ax.errorbar(mean.index + shift, mean, yerr=half, ls=line, label=in_words(name), **look)


def _half_interval(values: pd.Series) -> float:
    """Half the width of the 95 % interval of a mean; 0 of a single value, which says nothing of its spread."""
    n = len(values)
    return float(t.ppf(0.975, n - 1) * values.std() / np.sqrt(n)) if n > 1 else 0.0
