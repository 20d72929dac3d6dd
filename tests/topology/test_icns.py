import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from brainalign.catalogue.entries import locate
from brainalign.datasets import GROUPS, NETWORKS, PARCELS, load_hcp_connectome
from brainalign.topology import METRICS, graph_metrics, network_profiles, random_parcel_profiles
from brainalign.topology.icns import icn_graph, icn_profiles

# The order of sums, magnified by the rescaling.
ROUNDING = 1e-12
# Correlation, network by network, of the profile computed from a connectome with the published one.
AGREEMENT = {
    (200, "main"): [0.99, 1.00, 0.94, 0.99, 0.86, 0.88, 0.94],
    (400, "main"): [0.90, 0.71, 0.69, 0.86, 0.99, 0.55, 0.72],
    (200, "holdout"): [0.99, 0.99, 0.96, 0.99, 0.86, 0.92, 0.94],
}


def random_connectivity(n, seed, mean=0.2):
    noise = np.random.default_rng(seed).normal(mean, 0.3, size=(n, n))
    connectivity = np.clip((noise + noise.T) / 2, -0.99, 0.99)
    np.fill_diagonal(connectivity, 1.0)
    return connectivity


def textbook_graph(connectivity, eps=1e-5):
    n = len(connectivity)
    attention = {}
    for i in range(n):
        row = {j: math.exp(connectivity[i, j]) for j in range(n) if j != i and connectivity[i, j] > 0}
        attention |= {(i, j): exponential / sum(row.values()) for j, exponential in row.items()}
    low, high = min(attention.values()), max(attention.values())
    graph = np.zeros((n, n))
    for (i, j), weight in attention.items():
        stretched = eps + (weight - low) / (high - low) * (1 - 2 * eps)
        graph[i, j] += stretched / 2
        graph[j, i] += stretched / 2
    return graph


connectivities = st.builds(random_connectivity, st.integers(3, 15), st.integers(0, 2**32), st.floats(-0.1, 0.6))


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("n", [6, 12])
def test_the_graph_is_that_of_the_textbook(n, mean):
    connectivity = random_connectivity(n, n, mean)
    assert_allclose(icn_graph(connectivity), textbook_graph(connectivity), rtol=0, atol=ROUNDING)


def test_the_graph_of_a_real_network_is_that_of_the_textbook():
    connectome = load_hcp_connectome(100)
    inside = connectome.networks == "DefaultMode"
    connectivity = connectome.matrix[np.ix_(inside, inside)]
    assert_allclose(icn_graph(connectivity), textbook_graph(connectivity), rtol=0, atol=ROUNDING)


def test_negative_and_zero_entries_are_no_edges():
    connectivity = random_connectivity(8, 0, mean=0.0)
    connectivity[0, 1] = connectivity[1, 0] = 0.0
    graph = icn_graph(connectivity)
    edges = connectivity > 0
    np.fill_diagonal(edges, val=False)
    assert_array_equal(graph > 0, edges)
    assert_array_less(0, np.count_nonzero(connectivity < 0))
    # How negative an entry is says nothing.
    assert_array_equal(icn_graph(np.where(connectivity < 0, -0.9, connectivity)), graph)


def test_a_parcel_without_positive_entries_is_isolated():
    connectivity = random_connectivity(6, 1, mean=0.5)
    connectivity[2] = connectivity[:, 2] = -0.1
    graph = icn_graph(connectivity)
    assert_array_equal([graph[2], graph[:, 2]], np.zeros((2, 6)))
    rest = np.arange(6) != 2
    expected = icn_graph(connectivity[np.ix_(rest, rest)])
    assert_allclose(graph[np.ix_(rest, rest)], expected, rtol=0, atol=ROUNDING)
    assert_array_equal(icn_graph(-np.ones((4, 4))), np.zeros((4, 4)))


@pytest.mark.parametrize("diagonal", [0.0, -3.0, np.inf, np.nan])
def test_the_diagonal_is_ignored(diagonal):
    connectivity = random_connectivity(6, 2)
    expected = icn_graph(connectivity)
    np.fill_diagonal(connectivity, diagonal)
    assert_array_equal(icn_graph(connectivity), expected)
    assert_array_equal(np.diag(expected), 0)


def test_equal_correlations_carry_no_contrast():
    expected = 1e-5 * (1 - np.eye(5))
    assert_allclose(icn_graph(np.full((5, 5), 0.4)), expected, rtol=1e-12, atol=0)


