"""Null models of connectivity: what a network keeps when its wiring is drawn anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles, as_labels
from brainalign.topology.graphs import check_finite

Array = NDArray[np.float64]

REWIRINGS = ("degree", "strength")
"""What a rewired network keeps, see `rewire`."""

_SWAPS_PER_EDGE = 10


def rewire(connectivity: ArrayLike, *, keep: str, generator: np.random.Generator) -> Array:
    """Draw a network with the weights of a given one and other places for them.

    Parameters
    ----------
    connectivity : array_like of shape (n, n)
        Symmetric weights. The diagonal is ignored, negative values count as no edge.
    keep : {"degree", "strength"}
        ``"degree"``: how many edges every node has. Pairs of edges swap ends, ten times as often as there are edges,
        then all weights are dealt out anew; where every pair is connected only the dealing is left.
        ``"strength"``: in addition, nearly, the sum of the weights of every node.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, n)
        Symmetric, diagonal 0, the same weights at other places.

    Raises
    ------
    ValueError
        For an unknown choice, or a matrix that is not square, symmetric, finite and of at least 3 nodes.

    References
    ----------
    Maslov and Sneppen 2002, Science 296 (swaps); Rubinov and Sporns 2011, NeuroImage 56 (strengths).
    """
    if keep not in REWIRINGS:
        msg = f"keep = {keep!r} is unknown; choose one of {', '.join(REWIRINGS)}."
        raise ValueError(msg)
    weights = positive_part(connectivity)
    edges = _swap_ends(weights > 0, generator)
    rows, columns = np.nonzero(np.triu(edges, k=1))
    values = weights[np.triu(weights > 0, k=1)]
    dealt = (
        generator.permutation(values)
        if keep == "degree"
        else _deal_by_strength(values, rows, columns, weights.sum(axis=1), generator)
    )
    drawn = np.zeros_like(weights)
    drawn[rows, columns] = drawn[columns, rows] = dealt
    return drawn


def rewire_within(connectivity: ArrayLike, networks: ArrayLike, *, keep: str, generator: np.random.Generator) -> Array:
    """Rewire every network of a connectivity matrix by itself.

    Parameters
    ----------
    connectivity : array_like of shape (n_parcels, n_parcels)
        Functional connectivity.
    networks : array_like of shape (n_parcels,)
        Name of every parcel's network, of at least 3 parcels each.
    keep, generator
        See `rewire`.

    Returns
    -------
    ndarray of shape (n_parcels, n_parcels)
        Rewired inside the networks, 0 between them.

    Raises
    ------
    ValueError
        See `rewire`.
    """
    matrix, names = as_doubles(connectivity, name="connectivity"), as_labels(networks, name="networks")
    drawn = np.zeros_like(matrix)
    for network in dict.fromkeys(names.tolist()):
        inside = np.ix_(names == network, names == network)
        drawn[inside] = rewire(matrix[inside], keep=keep, generator=generator)
    return drawn


def positive_part(connectivity: ArrayLike) -> Array:
    """A checked copy of a connectivity matrix without its diagonal and negative values.

    Raises
    ------
    ValueError
        When the matrix is not square, symmetric, finite and of at least 3 nodes.
    """
    weights = as_doubles(connectivity, name="connectivity").copy()
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or weights.shape[0] < 3:
        msg = f"connectivity must be a square matrix of at least 3 parcels: got shape {weights.shape}."
        raise ValueError(msg)
    np.fill_diagonal(weights, 0.0)  # first, because after Fisher's transformation it is infinite
    check_finite("connectivity", weights)
    asymmetry = np.abs(weights - weights.T).max()
    if asymmetry > 1e-8:
        msg = f"connectivity must be symmetric: entries differ from their mirror image by up to {asymmetry:.3g}."
        raise ValueError(msg)
    return np.maximum(weights, 0.0)


def _swap_ends(present: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    edges = present.copy()
    rows, columns = np.nonzero(np.triu(edges, k=1))
    if edges.sum() == edges.size - len(edges):  # complete: no swap is possible
        return edges
    for _ in range(_SWAPS_PER_EDGE * len(rows)):
        i, j = generator.integers(len(rows), size=2)
        a, b, c, d = rows[i], columns[i], rows[j], columns[j]
        if generator.random() < 0.5:
            c, d = d, c
        if len({a, b, c, d}) < 4 or edges[a, d] or edges[c, b]:
            continue
        edges[a, b] = edges[b, a] = edges[c, d] = edges[d, c] = False
        edges[a, d] = edges[d, a] = edges[c, b] = edges[b, c] = True
        columns[i], rows[j], columns[j] = d, c, b
    return edges


def _deal_by_strength(
    values: Array, rows: NDArray[np.intp], columns: NDArray[np.intp], strengths: Array, generator: np.random.Generator
) -> Array:
    # The pair that still lacks most gets the largest weight; one random edge at a time is fixed, then all are ranked
    # again. What a node lacks is its strength less what its fixed edges have.
    dealt, left = np.zeros(len(values)), np.sort(values)
    lacking, open_edges = strengths.copy(), np.arange(len(values))
    while len(open_edges):
        wanted = lacking[rows[open_edges]] * lacking[columns[open_edges]]
        chosen = generator.integers(len(open_edges))
        place = int(np.count_nonzero(wanted < wanted[chosen]))
        edge = open_edges[chosen]
        dealt[edge] = left[place]
        lacking[rows[edge]] = max(lacking[rows[edge]] - left[place], 0.0)
        lacking[columns[edge]] = max(lacking[columns[edge]] - left[place], 0.0)
        left, open_edges = np.delete(left, place), np.delete(open_edges, chosen)
    return dealt
