"""Narrow types give what double precision gives, and masked or filled values are refused, wherever an array enters."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign import topology
from brainalign.agreement import (
    ScoreTable,
    error_consistency,
    odd_one_out,
    odd_one_out_accuracy,
    odd_one_out_ceiling,
)
from brainalign.topology.icns import icn_graph, network_profiles
from brainalign.topology.rewiring import rewire

_RNG = np.random.default_rng(0)


def whole(*shape):
    return _RNG.integers(-9, 10, shape).astype(np.float64)


def symmetric(n):
    upper = np.triu(_RNG.integers(1, 3, (n, n)), k=1).astype(np.float64)
    return upper + upper.T


POSITIONS, QUERY, KEY, ICNS = whole(5, 4), whole(4, 3), whole(4, 3), whole(7, 5)
PROFILES, GRAPH = np.array([[1.0, 2, 3, 4, 6], [5, 1, 4, 2, 2]]), symmetric(6)
BINARY = (GRAPH > 1).astype(np.float64) * 0.5
NETWORKS = np.repeat(["a", "b"], 3)
METRICS = pd.DataFrame({"category": ["neural", "behavior"], "parent": None}, index=["V1", "choices"])


def rng():
    return np.random.default_rng(1)


CALLS = {
    "attention_logits": (lambda x: topology.attention_logits(x, QUERY, KEY), POSITIONS),
    "attention_logits, query": (lambda x: topology.attention_logits(POSITIONS, x, KEY), QUERY),
    "attention_logits, bias": (lambda x: topology.attention_logits(POSITIONS, QUERY, KEY, bias=x), whole(5, 5)),
    "attention_graph": (lambda x: topology.attention_graph(POSITIONS, QUERY, x, 3), KEY / 8),
    "row_softmax": (topology.row_softmax, whole(3, 3)),
    "rescale_nonzero": (topology.rescale_nonzero, np.abs(whole(3, 3))),
    "symmetrize": (topology.symmetrize, whole(3, 3) * 12),
    "graph_metrics": (lambda x: topology.graph_metrics(x, generator=rng()), BINARY),
    "as_profiles": (topology.as_profiles, PROFILES),
    "standardize_profiles": (topology.standardize_profiles, PROFILES),
    "icn_similarity": (lambda x: topology.icn_similarity(x, ICNS), PROFILES),
    "icn_similarity, networks": (lambda x: topology.icn_similarity(ICNS, x), PROFILES),
    "icn_graph": (icn_graph, GRAPH),
    "network_profiles": (lambda x: network_profiles(x, NETWORKS), GRAPH),
    "random_parcel_profiles": (
        lambda x: topology.random_parcel_profiles(x, NETWORKS, n_draws=2, generator=rng()), GRAPH
    ),
    "rewire": (lambda x: rewire(x, keep="degree", generator=rng()), GRAPH),
    "edge_correlations": (lambda x: topology.edge_correlations(x, GRAPH[None]), GRAPH[None]),
    "describe_heads": (
        lambda x: topology.describe_heads(x, pd.DataFrame(ICNS, columns=topology.METRICS)).values, BINARY[None, None]
    ),
    "reliability_of_whole": (topology.reliability_of_whole, np.array([0.0, 0.5, 1.0])),
    "shuffle_weights": (lambda x: topology.shuffle_weights(x, QUERY, KEY, kind="keys", generator=rng())[0], POSITIONS),
    "random_twin": (lambda x: topology.random_twin(x, QUERY, KEY, kind="matched", generator=rng())[0], POSITIONS * 12),
    "holm": (topology.holm, np.array([0.0, 0.5, 1.0])),
    "error_consistency": (lambda x: error_consistency(x, [1, 0, 0, 1]), np.array([1.0, 0, 1, 1])),
    "odd_one_out": (lambda x: odd_one_out(x, [[0, 1, 2]]), GRAPH * 60),
    "odd_one_out_accuracy": (lambda x: odd_one_out_accuracy(x, [[0, 1, 2]], [1]), GRAPH),
    "odd_one_out_ceiling": (odd_one_out_ceiling, np.array([[60.0, 60, 10], [100, 20, 100]])),
}  # fmt: skip


def numbers(found):
    found = list(found.values()) if isinstance(found, dict) else found
    return np.asarray(found, dtype=float)


KINDS = [
    (case, kind)
    for case, (_, values) in CALLS.items()
    for kind in (np.int8, np.float16)
    if kind is np.float16 or (values == values.round()).all()
]


@pytest.mark.parametrize(("case", "kind"), KINDS)
def test_narrow_types_give_what_double_precision_gives(case, kind):
    call, values = CALLS[case]
    narrow = values.astype(kind)
    assert_allclose(numbers(call(narrow)), numbers(call(narrow.astype(np.float64))), rtol=1e-12)


@pytest.mark.parametrize("case", CALLS)
def test_masked_values_are_refused(case):
    call, values = CALLS[case]
    masked = np.ma.array(values, mask=False)
    assert_allclose(numbers(call(masked)), numbers(call(values)), rtol=1e-12)
    masked[(-1,) * values.ndim] = np.ma.masked
    with pytest.raises(ValueError, match="1 masked values"):
        call(masked)


@pytest.mark.parametrize("case", CALLS)
def test_fill_values_are_refused(case):
    call, values = CALLS[case]
    filled = values.copy()
    filled[(-1,) * values.ndim] = 9.969209968386869e36
    with pytest.raises(ValueError, match="1 fill values"):
        call(filled)


def test_labels_that_are_masked_are_refused():
    names = np.ma.array(NETWORKS, mask=[True] + 5 * [False])
    with pytest.raises(ValueError, match="networks must be complete"):
        network_profiles(GRAPH, names)


@pytest.mark.parametrize("kind", ["int8", "float16", "Int8"])
def test_scores_of_narrow_types_are_kept(kind):
    scores = pd.DataFrame({"V1": [100, 120, 90], "choices": [1, 5, 3]}, index=list("abc"))
    table = ScoreTable(scores.astype(kind), METRICS)
    assert (table.scores.dtypes == np.float64).all()
    assert_allclose(table.scores, scores)


def test_scores_that_are_fill_values_or_no_table_are_refused():
    scores = pd.DataFrame({"V1": [0.1, 9.969209968386869e36, 0.3], "choices": [1.0, 2.0, 3.0]}, index=list("abc"))
    with pytest.raises(ValueError, match="scores has 1 fill values"):
        ScoreTable(scores, METRICS)
    with pytest.raises(ValueError, match=r"scores must be a DataFrame.*MaskedArray"):
        ScoreTable(np.ma.masked_invalid(scores.to_numpy()), METRICS)
