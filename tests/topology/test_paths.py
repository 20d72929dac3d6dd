import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology.paths import check_graphs, global_efficiency_and_path_length, shortest_path_lengths

# Sums of the same lengths in another order.
ROUNDING = 1e-12


def random_graph(n_nodes, density, seed, *, spread=1.0):
    """Weights in (0, 1) on a share `density` of the edges; a spread above 1 makes most of them weak."""
    generator = np.random.default_rng(seed)
    weights = generator.uniform(1e-5, 1 - 1e-5, (n_nodes, n_nodes)) ** spread
    kept = np.triu(weights * (generator.uniform(size=weights.shape) < density))
    return kept + np.triu(kept, 1).T


def local_graph(n_nodes, width):
    """Gaussian ties along a line, cut off where they underflow: shortest paths have many steps."""
    positions = np.arange(n_nodes)
    weights = 0.999 * np.exp(-(((positions[:, None] - positions) / width) ** 2))
    return np.where(weights > 1e-6, weights, 0)


def plain_floyd_warshall(graph):
    lengths = np.where(graph > 0, 1 - graph, np.inf)
    np.fill_diagonal(lengths, 0)
    for pivot in range(len(graph)):
        lengths = np.minimum(lengths, lengths[:, pivot, None] + lengths[pivot])
    return lengths


def networkx_lengths(graph):
    lengths = np.full(graph.shape, np.inf)
    length_graph = nx.from_numpy_array(graph)
    for _, _, edge in length_graph.edges(data=True):
        edge["length"] = 1 - edge["weight"]
    for source, found in nx.all_pairs_dijkstra_path_length(length_graph, weight="length"):
        lengths[source, list(found)] = list(found.values())
    return lengths


