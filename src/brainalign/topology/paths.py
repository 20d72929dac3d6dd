"""Shortest paths in weighted graphs, exactly, for whole batches of dense graphs.

A strong edge is a short one: an edge of weight w has the length 1 - w, and nodes without an edge are
infinitely far apart. Arrays are numpy arrays of double precision.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike

from brainalign.numeric import as_doubles

__all__ = ["check_graphs", "global_efficiency_and_path_length", "shortest_path_lengths"]

# A stale row maximum prunes less but never wrongly, so it need not be refreshed at every pivot.
PIVOTS_PER_REFRESH = 16

# Rounding of a mean of two matrices stays far below this, a directed graph far above.
SYMMETRY_TOLERANCE = 1e-12


def shortest_path_lengths(graph: ArrayLike) -> np.ndarray:
    """Length of the shortest path between every two nodes of one graph.

    Parameters
    ----------
    graph : array_like of shape (n_nodes, n_nodes)
        Symmetric weights in [0, 1); 0 means no edge. The diagonal (self-loops) is ignored.

    Returns
    -------
    ndarray of shape (n_nodes, n_nodes)
        Lengths in units of 1 - weight: 0 on the diagonal, in (0, 1] between neighbors, infinite where no path
        exists.

    Raises
    ------
    ValueError
        If `graph` is not one such matrix (see `check_graphs`).

    Notes
    -----
    Floyd-Warshall, d_ij = min(d_ij, d_ik + d_kj) for every pivot k, without the rows that a pivot provably
    cannot shorten. The result is the same to the last bit as without that pruning.

    Examples
    --------
    >>> shortest_path_lengths([[0, 0.5, 0.25], [0.5, 0, 0], [0.25, 0, 0]]).tolist()
    [[0.0, 0.5, 0.75], [0.5, 0.0, 1.25], [0.75, 1.25, 0.0]]
    """
    return _shortest_paths(check_one_graph(graph, distances=True))


def global_efficiency_and_path_length(graphs: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """How easily every node reaches every other: global efficiency and average shortest path.

    Both come from one pass over the shortest paths. Strong edges make the efficiency high and the paths
    short.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Symmetric weights in [0, 1); 0 means no edge. The diagonal (self-loops) is ignored.

    Returns
    -------
    global_efficiency : ndarray of shape (...)
        Mean of 1 / length over ordered pairs of nodes, 0 or more and without upper bound (above 1 is normal,
        because edges are shorter than 1); a pair without a path adds 0.
    average_shortest_path : ndarray of shape (...)
        Mean length over the ordered pairs that have a path; pairs without a path are left out. NaN where no
        pair has a path.

    Raises
    ------
    ValueError
        If `graphs` are not such matrices (see `check_graphs`).

    Notes
    -----
    With d_ij the length of the shortest path between nodes i and j, where an edge of weight w has the length
    1 - w as in Chen et al. (2025), E = sum_{i != j} (1 / d_ij) / (n (n - 1)) (Latora & Marchiori 2001),
    and L = the mean of the finite d_ij, i != j. On a connected graph L equals networkx's
    `average_shortest_path_length`.

    References
    ----------
    Latora, V., & Marchiori, M. (2001). Efficient behavior of small-world networks. Physical Review Letters
    87, 198701.
    Chen et al. (2025). arXiv 2510.24342.

    Examples
    --------
    >>> efficiency, length = global_efficiency_and_path_length([[0, 0.75], [0.75, 0]])
    >>> float(efficiency), float(length)
    (4.0, 0.25)
    """
    graphs = check_graphs(graphs, distances=True)
    n_nodes = graphs.shape[-1]
    summaries = summarize_paths(graphs.reshape(-1, n_nodes, n_nodes)).reshape(*graphs.shape[:-2], 2)
    return summaries[..., 0].copy(), summaries[..., 1].copy()


def check_graphs(graphs: ArrayLike, *, distances: bool = False) -> np.ndarray:
    """Weighted graphs as an array of doubles, or an error that says what is wrong with which graph.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Adjacency matrices: numpy array, nested lists, or torch tensor on the CPU.
    distances : bool
        Whether the weights will be turned into lengths 1 - weight, so that they must lie below 1.

    Returns
    -------
    ndarray of shape (..., n_nodes, n_nodes)
        The same graphs, contiguous and in double precision; not a copy if they were so already.

    Raises
    ------
    ValueError
        For what `brainalign.numeric.as_numbers` refuses, or if the matrices are not square with at least 2 nodes, or a
        graph has entries that are not finite, negative weights, weights of 1 or more (with `distances`), or is not
        symmetric.
    """
    graphs = _as_doubles(graphs)
    if graphs.ndim < 2 or graphs.shape[-1] != graphs.shape[-2] or graphs.shape[-1] < 2:
        message = (
            "graphs must be square matrices of shape (..., n, n) with at least 2 nodes: "
            f"got shape {graphs.shape}. Put the two node axes last."
        )
        raise ValueError(message)
    for index in np.ndindex(graphs.shape[:-2]):
        fault = _find_fault(graphs[index], distances=distances)
        if fault:
            name = f"graph {list(map(int, index))}" if index else "the graph"
            message = f"{name} {fault}"
            raise ValueError(message)
    return graphs


def check_one_graph(graph: ArrayLike, *, distances: bool = False) -> np.ndarray:
    """As `check_graphs`, for functions that take a single matrix."""
    graph = _as_doubles(graph)
    if graph.ndim != 2:
        message = f"one graph of shape (n, n) is needed: got shape {graph.shape}. Call once for each graph."
        raise ValueError(message)
    return check_graphs(graph, distances=distances)


def _as_doubles(graphs: ArrayLike) -> np.ndarray:
    # Writable, because the compiled functions would otherwise be compiled once more for read-only arrays.
    return np.require(as_doubles(graphs, name="graphs"), np.float64, ["C", "A", "W"])


def _find_fault(graph: np.ndarray, *, distances: bool) -> str | None:
    """Say what makes one matrix no weighted graph, or None."""
    lowest, highest = graph.min(), graph.max()  # NaN and infinity show in one of the two
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = np.argwhere(~np.isfinite(graph))
        row, column = map(int, bad[0])
        return (
            f"has {len(bad)} entries that are not finite, the first {graph[row, column]} at "
            f"({row}, {column}): weights must be finite numbers. Remove those nodes or set their edges to 0."
        )
    if lowest < 0:
        return (
            f"has {np.count_nonzero(graph < 0)} negative weights, the lowest {lowest:.6g}: "
            "weights must be 0 or more. Set negative weights to 0 or take absolute values."
        )
    if distances and highest >= 1:
        return (
            f"has {np.count_nonzero(graph >= 1)} weights of 1 or more, the highest {highest:.6g}: "
            "weights must lie in [0, 1), since a weight of 1 is a distance of 0. Rescale them below 1, "
            "or set the diagonal to 0 if it holds the ones of a correlation matrix."
        )
    asymmetry = np.abs(graph - graph.T).max()
    if asymmetry > SYMMETRY_TOLERANCE * highest:
        return (
            f"is not symmetric: weights of opposite directions differ by up to {asymmetry:.6g}, allowed is "
            f"{SYMMETRY_TOLERANCE * highest:.6g}. Symmetrise first, for instance (C + C.T) / 2."
        )
    return None


@njit(cache=True, parallel=True)
def summarize_paths(graphs: np.ndarray) -> np.ndarray:
    """Global efficiency and average shortest path of checked graphs (n_graphs, n, n), as (n_graphs, 2)."""
    # Reduced graph by graph, so that only one distance matrix per thread exists at a time.
    summaries = np.empty((graphs.shape[0], 2))
    for index in prange(graphs.shape[0]):
        efficiency, length = _efficiency_and_length(_shortest_paths(graphs[index]))
        summaries[index, 0] = efficiency
        summaries[index, 1] = length
    return summaries


@njit(cache=True)
def _shortest_paths(graph: np.ndarray) -> np.ndarray:
    """All shortest path lengths, by Floyd-Warshall with exact pruning."""
    distances = _edge_lengths(graph)
    n_nodes = distances.shape[0]
    farthest = np.empty(n_nodes)
    for pivot in range(n_nodes):
        if pivot % PIVOTS_PER_REFRESH == 0:
            _refresh_farthest(distances, farthest)
        nearest = np.inf
        for node in range(n_nodes):
            if node != pivot:
                nearest = min(nearest, distances[pivot, node])
        for row in range(n_nodes):
            to_pivot = distances[pivot, row]  # distances are symmetric, and rows lie contiguous in memory
            # Every detour costs at least this much: rounding is monotone, so nothing below could get smaller.
            if to_pivot + nearest >= farthest[row] or row == pivot:
                continue
            for column in range(n_nodes):
                detour = to_pivot + distances[pivot, column]
                direct = distances[row, column]
                distances[row, column] = detour if detour < direct else direct
    return distances


@njit(cache=True)
def _edge_lengths(graph: np.ndarray) -> np.ndarray:
    """Lengths 1 - weight, infinite where there is no edge, 0 on the diagonal; symmetric to the last bit."""
    n_nodes = graph.shape[0]
    lengths = np.zeros((n_nodes, n_nodes))
    for row in range(n_nodes):
        for column in range(row):
            weight = graph[row, column]
            length = 1.0 - weight if weight > 0.0 else np.inf
            lengths[row, column] = length
            lengths[column, row] = length
    return lengths


@njit(cache=True)
def _refresh_farthest(distances: np.ndarray, farthest: np.ndarray) -> None:
    for row in range(distances.shape[0]):
        largest = 0.0
        for column in range(distances.shape[1]):
            value = distances[row, column]
            largest = value if value > largest else largest
        farthest[row] = largest


@njit(cache=True)
def _efficiency_and_length(distances: np.ndarray) -> tuple[float, float]:
    n_nodes = distances.shape[0]
    inverse_sum, length_sum, n_paths = 0.0, 0.0, 0
    for row in range(n_nodes):
        for column in range(row):
            length = distances[row, column]
            if length < np.inf:
                inverse_sum += 1.0 / length
                length_sum += length
                n_paths += 1
    n_pairs = n_nodes * (n_nodes - 1) // 2
    return inverse_sum / n_pairs, length_sum / n_paths if n_paths else np.nan
