"""Agreement of two graphs of every head, against statistics of scipy and planted answers."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from brainalign.topology import METRICS, align, icn_profiles, symmetrize
from brainalign.topology.head_agreement import (
    QUANTITIES,
    HeadGraphs,
    agreement_by_layer,
    compare_heads,
    describe_heads,
    edge_correlations,
    head_agreement,
    head_orders,
    interval_around,
    permuted_agreement,
    reliability_of_whole,
)
from brainalign.topology.recipes import layer_graphs
from tests.topology.small_models import small_model

ICNS = icn_profiles("published")


def graphs_of(seed, shape=(3, 4, 7, 7)):
    return symmetrize(np.random.default_rng(seed).uniform(0.01, 0.9, size=shape))


def heads_of(seed):
    return describe_heads(graphs_of(seed), ICNS, starts=2)


def planted(values, layers):
    """Heads with given values in all metrics, and unrelated edges."""
    metrics = pd.DataFrame(dict.fromkeys(METRICS, values))
    graphs = symmetrize(np.random.default_rng(len(values)).random((len(values), 5, 5)))
    return HeadGraphs(graphs, np.asarray(layers), metrics, pd.DataFrame({"Visual": values}))


def test_heads_with_themselves_agree_fully():
    heads = heads_of(0)
    found = head_agreement(heads, heads)
    assert list(found.index) == list(QUANTITIES)
    assert_allclose(found, 1)


def test_agreement_is_spearmans_correlation():
    one, other = heads_of(0), heads_of(1)
    found = head_agreement(one, other)
    for name in QUANTITIES[1:]:
        assert_allclose(found[name], spearmanr(one.values[name], other.values[name])[0], atol=1e-12)
    above = np.triu_indices(7, k=1)
    edges = [spearmanr(a[above], b[above])[0] for a, b in zip(one.graphs, other.graphs, strict=True)]
    assert_allclose(found["edges"], np.mean(edges))
    assert_allclose(agreement_by_layer(one, other), np.mean(np.reshape(edges, (3, 4)), axis=1))


def test_edges_know_the_names_of_nodes_and_metrics_do_not():
    graphs = graphs_of(0)
    order = np.random.default_rng(3).permutation(7)
    one = describe_heads(graphs, ICNS, starts=64)
    renamed = describe_heads(graphs[..., order, :][..., order], ICNS, starts=64)
    found = head_agreement(one, renamed)
    assert found["edges"] < 0.5
    assert_allclose(found[["clustering", "global_efficiency", "degree_std"]], 1)


def test_edge_correlations_pair_every_graph_with_every_other():
    first, second = graphs_of(0)[0], graphs_of(1)[1, :2]
    found = edge_correlations(first, second)
    above = np.triu_indices(7, k=1)
    assert found.shape == (4, 2)
    assert_allclose(found[3, 1], spearmanr(first[3][above], second[1][above])[0])
    with_loops = first + 5 * np.eye(7)
    assert_allclose(edge_correlations(with_loops, second), found)


def test_one_order_of_the_null_is_the_agreement_of_heads_in_that_order():
    one, other = heads_of(0), heads_of(1)
    order = np.random.default_rng(0).permutation(12)
    moved = HeadGraphs(
        other.graphs[order], other.layers, other.metrics.loc[order].reset_index(drop=True),
        other.similarity.loc[order].reset_index(drop=True),
    )  # fmt: skip
    assert_allclose(permuted_agreement(one, other, order[None]).iloc[0], head_agreement(one, moved))


def test_orders_within_layers_stay_there_and_those_of_the_model_do_not():
    layers = np.repeat([0, 1, 2], 4)
    drawn = {
        within: head_orders(layers, within=within, n_orders=50, generator=np.random.default_rng(0))
        for within in ("layer", "model")
    }
    for orders in drawn.values():
        assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(12), (50, 1)))
        assert len(np.unique(orders, axis=0)) > 40
    assert (layers[drawn["layer"]] == layers).all()
    assert not (layers[drawn["model"]] == layers).all()


def test_what_only_layers_share_passes_one_null_and_not_the_other():
    rng = np.random.default_rng(0)
    layers = np.repeat(np.arange(6), 6)
    heads = [planted(10.0 * layers + rng.random(36), layers) for _ in range(2)]
    found = compare_heads(*heads, n_permutations=399, generator=rng).loc["similarity"]
    assert found["agreement"] > 0.9
    assert found["p_model"] < 0.01
    assert found["p_layer"] > 0.05
    assert found["null_low"] > 0.9
    assert found["null_low"] <= found["null_high"]


def test_what_heads_share_passes_both_nulls_and_unrelated_heads_neither():
    rng = np.random.default_rng(1)
    layers, values = np.repeat(np.arange(4), 6), rng.random(24)
    alike = compare_heads(planted(values, layers), planted(values**3, layers), n_permutations=399, generator=rng).loc[
        "clustering"
    ]
    assert_allclose(alike["agreement"], 1)
    assert max(alike["p_layer"], alike["p_model"]) < 0.01
    other = compare_heads(
        planted(values, layers), planted(rng.random(24), layers), n_permutations=399, generator=rng
    ).loc["clustering"]
    assert min(other["p_layer"], other["p_model"]) > 0.05
    assert other["null_low"] < other["agreement"] < other["null_high"]


def test_table_of_heads_is_that_of_align():
    weights = small_model(seed=0)
    graphs = np.stack([layer_graphs(weights, layer) for layer in range(len(weights.query))])
    ours = describe_heads(graphs, ICNS, starts=8).table("small")
    pd.testing.assert_frame_equal(ours, align({"small": weights}, ICNS).heads, check_dtype=False)


def test_reliability_of_the_whole():
    assert_allclose(reliability_of_whole([0.5, 1.0, -0.3, 0.0]), [2 / 3, 1, 0, 0])


def test_heads_that_cannot_be_compared_are_refused():
    few = describe_heads(graphs_of(0)[:1], ICNS, starts=1)
    with pytest.raises(ValueError, match="12 and 4"):
        head_agreement(heads_of(0), few)
    with pytest.raises(ValueError, match=r"\(3, 7, 7\)"):
        describe_heads(np.ones((3, 7, 7)), ICNS)
    with pytest.raises(ValueError, match="same nodes"):
        edge_correlations(np.ones((2, 4, 4)), np.ones((2, 5, 5)))
    with pytest.raises(ValueError, match="graphs have one and the same value"):
        edge_correlations(np.ones((2, 4, 4)), np.ones((2, 4, 4)))
    layers = np.repeat([0, 1], 3)
    with pytest.raises(ValueError, match="quantities have one and the same value"):
        head_agreement(planted(np.ones(6), layers), planted(np.arange(6.0), layers))
    with pytest.raises(ValueError, match="within = 'block'"):
        head_orders(layers, within="block", n_orders=3, generator=np.random.default_rng(0))


def test_an_interval_lies_around_its_estimate_although_all_draws_lie_below():
    draws = pd.DataFrame({"edges": np.linspace(0.503, 0.519, 41), "similarity": np.linspace(0.9, 1.0, 41)})
    estimates = pd.Series({"similarity": 0.99, "edges": 0.521})
    found = interval_around(estimates, draws)
    assert_allclose(found.loc["edges"], [0.521 - 0.0076, 0.521 + 0.0076])
    assert found.loc["similarity", "high"] == 1.0
    with pytest.raises(ValueError, match="draws of edges were given for similarity, edges"):
        interval_around(estimates, draws[["edges"]])
