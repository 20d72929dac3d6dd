"""When the components of several references are captured, beside data with the same spectra."""

from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from brainalign.figures.style import DARK, NETWORK_COLORS, WIDTH, house_style

# Colours first: a second round of them is dashed.
_LOOKS = tuple(product(("-", "--", ":"), NETWORK_COLORS))


def show_reference_captures(captures: pd.DataFrame, null: pd.DataFrame) -> Figure:
    """Score at which each component is captured, over its share of the variance; one line a reference.

    Parameters
    ----------
    captures : DataFrame with columns ``reference``, ``measure``, ``component``, ``variance``, ``score``
        One repeat a row, at most 21 references; there is a panel for each measure, and lines are means over the
        repeats in which a component was captured.
    null : DataFrame
        The same columns, of random data with the spectra of the references: dots of the reference's colour.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        For more references than can be told apart.
    """
    measures, names = (list(captures[column].unique()) for column in ("measure", "reference"))
    if len(names) > len(_LOOKS):
        msg = f"{len(names)} references cannot be told apart; show at most {len(_LOOKS)}."
        raise ValueError(msg)
    keys = ["measure", "reference", "component"]
    lines, dots = (table.groupby(keys)[["variance", "score"]].mean() for table in (captures, null))
    with house_style():
        figure, axes = plt.subplots(1, len(measures), figsize=(WIDTH, 4.2), sharex=True, squeeze=False)
        for ax, measure in zip(axes[0], measures, strict=True):
            for name, (style, color) in zip(names, _LOOKS, strict=False):
                line, random = lines.loc[measure, name], dots.loc[measure, name]
                ax.plot(line["variance"], line["score"], ls=style, color=color, lw=1.4, label=name)
                ax.plot(random["variance"], random["score"], ".", color=color, ms=3.5, alpha=0.7)
            ax.set(xscale="log", title=measure.replace("_", " "), xlabel="share of the variance of a component")
            ax.set_ylim(top=1.02)
        axes[0, 0].set_ylabel("score at its capture")
        handles, texts = axes[0, 0].get_legend_handles_labels()
        handles += ax.plot([], [], ".", color=DARK, ms=4)
        figure.legend(
            handles, [*texts, "random data, same spectrum"], loc="outside upper center", ncols=3, frameon=False
        )
    return figure
