"""Modularity of weighted graphs, maximized by a Louvain method for dense graphs.

Attention graphs are dense, so the method works on the whole modularity matrix instead of edge lists. It takes
the best of several starts that differ in the order of the nodes. Arrays are numpy arrays of double precision.
"""

import operator

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike

from brainalign.numeric import as_labels
from brainalign.topology.paths import check_graphs, check_one_graph

__all__ = ["louvain_modularity", "louvain_partition", "modularity_of_partition"]

# Modularity is at most 1; gains below this are rounding and could be taken back and forth for ever.
SMALLEST_GAIN = 1e-12

NEW_COMMUNITY = -1


def louvain_partition(
    graph: ArrayLike, *, starts: int = 8, generator: np.random.Generator | None = None
) -> tuple[np.ndarray, float]:
    """Communities of one graph with the highest modularity found, and that modularity.

    Parameters
    ----------
    graph : array_like of shape (n_nodes, n_nodes)
        Symmetric weights, 0 or more; 0 means no edge. The diagonal holds self-loops.
    starts : int
        Number of random node orders of which the best result is kept, 1 or more.
    generator : numpy.random.Generator, optional
        Source of the node orders; None means `numpy.random.default_rng(0)`.

    Returns
    -------
    labels : ndarray of int, shape (n_nodes,)
        Community of each node: 0, 1, ... in the order of their first nodes.
    modularity : float
        Modularity of that partition, in [0, 1); higher means more weight inside communities than by chance.
        A graph without edges has one community for each node and modularity 0.

    Raises
    ------
    ValueError
        If `graph` is not one such matrix (see `check_graphs`) or `starts` is below 1.

    Notes
    -----
    Blondel et al. (2008): nodes move one by one to the community that gains most (or to one of their own),
    then whole communities are moved likewise, until nothing gains. Here the single nodes are moved again
    after the communities were merged, which never lowers the result. A self-loop counts twice in a node's
    degree, as in networkx and python-louvain.

    References
    ----------
    Blondel, V. D., et al. (2008). Fast unfolding of communities in large networks. J. Stat. Mech., P10008.
    Newman, M. E. J., & Girvan, M. (2004). Finding and evaluating community structure in networks. Physical
    Review E 69, 026113.

    Examples
    --------
    >>> pair = np.ones((2, 2)) - np.eye(2)
    >>> labels, modularity = louvain_partition(np.kron(np.eye(2), pair))
    >>> labels.tolist(), modularity
    ([0, 0, 1, 1], 0.5)
    """
    graph = check_one_graph(graph)
    labels, _ = _best_partition(graph, draw_seeds(starts, generator))
    return labels, _partition_modularity(graph, labels)


def louvain_modularity(
    graphs: ArrayLike, *, starts: int = 8, generator: np.random.Generator | None = None
) -> np.ndarray:
    """Highest modularity found for each graph of a batch.

    Every graph sees the same node orders, so its value does not depend on its place in the batch.

    Parameters
    ----------
    graphs : array_like of shape (..., n_nodes, n_nodes)
        Symmetric weights, 0 or more; 0 means no edge. The diagonal holds self-loops.
    starts : int
        Number of random node orders of which the best result is kept, 1 or more.
    generator : numpy.random.Generator, optional
        Source of the node orders; None means `numpy.random.default_rng(0)`.

    Returns
    -------
    ndarray of shape (...)
        Modularities in [0, 1); see `louvain_partition`.

    Raises
    ------
    ValueError
        If `graphs` are not such matrices (see `check_graphs`) or `starts` is below 1.
    """
    seeds = draw_seeds(starts, generator)
    graphs = check_graphs(graphs)
    n_nodes = graphs.shape[-1]
    return maximize_modularity(graphs.reshape(-1, n_nodes, n_nodes), seeds).reshape(graphs.shape[:-2])


def modularity_of_partition(graph: ArrayLike, labels: ArrayLike) -> float:
    """Modularity of a given partition: weight inside communities beyond what chance would put there.

    Parameters
    ----------
    graph : array_like of shape (n_nodes, n_nodes)
        Symmetric weights, 0 or more; 0 means no edge. The diagonal holds self-loops.
    labels : array_like of shape (n_nodes,)
        Community of each node; equal labels mean the same community.

    Returns
    -------
    float
        Modularity in [-1/2, 1); all nodes in one community give 0, and so does a graph without edges.

    Raises
    ------
    ValueError
        If `graph` is not one such matrix (see `check_graphs`) or `labels` do not name one community per node.

    Notes
    -----
    Q = sum_c [L_c / m - (k_c / 2m)^2] (Newman & Girvan 2004), with L_c the weight of the edges inside
    community c, k_c the sum of its degrees and m the weight of all edges, self-loops included; a self-loop
    counts twice in a degree.

    Examples
    --------
    >>> modularity_of_partition([[0, 1], [1, 0]], [0, 0])
    0.0
    >>> modularity_of_partition([[0, 1], [1, 0]], [0, 1])
    -0.5
    """
    graph = check_one_graph(graph)
    labels = as_labels(labels, name="labels")
    if labels.shape != graph.shape[:1]:
        message = (
            f"labels must name one community for each of the {len(graph)} nodes: got shape {labels.shape}. "
            f"Pass an array of shape ({len(graph)},)."
        )
        raise ValueError(message)
    _, numbers = np.unique(labels, return_inverse=True)
    return _partition_modularity(graph, numbers)


