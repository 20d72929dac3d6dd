"""Noise correction against the truth."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from brainalign.similarity.noise_correction import noise_corrected
from brainalign.similarity.rsa import rsa
from tests.similarity.properties import assert_gradient, normal, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10


@pytest.mark.parametrize("measure", [debiased_linear_cka, lambda X, Y: rsa(X, Y, rdm="euclidean")])
def test_noise_is_corrected_for(measure):
    X, Y = related(150, 20, 15)
    truth = measure(X, Y)
    noisy_x, noisy_y = X + 2 * normal(3, *X.shape, seed=5), Y + 2 * normal(4, *Y.shape, seed=6)
    corrected = noise_corrected(measure, noisy_x, noisy_y)
    assert corrected.raw < 0.8 * truth
    assert_allclose(corrected.value, truth, atol=0.05)
    one_sided = noise_corrected(measure, X.unsqueeze(0), noisy_y)
    assert one_sided.reliability_x == 1
    assert_allclose(one_sided.value, truth, atol=0.05)


def test_biased_cka_is_not_rightly_corrected():
    X, Y = normal(40, 3) @ normal(3, 60, seed=2), normal(40, 3, seed=1) @ normal(3, 50, seed=3)
    noisy = [Z + 3 * normal(3, *Z.shape, seed=seed) for seed, Z in enumerate((X, Y), start=5)]
    assert noise_corrected(linear_cka, *noisy).value > 2 * linear_cka(X, Y)


def test_noise_correction_is_raw_over_the_root_of_both_reliabilities():
    X, Y = (Z + normal(3, *Z.shape, seed=seed) for seed, Z in enumerate(related(30, 6, 5)))
    corrected = noise_corrected("debiased_linear_cka", X, Y)
    raw = np.mean([float(debiased_linear_cka(x, y)) for x in X for y in Y])
    own = [np.mean([float(debiased_linear_cka(Z[a], Z[b])) for a, b in ((0, 1), (0, 2), (1, 2))]) for Z in (X, Y)]
    assert_allclose([corrected.raw, corrected.reliability_x, corrected.reliability_y], [raw, *own], rtol=EXACT)
    assert_allclose(corrected.value, raw / math.sqrt(own[0] * own[1]), rtol=EXACT)


def test_noise_correction_has_a_gradient():
    X, Y = (Z + 0.3 * normal(2, *Z.shape, seed=seed) for seed, Z in enumerate(related(9, 3, 4)))
    assert_gradient(lambda X, Y: noise_corrected("debiased_linear_cka", X, Y).value, X, Y)


X, Y = related(9, 3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: noise_corrected("procrustes_distance", X, Y), ValueError, r"procrustes_distance is not a symmetric"),
        (lambda: noise_corrected(linear_cka, X, Y), ValueError, r"X must have shape .* got \(9, 3\)"),
        (
            lambda: noise_corrected(lambda X, Y: -linear_cka(X, Y), X.expand(2, 9, 3), Y.unsqueeze(0)),
            ValueError,
            r"the 2 repeats of X do not agree \(reliability -1\)",
        ),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
