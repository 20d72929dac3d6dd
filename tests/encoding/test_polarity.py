"""Polarity does not see the signs of atoms, finds planted mirrors, and nothing where one sign drives all."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import neuron_weights, polarity

LAYERS = np.repeat(np.arange(4), 5)
GENERATOR = np.random.default_rng


def world(seed=0, n=240):
    generator = GENERATOR(seed)
    loadings = np.zeros((8, 20))
    loadings[LAYERS + 4 * (np.arange(20) % 2), np.arange(20)] = 1.0  # two atoms per layer
    return generator.standard_normal((n, 8)), loadings, generator.standard_normal(n)


def found(features, loadings, response):
    return polarity(features, loadings, LAYERS, response, penalty=10.0, margin=10)


def test_a_planted_mirror_is_found_with_its_layers():
    features, loadings, noise = world()
    result = found(features, loadings, features[:, 0] - features[:, 3] + noise)
    assert result.p_value < 0.05
    assert result.strength > 0
    assert (result.by_layer.argmax(axis=1) == 0).all()
    assert (result.by_layer.argmin(axis=1) == 3).all()


def test_one_sign_alone_is_not_polarity():
    features, loadings, noise = world()
    result = found(features, loadings, features[:, 0] + noise)
    assert result.p_rising < 0.05 < result.p_falling
    assert result.p_value == result.p_falling


def test_turning_atoms_or_the_response_round_changes_nothing():
    features, loadings, noise = world()
    response = features[:, 0] - features[:, 3] + noise
    signs = GENERATOR(1).choice([-1.0, 1.0], 8)
    one, turned = found(features, loadings, response), found(features * signs, loadings * signs[:, None], response)
    np.testing.assert_allclose(turned.by_layer, one.by_layer)
    assert turned.p_value == one.p_value
    upside_down = found(features, loadings, -response)
    assert (upside_down.rising, upside_down.falling) == pytest.approx((one.falling, one.rising))


def test_the_scale_of_an_atom_does_not_matter():
    features, loadings, noise = world()
    response = features[:, 0] - features[:, 3] + noise
    scale = np.arange(1.0, 9.0)
    np.testing.assert_allclose(
        found(features * scale, loadings / scale[:, None], response).by_layer,
        found(features, loadings, response).by_layer,
    )


def test_neuron_weights_do_not_see_signs():
    generator = GENERATOR(0)
    loadings, weights = generator.standard_normal((8, 20)), generator.standard_normal((8, 1))
    signs = np.array([-1.0, 1, -1, 1, 1, 1, -1, 1])[:, None]
    np.testing.assert_allclose(neuron_weights(signs * loadings, signs * weights), neuron_weights(loadings, weights))


def test_halves_agree_where_layers_drive_and_not_in_noise():
    features, loadings, noise = world()
    driven = found(features, loadings, features[:, 0] - features[:, 3] + 0.1 * noise)
    assert driven.agreement > 0.9
    assert driven.agreement == pytest.approx(np.corrcoef(driven.by_layer)[0, 1])


def test_wrong_input_is_refused():
    features, loadings, noise = world()
    with pytest.raises(ValueError, match=r"loadings \(7, 20\), layers \(20,\) and"):
        found(features, loadings[1:], noise)
    with pytest.raises(ValueError, match="neurons of at least 2 layers; got 1"):
        polarity(features, loadings, np.zeros(20), noise, penalty=1.0, margin=10)
    with pytest.raises(ValueError, match="margin = 60 leaves 1 shifts of 120 samples"):
        polarity(features, loadings, LAYERS, noise, penalty=1.0, margin=60)
