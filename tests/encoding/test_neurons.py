"""Neurons keep their place in the model."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import as_neurons


def recorded(n=7):
    generator = np.random.default_rng(0)
    return {
        ("image", 0, "context"): generator.standard_normal((n, 2, 3)),
        ("image", 1, "context"): generator.standard_normal((n, 2, 3)),
        ("text", 0, "neurons"): generator.standard_normal((n, 4)),
    }


def test_every_neuron_is_found_at_its_place():
    parts = recorded()
    neurons = as_neurons(parts)
    assert neurons.activations.shape == (7, 16)
    place = neurons.places.query("tower == 'image' and layer == 1 and head == 1 and channel == 2").index
    np.testing.assert_array_equal(neurons.activations[:, place[0]], parts["image", 1, "context"][:, 1, 2])
    assert set(neurons.places.query("tower == 'text'")["head"]) == {-1}
    np.testing.assert_array_equal(neurons.layers, [0] * 6 + [1] * 6 + [0] * 4)


def test_towers_and_draws_keep_activations_and_places_together():
    neurons = as_neurons(recorded())
    text = neurons.of("text")
    np.testing.assert_array_equal(text.activations, neurons.activations[:, 12:])
    assert text.places.index.tolist() == [0, 1, 2, 3]
    drawn = neurons.draw(5, generator=np.random.default_rng(1))
    for column, place in zip(drawn.activations.T, drawn.places.itertuples(index=False), strict=True):
        where = (neurons.places == place).all(axis=1).to_numpy()
        np.testing.assert_array_equal(column, neurons.activations[:, where][:, 0])


def test_one_head_of_the_last_layer():
    parts = recorded()
    own = as_neurons(parts).of_head("image", 1)
    np.testing.assert_array_equal(own.activations, parts["image", 1, "context"][:, 1])
    assert own.places["channel"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(as_neurons(parts).of_head("text", 3).activations, parts["text", 0, "neurons"])
    with pytest.raises(ValueError, match="the last layer of 'image' has heads 0 to 1"):
        as_neurons(parts).of_head("image", 2)
    with pytest.raises(ValueError, match=r"no neurons of the towers \['fusion'\]"):
        as_neurons(parts).of_head("fusion", 0)


def test_dead_units_are_left_out():
    parts = recorded()
    parts["text", 0, "neurons"][:, 2] = 0.5
    neurons = as_neurons(parts)
    assert neurons.activations.shape == (7, 15)
    assert neurons.of("text").places["channel"].tolist() == [0, 1, 3]


def test_wrong_records_are_refused():
    with pytest.raises(ValueError, match="nothing was recorded"):
        as_neurons({})
    with pytest.raises(ValueError, match=r"image\.0\.context has shape \(7, 5, 2, 3\)"):
        as_neurons({("image", 0, "context"): np.zeros((7, 5, 2, 3))})
    with pytest.raises(ValueError, match=r"same samples; got \[6, 7\]"):
        as_neurons({**recorded(), ("image", 2, "context"): np.zeros((6, 2, 3))})
    with pytest.raises(ValueError, match="none of 6 units varies over the 7 samples"):
        as_neurons({("image", 0, "context"): np.ones((7, 2, 3))})
    neurons = as_neurons(recorded())
    with pytest.raises(ValueError, match=r"no neurons of the towers \['fusion'\]"):
        neurons.of("fusion")
    with pytest.raises(ValueError, match="17 of 16 neurons can not be drawn"):
        neurons.draw(17, generator=np.random.default_rng(0))
