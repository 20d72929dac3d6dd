"""Redundancy: known values, surrogates that keep the spectrum, units that share a source."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.encoding import (
    effective_dimensions,
    map_overlap,
    mean_overlap,
    redundancy,
    spectrum_surrogate,
    variance_spectrum,
    without_mean,
)


def noise(n=200, k=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, k))


def test_known_correlation_matrices():
    assert effective_dimensions(np.eye(5)) == pytest.approx(5)
    assert effective_dimensions(np.ones((5, 5))) == pytest.approx(1)
    assert mean_overlap(np.eye(5)) == 0
    assert mean_overlap([[1, -0.5], [-0.5, 1]]) == 0.5


@pytest.mark.parametrize("n", [100, 101])
def test_surrogates_keep_mean_and_spectrum_and_lose_relations(n):
    common = noise(n, 1) + 3.0
    both = np.repeat(common, 2, axis=1)
    surrogate = spectrum_surrogate(both, generator=np.random.default_rng(1))
    np.testing.assert_allclose(surrogate.mean(axis=0), both.mean(axis=0))
    np.testing.assert_allclose(np.abs(np.fft.rfft(surrogate, axis=0)), np.abs(np.fft.rfft(both, axis=0)), atol=1e-9)
    assert abs(np.corrcoef(surrogate.T)[0, 1]) < 0.4


def test_units_that_share_a_source_are_redundant_and_others_are_not():
    generator = np.random.default_rng(2)
    shared = redundancy(noise() + 2 * noise(k=1, seed=1), n_draws=39, generator=generator)
    assert shared.p_overlap == shared.p_participation == 1 / 40
    assert shared.overlap > 0.7
    assert shared.effective_dimensions < 2 < shared.null_dimensions.min()
    apart = redundancy(noise(), n_draws=39, generator=generator)
    assert min(apart.p_overlap, apart.p_participation) > 0.05
    assert apart.effective_dimensions > 5


def test_overlap_of_maps():
    assert map_overlap([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]) == pytest.approx(1 / 3)


def test_variance_spectrum_of_known_matrices():
    np.testing.assert_allclose(variance_spectrum(np.ones((4, 4))), [1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(variance_spectrum([[1, 0.5], [0.5, 1]]), [0.75, 0.25])


def test_without_mean_is_the_correlation_of_what_a_regression_leaves():
    units = noise() + 2 * noise(k=1, seed=1)
    z = (units - units.mean(axis=0)) / units.std(axis=0)
    mean = z.mean(axis=1, keepdims=True)
    left = z - mean @ np.linalg.lstsq(mean, z, rcond=None)[0]
    np.testing.assert_allclose(without_mean(np.corrcoef(units.T)), np.corrcoef(left.T), atol=1e-9)


def test_without_mean_refuses_what_leaves_nothing():
    for matrix in (np.ones((3, 3)), [[1, -1], [-1, 1]]):
        with pytest.raises(ValueError, match="nothing is left without it"):
            without_mean(matrix)


def test_wrong_input_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"shape \(200, 1\) need 2 units"):
        redundancy(noise(k=1), n_draws=19, generator=generator)
    with pytest.raises(ValueError, match="n_draws = 18, 19 or more"):
        redundancy(noise(), n_draws=18, generator=generator)
    with pytest.raises(ValueError, match="1 units do not vary"):
        redundancy(np.column_stack([noise(), np.ones(200)]), n_draws=19, generator=generator)
