"""Small pictures side by side, alone or under a map of where a model looks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import SEQUENTIAL, WIDTH, house_style

_TITLE_WIDTH = 26


def show_pictures(
    pictures: ArrayLike, titles: Sequence[str], *, maps: ArrayLike | None = None, columns: int = 4, label: str = ""
) -> Figure:
    """Grey pictures in rows, each with a line of text.

    Parameters
    ----------
    pictures : array_like of shape (n, height, width)
        Ink, 0 to 1; shown dark on white.
    titles : sequence of n str
        Text over each picture.
    maps : array_like of shape (n, rows, columns), optional
        A coarser map over each picture, for example attention by patch; all share one colour scale.
    columns : int
        Pictures in a row.
    label : str
        What the maps show, written at the colour scale.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When there are not as many titles (or maps) as pictures.
    """
    pictures = np.asarray(pictures)
    counts = {"pictures": len(pictures), "titles": len(titles)} | ({} if maps is None else {"maps": len(maps)})
    if len(set(counts.values())) > 1:
        given = ", ".join(f"{n} {k}" for k, n in counts.items())
        msg = f"every picture needs its own title and map; given are {given}."
        raise ValueError(msg)
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[-2:]
    with house_style():
        figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, (WIDTH / columns + 0.35) * rows), squeeze=False)
        for ax in axes.ravel()[len(pictures) :]:
            ax.axis("off")
        for i, (ax, title) in enumerate(zip(axes.ravel(), titles, strict=False)):
            ax.imshow(pictures[i], cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
            ax.set_title(textwrap.fill(title, _TITLE_WIDTH), fontsize=8)
            ax.set(xticks=[], yticks=[])
            if maps is not None:
                overlay = ax.imshow(
                    maps[i], cmap=SEQUENTIAL, alpha=0.55, vmin=0, vmax=np.max(maps), interpolation="nearest",
                    extent=(-0.5, width - 0.5, height - 0.5, -0.5),
                )  # fmt: skip
        if maps is not None:
            figure.colorbar(overlay, ax=axes, label=label, shrink=0.8)
    return figure
