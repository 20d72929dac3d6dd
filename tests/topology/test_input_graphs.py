"""Graphs of attention on real input, and what padding, marks, sinks and the causal mask do to them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology.graphs import attention_graph, attention_logits, logits_graph, row_softmax
from brainalign.topology.input_graphs import (
    causal_logits,
    drop_nodes,
    edge_share,
    input_free_graphs,
    input_graphs,
    keep_tokens,
    sink_share,
)

EXACT = {"rtol": 1e-12, "atol": 1e-14}  # the same sums in another order


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(size=(5, 2, 3, 8, 8))


def padded(maps, lengths, filling):
    """Maps whose rows and columns after each length hold something that must not count."""
    is_token = np.arange(maps.shape[-1]) < np.asarray(lengths)[:, None]
    pairs = is_token[:, None, None, :, None] & is_token[:, None, None, None, :]
    return np.where(pairs, maps, filling), is_token


def test_graph_of_a_map_is_what_the_study_makes_of_its_softmax(logits):
    assert_allclose(input_graphs(row_softmax(logits)), logits_graph(logits), **EXACT)


def test_padding_takes_no_part_whatever_it_holds(logits):
    maps = row_softmax(logits)
    filled, is_token = padded(maps, [8, 5, 3, 8, 4], filling=7.0)
    graphs = input_graphs(filled, is_token)
    for row, length in enumerate(is_token.sum(axis=1)):
        alone = input_graphs(maps[row, ..., :length, :length])
        assert_allclose(graphs[row, ..., :length, :length], alone, **EXACT)
        assert not graphs[row, ..., length:, :].any()
        assert not graphs[row, ..., :, length:].any()


def test_averaging_before_and_after_differ_as_described():
    """Two inputs with their peak in different places: after, the mean peak is one half; before, it is 1 again."""
    maps = np.full((2, 4, 4), 0.1)
    maps[0, 0, 1] = maps[0, 1, 0] = maps[1, 2, 3] = maps[1, 3, 2] = 0.7
    before, after = input_graphs(maps.mean(axis=0)), input_graphs(maps).mean(axis=0)
    assert_allclose(before[0, 1], 1 - 1e-5)
    assert_allclose(after[0, 1], 0.5)
    assert_allclose(before[0, 2], 1e-5)


def test_causal_logits_hide_what_is_later(logits):
    maps = row_softmax(causal_logits(logits))
    assert_array_equal(np.triu(maps, k=1), np.zeros_like(maps))
    assert_allclose(maps.sum(axis=-1), 1)
    row = logits[0, 0, 0, 3, :4]
    assert_allclose(maps[0, 0, 0, 3, :4], np.exp(row) / np.exp(row).sum())


def test_first_self_loop_sets_the_scale_of_every_causal_graph(logits):
    graphs = input_free_graphs(logits, causal=True)
    assert_allclose(graphs[..., 0, 0], 1 - 1e-5)
    assert_allclose(graphs.max(axis=(-2, -1)), graphs[..., 0, 0])
    off_diagonal = np.where(np.eye(8, dtype=bool), 0, graphs)
    assert off_diagonal.max() <= 0.5


def test_graphs_without_input_are_those_of_the_study():
    rng = np.random.default_rng(1)
    P, W_Q, W_K = rng.normal(size=(9, 6)), rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 3))
    logits = attention_logits(P, W_Q, W_K) / np.sqrt(3)
    assert_allclose(input_free_graphs(logits), attention_graph(P, W_Q, W_K, 3), **EXACT)
    some = [1, 4, 8]
    assert_allclose(input_free_graphs(logits, nodes=some), attention_graph(P[some], W_Q, W_K, 3), **EXACT)


def test_dropping_nodes_is_leaving_them_out_of_the_softmax(logits):
    stay = [1, 2, 4, 5, 6]
    smaller = logits[..., np.ix_(stay, stay)[0], np.ix_(stay, stay)[1]]
    assert_allclose(drop_nodes(row_softmax(logits), [0, 3, -1]), row_softmax(smaller), **EXACT)


def test_keeping_tokens_is_leaving_out_others_input_by_input(logits):
    maps = row_softmax(logits)
    is_kept = np.random.default_rng(2).random((5, 8)) < 0.7
    is_kept[:, :3] = True
    found = keep_tokens(maps, is_kept)
    for row, kept in enumerate(is_kept):
        places = np.flatnonzero(kept)
        assert_allclose(found[row][..., places[:, None], places], drop_nodes(maps[row], np.flatnonzero(~kept)), **EXACT)
        assert not found[row][..., ~kept, :].any()
        assert not found[row][..., ~kept].any()


def test_a_row_that_attends_to_nothing_that_stays_is_empty():
    maps = row_softmax(causal_logits(np.zeros((5, 5))))
    maps[2] = [1, 0, 0, 0, 0]
    assert_allclose(drop_nodes(maps, [0]).sum(axis=-1), [1, 0, 1, 1])


def test_shares_of_even_attention_are_known():
    flat = np.zeros((2, 6, 6))
    assert_allclose(sink_share(row_softmax(flat)), 1 / 6)
    causal = row_softmax(causal_logits(flat))
    assert_allclose(sink_share(causal, 0), np.mean(1 / np.arange(1, 7)))
    assert_allclose(sink_share(causal), sink_share(causal, 0))
    assert_allclose(sum(sink_share(causal, node) for node in range(6)), 1)


def test_share_of_a_sink_is_what_falls_on_it():
    maps = np.full((4, 4), 0.1)
    maps[:, 2] = 0.7
    assert_allclose(sink_share(maps), 0.7)
    assert_allclose(sink_share(maps, 0), 0.1)


def test_share_of_edges_of_a_star_and_of_equal_weights():
    star = np.zeros((5, 5))
    star[0, 1:] = star[1:, 0] = 0.3
    star[1, 1] = 0.9  # a self-loop is no edge between nodes
    assert_allclose(edge_share(star), 1)
    assert_allclose(edge_share(star, 1), 0.25)
    assert_allclose(edge_share(np.ones((5, 5))), 2 / 5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: input_graphs(np.ones((2, 3))), r"square.*\(2, 3\)"),
        (lambda: input_graphs(-np.ones((3, 3))), "0 or more"),
        (lambda: input_graphs(np.full((3, 3), np.nan)), "finite"),
        (lambda: input_graphs(np.ones((2, 3, 3)), np.ones((2, 4))), r"\(2, 4\), \(2, 3, 3\)"),
        (lambda: causal_logits(np.ones((2, 3))), "square"),
        (lambda: input_free_graphs(np.ones((4, 4)), nodes=[2, 4]), "0 to 3"),
        (lambda: drop_nodes(np.ones((4, 4)), [4]), "no position 4"),
        (lambda: drop_nodes(np.ones((4, 4)), [0, 1]), "leaves 2"),
        (lambda: keep_tokens(np.ones((3, 3)), np.ones(3)), "mask must have shape"),
        (lambda: sink_share(np.zeros((2, 3, 3))), "2 maps hold no attention"),
        (lambda: edge_share(np.eye(3)), "1 graphs have no edges"),
    ],
)
def test_what_is_no_attention_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
