"""Many analyses of one question side by side, and clouds of null points in one plane."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from brainalign.figures.names import in_words
from brainalign.figures.style import ACCENT, DARK, MUTED, NETWORK_COLORS, NETWORK_MARKERS, WIDTH, house_style


def show_specification_curve(table: pd.DataFrame, *, choices: Sequence[str], label: str, alpha: float = 0.05) -> Figure:
    """Estimates of all analyses in order of size, and below them which options each analysis took.

    Parameters
    ----------
    table : DataFrame with one row an analysis
        ``estimate``, ``p``, ``is_study`` and one column a choice.
    choices : sequence of str
        Columns with the options.
    label : str
        What the estimates are.
    alpha : float
        Analyses with p below it are drawn in colour.

    Returns
    -------
    Figure
    """
    ordered = table.sort_values("estimate", kind="stable").reset_index(drop=True)
    options = [(name, option) for name in choices for option in dict.fromkeys(table[name])]
    with house_style():
        figure, (above, below) = plt.subplots(
            2, 1, figsize=(WIDTH, 2.2 + 0.17 * len(options)), sharex=True, height_ratios=[2.0, 0.17 * len(options)]
        )
        _draw_estimates(above, ordered, alpha)
        above.set_ylabel(label)
        for height, (name, option) in enumerate(reversed(options)):
            taken = ordered.index[ordered[name] == option]
            below.scatter(taken, np.full(len(taken), height), marker="|", s=18, lw=0.5, color=DARK)
        below.set(
            yticks=range(len(options)),
            yticklabels=[_name_option(name, option) for name, option in reversed(options)],
            xlabel="analyses, by size of the estimate",
            ylim=(-0.7, len(options) - 0.3),
        )
        below.tick_params(axis="y", labelsize=7, length=0)
    return figure


def _draw_estimates(ax: Axes, ordered: pd.DataFrame, alpha: float) -> None:
    clear = (ordered["p"] < alpha).to_numpy()
    ax.scatter(ordered.index, ordered["estimate"], c=np.where(clear, ACCENT, "#bbbbbb"), s=7)
    own = ordered[ordered["is_study"]]
    ax.scatter(own.index, own["estimate"], color="#D55E00", marker="D", s=44, zorder=3)
    ax.axhline(0, color=MUTED, lw=0.8, ls="--")
    marks = [("o", ACCENT, f"p < {alpha:g}"), ("o", "#bbbbbb", "not"), ("D", "#D55E00", "the study's options")]
    handles = [Line2D([], [], color=color, marker=marker, ls="", ms=5, label=text) for marker, color, text in marks]
    ax.legend(handles=handles, loc="upper left", frameon=False)


def show_one_at_a_time(table: pd.DataFrame, *, value: str, label: str, alpha: float = 0.05) -> Figure:
    """One panel per claim, one line per option: how far the answer moves when one choice is made otherwise.

    Parameters
    ----------
    table : DataFrame
        What `brainalign.topology.one_at_a_time` returned: ``choice``, ``option``, ``claim``, ``p`` and ``is_study``.
    value : str
        Column that is drawn, ``"estimate"`` or ``"effect"``.
    label : str
        What it is.
    alpha : float
        Dots with p below it are full.

    Returns
    -------
    Figure
        The study's own value is the vertical line of every panel, and a diamond under the first choice only.
    """
    worked = table.dropna(subset=[value])
    repeated = worked["is_study"] & (worked["choice"] != worked["choice"].iloc[0])
    lines = list(dict.fromkeys(zip(worked[~repeated]["choice"], worked[~repeated]["option"], strict=True)))
    claims = list(dict.fromkeys(worked["claim"]))
    with house_style():
        figure, axes = plt.subplots(
            1, len(claims), figsize=(WIDTH, 0.15 * len(lines) + 1.4), sharex=True, sharey=True, squeeze=False
        )
        for ax, claim in zip(axes[0], claims, strict=True):
            rows = worked[(worked["claim"] == claim) & ~repeated]
            _draw_options(ax, rows, lines, value, alpha)
            ax.set_title("\n".join(textwrap.wrap(claim, 16)), fontsize=8)
        axes[0, 0].set_yticks(range(len(lines)), ["as in the study", *(_name_option(*line) for line in lines[1:])])
        axes[0, 0].tick_params(axis="y", labelsize=6.5)
        axes[0, 0].set_ylim(len(lines) - 0.4, -0.6)
        figure.supxlabel(label, fontsize=9)
    return figure


def _draw_options(ax: Axes, rows: pd.DataFrame, lines: list[tuple[str, object]], value: str, alpha: float) -> None:
    own = rows.loc[rows["is_study"], value]
    if len(own):
        ax.axvline(own.iloc[0], color="#D55E00", lw=1)
    ax.axvline(0, color=MUTED, lw=0.8, ls="--")
    places = [lines.index(line) for line in zip(rows["choice"], rows["option"], strict=True)]
    fills = np.where(rows["p"] < alpha, ACCENT, "white")
    ax.scatter(rows[value], places, c=fills, edgecolors=ACCENT, s=14, lw=0.8, zorder=3)
    ax.scatter(own, [0] * len(own), color="#D55E00", marker="D", s=26, zorder=4)
    for place in range(1, len(lines)):  # a gap between choices would cost height; a line does not
        if lines[place][0] != lines[place - 1][0]:
            ax.axhline(place - 0.5, color="#dddddd", lw=0.7, zorder=0)
    ax.tick_params(axis="y", length=0)


def _name_option(choice: str, option: object) -> str:
    return in_words(f"{choice}: {option}")


def show_clouds(clouds: Mapping[str, ArrayLike], *, marks: pd.DataFrame, explained: Sequence[float]) -> Figure:
    """Clouds of points in one plane, a panel each, with the same marks and limits in all.

    Parameters
    ----------
    clouds : mapping of str to array_like of shape (n, 2)
        Points by title of the panel.
    marks : DataFrame of shape (n_marks, 2)
        Named points that every panel repeats, for example where brain networks lie.
    explained : sequence of two float
        Share of the variance along each axis.

    Returns
    -------
    Figure
    """
    columns = min(3, len(clouds))
    rows = -(-len(clouds) // columns)
    with house_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(WIDTH, 2.3 * rows + 0.7), sharex=True, sharey=True, squeeze=False
        )
        for ax in axes.ravel()[len(clouds) :]:
            ax.axis("off")
        for ax, (title, points) in zip(axes.ravel(), clouds.items(), strict=False):
            ax.scatter(*np.asarray(points).T, s=4, color=MUTED, alpha=0.5, rasterized=True)
            for (name, place), color, marker in zip(marks.iterrows(), NETWORK_COLORS, NETWORK_MARKERS, strict=False):
                ax.scatter(*place, color=color, marker=marker, s=34, edgecolor="white", lw=0.5, label=name, zorder=3)
            ax.set_title(title)
        figure.supxlabel(f"axis 1 ({explained[0]:.0%} of the variance)", fontsize=9)
        figure.supylabel(f"axis 2 ({explained[1]:.0%})", fontsize=9)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure
