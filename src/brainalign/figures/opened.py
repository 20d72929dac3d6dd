"""Models opened up: what their neurons do over time, where their streams meet, and what moves them."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import DARK, MUTED, WIDTH, color_and_marker, house_style

_NAMES = {
    "image": "picture tower",
    "text": "text tower",
    "fusion_image": "picture fusion",
    "fusion_text": "text fusion",
}
_OFFSET = 0.16
_PLACES = (0, 4, 2)  # of the house's colours: the picture's, the text's as in the wiring, and a third one


def show_courses(courses: Mapping[str, pd.DataFrame], scenes: ArrayLike) -> Figure:
    """Time courses of neurons over a film, one panel a definition of a neuron.

    Parameters
    ----------
    courses : mapping of str to DataFrame of shape (n_volumes, n_neurons)
        By title; columns are the names of up to three neurons, the same in every panel. Each is drawn standardised.
    scenes : array_like of shape (n_volumes,)
        Number of the scene of each volume; a line stands where the next one begins.

    Returns
    -------
    Figure
    """
    begins = np.flatnonzero(np.diff(np.asarray(scenes))) + 1
    with house_style():
        figure, axes = plt.subplots(
            len(courses), 1, figsize=(WIDTH, 1.35 * len(courses) + 0.7), sharex=True, squeeze=False
        )
        for ax, (title, table) in zip(axes[:, 0], courses.items(), strict=True):
            for place, (name, course) in zip(_PLACES, table.items(), strict=False):
                color, marker = color_and_marker(place)
                z = (course - course.mean()) / course.std()
                ax.plot(range(len(z)), z, color=color, marker=marker, ms=3, lw=1.1, label=name)
            for begin in begins:
                ax.axvline(begin - 0.5, color=MUTED, lw=0.6, ls=":")
            ax.set_title(title, loc="left", fontsize=8)
            ax.set_ylabel("z")
        axes[-1, 0].set_xlabel("volume of the film; dotted lines: the next scene begins")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def show_meeting(table: pd.DataFrame, *, label: str) -> Figure:
    """How alike two streams are, step by step; a panel per model, a line with its band per condition.

    Parameters
    ----------
    table : DataFrame
        Columns ``model``, ``step``, ``condition``, ``value``, ``low`` and ``high``; rows of a model in order.
    label : str
        What the values are.

    Returns
    -------
    Figure
    """
    conditions = list(dict.fromkeys(table["condition"]))
    panels = list(table.groupby("model", sort=False))
    widths = [rows["step"].nunique() for _, rows in panels]
    with house_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 3.3), sharey=True, squeeze=False, width_ratios=widths
        )
        for ax, (title, rows) in zip(axes[0], panels, strict=True):
            steps = list(dict.fromkeys(rows["step"]))
            for condition, own in rows.groupby("condition", sort=False):
                color, marker = color_and_marker(conditions.index(condition))
                x = [steps.index(step) for step in own["step"]]
                ax.plot(x, own["value"], color=color, marker=marker, ms=4, lw=1.2, label=condition)
                ax.fill_between(x, own["low"], own["high"], color=color, alpha=0.2, lw=0)
            ax.axhline(0, color=MUTED, lw=0.7, ls=":")
            ax.set_title(title, fontsize=9)
            ax.set_xticks(range(len(steps)), steps, rotation=60, fontsize=7)
        axes[0, 0].set_ylabel(label)
        found = {label: handle for ax in axes[0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def show_movement(table: pd.DataFrame) -> Figure:
    """How far every layer moves with each change, trained and untrained; a panel per model, a row per layer.

    Parameters
    ----------
    table : DataFrame
        Columns ``model``, ``tower``, ``layer``, ``reads`` ("own" or "other"), ``change`` (up to three), ``value``,
        ``low``, ``high``, and ``untrained``, the same of untrained twins (missing where there are none).

    Returns
    -------
    Figure
    """
    changes = list(dict.fromkeys(table["change"]))
    panels = list(table.groupby("model", sort=False))
    most = max(len(_rows(own)) for _, own in panels)
    with house_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 0.23 * most + 1.3), sharex=True, squeeze=False, gridspec_kw={"wspace": 0.05}
        )
        for ax, (title, own) in zip(axes[0], panels, strict=True):
            _draw_movement(ax, own, changes)
            ax.set_title(title, fontsize=9)
        figure.supxlabel("movement (1: as far as when picture and caption are both exchanged)", fontsize=9)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_movement(ax: Axes, own: pd.DataFrame, changes: list[str]) -> None:
    rows = _rows(own)
    for place, change in enumerate(changes):
        part = own[own["change"] == change]
        color, marker = color_and_marker(_PLACES[place])
        y = [
            rows.index(key) + _OFFSET * (place - (len(changes) - 1) / 2)
            for key in zip(part["tower"], part["layer"], part["reads"], strict=True)
        ]
        ax.hlines(y, part["low"], part["high"], color=color, lw=1.4)
        ax.scatter(part["value"], y, color=color, marker=marker, s=16, label=change, zorder=3)
        if part["untrained"].notna().any():
            ax.scatter(
                part["untrained"], y, facecolors="none", edgecolors=color, marker=marker, s=26, lw=0.8,
                label=f"{change}, untrained",
            )  # fmt: skip
    for value in (0, 1):
        ax.axvline(value, color=DARK, lw=0.6, ls=":")
    ax.set(yticks=range(len(rows)), yticklabels=[_row_name(*row) for row in rows], ylim=(len(rows) - 0.4, -0.6))
    ax.tick_params(axis="y", length=0, labelsize=7)


def _rows(own: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Layers in the order in which a stimulus passes them: the towers, then the fusion layer by layer."""
    keys = set(zip(own["tower"], own["layer"], own["reads"], strict=True))
    towers = list(_NAMES)
    return sorted(keys, key=lambda key: (towers.index(key[0]), key[1], key[2] == "other"))


def _row_name(tower: str, layer: int, reads: str) -> str:
    return f"{_NAMES[tower]} {layer + 1}" + (" reads other" if reads == "other" else "")


def show_preferences(table: pd.DataFrame, *, label: str, n_bins: int = 21) -> Figure:
    """How single neurons divide between two sources, trained over untrained; a panel a stream.

    Parameters
    ----------
    table : DataFrame
        Columns ``stream``, ``model`` (of up to three the first is drawn filled, the others as lines) and ``index``, -1
        to 1.
    label : str
        What the index is.
    n_bins : int
        Bins from -1 to 1.

    Returns
    -------
    Figure
    """
    edges = np.linspace(-1, 1, n_bins + 1)
    panels = list(table.groupby("stream", sort=False))
    models = list(dict.fromkeys(table["model"]))
    with house_style():
        figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 2.6), sharey=True, squeeze=False)
        for ax, (title, rows) in zip(axes[0], panels, strict=True):
            for place, (model, own) in enumerate(rows.groupby("model", sort=False)):
                color, _ = color_and_marker(_PLACES[models.index(model)])
                share = np.histogram(own["index"], edges)[0] / len(own)
                ax.stairs(
                    share, edges, color=color, fill=place == 0, alpha=0.55 if place == 0 else 1, lw=1.4, label=model
                )
            ax.axvline(0, color=DARK, lw=0.6, ls=":")
            ax.set(title=title, xlabel=label)
        axes[0, 0].set_ylabel("share of neurons")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure
