import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology import NULL_GRAPHS, graph_metrics, icn_profiles, icn_similarity, null_graphs


@pytest.mark.parametrize("kind", NULL_GRAPHS)
def test_graphs_are_symmetric_weights_that_metrics_accept(kind):
    graphs = null_graphs(kind, 6, 12, np.random.default_rng(0))
    assert graphs.shape == (6, 12, 12)
    assert_array_equal(graphs, np.swapaxes(graphs, 1, 2))
    assert graphs.min() >= 0
    assert graphs.max() <= 1 - 1e-5
    assert all(np.isfinite(values).all() for values in graph_metrics(graphs, starts=2).values())
    assert_array_equal(graphs, null_graphs(kind, 6, 12, np.random.default_rng(0)))
    assert np.ptp(graphs[0] - graphs[1]) > 1e-3


def test_local_graphs_fall_with_distance():
    for graph in null_graphs("local", 5, 15, np.random.default_rng(1)):
        middle = graph[7, 7:]
        assert (np.diff(middle[middle > 0]) <= 1e-12).all()


def test_random_attention_lies_on_an_arc():
    """The geometry argument: heads of no model at all are nearly in a plane, and similar to the networks."""
    graphs = null_graphs("attention", 150, 30, np.random.default_rng(0))
    similarity = icn_similarity(graph_metrics(graphs, starts=2), icn_profiles())
    spreads = np.linalg.svd(similarity - similarity.mean(axis=0), compute_uv=False) ** 2
    assert spreads[:2].sum() / spreads.sum() > 0.95
    assert similarity.mean() > 0.6
    assert_allclose(spreads[4:], 0, atol=1e-9)  # five numbers less mean and norm


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="kind = 'ring' is unknown"):
        null_graphs("ring", 1, 9, np.random.default_rng(0))
    for n_graphs, n_nodes in ((0, 9), (1, 2)):
        with pytest.raises(ValueError, match=f"n_graphs = {n_graphs} and n_nodes = {n_nodes}"):
            null_graphs("local", n_graphs, n_nodes, np.random.default_rng(0))
