"""RDMs against scipy, brute force and another library's values."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist, squareform
from torch.testing import assert_close

from brainalign.similarity.dissimilarity import (
    _gram,
    correlation_rdm,
    cosine_rdm,
    crossnobis_rdm,
    euclidean_rdm,
    mahalanobis_rdm,
)
from tests.similarity.properties import covariance_of, entries, normal, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10
SIMPLE_RDMS = ["correlation", "euclidean", "cosine"]


@pytest.mark.parametrize(
    ("function", "metric"), [(correlation_rdm, "correlation"), (cosine_rdm, "cosine"), (euclidean_rdm, "sqeuclidean")]
)
@pytest.mark.parametrize("n_samples", [2, 7, 70, 200])  # one block of the symmetric product, and several
def test_rdms_are_those_of_scipy(function, metric, n_samples):
    X = related(n_samples, 6)[0]
    assert_allclose(function(X), squareform(pdist(X.numpy(), metric)), rtol=EXACT, atol=1e-12)


def test_the_mahalanobis_rdm_is_that_of_scipy():
    X, covariance = related(12, 6)[0], covariance_of(6)
    expected = squareform(pdist(X.numpy(), "mahalanobis", VI=np.linalg.inv(covariance.numpy()))) ** 2
    assert_allclose(mahalanobis_rdm(X, noise_covariance=covariance), expected, rtol=EXACT, atol=1e-12)


def test_the_mahalanobis_rdm_of_white_noise_is_euclidean():
    X = related(12, 6)[0]
    assert_close(mahalanobis_rdm(X, noise_covariance=torch.eye(6, dtype=X.dtype)), euclidean_rdm(X))


@pytest.mark.parametrize("n_repeats", [2, 3, 5])
def test_crossnobis_is_the_mean_over_pairs_of_repeats(n_repeats):
    repeats, covariance = normal(n_repeats, 6, 4), covariance_of(4)
    precision = torch.linalg.inv(covariance)
    differences = repeats.unsqueeze(-2) - repeats.unsqueeze(-3)
    pairs = [differences[a] @ precision * differences[b] for a, b in permutations(range(n_repeats), 2)]
    expected = torch.stack(pairs).mean(dim=0).sum(dim=-1)
    assert_close(crossnobis_rdm(repeats, noise_covariance=covariance), expected)


def test_crossnobis_is_not_biased_by_noise_and_mahalanobis_is():
    pattern = normal(5, 4)
    n_draws = 4000
    repeats = pattern + normal(n_draws, 2, 5, 4, seed=1)
    crossed = crossnobis_rdm(repeats)
    error = crossed.std(dim=0) / math.sqrt(n_draws)
    assert ((crossed.mean(dim=0) - euclidean_rdm(pattern)).abs() <= 5 * error + 1e-12).all()
    plain = euclidean_rdm(repeats[:, 0]).mean(dim=0) - euclidean_rdm(pattern)
    # 2 p = 8 too large, everywhere off the diagonal.
    assert_allclose(entries(plain), 8, atol=0.5)


@pytest.mark.parametrize("rdm", SIMPLE_RDMS)
def test_rdms_are_symmetric_with_a_zero_diagonal(rdm):
    values = {"correlation": correlation_rdm, "euclidean": euclidean_rdm, "cosine": cosine_rdm}[rdm](normal(3, 130, 4))
    assert_close(values, values.mT, rtol=0, atol=1e-13)
    assert (values.diagonal(dim1=-2, dim2=-1) == 0).all()
    assert (values >= -1e-15).all()


def test_a_far_offset_costs_the_euclidean_rdm_no_digits():
    X = normal(20, 5)
    assert_close(euclidean_rdm(X + 1e8), euclidean_rdm(X), rtol=1e-6, atol=1e-6)  # what the sum X + 1e8 itself loses


@pytest.mark.parametrize("n_samples", [5, 64, 65, 129, 300])
def test_the_symmetric_product_is_the_product(n_samples):
    X = normal(2, n_samples, 7).requires_grad_()
    weights = normal(2, n_samples, n_samples, seed=1)
    assert_close(_gram(X), X @ X.mT)
    (fast,) = torch.autograd.grad((_gram(X) * weights).sum(), X)
    (plain,) = torch.autograd.grad((X @ X.mT * weights).sum(), X)
    assert_close(fast, plain)


def test_the_symmetric_product_has_second_derivatives():
    X = normal(5, 3).requires_grad_()
    assert torch.autograd.gradgradcheck(_gram, X)


def test_crossnobis_values_are_those_of_another_library():
    i, j = torch.meshgrid(
        torch.arange(12.0, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64), indexing="ij"
    )
    repeats = torch.stack([torch.sin(i * i + 3 * j) + 0.3 * torch.cos(i * j * (k + 1) + k) for k in range(3)])
    noise = np.sin(np.arange(40 * 7) ** 2 % 97).reshape(40, 7)
    covariance = torch.from_numpy(np.cov(noise.T))
    # Its values times the number of features, by which it divides.
    white = [6.044363257866943, 2.0858540194676483, 12.314304023821618]
    colored = [12.320445520364416, 5.831147724893379, 23.37645499459215]
    assert_allclose(crossnobis_rdm(repeats)[0, 1:4], white, rtol=EXACT)
    assert_allclose(crossnobis_rdm(repeats, noise_covariance=covariance)[0, 1:4], colored, rtol=EXACT)


PATTERN = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0], [1.0, 0.0, 4.0], [5.0, 1.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: correlation_rdm(PATTERN[:, :1]), ValueError, r"correlation_rdm: .* needs at least 2 features: got 1"),
        (lambda: cosine_rdm(PATTERN - 2), ValueError, r"cosine_rdm: 1 samples have zero in all features, .* \[1\]"),
        (lambda: cosine_rdm(1e-160 * PATTERN), ValueError, r"cosine_rdm: the squares .* exceed .*float64; rescale"),
        (lambda: cosine_rdm(1e200 * PATTERN), ValueError, r"cosine_rdm: the squares .* exceed .*float64; rescale"),
        (lambda: crossnobis_rdm(PATTERN), ValueError, r"with at least 2 repeats: got \(4, 3\)"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
