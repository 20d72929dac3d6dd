import itertools

import community
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from brainalign.topology.modularity import louvain_modularity, louvain_partition, modularity_of_partition

# Sums of the same weights in another order.
ROUNDING = 1e-10


def attention_graph(n_nodes, logit_sd, seed, *, diagonal=0.0):
    """A head by the study's recipe: softmax of random logits, scaled to [1e-5, 1 - 1e-5], symmetrised.

    `diagonal` is added to the logits of a node with itself, in standard deviations.
    """
    logits = logit_sd * np.random.default_rng(seed).standard_normal((n_nodes, n_nodes))
    attention = np.exp(logits + diagonal * logit_sd * np.eye(n_nodes))
    attention /= attention.sum(axis=1, keepdims=True)
    low, high = attention.min(), attention.max()
    attention = 1e-5 + (attention - low) / (high - low) * (1 - 2e-5)
    return (attention + attention.T) / 2


def sparse_graph(n_nodes, density, seed):
    generator = np.random.default_rng(seed)
    edges = generator.uniform(size=(n_nodes, n_nodes)) * (generator.uniform(size=(n_nodes, n_nodes)) < density)
    return np.triu(edges) + np.triu(edges, 1).T


def networkx_modularity(graph, labels):
    communities = [set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
    return nx.community.modularity(nx.from_numpy_array(graph), communities, weight="weight")


def python_louvain_modularity(graph):
    weighted = nx.from_numpy_array(graph)
    return community.modularity(community.best_partition(weighted, random_state=0), weighted)


# Both plain heads and heads whose nodes attend to themselves, up to nearly all the weight on the diagonal.
HEADS = [
    attention_graph(40, logit_sd, seed, diagonal=diagonal)
    for seed, (logit_sd, diagonal) in enumerate(itertools.product([1e-2, 0.3, 1.0, 3.0, 10.0], [0.0, 0.0, 2.0, 6.0]))
]
OTHERS = [sparse_graph(30, density, seed) for seed, density in enumerate([0.05, 0.1, 0.3, 1.0])]


@pytest.mark.parametrize("graph", [*HEADS[::3], *OTHERS])
def test_modularity_is_that_of_networkx(graph):
    labels, modularity = louvain_partition(graph)
    assert_allclose(modularity, networkx_modularity(graph, labels), rtol=0, atol=ROUNDING)
    arbitrary = np.arange(len(graph)) % 3
    expected = networkx_modularity(graph, arbitrary)
    assert_allclose(modularity_of_partition(graph, arbitrary), expected, rtol=0, atol=ROUNDING)


def test_partitions_are_as_good_as_those_of_python_louvain():
    ours = louvain_modularity(HEADS)
    theirs = np.array([python_louvain_modularity(graph) for graph in HEADS])
    assert_array_less(theirs.mean(), ours.mean())
    assert_array_less(theirs - 1e-3, ours)  # on single graphs either may find a little more


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_all_partitions_is_found_on_seven_nodes(seed):
    graph = attention_graph(7, 2.0, seed)
    # Every partition, as labels in which each node opens at most one community more than those before it.
    partitions = [[0]]
    for _ in range(6):
        partitions = [[*labels, label] for labels in partitions for label in range(max(labels) + 2)]
    best = max(modularity_of_partition(graph, labels) for labels in partitions)
    assert_allclose(louvain_modularity(graph, starts=16), best, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("graph", [HEADS[0], HEADS[6], HEADS[17], OTHERS[1], OTHERS[3]])
def test_no_move_of_a_single_node_gains(graph):
    labels, modularity = louvain_partition(graph, starts=1)
    moved = np.tile(labels, (len(graph), labels.max() + 2, 1))
    for node, target in np.ndindex(moved.shape[:2]):  # the last target is a new community
        moved[node, target, node] = target
    gains = [modularity_of_partition(graph, row) - modularity for row in moved.reshape(-1, len(graph))]
    assert_array_less(gains, ROUNDING)


def test_karate_club_has_its_known_best_partition():
    graph = nx.to_numpy_array(nx.karate_club_graph(), weight=None)
    labels, modularity = louvain_partition(graph)
    assert_allclose(modularity, 0.4197896, atol=1e-7)  # optimal: Agarwal & Kempe 2008
    assert_array_equal(np.bincount(labels).size, 4)


def test_a_heavy_diagonal_leaves_every_node_alone():
    generator = np.random.default_rng(0)
    noise = generator.uniform(size=(200, 200)) * 1e-3 / 200
    labels, modularity = louvain_partition((noise + noise.T) / 2 + np.diag(generator.uniform(0.9, 1, 200)))
    assert_array_equal(labels, np.arange(200))
    assert_allclose(modularity, 0.994, atol=2e-3)


@pytest.mark.parametrize(("n_cliques", "size"), [(2, 4), (5, 3), (7, 10)])
def test_separate_equal_cliques_are_the_communities(n_cliques, size):
    clique = 0.5 * (np.ones((size, size)) - np.eye(size))
    labels, modularity = louvain_partition(np.kron(np.eye(n_cliques), clique))
    assert_array_equal(labels, np.repeat(np.arange(n_cliques), size))
    assert_allclose(modularity, 1 - 1 / n_cliques)


def test_communities_that_only_merging_finds_are_found():
    # 64 pairs in a ring: moving single nodes stops at the pairs, the best partition joins neighboring pairs.
    pairs = np.kron(np.eye(64), np.ones((2, 2)) - np.eye(2))
    first, last = np.arange(0, 128, 2), np.arange(1, 128, 2)
    pairs[last, np.roll(first, -1)] = pairs[np.roll(first, -1), last] = 1.0
    labels, modularity = louvain_partition(pairs)
    assert_array_less(labels.max(), 40)
    assert_array_less(python_louvain_modularity(pairs) - ROUNDING, modularity)


def test_a_graph_without_edges_has_modularity_zero():
    labels, modularity = louvain_partition(np.zeros((4, 4)))
    assert_array_equal(labels, np.arange(4))
    assert_array_equal([modularity, modularity_of_partition(np.zeros((4, 4)), [0, 0, 1, 1])], [0.0, 0.0])


def test_a_graph_has_the_same_value_anywhere_in_any_batch():
    alone = [louvain_modularity(graph, starts=2) for graph in HEADS]
    assert_array_equal(louvain_modularity(HEADS, starts=2), alone)
    assert_array_equal(louvain_modularity(HEADS[::-1], starts=2), alone[::-1])
    assert_array_equal([louvain_partition(graph, starts=2)[1] for graph in HEADS], alone)


def test_the_generator_decides_the_starts():
    graph = attention_graph(50, 0.3, 0)
    seeded = [louvain_partition(graph, starts=1, generator=np.random.default_rng(seed)) for seed in (0, *range(20))]
    assert_array_equal(seeded[0][0], seeded[1][0])
    assert_array_equal(seeded[0][0], louvain_partition(graph, starts=1)[0])  # None is default_rng(0)
    assert_array_less(1, np.unique([modularity for _, modularity in seeded]).size)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    louvain_modularity(HEADS[0])
    assert_array_equal(np.random.get_state()[1], before)


def test_more_starts_never_find_less():
    found = [louvain_modularity(HEADS, starts=starts) for starts in (1, 4, 16)]
    assert_array_less(found[0], found[1] + 1e-11)
    assert_array_less(found[1], found[2] + 1e-11)


@given(st.integers(2, 25), st.floats(0.05, 1.0), st.integers(0, 2**32), st.floats(1e-6, 1e6))
@settings(max_examples=100, deadline=None)
def test_range_numbering_and_freedom_of_unit(n_nodes, density, seed, unit):
    graph = sparse_graph(n_nodes, density, seed)
    labels, modularity = louvain_partition(graph)
    assert_array_less(-ROUNDING, modularity)  # one community has 0 already
    assert_array_less(modularity, 1)
    _, first_nodes = np.unique(labels, return_index=True)
    assert_array_equal(first_nodes, np.sort(first_nodes))
    assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert_allclose(modularity_of_partition(unit * graph, labels), modularity, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("starts", [0, -3])
def test_no_starts_are_refused(starts):
    with pytest.raises(ValueError, match=rf"starts must be 1 or more: got {starts}\."):
        louvain_modularity(HEADS[0], starts=starts)


def test_a_number_as_generator_is_refused():
    with pytest.raises(TypeError, match="Generator or None: got int"):
        louvain_partition(HEADS[0], generator=3)


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"each of the 40 nodes: got shape \(3,\)"):
        modularity_of_partition(HEADS[0], [0, 1, 1])


def test_a_batch_where_one_graph_is_needed_is_refused():
    with pytest.raises(ValueError, match=r"got shape \(20, 40, 40\)"):
        louvain_partition(HEADS)
