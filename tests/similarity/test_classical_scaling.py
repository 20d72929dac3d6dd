"""Classical scaling gives back the distances, and measures of it are those of the matrices."""

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity.classical_scaling import classical_scaling
from brainalign.similarity.comparators import compare_rdms
from brainalign.similarity.dissimilarity import correlation_rdm, euclidean_rdm
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from brainalign.similarity.rsa import rsa
from tests.similarity.properties import normal, related

EXACT = 1e-10  # two formulas for one number differ by the round-off of double precision


@pytest.mark.parametrize("width", [2, 30])
def test_the_distances_come_back(width):
    rdm = euclidean_rdm(normal(3, 12, width))
    points = classical_scaling(rdm)
    assert points.shape == (3, 12, 11)
    assert_close(euclidean_rdm(points), rdm)
    assert_close(points.mean(dim=-2), torch.zeros(3, 11, dtype=points.dtype), rtol=0, atol=1e-7)
    variances = points.square().sum(dim=-2)
    assert (variances.diff(dim=-1) <= 1e-7).all()


def test_measures_of_the_points_are_those_of_the_representations():
    X, Y = related(20, 6, 5)
    points = [classical_scaling(euclidean_rdm(Z)) for Z in (X, Y)]
    for measure in (linear_cka, debiased_linear_cka):
        assert_close(measure(*points), measure(X, Y), rtol=EXACT, atol=0)


def test_measures_of_correlation_distances_are_those_of_the_matrices():
    A, B = (correlation_rdm(Z) for Z in related(20, 6, 5))
    A = (A + correlation_rdm(normal(20, 9))) / 2  # a mean over two subjects
    X, Y = classical_scaling(A), classical_scaling(B)
    assert_close(rsa(X, Y, rdm="euclidean"), compare_rdms(A, B), rtol=EXACT, atol=0)
    assert_close(linear_cka(X, Y), compare_rdms(A, B, compare="whitened_cosine"), rtol=EXACT, atol=0)
    first, second = u_centered(-A), u_centered(-B)
    expected = (first * second).sum() / ((first * first).sum() * (second * second).sum()).sqrt()
    assert_close(debiased_linear_cka(X, Y), expected, rtol=EXACT, atol=0)


def u_centered(K):
    """Song et al. 2012: off-diagonal sums of every row are 0. A matrix without its diagonal is all that enters."""
    n = len(K)
    K = K - torch.diag(K.diagonal())
    means = K.sum(dim=0) / (n - 2)
    return (K - means - means[:, None] + K.sum() / ((n - 1) * (n - 2))).fill_diagonal_(0)


def test_single_precision_is_kept():
    points = classical_scaling(euclidean_rdm(normal(12, 4)).float())
    assert points.dtype == torch.float32
    assert_close(euclidean_rdm(points.double()), euclidean_rdm(normal(12, 4)), rtol=1e-5, atol=1e-5)


RDM = euclidean_rdm(normal(5, 3))


@pytest.mark.parametrize(
    ("rdm", "error", "message"),
    [
        ([["a"]], ValueError, r"classical_scaling: rdm must hold real numbers: got text"),
        (RDM > 0, ValueError, r"classical_scaling: rdm must be a tensor .* torch\.bool"),
        (RDM[:3], ValueError, r"rdm must have shape \(\.\.\., n_samples, n_samples\) .* got \(3, 5\)"),
        (RDM.triu(), ValueError, r"rdm is not symmetric"),
        (1 - RDM / RDM.max(), ValueError, r"the diagonal of rdm must be 0; .* give 1 - similarity"),
        (RDM**3, ValueError, r"rdm holds no squared Euclidean distances: .* eigenvalues from -[\d.e+]+ to"),
        (0 * RDM, ValueError, r"rdm holds no squared Euclidean distances"),
    ],
)
def test_bad_input_is_refused(rdm, error, message):
    with pytest.raises(error, match=message):
        classical_scaling(rdm)
