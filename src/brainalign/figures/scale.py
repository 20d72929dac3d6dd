"""Correlations with accuracy: what they could have shown, what chance gives, and the models behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import ACCENT, DARK, MUTED, WIDTH, color_and_marker, house_style


def show_power_curves(power: pd.DataFrame, *, n_models: int, wanted: float) -> Figure:
    """Chance of finding a correlation, by the number of models; one line for each true correlation.

    Parameters
    ----------
    power : DataFrame
        One column a true correlation, named by it; indexed by number of models.
    n_models : int
        Number of models that is marked.
    wanted : float
        Power that is marked.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.2))
        for place, (name, values) in enumerate(power.items()):
            color, marker = color_and_marker(place)
            ax.plot(values.index, values, color=color, marker=marker, markevery=0.12, ms=5, lw=1.3, label=f"r = {name}")
        ax.axvline(n_models, color=DARK, lw=1, ls="--", label=f"{n_models} models")
        ax.axhline(wanted, color=MUTED, lw=0.8, ls=":", label=f"power {wanted:g}")
        ax.set(xlabel="number of models", ylabel="chance of p < 0.05", ylim=(0, 1.02))
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def show_null_correlations(
    null: Mapping[str, ArrayLike], *, measured: float, interval: tuple[float, float], label: str, measured_label: str
) -> Figure:
    """A row of distribution for every null model, behind one measured correlation and its interval.

    Parameters
    ----------
    null : mapping of str to array_like of shape (n_draws,)
        Correlations under each null model, by its name.
    measured : float
        The correlation that they are compared with.
    interval : tuple of float
        Its interval.
    label, measured_label : str
        What is correlated, and what was measured.

    Returns
    -------
    Figure
    """
    names = list(null)
    rows = np.arange(len(names), 0, -1)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(names) + 1.2))
        ax.axvspan(*interval, color=ACCENT, alpha=0.12, lw=0, label="its 95 % interval")
        ax.axvline(measured, color=ACCENT, lw=2, label=measured_label)
        ax.axvline(0, color=MUTED, lw=0.7, ls=":")
        parts = ax.violinplot([np.asarray(null[name]) for name in names], rows, orientation="horizontal", widths=0.85)
        for body in parts["bodies"]:
            body.set(facecolor=MUTED, alpha=0.6)
        for part in ("cbars", "cmins", "cmaxes"):
            parts[part].set(color=DARK, lw=0.8)
        ax.set(xlabel=label, xlim=(-1, 1), yticks=rows, yticklabels=names, ylim=(0.3, len(names) + 0.7))
        ax.tick_params(axis="y", length=0)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def show_model_panels(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    panel: str,
    kind: str,
    labels: tuple[str, str],
    joined: Sequence[str] = (),
    log_x: bool = False,
) -> Figure:
    """Two values of every model against each other, one panel a case, in colours and marks by kind.

    Parameters
    ----------
    table : DataFrame
        One row per model and panel.
    x, y, panel, kind : str
        Columns with the values, the title of the panel, and what chooses colour and mark.
    labels : tuple of two str
        What x and y are.
    joined : sequence of str
        Kinds whose models are joined by a line, in the order of x.
    log_x : bool
        Whether the horizontal axis is logarithmic.

    Returns
    -------
    Figure
    """
    titles, kinds = (list(dict.fromkeys(table[column])) for column in (panel, kind))
    with house_style():
        figure, axes = plt.subplots(1, len(titles), figsize=(WIDTH, 3.3), squeeze=False)
        for ax, title in zip(axes[0], titles, strict=True):
            inside = table[table[panel] == title]
            for place, name in enumerate(kinds):
                rows = inside[inside[kind] == name].sort_values(x)
                color, marker = color_and_marker(place)
                ax.scatter(rows[x], rows[y], color=color, marker=marker, s=24, alpha=0.75, label=name)
                if name in joined:
                    ax.plot(rows[x], rows[y], color=color, lw=1.4)
            ax.axhline(0, color=MUTED, lw=0.7, ls=":")
            ax.set(title=title, xlabel=labels[0], xscale="log" if log_x else "linear")
        axes[0, 0].set_ylabel(labels[1])
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    return figure