GRAPHS = {
    "dense": random_graph(40, 1.0, 0),
    "weak": random_graph(40, 1.0, 1, spread=20.0),
    "sparse": random_graph(40, 0.06, 2),
    "disconnected": np.kron(np.eye(3), random_graph(12, 0.5, 3)),
    "line": local_graph(45, 1.0),
    "band": local_graph(45, 4.0),
    "pair": random_graph(2, 1.0, 4),
    "empty": np.zeros((5, 5)),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_pruning_changes_no_bit(graph):
    assert_array_equal(shortest_path_lengths(graph), plain_floyd_warshall(graph))


@given(st.integers(2, 60), st.floats(0.02, 1.0), st.floats(0.1, 30.0), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_pruning_changes_no_bit_of_random_graphs(n_nodes, density, spread, seed):
    graph = random_graph(n_nodes, density, seed, spread=spread)
    assert_array_equal(shortest_path_lengths(graph), plain_floyd_warshall(graph))


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_lengths_are_those_of_networkx(graph):
    assert_allclose(shortest_path_lengths(graph), networkx_lengths(graph), rtol=ROUNDING)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_summaries_are_means_over_ordered_pairs(graph):
    lengths = networkx_lengths(graph)[~np.eye(len(graph), dtype=bool)]
    found = lengths[np.isfinite(lengths)]
    efficiency, path_length = global_efficiency_and_path_length(graph)
    assert_allclose(efficiency, np.mean(1 / lengths), rtol=ROUNDING)
    assert_allclose(path_length, found.mean() if found.size else np.nan, rtol=ROUNDING)


def test_path_length_is_networkx_average_on_a_connected_graph():
    graph = GRAPHS["line"]
    length_graph = nx.from_numpy_array(np.where(graph > 0, 1 - graph, 0) * (1 - np.eye(len(graph))))
    expected = nx.average_shortest_path_length(length_graph, weight="weight")
    assert_allclose(global_efficiency_and_path_length(graph)[1], expected, rtol=ROUNDING)


def test_pairs_without_a_path_are_left_out_of_the_length_only():
    graph = np.zeros((4, 4))
    graph[0, 1] = graph[1, 0] = 0.75
    efficiency, path_length = global_efficiency_and_path_length(graph)
    assert_allclose(efficiency, 4 / 6)  # one of six pairs, 1 / 0.25
    assert_allclose(path_length, 0.25)


def test_the_diagonal_is_ignored():
    graph = GRAPHS["sparse"]
    without = graph - np.diag(np.diag(graph))
    assert_array_equal(shortest_path_lengths(graph), shortest_path_lengths(without))


def test_leading_dimensions_are_kept():
    batch = np.stack([random_graph(9, 0.6, seed) for seed in range(6)]).reshape(2, 3, 9, 9)
    efficiency, path_length = global_efficiency_and_path_length(batch)
    assert_array_equal(efficiency.shape, (2, 3))
    assert_array_equal([efficiency[1, 2], path_length[1, 2]], global_efficiency_and_path_length(batch[1, 2]))


@pytest.mark.parametrize("shape", [(0, 5, 5), (3, 0, 5, 5)])
def test_an_empty_batch_gives_empty_arrays(shape):
    efficiency, path_length = global_efficiency_and_path_length(np.empty(shape))
    assert_array_equal([efficiency.shape, path_length.shape], [shape[:-2]] * 2)


def test_a_read_only_or_transposed_array_is_taken():
    graph = GRAPHS["sparse"].copy()
    expected = shortest_path_lengths(graph)
    graph.flags.writeable = False
    assert_array_equal(shortest_path_lengths(graph), expected)
    assert_array_equal(shortest_path_lengths(graph.T), expected)


def with_entry(value, *, symmetric=True):
    batch = np.full((2, 3, 4, 4), 0.25)
    batch[1, 2, 0, 3] = value
    if symmetric:
        batch[1, 2, 3, 0] = value
    return batch


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        (np.zeros((3, 4, 5)), r"at least 2 nodes: got shape \(3, 4, 5\)\. Put the two node axes last"),
        (np.zeros((3, 1, 1)), r"at least 2 nodes: got shape \(3, 1, 1\)"),
        (np.zeros(7), r"square matrices of shape \(\.\.\., n, n\) .* got shape \(7,\)"),
        (0.5, r"got shape \(\)"),
        (with_entry(np.nan), r"graph \[1, 2\] has 2 entries that are not finite, the first nan at \(0, 3\)"),
        (with_entry(np.inf), r"graph \[1, 2\] has 2 entries that are not finite, the first inf at \(0, 3\)"),
        (
            with_entry(-0.125),
            r"graph \[1, 2\] has 2 negative weights, the lowest -0\.125: weights must be 0 or more",
        ),
        (
            with_entry(1.5),
            r"graph \[1, 2\] has 2 weights of 1 or more, the highest 1\.5: .*Rescale them below 1",
        ),
        (
            np.eye(4),
            r"the graph has 4 weights of 1 or more, the highest 1: .*diagonal to 0 .* correlation matrix",
        ),
        (
            with_entry(0.5, symmetric=False),
            r"graph \[1, 2\] is not symmetric: .* by up to 0\.25, allowed is 5e-13\. Symmetrise first",
        ),
    ],
)
def test_what_is_no_graph_is_refused_with_its_numbers(graphs, message):
    with pytest.raises(ValueError, match=message):
        global_efficiency_and_path_length(graphs)


def test_entries_that_are_no_real_numbers_are_refused():
    with pytest.raises(ValueError, match="real numbers: got complex"):
        check_graphs(np.zeros((3, 3), dtype=complex))


def test_a_batch_where_one_graph_is_needed_is_refused():
    with pytest.raises(ValueError, match=r"one graph of shape \(n, n\) is needed"):
        shortest_path_lengths(np.zeros((2, 3, 3)))


def test_weights_of_one_are_fine_where_no_distance_is_taken():
    assert_array_equal(check_graphs(np.eye(3)), np.eye(3))


def test_asymmetry_of_rounding_is_accepted():
    graph = random_graph(6, 1.0, 0)
    graph[0, 1] += 1e-14
    assert_array_equal(np.isfinite(shortest_path_lengths(graph)), np.ones((6, 6), dtype=bool))
