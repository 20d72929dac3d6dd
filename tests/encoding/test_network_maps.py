"""Maps and networks: rotations lose nothing, overlaps are counted right, planted matches are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from brainalign.encoding import (
    contiguous_folds,
    delay,
    dice,
    fit_ridge,
    match_networks,
    rotated_maps,
    shifted_maps,
    spin_parcels,
    strongest_parcels,
    system_scores,
)

N = 40
LEFT = np.arange(N) < N // 2
NETWORKS = {"a": np.arange(N) % 20 < 6, "b": np.arange(N) % 20 >= 14}


def centers(seed=0):
    left = np.random.default_rng(seed).standard_normal((N // 2, 3))
    left /= np.linalg.norm(left, axis=1, keepdims=True)
    return np.concatenate([left, left * [-1, 1, 1]])  # the right side mirrors the left one


def spins(n=30):
    return spin_parcels(centers(), LEFT, n, generator=np.random.default_rng(1))


def test_rotations_are_permutations_within_hemispheres():
    for order in spins():
        np.testing.assert_array_equal(np.sort(order), np.arange(N))
        np.testing.assert_array_equal(LEFT[order], LEFT)
    assert (spins() != np.arange(N)).any(axis=1).mean() > 0.9  # a small turn may leave all in place


def test_mirrored_hemispheres_turn_alike():
    orders = spins()
    np.testing.assert_array_equal(orders[:, N // 2 :] - N // 2, orders[:, : N // 2])


def test_a_rotation_that_is_a_symmetry_moves_every_parcel_where_it_should(monkeypatch):
    """Six parcels on the axes, turned by a quarter: each goes exactly to its neighbour."""
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    quarter = Rotation.from_matrix([[[0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    monkeypatch.setattr(Rotation, "random", lambda n, rng: quarter)
    order = spin_parcels(axes, np.ones(6, bool), 1, generator=np.random.default_rng(0))[0]
    np.testing.assert_allclose(quarter.apply(axes[order]), axes, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([1, 1, 0], [1, 1, 0], 1.0), ([1, 0], [0, 1], 0.0), ([0, 0], [0, 0], 0.0)],
)
def test_dice(first, second, value):
    assert dice(first, second) == value


def test_a_map_matches_its_own_network_whatever_its_sign():
    maps = np.stack([NETWORKS["a"] * -2.0, NETWORKS["b"] * 1.0]) + 0.01 * np.random.default_rng(0).random((2, N))
    found = match_networks(maps, NETWORKS, rotated_maps(maps, spins(99)), share=12 / N).set_index(["map", "network"])
    assert found.loc[(0, "a"), "correlation"] > 0.99
    assert found.loc[(0, "a"), "dice"] == 1.0
    assert found.loc[(0, "a"), "p"] < 0.05
    assert found.loc[(0, "b"), "correlation"] < 0
    assert found.loc[(0, "b"), "p"] > 0.5
    flipped = match_networks(-maps, NETWORKS, rotated_maps(-maps, spins(99)), share=12 / N)
    np.testing.assert_allclose(flipped["correlation"], found["correlation"])


def test_strongest_parcels_are_those_of_the_largest_size():
    found = strongest_parcels([[3.0, -4.0, 1.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0, -9.0]], share=0.4)
    np.testing.assert_array_equal(found, [[1, 1, 0, 0, 0], [0, 0, 0, 1, 1]])
    assert strongest_parcels([1.0, 2.0, 3.0], share=0.01).sum() == 1
    with pytest.raises(ValueError, match="share = 0 must be above 0"):
        strongest_parcels([1.0, 2.0], share=0)


def test_rotated_maps_hold_the_same_values():
    maps = np.random.default_rng(0).standard_normal((3, N))
    orders = spins(4)
    turned = rotated_maps(maps, orders)
    np.testing.assert_array_equal(turned[2, 1], maps[1, orders[2]])


def test_shifted_maps_are_ridge_weights_of_rolled_responses():
    generator = np.random.default_rng(0)
    features, responses = delay(generator.standard_normal((50, 3)), (0, 1)), generator.standard_normal((50, 4))
    maps, null = shifted_maps(features, responses, n_delays=2, penalty=7.0, margin=5)
    for found, shift in ((maps, 0), (null[3], 8)):
        weights = fit_ridge(features, np.roll(responses, shift, axis=0), penalties=(7.0,), splits=2).weights
        np.testing.assert_allclose(found, weights.reshape(2, 3, 4).sum(axis=0), atol=1e-8)


def test_systems_that_are_driven_are_told_from_those_that_are_not():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((200, 3))
    responses = generator.standard_normal((200, N))
    responses[:, NETWORKS["a"]] += 0.5 * features[:, :1]
    folds = contiguous_folds(200, 4)
    found = system_scores(features, responses, NETWORKS, folds, penalty=10.0, margin=5)
    assert found.loc["a", "score"] > 0.7
    assert found.loc["a", "p"] == 1 / 192
    assert abs(found.loc["b", "score"]) < 0.25
    assert (found["null"] < 0.35).all()


def test_wrong_input_is_refused():
    maps = np.random.default_rng(0).standard_normal((2, N))
    null = rotated_maps(maps, spins(5))
    with pytest.raises(ValueError, match=r"networks have 40 parcels, maps shape \(2"):
        match_networks(maps[:, 1:], NETWORKS, null)
    with pytest.raises(ValueError, match="a map is not finite or has the same size"):
        match_networks(np.ones((2, N)), NETWORKS, null)
    with pytest.raises(ValueError, match="a network holds no parcel or all of them"):
        match_networks(maps, {"all": np.ones(N, bool)}, null)
    with pytest.raises(ValueError, match=r"positions have shape \(40, 2\)"):
        spin_parcels(centers()[:, :2], LEFT, 3, generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="5 features can not be 2 delays"):
        shifted_maps(np.zeros((50, 5)), np.zeros((50, 2)), n_delays=2, penalty=1.0, margin=5)
