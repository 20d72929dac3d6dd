import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from brainalign.topology.metrics import (
    METRICS,
    clustering,
    degree_std,
    global_efficiency_and_path_length,
    graph_metrics,
)
from brainalign.topology.modularity import louvain_modularity
from brainalign.topology.paths import shortest_path_lengths
from tests.topology.test_modularity import attention_graph, sparse_graph

# What the fast and the textbook formula may differ by, from the order of sums alone.
PARITY = 1e-8
DETERMINISTIC = tuple(name for name in METRICS if name != "modularity")


def networkx_metrics(graph):
    weighted = nx.from_numpy_array(graph)
    for _, _, edge in weighted.edges(data=True):
        edge["length"] = 1 - edge["weight"]
    lengths = [
        length
        for source, found in nx.all_pairs_dijkstra_path_length(weighted, weight="length")
        for target, length in found.items()
        if target != source
    ]
    n_pairs = len(graph) * (len(graph) - 1)
    return {
        "clustering": nx.average_clustering(weighted, weight="weight"),
        "global_efficiency": sum(1 / length for length in lengths) / n_pairs,
        "average_shortest_path": np.mean(lengths) if lengths else np.nan,
        "degree_std": np.std([degree for _, degree in weighted.degree(weight="weight")]),
    }


def without_loops(graph):
    return graph - np.diag(np.diag(graph))


