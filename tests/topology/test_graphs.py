import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy.special import softmax

from brainalign.topology.graphs import (
    EPS,
    attention_graph,
    attention_logits,
    rescale_nonzero,
    row_softmax,
    symmetrize,
)

# Sums in another order, magnified by the rescaling (logits below have a standard deviation of .01 or more).
ROUNDING = 1e-10


def make_head(n, d, head_dim, logit_sd, seed=0, lead=()):
    """Random positions, query and key whose logits, divided by sqrt(head_dim), have about the given sd."""
    generator = np.random.default_rng(seed)
    positions = generator.standard_normal((n, d))
    query, key = (generator.standard_normal((*lead, d, head_dim)) / math.sqrt(d) for _ in range(2))
    return positions, query * logit_sd, key


def textbook_graph(positions, query, key, head_dim, bias=None, eps=1e-5):
    n, d = positions.shape
    width = query.shape[1]
    attention = np.zeros((n, n))
    for i in range(n):
        queries = [sum(positions[i, a] * query[a, c] for a in range(d)) for c in range(width)]
        exponentials = []
        for j in range(n):
            keys = [sum(positions[j, a] * key[a, c] for a in range(d)) for c in range(width)]
            logit = sum(queries[c] * keys[c] for c in range(width)) + (0 if bias is None else bias[i, j])
            exponentials.append(math.exp(logit / math.sqrt(head_dim)))
        attention[i] = [exponential / sum(exponentials) for exponential in exponentials]
    low, high = attention[attention > 0].min(), attention.max()
    graph = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            pair = [attention[i, j], attention[j, i]]
            graph[i, j] = sum(eps + (a - low) / (high - low) * (1 - 2 * eps) for a in pair if a > 0) / 2
    return graph


heads = st.builds(
    make_head,
    n=st.integers(2, 12),
    d=st.integers(2, 8),
    head_dim=st.integers(1, 5),
    logit_sd=st.floats(0.01, 3.0),
    seed=st.integers(0, 2**32),
)


@pytest.mark.parametrize("logit_sd", [0.01, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("eps", [1e-5, 1e-3])
def test_the_graph_is_that_of_the_textbook(logit_sd, eps):
    positions, query, key = make_head(9, 6, 4, logit_sd)
    expected = textbook_graph(positions, query, key, 4, eps=eps)
    assert_allclose(attention_graph(positions, query, key, 4, eps=eps), expected, rtol=0, atol=ROUNDING)


def test_a_bias_is_added_to_the_logits():
    positions, query, key = make_head(9, 6, 4, 1.0)
    bias = np.random.default_rng(1).standard_normal((9, 9))
    graph = attention_graph(positions, query, key, 4, bias=bias)
    assert_allclose(graph, textbook_graph(positions, query, key, 4, bias=bias), rtol=0, atol=ROUNDING)
    without = attention_logits(positions, query, key)
    assert_allclose(attention_logits(positions, query, key, bias=bias), without + bias, rtol=0, atol=1e-14)
    assert_array_less(0.01, np.abs(graph - attention_graph(positions, query, key, 4)).max())


@given(heads, st.integers(1, 64))
@settings(max_examples=50, deadline=None)
def test_the_graph_is_its_steps_one_after_the_other(head, head_dim):
    logits = attention_logits(*head)
    expected = symmetrize(rescale_nonzero(row_softmax(logits / np.sqrt(head_dim))))
    assert_array_equal(attention_graph(*head, head_dim), expected)


@given(heads)
@settings(max_examples=100, deadline=None)
def test_range_and_symmetry(head):
    attention = row_softmax(attention_logits(*head))
    assert_allclose(attention.sum(axis=1), 1)
    stretched = rescale_nonzero(attention)
    assert_allclose([stretched[stretched > 0].min(), stretched.max()], [EPS, 1 - EPS], rtol=1e-12)
    graph = attention_graph(*head, head[1].shape[1])
    assert_array_equal(graph, graph.T)
    assert_array_less(-1e-300, graph)
    assert_array_less(graph, 1 - EPS + 1e-15)


@given(heads, st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_the_order_of_positions_does_not_matter(head, seed):
    positions, query, key = head
    order = np.random.default_rng(seed).permutation(len(positions))
    graph = attention_graph(*head, 4)
    permuted = attention_graph(positions[order], query, key, 4)
    assert_allclose(permuted, graph[np.ix_(order, order)], rtol=0, atol=ROUNDING)


@given(heads, st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_a_rotation_of_the_space_of_the_head_does_not_matter(head, seed):
    positions, query, key = head
    width = query.shape[1]
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))
    graph = attention_graph(*head, width)
    assert_allclose(attention_graph(positions, query @ rotation, key @ rotation, width), graph, rtol=0, atol=ROUNDING)


def test_a_rotation_of_the_queries_alone_matters():
    positions, query, key = make_head(9, 6, 4, 1.0)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))
    moved = attention_graph(positions, query @ rotation, key, 4) - attention_graph(positions, query, key, 4)
    assert_array_less(0.1, np.abs(moved).max())


