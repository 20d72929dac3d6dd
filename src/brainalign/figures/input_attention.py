"""Graphs with and without input side by side, and how far they agree head by head."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.names import in_words
from brainalign.figures.style import ACCENT, DARK, MUTED, SEQUENTIAL, WIDTH, color_and_marker, house_style


def show_head_graphs(graphs: Mapping[str, ArrayLike], *, columns: int = 3, axis: str = "position") -> Figure:
    """Graphs of one head as pictures in rows, on one colour scale.

    Parameters
    ----------
    graphs : mapping of str to array_like of shape (n, n)
        Title and symmetric weights of every graph. The diagonal is left white: the metrics that use it use it apart.
    columns : int
        Pictures in a row.
    axis : str
        What the nodes are.

    Returns
    -------
    Figure
    """
    pictures = {title: _without_diagonal(graph) for title, graph in graphs.items()}
    highest = max(np.nanmax(picture) for picture in pictures.values())
    rows = -(-len(pictures) // columns)
    with house_style():
        size = (WIDTH, (WIDTH / columns + 0.1) * rows)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
        for ax in axes.ravel()[len(pictures) :]:
            ax.axis("off")
        for ax, (title, picture) in zip(axes.ravel(), pictures.items(), strict=False):
            shown = ax.imshow(picture, cmap=SEQUENTIAL, vmin=0, vmax=highest, interpolation="nearest")
            ax.set(title=title, xticks=[], yticks=[])
        for ax in axes[:, 0]:
            ax.set_ylabel(axis)
        figure.colorbar(shown, ax=axes, label="edge weight", shrink=0.8)
    return figure


def show_head_agreement(heads: pd.DataFrame, *, titles: Mapping[str, str], labels: tuple[str, str]) -> Figure:
    """One panel per model: every head by its value without input and with input, coloured by layer.

    Parameters
    ----------
    heads : DataFrame
        ``model``, ``layer``, ``without`` and ``with``, one row per head.
    titles : mapping of str to str
        Title of every model's panel, in the order of the panels.
    labels : tuple of two str
        What the two values are.

    Returns
    -------
    Figure
    """
    columns = min(4, len(titles))
    rows = -(-len(titles) // columns)
    with house_style():
        size = (WIDTH, (WIDTH / columns + 0.25) * rows + 0.3)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharex=True, sharey=True)
        for ax in axes.ravel()[len(titles) :]:
            ax.axis("off")
        top = heads["layer"].max()
        for ax, (model, title) in zip(axes.ravel(), titles.items(), strict=False):
            own = heads[heads["model"] == model]
            points = ax.scatter(own["without"], own["with"], c=own["layer"], cmap=SEQUENTIAL, vmin=0, vmax=top, s=18)
            ax.set_title(title, fontsize=8)
        figure.colorbar(points, ax=axes, label="layer", ticks=range(top + 1), shrink=0.7)
        figure.supxlabel(labels[0], fontsize=9)
        figure.supylabel(labels[1], fontsize=9)
    return figure


def show_agreement_beside_null(table: pd.DataFrame, *, label: str) -> Figure:
    """Agreement of every model with its interval, before its null model and below its ceiling; one panel a quantity.

    Parameters
    ----------
    table : DataFrame
        ``quantity`` (the panel), ``model``, ``agreement``, ``low`` and ``high`` (interval), ``null_low`` and
        ``null_high`` (middle of the null model), ``ceiling`` and ``twin``.
    label : str
        What agreement is.

    Returns
    -------
    Figure
    """
    panels = dict(list(table.groupby("quantity", sort=False)))
    models = list(dict.fromkeys(table["model"]))
    with house_style():
        size = (WIDTH, 0.27 * len(models) + 1.4)
        figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, sharex=True)
        for ax, (quantity, rows) in zip(axes[0], panels.items(), strict=True):
            rows = rows.set_index("model").loc[models]
            places = np.arange(len(models))[::-1]
            ax.barh(
                places, rows["null_high"] - rows["null_low"], left=rows["null_low"], height=0.7, color=MUTED,
                alpha=0.35, lw=0, label="heads that changed places, 95 %",
            )  # fmt: skip
            ax.scatter(rows["twin"], places, marker="s", facecolors="none", edgecolors=DARK, s=26, label="random twin")
            ax.scatter(rows["ceiling"], places, marker="|", color=DARK, s=90, lw=2, label="two halves of the inputs")
            ax.hlines(places, rows["low"], rows["high"], color=ACCENT, lw=1.6)
            ax.scatter(rows["agreement"], places, color=ACCENT, s=26, zorder=3, label="without and with input")
            ax.axvline(0, color=MUTED, lw=0.7, ls=":")
            ax.set(title=quantity, yticks=places, yticklabels=models)
            ax.tick_params(axis="y", length=0)
        figure.supxlabel(label, fontsize=9)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=4, frameon=False)
    return figure


def show_layer_agreement(table: pd.DataFrame, *, label: str) -> Figure:
    """One line per model over its layers, from the first (0) to the last (1).

    Parameters
    ----------
    table : DataFrame
        ``model``, ``layer`` and ``agreement``.
    label : str
        What agreement is.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.3))
        for place, (model, rows) in enumerate(table.groupby("model", sort=False)):
            color, marker = color_and_marker(place)
            depth = rows["layer"] / max(1, rows["layer"].max())
            # The second time round the colours, lines are dashed.
            style = "-" if place < 7 else "--"
            ax.plot(depth, rows["agreement"], color=color, marker=marker, ms=5, lw=1.2, ls=style, label=model)
        ax.axhline(0, color=MUTED, lw=0.7, ls=":")
        ax.set(xlabel="depth (0 is the first layer, 1 the last)", ylabel=label)
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def show_metric_shifts(heads: pd.DataFrame, *, variants: Mapping[str, str]) -> Figure:
    """One panel per metric: every head as a thin line through the ways to make its graph, their mean as a thick one.

    Parameters
    ----------
    heads : DataFrame
        ``variant``, and one column per metric; heads come in the same order in every variant.
    variants : mapping of str to str
        Variants in the order of the axis, with what is written there.

    Returns
    -------
    Figure
    """
    metrics = [column for column in heads.columns if column != "variant"]
    with house_style():
        figure, axes = plt.subplots(1, len(metrics), figsize=(WIDTH, 2.9), squeeze=False)
        places = np.arange(len(variants))
        for ax, metric in zip(axes[0], metrics, strict=True):
            values = np.stack([heads.loc[heads["variant"] == name, metric] for name in variants])
            ax.plot(places, values, color=MUTED, lw=0.7, alpha=0.6)
            ax.plot(places, values.mean(axis=1), color=ACCENT, marker="o", ms=5, lw=2)
            ax.set(xticks=places, xlim=(-0.3, len(variants) - 0.7))
            ax.set_title(in_words(metric).replace("average shortest", "shortest"), fontsize=8)
            ax.set_xticklabels(variants.values(), rotation=60, ha="right", rotation_mode="anchor")
            ax.tick_params(labelsize=7)
    return figure


def show_model_order(models: pd.DataFrame, *, group: str, labels: tuple[str, str]) -> Figure:
    """Every model by its value without and with input, marked by group, and where both would be equal.

    Parameters
    ----------
    models : DataFrame
        ``without``, ``with`` and the column of groups, one row per model.
    group : str
        Column that chooses colour and mark.
    labels : tuple of two str
        What the two values are.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
        for place, (name, rows) in enumerate(models.groupby(group, sort=False)):
            color, marker = color_and_marker(place)
            ax.scatter(rows["without"], rows["with"], color=color, marker=marker, s=40, label=name)
        both = models[["without", "with"]].to_numpy()
        ax.plot([both.min(), both.max()], [both.min(), both.max()], color=MUTED, lw=0.8, ls=":", label="equal")
        ax.set(xlabel=labels[0], ylabel=labels[1])
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def _without_diagonal(graph: ArrayLike) -> np.ndarray:
    picture = np.array(graph, dtype=np.float64)
    np.fill_diagonal(picture, np.nan)
    return picture