@given(connectivities, st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_range_symmetry_and_the_order_of_parcels(connectivity, seed):
    before = connectivity.copy()
    graph = icn_graph(connectivity)
    assert_array_equal(connectivity, before)
    assert_array_equal(graph, graph.T)
    assert_array_less(graph, 1 - 1e-5 + 1e-15)
    assert_array_less(1e-5 - 1e-15, graph[graph != 0])
    order = np.random.default_rng(seed).permutation(len(graph))
    permuted = icn_graph(connectivity[np.ix_(order, order)])
    assert_allclose(permuted, graph[np.ix_(order, order)], rtol=0, atol=1e-10)


def test_published_profiles_are_those_of_the_file():
    lines = locate("icn-published", "data/published/icn_profiles.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    profiles = icn_profiles()
    assert_array_equal(profiles.index, NETWORKS)
    assert_array_equal(profiles.columns, METRICS)
    assert_array_equal([row["network"] for row in rows], NETWORKS)
    assert_array_equal(profiles, [[float(row[name]) for name in METRICS] for row in rows])


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("parcels", PARCELS)
def test_profiles_of_a_connectome(parcels, group):
    profiles = icn_profiles("hcp", parcels=parcels, group=group)
    assert_array_equal(profiles.index, NETWORKS)
    assert_array_equal(profiles.columns, METRICS)
    assert_array_equal(profiles.index.name, "network")
    assert_array_equal(profiles.dtypes, np.float64)
    assert_array_less(0, profiles.drop(columns="modularity"))
    assert_array_less(-1e-12, profiles["modularity"])
    assert_array_less(profiles[["clustering", "modularity", "average_shortest_path"]], 1)


@pytest.mark.parametrize(("parcels", "group"), AGREEMENT)
def test_agreement_with_the_published_profiles(parcels, group):
    published, computed = icn_profiles(), icn_profiles("hcp", parcels=parcels, group=group)
    correlations = [np.corrcoef(published.loc[name], computed.loc[name])[0, 1] for name in NETWORKS]
    assert_allclose(correlations, AGREEMENT[parcels, group], rtol=0, atol=0.01)


def test_the_spread_of_degrees_grows_with_the_number_of_parcels():
    spreads = [icn_profiles("hcp", parcels=parcels).loc["DefaultMode", "degree_std"] for parcels in (100, 400)]
    assert_allclose(spreads, [1.17, 3.72], rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("connectivity", "message"),
    [
        (np.zeros((2, 2)), r"square matrix of at least 3 parcels: got shape \(2, 2\)\."),
        (np.zeros((3, 4)), r"got shape \(3, 4\)\."),
        (np.zeros((2, 3, 3)), r"got shape \(2, 3, 3\)\."),
        (np.full((3, 3), np.nan), r"connectivity holds 6 values that are not finite\."),
        (np.full((4, 4), np.inf), r"connectivity holds 12 values that are not finite\."),
        (np.triu(np.full((3, 3), 0.25)), r"must be symmetric: entries differ from their mirror image by up to 0\.25\."),
    ],
)
def test_what_is_no_connectivity_is_refused_with_its_numbers(connectivity, message):
    with pytest.raises(ValueError, match=message):
        icn_graph(connectivity)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"source": "enigma"}, r"source = 'enigma' is unknown; choose one of published, hcp\."),
        ({"source": "hcp", "parcels": 150}, r"parcels = 150 is not available; choose one of 100, 200, 300, 400\."),
        ({"source": "hcp", "group": "both"}, r"group = 'both' is not available; choose one of main, holdout\."),
    ],
)
def test_an_unknown_choice_is_refused(choice, message):
    with pytest.raises(ValueError, match=message):
        icn_profiles(**choice)


def blocks_of_parcels():
    """Connectivity of three networks of 4, 3 and 5 parcels."""
    rng = np.random.default_rng(0)
    matrix = rng.uniform(-0.2, 0.9, size=(12, 12))
    return (matrix + matrix.T) / 2, np.repeat(["b", "a", "c"], [4, 3, 5])


def test_profiles_of_any_labelled_connectivity():
    matrix, names = blocks_of_parcels()
    profiles = network_profiles(matrix, names)
    assert list(profiles.index) == ["b", "a", "c"]
    alone = graph_metrics(icn_graph(matrix[4:7, 4:7]))
    assert_allclose(profiles.loc["a"], [alone[name] for name in METRICS])
    order = np.random.default_rng(1).permutation(12)
    moved = network_profiles(matrix[np.ix_(order, order)], names[order])
    assert_allclose(moved.loc[profiles.index], profiles, atol=1e-10)


def test_a_network_of_two_parcels_is_refused_by_name():
    matrix, names = blocks_of_parcels()
    names = np.where(np.arange(12) == 4, "b", names)
    with pytest.raises(ValueError, match="network 'a' has 2 parcels"):
        network_profiles(matrix, names)
    with pytest.raises(ValueError, match=r"one network per parcel: got \(12"):
        network_profiles(matrix, ["a", "b", "c"])


def test_sets_of_random_parcels_have_the_sizes_of_the_networks():
    matrix, names = blocks_of_parcels()
    drawn = random_parcel_profiles(matrix, names, n_draws=4, generator=np.random.default_rng(3))
    assert drawn.shape == (4, 3, 5)
    generator = np.random.default_rng(3)
    for profiles in drawn:
        dealt = generator.permutation(names)
        assert_array_equal([np.sum(dealt == name) for name in "bac"], [4, 3, 5])
        assert_allclose(profiles, network_profiles(matrix, dealt).loc[["b", "a", "c"]])
    # Where all parcels are connected alike, a set of a size is as good as any network of it.
    alike = np.full((12, 12), 0.5)
    drawn = random_parcel_profiles(alike, names, n_draws=2, generator=generator)
    assert_allclose(drawn, np.broadcast_to(network_profiles(alike, names), drawn.shape))


def test_random_parcels_need_a_draw_and_networks_of_three():
    matrix, names = blocks_of_parcels()
    with pytest.raises(ValueError, match="n_draws = 0 leaves no null model"):
        random_parcel_profiles(matrix, names, n_draws=0, generator=np.random.default_rng(0))
    names = np.where(np.arange(12) == 4, "b", names)
    with pytest.raises(ValueError, match="network 'a' has 2 parcels"):
        random_parcel_profiles(matrix, names, n_draws=1, generator=np.random.default_rng(0))
