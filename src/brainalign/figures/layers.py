"""How alike all layers of two networks are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from brainalign.figures.style import SEQUENTIAL, WIDTH, house_style

_MOST_NAMES = 30


def show_layer_comparison(
    values: pd.DataFrame,
    *,
    low: pd.DataFrame | None = None,
    null: pd.DataFrame | None = None,
    names: tuple[str, str] = ("first network", "second network"),
) -> Figure:
    """Similarity of all pairs of layers as a heat map, the first layers in the lower left corner.

    Parameters
    ----------
    values : DataFrame of shape (n_layers_a, n_layers_b)
        Similarities, at most 1; below 0 is drawn as 0, NaN stays empty.
    low, null : DataFrame of that shape, optional
        Lower ends of intervals, and what shuffled samples stay below. A cell whose interval reaches down to the null is
        crossed out; where there is no interval, one whose value does.
    names : tuple of two str
        What the networks are called.

    Returns
    -------
    Figure
    """
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, WIDTH * min(1.4, max(0.35, len(values) / values.shape[1])) + 0.4))
        picture = ax.imshow(values, origin="lower", cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
        figure.colorbar(picture, ax=ax, label="debiased CKA")
        if null is not None:
            bottom = values if low is None else low.where(low.notna(), values)
            rows, columns = np.nonzero((bottom <= null).to_numpy())
            ax.scatter(columns, rows, marker="x", s=14, color="0.45", linewidths=0.8)
        for axis, labels in ((ax.xaxis, values.columns), (ax.yaxis, values.index)):
            places = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), _MOST_NAMES)).round().astype(int))
            axis.set_ticks(places, [str(labels[place]) for place in places])
        ax.tick_params(axis="x", rotation=90)
        ax.set(xlabel=f"layers of the {names[1]}", ylabel=f"layers of the {names[0]}")
        ax.grid(visible=False)
    return figure
