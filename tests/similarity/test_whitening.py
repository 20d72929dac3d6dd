"""Noise covariances against their definition, and what they may not be."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from brainalign.similarity.dissimilarity import mahalanobis_rdm
from brainalign.similarity.whitening import noise_covariance
from tests.similarity.properties import covariance_of, normal

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10


def test_the_noise_covariance_is_that_of_residuals():
    repeats = normal(3, 20, 4)
    residuals = (repeats - repeats.mean(dim=0)).reshape(60, 4).numpy()
    expected = residuals.T @ residuals / 40
    assert_allclose(noise_covariance(repeats), expected, rtol=EXACT)
    shrunk = noise_covariance(repeats, shrinkage=0.25)
    assert_allclose(shrunk, 0.75 * expected + 0.25 * np.diag(np.diag(expected)), rtol=EXACT)


def test_the_noise_covariance_is_unbiased():
    truth = covariance_of(3)
    noise = normal(3000, 2, 6, 3) @ torch.linalg.cholesky(truth).mT
    assert_allclose(noise_covariance(10 * normal(6, 3, seed=1) + noise).mean(dim=0), truth, atol=0.16)  # 4 s.d.


PATTERN = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0], [1.0, 0.0, 4.0], [5.0, 1.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(4)),
            ValueError,
            r"must have shape \(\.\.\., 3, 3\), one row and column per feature: got \(4, 4\)",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.diag(torch.tensor([1.0, 0.0, 1.0]))),
            ValueError,
            r"not positive definite \(its leading 2 x 2 block is not\); estimate it with shrinkage above 0",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(3) + torch.eye(3).roll(1, 0) / 4),
            ValueError,
            r"noise_covariance is not symmetric: .* by up to 0\.25",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(3) * torch.nan),
            ValueError,
            r"mahalanobis_rdm: noise_covariance holds values that are not finite",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=[[1.0]]),
            ValueError,
            r"mahalanobis_rdm: noise_covariance must have shape",
        ),
        (
            lambda: mahalanobis_rdm(PATTERN, noise_covariance=torch.eye(3, dtype=torch.bool)),
            ValueError,
            r"mahalanobis_rdm: noise_covariance must be .* got a tensor of torch\.bool",
        ),
        (lambda: noise_covariance(PATTERN.expand(2, 4, 3), shrinkage=1.5), ValueError, r"lie in \[0, 1\]: got 1\.5"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