GRAPHS = {
    **{f"head, logit sd {sd}": attention_graph(24, sd, 0) for sd in (1e-2, 0.1, 1.0, 3.0, 10.0)},
    "head of 50 nodes": attention_graph(50, 0.5, 1),
    "head that attends to itself": attention_graph(24, 1.0, 2, diagonal=6.0),
    "head without diagonal": without_loops(attention_graph(24, 1.0, 3)),
    "dense": sparse_graph(24, 1.0, 4),
    "sparse": sparse_graph(24, 0.15, 5),
    "disconnected": np.kron(np.eye(3), sparse_graph(8, 0.6, 6)),
    "star": np.block([[np.zeros((1, 1)), np.full((1, 5), 0.5)], [np.full((5, 1), 0.5), np.zeros((5, 5))]]),
    "loops only": np.diag([0.2, 0.4, 0.9]),
    "pair": np.array([[0.3, 0.6], [0.6, 0.0]]),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_metrics_are_those_of_networkx(graph):
    metrics = graph_metrics(graph)
    for name, expected in networkx_metrics(graph).items():
        assert_allclose(metrics[name], expected, rtol=PARITY, atol=1e-14, err_msg=name)


def test_single_functions_give_the_same_values():
    batch = np.stack([attention_graph(20, 1.0, seed) for seed in range(4)])
    metrics = graph_metrics(batch)
    efficiency, path_length = global_efficiency_and_path_length(batch)
    expected = (clustering(batch), louvain_modularity(batch), efficiency, path_length, degree_std(batch))
    assert_array_equal(list(metrics), METRICS)
    assert_array_equal(list(metrics.values()), expected)


def test_a_graph_without_edges():
    metrics = graph_metrics(np.zeros((6, 6)))
    assert_array_equal([metrics[name] for name in METRICS], [0, 0, 0, np.nan, 0])


@pytest.mark.parametrize("n_nodes", [3, 10])
@pytest.mark.parametrize("weight", [0.25, 0.5])
def test_a_complete_graph_of_equal_weights(n_nodes, weight):
    metrics = graph_metrics(weight * (np.ones((n_nodes, n_nodes)) - np.eye(n_nodes)))
    expected = [1, 0, 1 / (1 - weight), 1 - weight, 0]
    assert_allclose([metrics[name] for name in METRICS], expected, rtol=PARITY, atol=1e-14)


def test_two_separate_equal_cliques():
    clique = 0.75 * (np.ones((5, 5)) - np.eye(5))
    metrics = graph_metrics(np.kron(np.eye(2), clique))
    expected = [1, 0.5, 4 * 4 / 9, 0.25, 0]  # each node reaches 4 of the 9 others
    assert_allclose([metrics[name] for name in METRICS], expected, rtol=PARITY, atol=1e-14)


def test_a_strong_self_loop_lowers_clustering_and_counts_twice_in_the_degree():
    graph = 0.25 * (np.ones((3, 3)) - np.eye(3))
    graph[0, 0] = 0.5
    assert_allclose(clustering(graph), 0.5)  # weights are divided by 0.5
    assert_allclose(degree_std(graph), np.std([1.5, 0.5, 0.5]))


@pytest.mark.parametrize("lead", [(), (6,), (2, 3), (1, 6, 1), (0,), (2, 0)])
def test_leading_dimensions_are_kept(lead):
    batch = np.stack([sparse_graph(8, 0.7, seed) for seed in range(6)])
    metrics = graph_metrics(np.resize(batch, (*lead, 8, 8)))
    for values in metrics.values():
        assert_array_equal(values.shape, lead)
        assert_array_equal(values.dtype, np.float64)


def test_a_batch_is_the_loop_over_its_graphs():
    batch = np.stack([attention_graph(20, sd, seed) for seed, sd in enumerate(np.geomspace(1e-2, 10, 9))])
    together = graph_metrics(batch)
    alone = [graph_metrics(graph) for graph in batch]
    for name in METRICS:
        assert_array_equal(together[name], [metrics[name] for metrics in alone], err_msg=name)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_torch_tensor_is_taken(dtype):
    graphs = torch.tensor(np.stack([GRAPHS["sparse"], GRAPHS["dense"]]), dtype=dtype, requires_grad=True)
    expected = graph_metrics(graphs.detach().numpy().astype(np.float64))
    for name, values in graph_metrics(graphs).items():
        assert_array_equal(values, expected[name])


def test_input_is_left_unchanged():
    graph = attention_graph(10, 1.0, 0)
    before = graph.copy()
    graph_metrics(graph)
    assert_array_equal(graph, before)


random_graphs = st.builds(sparse_graph, st.integers(2, 20), st.floats(0.05, 1.0), st.integers(0, 2**32))


@given(random_graphs, st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_the_order_of_nodes_does_not_matter(graph, seed):
    order = np.random.default_rng(seed).permutation(len(graph))
    original, permuted = graph_metrics(graph, starts=1), graph_metrics(graph[np.ix_(order, order)], starts=1)
    for name in DETERMINISTIC:
        assert_allclose(permuted[name], original[name], rtol=PARITY, atol=1e-14, err_msg=name)


@given(random_graphs)
@settings(max_examples=100, deadline=None)
def test_ranges(graph):
    metrics = graph_metrics(graph, starts=2)
    assert_array_less(-1e-12, [metrics["clustering"], metrics["modularity"], metrics["global_efficiency"]])
    assert_array_less([metrics["clustering"], metrics["modularity"]], 1 + 1e-12)
    if np.isfinite(shortest_path_lengths(graph)).all():
        # The arithmetic mean of the lengths is not below the harmonic one.
        assert_array_less(1 / metrics["global_efficiency"], metrics["average_shortest_path"] * (1 + 1e-12))
    assert_array_less(-1e-12, metrics["degree_std"])


@given(random_graphs, st.floats(1e-6, 1.0))
@settings(max_examples=100, deadline=None)
def test_the_unit_of_weights_matters_to_the_degree_only(graph, unit):
    assert_allclose(clustering(unit * graph), clustering(graph), rtol=PARITY)
    assert_allclose(degree_std(unit * graph), unit * degree_std(graph), rtol=PARITY, atol=1e-14)


@given(random_graphs)
@settings(max_examples=50, deadline=None)
def test_a_stronger_edge_never_makes_the_graph_less_efficient(graph):
    stronger = graph.copy()
    stronger[0, 1] = stronger[1, 0] = 0.5 + graph[0, 1] / 2
    before, after = (global_efficiency_and_path_length(g)[0] for g in (graph, stronger))
    assert_array_less(before - 1e-12, after)


@pytest.mark.parametrize(
    ("function", "graphs", "message"),
    [
        (
            graph_metrics,
            np.eye(3),
            r"the graph has 3 weights of 1 or more, the highest 1: .*set the diagonal to 0",
        ),
        (graph_metrics, np.zeros((2, 3)), r"at least 2 nodes: got shape \(2, 3\)"),
        (graph_metrics, np.triu(np.full((2, 2, 2), 0.5)), r"graph \[0\] is not symmetric: .* up to 0\.5"),
        (clustering, np.full((2, 2, 2), -1.0), r"graph \[0\] has 4 negative weights, the lowest -1"),
        (
            degree_std,
            np.full((1, 2, 2), np.nan),
            r"graph \[0\] has 4 entries that are not finite, the first nan",
        ),
    ],
)
def test_what_is_no_graph_is_refused_with_its_numbers(function, graphs, message):
    with pytest.raises(ValueError, match=message):
        function(graphs)


def test_no_starts_are_refused_before_anything_is_computed():
    with pytest.raises(ValueError, match=r"starts must be 1 or more: got 0"):
        graph_metrics(GRAPHS["dense"], starts=0)
