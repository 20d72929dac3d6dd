"""Measured values in front of their null distributions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.names import in_words
from brainalign.figures.style import ACCENT, MUTED, WIDTH, house_style

_TITLE_WIDTH = 20  # characters that fit over one of four panels


def show_null_comparison(
    values: Mapping[str, float],
    null: Mapping[str, ArrayLike],
    *,
    null_label: str,
    label: str = "trained",
    columns: int = 4,
) -> Figure:
    """One small histogram a quantity: the null models in grey, the measured value as a line.

    Parameters
    ----------
    values : mapping of str to float
        Measured value by name of the quantity.
    null : mapping of str to array_like of shape (n_null,)
        Values of the null models, by the same names.
    null_label, label : str
        What the null models are, and what was measured.
    columns : int
        Histograms in a row.

    Returns
    -------
    Figure
    """
    rows = -(-len(values) // columns)
    with house_style():
        figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 1.55 * rows + 0.3), squeeze=False)
        for ax in axes.ravel()[len(values) :]:
            ax.axis("off")
        for ax, (name, value) in zip(axes.ravel(), values.items(), strict=False):
            ax.hist(null[name], bins=10, color=MUTED, alpha=0.7, label=null_label)
            ax.axvline(value, color=ACCENT, lw=2.2, label=label)
            ax.set(title=textwrap.fill(in_words(name), _TITLE_WIDTH), yticks=[])
            ax.locator_params(axis="x", nbins=4)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure
