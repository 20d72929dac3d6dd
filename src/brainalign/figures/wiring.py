"""How models of pictures and captions are wired: streams as columns of layers, and arrows where they meet."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from brainalign.figures.style import DARK, NETWORK_COLORS, WIDTH, house_style

_COLUMN = {"image": 0.0, "fusion_image": 0.0, "text": 1.0, "fusion_text": 1.0}
_COLORS = {0.0: NETWORK_COLORS[0], 1.0: NETWORK_COLORS[4]}
_TOWER, _FUSION = (0.0, 0.52), (0.66, 1.08)  # from where to where, of the height of a panel
_HALF, _MARGIN = 0.32, 0.62  # half the width of a box, and from its middle to the edge of the panel
_END = 1.24  # height of what stands at the end


def show_wiring(models: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per model: every layer a box, pictures on the left, captions on the right, input below.

    Parameters
    ----------
    models : mapping of str to DataFrame
        By title. Columns ``stream`` ("image", "text", "fusion_image" or "fusion_text"), ``layers``, ``heads``,
        ``crosses`` and ``bridged``, one row a stream.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A stream of another name.
    """
    for title, table in models.items():
        if unknown := sorted(set(table["stream"]) - set(_COLUMN)):
            msg = f"{title} has streams {', '.join(unknown)}, which can not be drawn; known are {', '.join(_COLUMN)}."
            raise ValueError(msg)
    with house_style():
        columns = [{_COLUMN[stream] for stream in table["stream"]} for table in models.values()]
        spans = [(min(own) - _MARGIN, max(own) + _MARGIN) for own in columns]
        figure, axes = plt.subplots(
            1, len(models), figsize=(WIDTH, 4.0), squeeze=False, width_ratios=[high - low for low, high in spans]
        )
        for ax, (title, table), span in zip(axes[0], models.items(), spans, strict=True):
            _draw_model(ax, table.set_index("stream"))
            ax.set(title=title, xlim=span, ylim=(-0.2, 1.36))
            ax.axis("off")
    return figure


def _draw_model(ax: Axes, table: pd.DataFrame) -> None:
    for name, row in table.iterrows():
        fused = name.startswith("fusion")
        _draw_stack(ax, _COLUMN[name], row["layers"], row["heads"], span=_FUSION if fused else _TOWER)
        if not fused:
            word = "picture" if _COLUMN[name] == 0 else "caption"
            ax.text(_COLUMN[name], -0.13, word, ha="center", va="center", fontsize=8, color=DARK)
            _arrow(ax, (_COLUMN[name], -0.09), (_COLUMN[name], -0.01))
    if "fusion_text" in table.index:
        _draw_meeting(ax, table)
    elif {"image", "text"} <= set(table.index):
        ax.text(0.5, _END, "compared", ha="center", va="center", fontsize=8, color=DARK)
        for column in (0.0, 1.0):
            _arrow(ax, (column, _TOWER[1] + 0.02), (0.5 + 0.3 * (column - 0.5), _END - 0.06))


def _draw_stack(ax: Axes, column: float, layers: int, heads: int, *, span: tuple[float, float]) -> None:
    height = (span[1] - span[0]) / layers
    for layer in range(layers):
        box = FancyBboxPatch(
            (column - _HALF, span[0] + layer * height + 0.1 * height), 2 * _HALF, 0.8 * height,
            boxstyle="round,pad=0,rounding_size=0.02", facecolor=_COLORS[column], edgecolor="none", alpha=0.75,
        )  # fmt: skip
        ax.add_patch(box)
    text = f"{layers} layers\n{heads} head{'s' if heads > 1 else ''}"
    ax.text(
        column, sum(span) / 2, text, ha="center", va="center", fontsize=6.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2},
    )  # fmt: skip


def _draw_meeting(ax: Axes, table: pd.DataFrame) -> None:
    layers = table.loc["fusion_text", "layers"]
    height = (_FUSION[1] - _FUSION[0]) / layers
    for layer in range(layers):
        middle = _FUSION[0] + (layer + 0.5) * height
        for start, end, shift in ((_HALF, 1 - _HALF, 0.15), (1 - _HALF, _HALF, -0.15)):
            _arrow(ax, (start, middle + shift * height), (end, middle + shift * height))
    for column, tower in ((0.0, "image"), (1.0, "text")):
        if table.loc["fusion_text", "bridged"]:
            _draw_bridges(ax, column, table.loc[tower, "layers"], layers)
        else:
            _arrow(ax, (column, _TOWER[1] + 0.01), (column, _FUSION[0] - 0.01))
    ax.text(0.5, _END, "read together", ha="center", va="center", fontsize=8, color=DARK)


def _draw_bridges(ax: Axes, column: float, tower: int, fusion: int) -> None:
    """Outer arrows from the last layers of a tower, each to its own layer of the fusion."""
    side = -_HALF if column == 0 else _HALF
    heights = [(span[1] - span[0]) / n for span, n in ((_TOWER, tower), (_FUSION, fusion))]
    for layer in range(fusion):
        start = _TOWER[0] + (tower - fusion + layer + 0.5) * heights[0]
        end = _FUSION[0] + (layer + 0.5) * heights[1]
        _arrow(ax, (column + side, start), (column + side, end), bend=0.5 if column == 0 else -0.5)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], *, bend: float = 0.0) -> None:
    style = {"arrowstyle": "->", "color": DARK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
    ax.annotate("", xy=end, xytext=start, arrowprops={**style, "connectionstyle": f"arc3,rad={-bend}"})
