"""A weighted graph as a ring of nodes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import DARK, color_and_marker, house_style


def show_graph(graph: ArrayLike, communities: ArrayLike, *, share: float = 0.1) -> Figure:
    """Nodes on a ring in the order of positions, coloured by community, with the strongest edges.

    Parameters
    ----------
    graph : array_like of shape (n, n)
        Symmetric weights.
    communities : array_like of shape (n,)
        Community of every node, counted from 0. Colours and marks repeat after seven.
    share : float
        Share of all edges that is drawn, the strongest first.

    Returns
    -------
    Figure
    """
    graph, communities = np.asarray(graph, dtype=float), np.asarray(communities)
    n = len(graph)
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows, columns = np.triu_indices(n, k=1)
    weights = graph[rows, columns]
    strongest = np.argsort(weights)[-max(1, round(share * len(weights))) :]
    strength = weights[strongest] / weights[strongest].max()
    with house_style():
        figure, ax = plt.subplots(figsize=(4.6, 4.4))
        segments = np.stack([ring[rows[strongest]], ring[columns[strongest]]], axis=1)
        ax.add_collection(LineCollection(segments, colors=DARK, linewidths=1.4 * strength, alpha=0.35))
        for community in np.unique(communities):
            inside = communities == community
            color, marker = color_and_marker(community)
            ax.scatter(
                *ring[inside].T, color=color, marker=marker, s=34, zorder=2,
                label=f"community {community + 1} ({inside.sum()})",
            )  # fmt: skip
        for node in range(0, n, max(1, n // 10)):
            ax.annotate(str(node), 1.1 * ring[node], ha="center", va="center", fontsize=8)
        ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        ax.axis("off")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure
