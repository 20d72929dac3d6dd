"""Optimised scores: when components are captured, and which pairs of scores are reached."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from brainalign.figures.names import in_words
from brainalign.figures.style import ACCENT, DARK, MUTED, NETWORK_COLORS, WIDTH, house_style


def show_captures(captures: pd.DataFrame, *, published: pd.DataFrame | None = None) -> Figure:
    """Score at which each component is captured, over its share of the variance; one line per measure.

    Parameters
    ----------
    captures : DataFrame with columns ``measure``, ``component``, ``variance``, ``score``
        One repeat a row; lines are means over the repeats in which a component was captured, bands hold the middle
        95 % of these.
    published : DataFrame, optional
        The same columns: one published run, as dots of the measure's colour.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
        for (measure, rows), color in zip(captures.groupby("measure", sort=False), NETWORK_COLORS, strict=False):
            repeats = rows.groupby("component")
            variance = repeats["variance"].mean()
            scores = repeats["score"]
            ax.plot(variance, scores.mean(), color=color, lw=1.4, label=in_words(measure))
            ax.fill_between(variance, scores.quantile(0.025), scores.quantile(0.975), color=color, alpha=0.25, lw=0)
            if published is not None:
                theirs = published[published["measure"] == measure]
                ax.plot(theirs["variance"], theirs["score"], ".", color=color, ms=3, alpha=0.7, zorder=3)
        if published is not None:
            ax.plot([], [], ".", color=DARK, ms=4, label="published")
        ax.set(xscale="log", xlabel="share of the variance of a principal component", ylabel="score at its capture")
        ax.set_ylim(top=1.02)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def show_score_pairs(
    ways: Mapping[str, ArrayLike],
    reached: Mapping[str, ArrayLike],
    targets: ArrayLike,
    *,
    bounds: tuple[ArrayLike, ArrayLike, ArrayLike] | None,
    labels: tuple[str, str],
) -> Figure:
    """Ways of pairs of scores towards targets on the border of the unit square; one panel per kind of optimisation.

    Parameters
    ----------
    ways : mapping of str to array_like of shape (n_steps, n_targets, 2)
        Title of the panel, and the pairs on the way.
    reached : mapping of str to array_like of shape (n_targets, 2)
        The pairs nearest to their targets.
    targets : array_like of shape (n_targets, 2)
        What was aimed at.
    bounds : tuple of three array_like of shape (n_points,), or None
        Values of the first score, and the lowest and highest value of the second that are possible beside them.
    labels : tuple of two str
        What the scores are.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, axes = plt.subplots(1, len(ways), figsize=(WIDTH, WIDTH / len(ways) + 0.8), sharey=True, squeeze=False)
        for ax, (title, pairs) in zip(axes[0], ways.items(), strict=True):
            if bounds is not None:
                ax.fill_between(bounds[0], bounds[1], bounds[2], color=MUTED, alpha=0.15, lw=0)
            for way in np.asarray(pairs).swapaxes(0, 1):
                ax.plot(*way.T, color=ACCENT, lw=0.8, alpha=0.6)
            ax.plot(*np.asarray(targets).T, marker="x", ls="", color=DARK, ms=5)
            ax.plot(*np.asarray(reached[title]).T, marker="o", ls="", color="#D55E00", ms=4, zorder=3)
            ax.set(title=title, xlabel=labels[0], aspect="equal", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
        axes[0, 0].set_ylabel(labels[1])
        figure.legend(
            handles=_pair_legend(with_bounds=bounds is not None), loc="outside upper center", ncols=4, frameon=False
        )
    return figure


def _pair_legend(*, with_bounds: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], marker="x", ls="", color=DARK, label="target"),
        Line2D([], [], color=ACCENT, lw=0.8, label="way"),
        Line2D([], [], marker="o", ls="", color="#D55E00", ms=4, label="nearest pair reached"),
    ]
    if with_bounds:
        handles.append(Line2D([], [], color=MUTED, alpha=0.3, lw=6, label="within the bounds"))
    return handles
