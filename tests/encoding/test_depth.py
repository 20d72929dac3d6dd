"""Profiles over depth, mirrors that noise makes, and ends of opposite sign."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign.encoding import (
    atom_profiles,
    depth_quarters,
    layer_profiles,
    mirror_index,
    mirror_test,
    opposed_ends,
)

LAYERS = np.repeat(np.arange(4), 5)
GENERATOR = np.random.default_rng
OPTIONS = {"penalty": 10.0, "margin": 10}


def world(seed=0, n=240):
    generator = GENERATOR(seed)
    loadings = np.zeros((8, 20))
    loadings[LAYERS + 4 * (np.arange(20) % 2), np.arange(20)] = 1.0  # two atoms per layer
    return generator.standard_normal((n, 8)), loadings, generator.standard_normal(n)


def test_quarters_hold_neighbouring_layers():
    np.testing.assert_array_equal(depth_quarters([0, 1, 2, 3]), [0, 1, 2, 3])
    np.testing.assert_array_equal(depth_quarters(range(12)), np.repeat(range(4), 3))
    np.testing.assert_array_equal(depth_quarters([7, 5, 5, 1, 9]), [2, 1, 1, 0, 3])
    with pytest.raises(ValueError, match="need 4 layers or more; got 2"):
        depth_quarters([0, 1, 1])


def test_atom_profiles_see_the_signs_of_atoms():
    generator = GENERATOR(0)
    loadings, weights = generator.standard_normal((8, 20)), generator.standard_normal(8)
    signs = np.array([-1.0, 1, -1, 1, 1, 1, -1, 1])
    found = [mirror_index(atom_profiles(loadings, w, LAYERS)) for w in (weights, signs * weights)]
    assert abs(found[0] - found[1]) > 0.05


def test_profiles_are_means_of_the_parts_by_layer():
    weights = np.array([1.0, -3.0, 2.0, 0.0])
    profiles = layer_profiles(weights, [0, 0, 1, 1])
    np.testing.assert_array_equal(profiles["positive"], [0.5, 1.0])
    np.testing.assert_array_equal(profiles["negative"], [1.5, 0.0])
    atoms = atom_profiles([[1.0, -1.0, 0.0, 2.0], [0.0, 4.0, 1.0, 1.0]], [0.3, -0.2], [0, 0, 1, 1])
    np.testing.assert_array_equal(atoms["positive"], [1.0, 1.0])
    np.testing.assert_array_equal(atoms["negative"], [2.0, 1.0])


@pytest.mark.parametrize(("negative", "index"), [([3, 2, 1], -1.0), ([1, 2, 3], 1.0), ([2, 2, 2], 0.0)])
def test_mirror_index(negative, index):
    assert mirror_index(pd.DataFrame({"positive": [1.0, 2, 3], "negative": negative})) == pytest.approx(index)


def test_mirror_index_needs_three_layers():
    with pytest.raises(ValueError, match="needs 3 layers or more; got 2"):
        mirror_index(pd.DataFrame({"positive": [1.0, 2], "negative": [2.0, 1]}))


def test_noise_mirrors_itself_within_halves_but_not_across():
    found = [mirror_test(*world(seed)[:2], LAYERS, world(seed)[2], **OPTIONS) for seed in range(20)]
    assert np.mean([one.within for one in found]) < -0.35
    assert abs(np.mean([one.index for one in found])) < 0.25
    assert np.mean([one.p_value <= 0.05 for one in found]) < 0.25


def test_mirrors_are_found_and_do_not_see_the_signs_of_atoms():
    features, loadings, noise = world()
    response = features @ [1.0, 0.4, -0.4, -1.0, 1.0, 0.4, -0.4, -1.0] + 0.3 * noise
    found = mirror_test(features, loadings, LAYERS, response, **OPTIONS)
    assert found.index < -0.5
    assert found.p_value < 0.1
    signs = GENERATOR(1).choice([-1.0, 1.0], 8)
    assert mirror_test(features * signs, loadings * signs[:, None], LAYERS, response, **OPTIONS).index == pytest.approx(
        found.index
    )


def test_two_layers_of_opposite_sign_give_an_index_of_a_third_only():
    features, loadings, _ = world()
    found = mirror_test(features, loadings, LAYERS, features[:, 0] - features[:, 3], **OPTIONS)
    assert found.index == pytest.approx(-1 / 3, abs=0.1)


def test_opposed_ends_need_both_signs_at_the_ends():
    features, loadings, noise = world()
    both = opposed_ends(features, loadings, LAYERS, features[:, 0] - features[:, 3] + noise, **OPTIONS)
    assert both.by_quarter[0] > 0 > both.by_quarter[3]
    assert both.p_value == max(both.p_first, both.p_last) < 0.05
    same = opposed_ends(features, loadings, LAYERS, features[:, 0] + features[:, 3] + noise, **OPTIONS)
    assert max(same.p_first, same.p_last) < 0.05
    assert same.p_value == 1.0
    middle = opposed_ends(features, loadings, LAYERS, features[:, 1] - features[:, 2] + noise, **OPTIONS)
    assert middle.p_value > 0.05


def test_turning_the_response_round_changes_no_p():
    features, loadings, noise = world()
    response = features[:, 0] - features[:, 3] + noise
    up, down = (opposed_ends(features, loadings, LAYERS, sign * response, **OPTIONS) for sign in (1, -1))
    np.testing.assert_allclose(up.by_quarter, -down.by_quarter)
    assert up.p_value == down.p_value


def test_wrong_input_is_refused():
    features, loadings, noise = world()
    with pytest.raises(ValueError, match="needs 3 layers or more; got 2"):
        mirror_test(features, loadings, np.arange(20) % 2, noise, **OPTIONS)
    with pytest.raises(ValueError, match="need 4 layers or more; got 3"):
        opposed_ends(features, loadings, np.arange(20) % 3, noise, **OPTIONS)
    with pytest.raises(ValueError, match=r"loadings \(7, 20\), layers \(20,\) and"):
        mirror_test(features, loadings[1:], LAYERS, noise, **OPTIONS)
