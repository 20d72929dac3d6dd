"""The CCA family against principal angles and textbook formulas; what is saturated is refused."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.alignment import normalized_bures_similarity
from brainalign.similarity.correlation import mean_canonical_correlation, pwcca, svcca
from brainalign.similarity.kernels import linear_cka
from tests.similarity.properties import assert_finite_gradient, assert_gradient, normal, related

# Two formulas for one number differ by the round-off of double precision.
EXACT = 1e-10
SHAPES = [(40, 3, 5), (30, 6, 6), (25, 8, 2)]
every_shape = pytest.mark.parametrize(("n", "p", "q"), SHAPES)


def centered(X):
    return (X - X.mean(dim=0)).numpy()


def canonical_correlations(X, Y):
    return np.cos(scipy.linalg.subspace_angles(X, Y))


def leading_components(X, variance):
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    n_kept = np.searchsorted((s**2).cumsum() / (s**2).sum(), variance) + 1
    return U[:, :n_kept] * s[:n_kept]


def pwcca_of(source, target):
    return pwcca(source=source, target=target)


# ---- slow textbook formulas


@every_shape
def test_mean_canonical_correlation_is_that_of_principal_angles(n, p, q):
    X, Y = related(n, p, q)
    expected = canonical_correlations(centered(X), centered(Y)).mean()
    assert_allclose(mean_canonical_correlation(X, Y), expected, rtol=EXACT)


@every_shape
@pytest.mark.parametrize("variance", [0.5, 0.9, 0.99])
def test_svcca_is_that_of_the_leading_components(n, p, q, variance):
    X, Y = related(n, p, q)
    components = [leading_components(centered(array), variance) for array in (X, Y)]
    expected = canonical_correlations(*components).mean()
    assert_allclose(svcca(X, Y, variance=variance), expected, rtol=EXACT)


@every_shape
def test_svcca_of_all_components_is_the_mean_canonical_correlation(n, p, q):
    X, Y = related(n, p, q)
    assert_close(svcca(X, Y, variance=1), mean_canonical_correlation(X, Y), rtol=EXACT, atol=0)


@every_shape
def test_pwcca_weighs_by_what_the_target_carries(n, p, q):
    X, Y = related(n, p, q)
    source, target = centered(X), centered(Y)
    # The eigenvectors of the product of both projections are the canonical variates of the target.
    onto_source, onto_target = (array @ np.linalg.pinv(array) for array in (source, target))
    squares, variates = np.linalg.eigh(onto_target @ onto_source @ onto_target)
    leading = np.argsort(squares)[::-1][: min(p, q)]
    weights = np.abs(variates[:, leading].T @ target).sum(axis=1)
    expected = (weights * np.sqrt(squares[leading])).sum() / weights.sum()
    assert_allclose(pwcca(source=X, target=Y), expected, rtol=1e-8)


@pytest.mark.parametrize("width", [3, 6])
def test_canonical_correlations_are_measures_of_whitened_data_for_equal_widths(width):
    X, Y = related(40, width, width)
    white = [torch.as_tensor(np.linalg.qr(centered(array))[0]) for array in (X, Y)]
    correlations = canonical_correlations(*(array.numpy() for array in white))
    assert_allclose(normalized_bures_similarity(*white), mean_canonical_correlation(X, Y), rtol=EXACT)
    assert_allclose(linear_cka(*white), (correlations**2).mean(), rtol=EXACT)


def test_canonical_correlations_are_not_measures_of_whitened_data_for_unequal_widths():
    X, Y = related(40, 3, 6)
    white = [torch.as_tensor(np.linalg.qr(centered(array))[0]) for array in (X, Y)]
    ratio = normalized_bures_similarity(*white) / mean_canonical_correlation(X, Y)
    assert_allclose(ratio, 3 / np.sqrt(3 * 6), rtol=EXACT)


def test_columns_that_depend_on_others_count_once():
    X, Y = related(40, 3, 5)
    repeated = torch.cat([X, X[:, :1] - 2 * X[:, 1:2]], dim=1)
    for measure in (mean_canonical_correlation, svcca, pwcca_of):
        variance = {"variance": 1.0} if measure is svcca else {}
        assert_close(measure(repeated, Y, **variance), measure(X, Y, **variance), rtol=1e-9, atol=0)
        assert_close(
            measure(repeated.float(), Y.float(), **variance).double(), measure(X, Y, **variance), rtol=1e-5, atol=0
        )
    assert_close(pwcca(source=Y, target=repeated), pwcca_of(Y, repeated), rtol=0, atol=0)


def test_the_source_of_pwcca_may_be_mapped_and_the_target_not():
    X, Y = related(40, 4, 4)
    stretch = torch.tensor([1.0, 10.0, 0.1, 3.0], dtype=X.dtype)
    assert_close(pwcca_of(X * stretch, Y), pwcca_of(X, Y), rtol=1e-9, atol=0)
    assert abs(pwcca_of(X, Y * stretch) - pwcca_of(X, Y)) > 1e-3


def test_noise_of_low_variance_lowers_cca_and_not_svcca():
    signal = normal(100, 2)
    X, Y = (torch.cat([signal, 0.01 * normal(100, 4, seed=seed)], dim=1) for seed in (1, 2))
    assert svcca(X, Y) > 1 - 1e-3
    assert mean_canonical_correlation(X, Y) < 0.6


# ---- gradients


@every_shape
def test_gradients_are_exact(n, p, q):
    X, Y = related(n, p, q)
    assert_gradient(mean_canonical_correlation, X, Y)
    assert_gradient(pwcca_of, X, Y)


@pytest.mark.parametrize("variance", [0.5, 0.8, 0.95, 1.0])
def test_gradient_of_svcca_is_that_of_the_leading_subspaces(variance):
    X, Y = related(25, 6, 5)
    assert_gradient(lambda X, Y: svcca(X, Y, variance=variance), X, Y)


def test_gradients_are_finite_for_repeated_variances_and_correlations():
    X = torch.linalg.qr(torch.cat([torch.ones(20, 1, dtype=torch.float64), normal(20, 4)], dim=1)).Q[:, 1:]
    Y = related(20, 4)[0]
    for measure in (mean_canonical_correlation, svcca, pwcca_of):
        assert_finite_gradient(measure, X, Y)
        assert_finite_gradient(measure, X, X)
        assert_finite_gradient(measure, Y, Y @ torch.linalg.qr(normal(4, 4)).Q)


# ---- precision


@pytest.mark.parametrize("measure", [mean_canonical_correlation, svcca, pwcca_of])
def test_float32_is_float64_at_5000_samples(measure):
    X, Y = related(5000, 64, 48, noise=1.0)
    assert_close(measure(X.float(), Y.float()).double(), measure(X, Y), rtol=1e-5, atol=0)


# ---- errors and warnings


@pytest.mark.parametrize("measure", [mean_canonical_correlation, svcca, pwcca_of])
@pytest.mark.parametrize(("p", "q", "label"), [(9, 3, "(X|source)"), (3, 40, "(Y|target)")])
def test_saturated_data_are_refused(measure, p, q, label):
    X, Y = related(10, p, q)
    message = rf"(mean_canonical_correlation|svcca|pwcca): {label} has 9 linearly independent components for 10 samples"
    with pytest.raises(ValueError, match=message + r".*keep at most 8 principal components"):
        measure(X, Y, **({"variance": 1.0} if measure is svcca else {}))


@pytest.mark.parametrize("measure", [mean_canonical_correlation, svcca, pwcca_of])
def test_correlations_that_are_one_for_any_data_are_warned_of(measure):
    X, Y = normal(12, 7), normal(12, 6, seed=1)
    with pytest.warns(UserWarning, match="for 12 samples that 2 of the canonical"):
        measure(X, Y, **({"variance": 1.0} if measure is svcca else {}))
    assert_allclose(canonical_correlations(centered(X), centered(Y))[-2:], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure(X[:, :6], Y[:, :5])


@pytest.mark.parametrize("variance", [0.0, 1.01, float("nan")])
def test_a_share_of_variance_that_is_none_is_refused(variance):
    with pytest.raises(ValueError, match=rf"svcca: variance is the share to keep.*got {variance}"):
        svcca(*related(20, 3, 4), variance=variance)
