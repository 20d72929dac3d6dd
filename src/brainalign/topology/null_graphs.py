"""Graphs of no model at all: what the recipe makes of random numbers and of plain distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from brainalign.topology.graphs import logits_graph, rescale_nonzero, symmetrize

Array = NDArray[np.float64]

_LOGIT_SD = (-2.5, 1.3)  # powers of ten: from attention that is flat to attention on single positions
_WIDTH = 64
_HEAD_WIDTH = 16


def _attention(n_graphs: int, n_nodes: int, generator: np.random.Generator) -> Array:
    positions = generator.normal(size=(n_graphs, n_nodes, _WIDTH))
    query, key = generator.normal(size=(2, n_graphs, _WIDTH, _HEAD_WIDTH))
    logits = (positions @ query) @ np.swapaxes(positions @ key, -1, -2)
    sd = 10 ** generator.uniform(*_LOGIT_SD, size=(n_graphs, 1, 1))
    return logits_graph(logits * sd / logits.std(axis=(-2, -1), keepdims=True))


def _local(n_graphs: int, n_nodes: int, generator: np.random.Generator) -> Array:
    nodes = np.arange(n_nodes)
    widths = 10 ** generator.uniform(0, np.log10(n_nodes), size=(n_graphs, 1, 1))
    return logits_graph(-0.5 * ((nodes[:, None] - nodes) / widths) ** 2)


def _uniform(n_graphs: int, n_nodes: int, generator: np.random.Generator) -> Array:
    return symmetrize(rescale_nonzero(generator.uniform(size=(n_graphs, n_nodes, n_nodes))))


NULL_GRAPHS: dict[str, Callable[[int, int, np.random.Generator], Array]] = {
    "attention": _attention,
    "local": _local,
    "uniform": _uniform,
}
"""By name, how null graphs are drawn; see `null_graphs`."""


def null_graphs(kind: str, n_graphs: int, n_nodes: int, generator: np.random.Generator) -> Array:
    """Draw graphs that owe nothing to any model.

    Parameters
    ----------
    kind : {"attention", "local", "uniform"}
        ``"attention"``: random positions, W_Q and W_K through the study's recipe; the spread of the logits is drawn
        too, from 10^-2.5 (flat attention) to 10^1.3 (attention on single positions). ``"local"``: attention that
        falls with the distance of two positions on a line as a normal curve does, of a random width between 1 and
        n_nodes. ``"uniform"``: independent weights from 0 to 1, without a softmax.
    n_graphs, n_nodes : int
        How many graphs of how many nodes; at least 1 and 3.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_graphs, n_nodes, n_nodes)
        Symmetric weights in {0} and [1e-5, 1 - 1e-5], self-loops kept, ready for `graph_metrics`.

    Raises
    ------
    ValueError
        For an unknown kind, or fewer graphs or nodes.

    Notes
    -----
    The study has no null model; these are ours. For twins of a given model see `random_twin` and `shuffle_weights`.
    """
    if kind not in NULL_GRAPHS:
        msg = f"kind = {kind!r} is unknown; choose one of {', '.join(NULL_GRAPHS)}."
        raise ValueError(msg)
    if n_graphs < 1 or n_nodes < 3:
        msg = f"n_graphs = {n_graphs} and n_nodes = {n_nodes}: give at least 1 graph of at least 3 nodes."
        raise ValueError(msg)
    return NULL_GRAPHS[kind](n_graphs, n_nodes, generator)