def test_the_scale_of_positions_matters_unless_logits_are_tiny():
    def change(logit_sd):
        positions, query, key = make_head(20, 8, 4, logit_sd)
        return np.abs(attention_graph(2 * positions, query, key, 4) - attention_graph(positions, query, key, 4)).max()

    assert_array_less(change(1e-5), 1e-3)  # the softmax is linear there: an error of the order of the logits
    assert_array_less(0.1, change(1.0))


def test_what_all_columns_of_a_row_share_does_not_matter():
    positions, query, key = make_head(9, 6, 4, 1.0)
    bias = np.linspace(-3, 3, 9)
    graph = attention_graph(positions, query, key, 4)
    rowwise = attention_graph(positions, query, key, 4, bias=np.tile(bias[:, None], 9))
    assert_allclose(rowwise, graph, rtol=0, atol=ROUNDING)
    columnwise = attention_graph(positions, query, key, 4, bias=np.tile(bias, (9, 1)))
    assert_array_less(0.1, np.abs(columnwise - graph).max())


def test_queries_and_keys_swapped_transpose_the_logits():
    positions, query, key = make_head(9, 6, 4, 1.0)
    logits = attention_logits(positions, query, key)
    assert_allclose(attention_logits(positions, key, query), logits.T, rtol=0, atol=1e-13)
    assert_array_less(0.1, np.abs(logits - logits.T).max())  # rows are those who ask


@pytest.mark.parametrize("lead", [(3,), (2, 3), (0,), (1, 1)])
def test_a_batch_is_the_loop_over_its_heads(lead):
    positions, query, key = make_head(9, 6, 4, 1.0, lead=lead)
    together = attention_graph(positions, query, key, 4)
    assert_array_equal(together.shape, (*lead, 9, 9))
    for index in np.ndindex(lead):
        alone = attention_graph(positions, query[index], key[index], 4)
        assert_allclose(together[index], alone, rtol=0, atol=ROUNDING)


def test_positions_and_bias_of_each_model_broadcast_over_its_heads():
    _, query, key = make_head(9, 6, 4, 1.0, lead=(2, 3))
    positions = np.random.default_rng(5).standard_normal((2, 1, 9, 6))
    bias = np.random.default_rng(6).standard_normal((3, 9, 9))
    together = attention_graph(positions, query, key, 4, bias=bias)
    alone = attention_graph(positions[1, 0], query[1, 2], key[1, 2], 4, bias=bias[2])
    assert_allclose(together[1, 2], alone, rtol=0, atol=ROUNDING)


def test_constant_logits_carry_no_contrast():
    positions, query, key = make_head(9, 6, 4, 1.0)
    assert_array_equal(attention_graph(positions, 0 * query, key, 4), np.full((9, 9), EPS))
    assert_array_equal(attention_graph(positions, query, 0 * key, 4, eps=0.01), np.full((9, 9), 0.01))


def test_underflow_is_a_missing_edge():
    positions, query, key = make_head(9, 6, 4, 1e4)
    attention = row_softmax(attention_logits(positions, query, key) / 2)
    missing = attention == 0
    assert_array_less(40, np.count_nonzero(missing))
    stretched = rescale_nonzero(attention)
    assert_array_equal(stretched == 0, missing)
    graph = attention_graph(positions, query, key, 4)
    assert_array_equal(graph == 0, missing & missing.T)
    assert_array_less(graph, 1)


def test_an_attention_of_equal_weights_and_zeros():
    # Every row attends to itself alone: equal weights, so there is no contrast and no edge.
    assert_array_equal(attention_graph(1e3 * np.eye(4), np.eye(4), np.eye(4), 4), EPS * np.eye(4))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_input_of_low_precision_is_computed_in_double(dtype):
    low = [array.astype(dtype) for array in make_head(9, 6, 4, 1.0)]
    graph = attention_graph(*low, 4)
    assert_array_equal(graph.dtype, np.float64)
    assert_array_equal(graph, attention_graph(*(array.astype(np.float64) for array in low), 4))


def test_tiny_differences_between_logits_survive():
    positions, query, key = make_head(9, 6, 4, 1e-6)
    graph = attention_graph(positions, query, key, 4)
    # To first order the attention is 1 + (logit - mean of its row).
    logits = attention_logits(positions, query, key)
    linear = symmetrize(rescale_nonzero(1 + logits - logits.mean(axis=1, keepdims=True)))
    assert_allclose(graph, linear, rtol=0, atol=1e-5)


