import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_less

from brainalign.topology import (
    arc_share,
    fit_space,
    graph_metrics,
    grid_graph,
    icn_profiles,
    icn_similarity,
    profile_energy,
    random_profiles,
    scores_by_head_count,
    standardize_profiles,
)


def test_the_published_networks_are_one_profile_with_small_changes():
    assert_allclose(profile_energy(icn_profiles()), [0.937, 0.047, 0.015, 0.0005], atol=6e-4)


def test_energy_by_hand():
    one = np.array([2.0, 1, 0, -1, -2])
    other = np.array([1.0, -2, 2, -2, 1])  # at right angles to it, and both to (1, 1, 1, 1, 1)
    assert_allclose(profile_energy([one, one, one, other]), [0.75, 0.25, 0, 0], atol=1e-12)
    with pytest.raises(ValueError, match=r"at least 2 networks, shape \(n_networks"):
        profile_energy(one)


def test_profiles_lie_on_a_sphere_in_four_dimensions():
    drawn = random_profiles(400, np.random.default_rng(0))
    for profiles in (drawn, standardize_profiles(np.random.default_rng(1).uniform(size=(400, 5)))):
        assert_allclose(profiles.sum(axis=1), 0, atol=1e-10)
        assert_allclose((profiles**2).sum(axis=1), 5)
    spreads = np.linalg.svd(drawn, compute_uv=False) ** 2 / 400
    assert_allclose(spreads[:4], 5 / 4, rtol=0.2)  # as far in every direction
    assert_allclose(spreads[4], 0, atol=1e-10)


def test_the_plane_holds_what_the_energies_say():
    """Similarities of random directions spread along the networks' directions in proportion to their energy."""
    similarity = icn_similarity(random_profiles(20_000, np.random.default_rng(0)), icn_profiles())
    explained = fit_space(similarity, n_components=3).explained
    assert_allclose(explained, profile_energy(icn_profiles())[:3], atol=0.01)


def test_the_same_head_on_more_patches_is_less_similar():
    similarity = [
        icn_similarity(graph_metrics(grid_graph(side, 2.0), starts=2), icn_profiles()).mean() for side in (7, 14, 24)
    ]
    assert_array_less(np.diff(similarity), -0.1)


def test_a_grid_by_hand():
    graph = grid_graph(2, 1.0)
    assert graph.shape == (4, 4)
    assert_allclose(np.diag(graph), 1 - 1e-5)
    assert_allclose(graph[0, 3], 1e-5)  # the far corner has the least
    near = (np.exp(-0.5) - np.exp(-1)) / (1 - np.exp(-1))
    assert_allclose(graph[0, 1], 1e-5 + near * (1 - 2e-5))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="n_profiles = 0"):
        random_profiles(0, np.random.default_rng(0))
    for side, width in ((1, 1.0), (4, 0.0), (4, np.nan)):
        with pytest.raises(ValueError, match=f"side = {side} and width = {width}"):
            grid_graph(side, width)


def test_a_sum_grows_with_the_heads_and_a_mean_does_not():
    pools = {"left": np.array([-1.0, -0.5, -0.6]), "right": np.array([0.2, 0.4])}
    table = scores_by_head_count(pools, [10, 1000], n_draws=30, generator=np.random.default_rng(0))
    assert len(table) == 2 * 2 * 30 * 3
    middle = table.groupby(["family", "by", "heads"])["score"].mean()
    for family, center in (("left", -0.7), ("right", 0.3)):
        assert_allclose(middle[family, "mean"], center, atol=0.05)
        assert_allclose(middle[family, "sum"], [10 * center, 1000 * center], rtol=0.07)
    assert_allclose(middle["left", "median", 1000], -0.6)
    # Single models of a size lie nearer together by the mean, the more heads they have.
    spread = table[(table["by"] == "mean") & (table["family"] == "left")].groupby("heads")["score"].std()
    assert_array_less(spread[1000], spread[10] / 3)


def test_a_pool_of_one_head_by_hand():
    table = scores_by_head_count({"one": [-0.25]}, [4], n_draws=1, generator=np.random.default_rng(0))
    assert table[["by", "score"]].to_numpy().tolist() == [["sum", -1.0], ["mean", -0.25], ["median", -0.25]]


@pytest.mark.parametrize(
    ("pools", "counts", "n_draws", "text"),
    [
        ({}, [3], 1, "every family needs heads, all at finite places: no family has not"),
        ({"a": []}, [3], 1, "a has not"),
        ({"a": [np.nan]}, [3], 1, "a has not"),
        ({"a": [1.0]}, [], 1, r"counts = \[\] and n_draws = 1"),
        ({"a": [1.0]}, [0], 1, r"counts = \[0\]"),
        ({"a": [1.0]}, [3], 0, "n_draws = 0"),
    ],
)
def test_families_without_heads_are_refused(pools, counts, n_draws, text):
    with pytest.raises(ValueError, match=text):
        scores_by_head_count(pools, counts, n_draws=n_draws, generator=np.random.default_rng(0))


def test_an_arc_is_curved_however_it_lies_and_a_long_cloud_is_not():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 1, 300)
    arc = np.stack([x, -0.5 * x**2 + 0.05 * rng.standard_normal(300)], axis=1)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    assert arc_share(arc) > 0.9
    assert_allclose(arc_share(arc @ turn + 3), arc_share(arc), atol=0.02)
    cloud = rng.standard_normal((300, 2)) * [3.0, 1.0]
    assert arc_share(cloud @ turn) < 0.06
    with pytest.raises(ValueError, match="five or more"):
        arc_share(arc[:4])
    with pytest.raises(ValueError, match="one line"):
        arc_share(np.outer(x, [1.0, 2.0]))
