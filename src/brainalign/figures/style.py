"""One look for all figures: colours that colour-blind readers can tell apart, sizes that fit a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import seaborn as sns

WIDTH = 7.2
"""Width of a full figure, in inches."""

ACCENT, MUTED, DARK = "#0072B2", "#767676", "#444444"
"""Colour of what was measured, of null models, and of lines and marks that belong to none."""

SEQUENTIAL, DIVERGING = "viridis", "vlag"

# Okabe and Ito 2008; marks differ too, so that colour is never the only sign.
NETWORK_COLORS = ("#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#E69F00", "#000000")
NETWORK_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def color_and_marker(place: int) -> tuple[str, str]:
    """Colour and mark of a series by its place; both repeat after seven."""
    return NETWORK_COLORS[place % len(NETWORK_COLORS)], NETWORK_MARKERS[place % len(NETWORK_MARKERS)]


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the house style to figures made in the block, and to no others."""
    settings = {
        "figure.dpi": 130,
        "savefig.dpi": 130,
        "figure.facecolor": "white",
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "figure.constrained_layout.use": True,
    }
    wanted = {**sns.axes_style("ticks"), **settings}
    # Not matplotlib's rc_context: it would also undo the interactive mode that a notebook's first figure switches on,
    # and no later figure would be shown.
    before = {name: mpl.rcParams[name] for name in wanted}
    mpl.rcParams.update(wanted)
    try:
        yield
    finally:
        mpl.rcParams.update(before)
