"""The five numbers that describe a head's graph, for whole batches of dense weighted graphs.

Definitions are those of networkx 3, as the study used them (Chen et al. 2025), computed a thousand times
faster. Arrays are numpy arrays of double precision.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike

from brainalign.topology.modularity import draw_seeds, maximize_modularity
from brainalign.topology.paths import check_graphs, global_efficiency_and_path_length, summarize_paths

__all__ = ["METRICS", "clustering", "degree_std", "global_efficiency_and_path_length", "graph_metrics"]

METRICS = ("clustering", "modularity", "global_efficiency", "average_shortest_path", "degree_std")


def graph_metrics(
    graphs: ArrayLike, *, starts: int = 8, generator: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """Compute the five graph metrics of the topological profile, for each graph of a batch.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Symmetric weights in [0, 1); 0 means no edge. The diagonal holds self-loops and is kept. A numpy array
        or a torch tensor on the CPU.
    starts : int
        Number of random node orders among which modularity takes the best partition, 1 or more.
    generator : numpy.random.Generator, optional
        Source of those orders; None means `numpy.random.default_rng(0)`. All graphs see the same orders, so
        that a graph's metrics do not depend on its place in the batch.

    Returns
    -------
    dict of str to ndarray of shape (...)
        In the order of `METRICS`:

        - clustering, in [0, 1]: how strongly the neighbors of a node are connected with each other;
        - modularity, in [0, 1): how much more weight lies inside communities than by chance;
        - global_efficiency, 0 or more: mean inverse length of the shortest paths;
        - average_shortest_path, above 0: mean length of the shortest paths, pairs without a path left out;
        - degree_std, 0 or more, in units of weight: spread of the nodes' weighted degrees.

        A graph without edges has 0 for all of them but the path length, which is NaN.

    Raises
    ------
    TypeError
        If `generator` is no generator.
    ValueError
        If `graphs` are not such matrices of real numbers (see `brainalign.topology.paths.check_graphs`), or if
        `starts` is below 1.

    Notes
    -----
    Formulas and sources stand with the single functions: `clustering`, `louvain_partition`,
    `global_efficiency_and_path_length` and `degree_std`.

    References
    ----------
    Chen et al. (2025). arXiv 2510.24342.

    Examples
    --------
    >>> metrics = graph_metrics([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    >>> {name: round(float(value), 6) for name, value in metrics.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'clustering': 1.0, 'modularity': 0.0, 'global_efficiency': 2.0, 'average_shortest_path': 0.5,
     'degree_std': 0.0}
    """
    seeds = draw_seeds(starts, generator)
    graphs = check_graphs(graphs, distances=True)
    flat = graphs.reshape(-1, *graphs.shape[-2:])
    values = np.empty((len(METRICS), len(flat)))
    values[0] = _clustering(flat)
    values[1] = maximize_modularity(flat, seeds)
    values[2:4] = summarize_paths(flat).T
    values[4] = _degree_std(flat)
    return dict(zip(METRICS, values.reshape(len(METRICS), *graphs.shape[:-2]), strict=True))


def clustering(graphs: ArrayLike) -> np.ndarray:
    """Average clustering coefficient: how strongly the neighbors of a node are connected with each other.

    1 when all edges exist and are equally strong; 0 when there is no triangle.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Symmetric weights, 0 or more; 0 means no edge. The diagonal holds self-loops.

    Returns
    -------
    ndarray of shape (...)
        Clustering in [0, 1], free of the unit of the weights.

    Raises
    ------
    ValueError
        If `graphs` are not such matrices (see `brainalign.topology.paths.check_graphs`).

    Notes
    -----
    Onnela et al. (2005): c_i = sum_{j, k} (w_ij w_jk w_ki)^(1/3) / (k_i (k_i - 1)), the mean over pairs of
    node i's k_i neighbors of the geometric mean of their triangle's weights (0 without a triangle), averaged
    over all nodes; nodes with fewer than two neighbors count 0. Weights are first divided by the largest one.
    As in networkx, self-loops take no part in triangles and neighbors but do take part in that largest
    weight: a strong diagonal lowers the clustering.
    This is not the weighted clustering of Barrat et al. that igraph computes.

    References
    ----------
    Onnela, J.-P., et al. (2005). Intensity and coherence of motifs in weighted complex networks. Physical
    Review E 71, 065103.

    Examples
    --------
    >>> float(clustering([[0, 2, 2], [2, 0, 2], [2, 2, 0]]))
    1.0
    """
    graphs = check_graphs(graphs)
    return _clustering(graphs.reshape(-1, *graphs.shape[-2:])).reshape(graphs.shape[:-2])


def degree_std(graphs: ArrayLike) -> np.ndarray:
    """Spread of the nodes' weighted degrees: 0 when every node has the same share of the weight.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Symmetric weights, 0 or more; 0 means no edge. The diagonal holds self-loops.

    Returns
    -------
    ndarray of shape (...)
        Standard deviations, 0 or more, in the unit of the weights.

    Raises
    ------
    ValueError
        If `graphs` are not such matrices (see `brainalign.topology.paths.check_graphs`).

    Notes
    -----
    Population standard deviation (division by n) of k_i = sum_j w_ij + w_ii: a self-loop counts twice, once
    for each of its ends, as in networkx.

    Examples
    --------
    >>> float(degree_std([[1, 0], [0, 0]]))
    1.0
    """
    graphs = check_graphs(graphs)
    return _degree_std(graphs.reshape(-1, *graphs.shape[-2:])).reshape(graphs.shape[:-2])


def _degree_std(graphs: np.ndarray) -> np.ndarray:
    degrees = graphs.sum(axis=-1) + np.diagonal(graphs, axis1=-2, axis2=-1)
    return degrees.std(axis=-1)


@njit(cache=True, parallel=True)
def _clustering(graphs: np.ndarray) -> np.ndarray:
    # Not numpy's matrix product: its threads wait for each other actively, which on a busy machine costs
    # several times the work itself, and it would compute both halves of a symmetric matrix.
    coefficients = np.empty(graphs.shape[0])
    for index in prange(graphs.shape[0]):
        coefficients[index] = _clustering_of_one(graphs[index])
    return coefficients


@njit(cache=True)
def _clustering_of_one(graph: np.ndarray) -> float:
    roots, n_neighbors = _cube_roots(graph)
    n_nodes = graph.shape[0]
    triangles = np.zeros(n_nodes)  # of each node, every triangle twice: once for each direction
    for node in range(n_nodes):
        for other in range(node):
            if roots[node, other] > 0.0:
                weight = roots[node, other] * _dot(roots[node], roots[other])
                triangles[node] += weight
                triangles[other] += weight
    # Where there are fewer than two neighbors there is no triangle either, and 0 / 1 is the 0 that is due.
    return np.mean(triangles / np.maximum(n_neighbors * (n_neighbors - 1), 1))


@njit(cache=True)
def _cube_roots(graph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cube roots of the weights over the largest one, without self-loops, and the numbers of neighbors."""
    n_nodes = graph.shape[0]
    heaviest = graph.max()
    roots = np.zeros((n_nodes, n_nodes))
    n_neighbors = np.zeros(n_nodes, dtype=np.int64)
    for node in range(n_nodes):
        for other in range(node):
            if graph[node, other] > 0.0:
                root = np.cbrt(graph[node, other] / heaviest)
                roots[node, other] = roots[other, node] = root
                n_neighbors[node] += 1
                n_neighbors[other] += 1
    return roots, n_neighbors


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"})  # lets the compiler sum in vector registers
def _dot(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for index in range(x.size):
        total += x[index] * y[index]
    return total