def draw_seeds(starts: int, generator: np.random.Generator | None) -> np.ndarray:
    """One seed for each start, as unsigned 64-bit integers of shape (starts,)."""
    if generator is None:
        generator = np.random.default_rng(0)
    if not isinstance(generator, np.random.Generator):
        message = (
            f"generator must be a numpy.random.Generator or None: got {type(generator).__name__}. "
            "Pass numpy.random.default_rng(seed)."
        )
        raise TypeError(message)
    n_starts = operator.index(starts)
    if n_starts < 1:
        message = f"starts must be 1 or more: got {n_starts}. 8 is a good choice; more starts find slightly more."
        raise ValueError(message)
    return generator.integers(0, 2**64, size=n_starts, dtype=np.uint64)


@njit(cache=True, parallel=True)
def maximize_modularity(graphs: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Highest modularity found for each of the checked graphs (n_graphs, n, n)."""
    modularities = np.empty(graphs.shape[0])
    for index in prange(graphs.shape[0]):
        labels, _ = _best_partition(graphs[index], seeds)
        modularities[index] = _partition_modularity(graphs[index], labels)
    return modularities


@njit(cache=True)
def _partition_modularity(graph: np.ndarray, labels: np.ndarray) -> float:
    """Modularity of communities numbered from 0."""
    n_nodes = graph.shape[0]
    inside = 0.0
    degrees = np.zeros(n_nodes)  # of communities, of which there are at most as many as nodes
    for row in range(n_nodes):
        degrees[labels[row]] += graph[row, row]
        inside += graph[row, row]
        for column in range(n_nodes):
            degrees[labels[row]] += graph[row, column]
            if labels[row] == labels[column]:
                inside += graph[row, column]
    total = degrees.sum()
    if total == 0.0:
        return 0.0
    return inside / total - np.sum((degrees / total) ** 2)


@njit(cache=True)
def _best_partition(graph: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, float]:
    """Labels, numbered by first appearance, and modularity of the best start."""
    n_nodes = graph.shape[0]
    best_labels, best_modularity = np.arange(n_nodes), -np.inf
    B = _modularity_matrix(graph)
    M = np.empty_like(B)
    for seed in seeds:
        labels, modularity = _partition_from(B, M, seed)
        if modularity > best_modularity + SMALLEST_GAIN:
            best_labels, best_modularity = labels, modularity
    return best_labels, best_modularity


@njit(cache=True)
def _modularity_matrix(graph: np.ndarray) -> np.ndarray:
    """B = (A - k k' / 2m) / 2m with A = C + diag(C), so that a modularity is a sum of entries of B."""
    n_nodes = graph.shape[0]
    degrees = np.empty(n_nodes)
    for row in range(n_nodes):
        degrees[row] = graph[row, row] + graph[row].sum()
    total = degrees.sum()
    B = np.zeros((n_nodes, n_nodes))
    if total == 0.0:
        return B
    shares = degrees / total
    for row in range(n_nodes):
        for column in range(n_nodes):
            B[row, column] = graph[row, column] / total - shares[row] * shares[column]
        B[row, row] += graph[row, row] / total
    return B


@njit(cache=True)
def _partition_from(B: np.ndarray, M: np.ndarray, seed: np.uint64) -> tuple[np.ndarray, float]:
    """Louvain from single nodes: move nodes, merge communities, and again until merging gains nothing."""
    n_nodes = B.shape[0]
    labels = np.arange(n_nodes)
    order = _random_order(n_nodes, seed)
    M[:] = B
    while True:
        _move_nodes(B, M, labels, order)
        if not _merge_communities(B, labels, seed):
            break
        _sum_rows(B, labels, M)
    modularity = 0.0
    for node in range(n_nodes):
        for other in range(n_nodes):
            if labels[node] == labels[other]:
                modularity += B[node, other]
    return labels, modularity


@njit(cache=True)
def _merge_communities(B: np.ndarray, labels: np.ndarray, seed: np.uint64) -> bool:
    """Move whole communities as if they were nodes, level by level; tell whether any moved.

    Renumbers `labels` in place, also if none moved.
    """
    merged = False
    coarse_B = _aggregate(B, labels, _number_communities(labels))
    while True:
        n_communities = coarse_B.shape[0]
        coarse_labels = np.arange(n_communities)
        if not _move_nodes(coarse_B, coarse_B.copy(), coarse_labels, _random_order(n_communities, seed)):
            return merged
        merged = True
        n_merged = _number_communities(coarse_labels)
        for node in range(labels.size):
            labels[node] = coarse_labels[labels[node]]
        coarse_B = _aggregate(coarse_B, coarse_labels, n_merged)


@njit(cache=True)
def _move_nodes(B: np.ndarray, M: np.ndarray, labels: np.ndarray, order: np.ndarray) -> bool:
    """Move single nodes where they gain most until none gains; tell whether any moved.

    M[c, j], the sum of B[i, j] over the nodes i of community c, makes a gain one look-up and a move two row
    updates.
    """
    n_nodes = order.size
    sizes, active, n_active = _list_communities(labels)
    moved, n_still, position = False, 0, 0
    while n_still < n_nodes:  # a whole round without a move
        node = order[position]
        position = position + 1 if position + 1 < n_nodes else 0
        n_still += 1
        own = labels[node]
        target = _choose_community(M, node, own, B[node, node], active[:n_active])
        if target == NEW_COMMUNITY and sizes[own] > 1:
            target = active[n_active]
            n_active += 1
        if target in (own, NEW_COMMUNITY):  # a node that is alone already has a community of its own
            continue
        for other in range(n_nodes):
            M[own, other] -= B[node, other]
            M[target, other] += B[node, other]
        labels[node] = target
        sizes[own] -= 1
        sizes[target] += 1
        moved, n_still = True, 0
        if sizes[own] == 0:
            M[own] = 0.0  # forget what rounding left behind
            n_active = _retire(active, n_active, own)
    return moved


@njit(cache=True)
def _choose_community(M: np.ndarray, node: int, own: int, to_itself: float, active: np.ndarray) -> int:
    """Return the community that a node gains most in: another, its own, or a new one."""
    best, choice = M[own, node] - to_itself + SMALLEST_GAIN, own
    for community in active:
        if M[community, node] > best and community != own:
            best, choice = M[community, node], community
    return choice if best >= 0.0 else NEW_COMMUNITY


@njit(cache=True)
def _list_communities(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Community sizes, and the community numbers with those that have nodes first, and how many have."""
    n_nodes = labels.size
    sizes = np.zeros(n_nodes, dtype=np.int64)
    for label in labels:
        sizes[label] += 1
    active = np.empty(n_nodes, dtype=np.int64)
    n_active, last = 0, n_nodes
    for community in range(n_nodes):
        if sizes[community] > 0:
            active[n_active] = community
            n_active += 1
        else:
            last -= 1
            active[last] = community
    return sizes, active, n_active


@njit(cache=True)
def _retire(active: np.ndarray, n_active: int, community: int) -> int:
    """Swap an emptied community behind the last one that has nodes; their new number."""
    for slot in range(n_active):
        if active[slot] == community:
            active[slot], active[n_active - 1] = active[n_active - 1], community
    return n_active - 1


@njit(cache=True)
def _number_communities(labels: np.ndarray) -> int:
    """Renumber communities 0, 1, ... by their first nodes, in place; return how many there are."""
    numbers = np.full(labels.size, -1)
    n_communities = 0
    for node in range(labels.size):
        if numbers[labels[node]] < 0:
            numbers[labels[node]] = n_communities
            n_communities += 1
        labels[node] = numbers[labels[node]]
    return n_communities


@njit(cache=True)
def _aggregate(B: np.ndarray, labels: np.ndarray, n_communities: int) -> np.ndarray:
    """S' B S for the membership matrix S: the modularity matrix of the communities."""
    rows = np.empty((n_communities, labels.size))
    _sum_rows(B, labels, rows)
    coarse = np.zeros((n_communities, n_communities))
    for community in range(n_communities):
        for node in range(labels.size):
            coarse[community, labels[node]] += rows[community, node]
    return coarse


@njit(cache=True)
def _sum_rows(B: np.ndarray, labels: np.ndarray, M: np.ndarray) -> None:
    """M = S' B for the membership matrix S: the rows of B summed within communities."""
    M[:] = 0.0
    for node in range(labels.size):
        target = labels[node]
        for other in range(labels.size):
            M[target, other] += B[node, other]


@njit(cache=True)
def _random_order(n_items: int, seed: np.uint64) -> np.ndarray:
    """Random permutation by Fisher and Yates from splitmix64, a generator without global state."""
    order = np.arange(n_items)
    state = seed
    for last in range(n_items - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
        pick = np.int64(bits % np.uint64(last + 1))
        order[last], order[pick] = order[pick], order[last]
    return order
