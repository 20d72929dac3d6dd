"""Dictionaries find planted atoms, and never see the samples they are tested on."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import dictionary


def planted(n_samples=100, n_atoms=3, n_neurons=90, noise=0.05, seed=0):
    generator = np.random.default_rng(seed)
    atoms = generator.standard_normal((n_samples, n_atoms))
    loadings = np.zeros((n_atoms, n_neurons))
    loadings[np.arange(n_neurons) % n_atoms, np.arange(n_neurons)] = generator.choice([-1, 1], n_neurons)
    return atoms, atoms @ loadings + noise * generator.standard_normal((n_samples, n_neurons))


def learn(activations, n_atoms=3, **options):
    return dictionary(activations, n_atoms, generator=np.random.default_rng(1), **options)


def test_planted_atoms_are_found_up_to_sign_and_order():
    atoms, activations = planted()
    found = learn(activations)
    match = np.abs(np.corrcoef(atoms.T, found.atoms.T)[:3, 3:])
    assert (match.max(axis=1) > 0.99).all()
    assert ((np.abs(found.loadings) > 0.5).sum(axis=0) == 1).all()  # each neuron has its own atom


def test_projection_recovers_the_atoms_on_new_samples():
    atoms, activations = planted(250)
    found = learn(activations[:100])
    match = np.abs(np.corrcoef(atoms[100:].T, found.project(activations[100:]).T)[:3, 3:])
    assert (match.max(axis=1) > 0.99).all()
    assert found.explained(activations[100:]) > 0.9


def test_a_sample_is_projected_by_itself():
    _, activations = planted(200)
    found = learn(activations[:100])
    whole = found.project(activations[100:])
    np.testing.assert_allclose(found.project(activations[100:101]), whole[:1])


def test_projection_is_least_squares():
    _, activations = planted(200, noise=0.5)
    found = learn(activations[:100])
    standard = (activations[100:] - found.mean) / found.spread
    left = standard - found.project(activations[100:]) @ found.loadings
    np.testing.assert_allclose(left @ found.loadings.T, 0, atol=1e-9)


def test_atoms_have_length_one_and_loadings_a_positive_sum():
    found = learn(planted()[1])
    np.testing.assert_allclose(np.linalg.norm(found.atoms, axis=0), 1.0)
    assert (found.loadings.sum(axis=1) >= 0).all()
    energy = np.square(found.loadings).sum(axis=1)
    assert (np.diff(energy) <= 0).all()


def test_scale_and_offset_of_a_neuron_do_not_matter():
    _, activations = planted()
    np.testing.assert_allclose(learn(activations * 7 + 3).loadings, learn(activations).loadings, atol=1e-8)


def test_more_sparsity_means_more_zeros():
    _, activations = planted(noise=1.0)
    zeros = [(learn(activations, sparsity=s).loadings == 0).mean() for s in (0.02, 0.3)]
    assert zeros[0] < zeros[1]


def test_wrong_input_is_refused():
    _, activations = planted()
    with pytest.raises(ValueError, match="n_atoms = 91 must lie between 1 and 90 for"):
        learn(activations, 91)
    with pytest.raises(ValueError, match="sparsity = 1 between 0 and 1"):
        learn(activations, sparsity=1.0)
    with pytest.raises(ValueError, match="1 neurons do not vary"):
        learn(np.column_stack([activations, np.ones(100)]))
    with pytest.raises(ValueError, match="finite matrix"):
        learn(np.where(activations == activations.max(), np.nan, activations))
    with pytest.raises(ValueError, match=r"describes 90 neurons \(columns\)"):
        learn(activations).project(activations[:5, :89])
    copies = np.repeat(activations[:, :1], 30, axis=1)
    with pytest.raises(ValueError, match="2 of 3 atoms serve no neuron"):
        learn(copies)