def test_lists_are_taken_and_input_is_left_unchanged():
    head = make_head(9, 6, 4, 1.0)
    before = [array.copy() for array in head]
    graph = attention_graph(*head, 4)
    for array, copy in zip(head, before, strict=True):
        assert_array_equal(array, copy)
    assert_array_equal(attention_graph(*(array.tolist() for array in head), 4), graph)


@given(st.integers(1, 9), st.floats(0, 300), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_row_softmax_is_that_of_scipy(n, spread, seed):
    logits = spread * np.random.default_rng(seed).standard_normal((2, n, n)) + 1e3
    assert_allclose(row_softmax(logits), softmax(logits, axis=-1), rtol=1e-12, atol=1e-300)


def test_rescaling_a_matrix_by_hand():
    weights = [[0.0, 0.2], [0.4, 0.3]]
    assert_allclose(rescale_nonzero(weights, eps=0.1), [[0, 0.1], [0.9, 0.5]])
    assert_allclose(symmetrize(rescale_nonzero(weights, eps=0.1)), [[0, 0.5], [0.5, 0.5]])
    assert_array_equal(rescale_nonzero(np.zeros((3, 3))), np.zeros((3, 3)))


@given(heads, st.floats(1e-3, 1e3), st.floats(0, 10))
@settings(max_examples=50, deadline=None)
def test_rescaling_forgets_unit_and_offset(head, unit, offset):
    weights = row_softmax(attention_logits(*head))
    assume(np.ptp(weights) > 1e-4)
    expected = rescale_nonzero(weights)
    assert_allclose(rescale_nonzero(unit * (weights + offset)), expected, rtol=0, atol=ROUNDING)


def test_every_matrix_of_a_batch_is_rescaled_on_its_own():
    batch = np.random.default_rng(0).uniform(size=(4, 5, 5)) * np.geomspace(1e-3, 1, 4)[:, None, None]
    batch[1] = 0.0
    assert_array_equal(rescale_nonzero(batch), [rescale_nonzero(matrix) for matrix in batch])


def bad(name, value):
    head = dict(zip(("positions", "query", "key"), make_head(9, 6, 4, 1.0), strict=True))
    return {**head, "head_dim": 4, name: value}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (bad("query", np.ones((4, 6))), r"got \(9, 6\), \(4, 6\) and \(6, 4\)\. W_Q looks transposed: torch keeps"),
        (bad("key", np.ones((4, 6))), r"must share d: got \(9, 6\), \(6, 4\) and \(4, 6\)\.$"),
        (bad("positions", np.ones((9, 5))), r"must share d: got \(9, 5\), \(6, 4\) and \(6, 4\)\.$"),
        (bad("positions", np.ones(6)), r"must share d: got \(6,\), \(6, 4\) and \(6, 4\)\.$"),
        (bad("query", np.ones((6, 3))), r"got \(9, 6\), \(6, 3\) and \(6, 4\)\.$"),
        (bad("positions", np.full((9, 6), np.nan)), r"^positions holds 54 values that are not finite\.$"),
        (bad("key", np.full((6, 4), np.inf)), r"^key holds 24 values that are not finite\.$"),
        (bad("query", np.diag([np.nan] * 6)[:, :4]), r"^query holds 4 values that are not finite\.$"),
        (bad("bias", np.full((9, 9), np.nan)), r"^bias holds 81 values that are not finite\.$"),
        (bad("head_dim", 0), r"head_dim = 0 is not a width; give the number of columns of one head's W_Q\."),
        (bad("head_dim", -4), r"head_dim = -4 is not a width"),
        (bad("eps", 0), r"eps = 0 is outside \(0, 0\.5\); the study takes 1e-5\."),
        (bad("eps", 0.5), r"eps = 0\.5 is outside \(0, 0\.5\)"),
        (bad("eps", math.nan), r"eps = nan is outside \(0, 0\.5\)"),
    ],
)
def test_what_makes_no_graph_is_refused_with_its_numbers(changed, message):
    with pytest.raises(ValueError, match=message):
        attention_graph(**changed)


def test_tables_of_layers_are_not_taken_for_tables_of_heads():
    rng = np.random.default_rng(0)
    positions, query, key = rng.normal(size=(3, 5, 6)), *rng.normal(size=(2, 3, 3, 6, 4))
    with pytest.raises(ValueError, match=r"positions of shape \(3, 5"):
        attention_graph(positions, query, key, 4)
    graphs = attention_graph(positions[:, None], query, key, 4)
    assert_allclose(graphs[2, 1], attention_graph(positions[2], query[2, 1], key[2, 1], 4))
