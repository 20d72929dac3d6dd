"""When the components of several references are captured."""

from __future__ import annotations

from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from brainalign.figures.names import in_words
from brainalign.figures.style import NETWORK_COLORS, WIDTH, house_style

# Colours first: a second round of them is dashed.
_LOOKS = tuple(product(("-", "--", ":"), NETWORK_COLORS))


def show_reference_captures(captures: pd.DataFrame) -> Figure:
    """Score at which each component is captured, over its share of the variance; one line per reference.

    Parameters
    ----------
    captures : DataFrame with columns ``reference``, ``measure``, ``component``, ``variance``, ``score``
        One repeat per row, at most 21 references; there is a panel for each measure, and lines are means over the
        repeats in which a component was captured.

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
    lines = captures.groupby(["measure", "reference", "component"])[["variance", "score"]].mean()
    with house_style():
        figure, axes = plt.subplots(1, len(measures), figsize=(WIDTH, 4.2), sharex=True, squeeze=False)
        for ax, measure in zip(axes[0], measures, strict=True):
            for name, (style, color) in zip(names, _LOOKS, strict=False):
                line = lines.loc[measure, name]
                ax.plot(line["variance"], line["score"], ls=style, color=color, lw=1.4, label=name)
            ax.set(xscale="log", title=in_words(measure), xlabel="share of the variance of a component")
            ax.set_ylim(top=1.02)
        axes[0, 0].set_ylabel("score at its capture")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure
