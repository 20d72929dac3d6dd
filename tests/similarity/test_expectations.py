"""Null expectations of CKA against enumeration and published values."""

import math
from itertools import combinations, permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.dimensionality import participation_ratio
from brainalign.similarity.expectations import (
    expected_gaussian_cka,
    expected_shuffled_cka,
    shuffled_debiased_cka_factor,
)
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from tests.similarity.properties import assert_gradient, normal, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10


def partial_shuffles(n, s):
    """All orders of n samples in which any s of them are permuted among themselves, each as often as it occurs."""
    orders = []
    for chosen in combinations(range(n), s):
        for shuffled in permutations(chosen):
            order = list(range(n))
            for place, sample in zip(chosen, shuffled, strict=True):
                order[place] = sample
            orders.append(order)
    return torch.tensor(orders)


@pytest.mark.parametrize("n", [4, 5, 6])
@pytest.mark.parametrize("widths", [(2, 3), (9, 2)])
def test_shuffled_cka_is_the_mean_over_all_shuffles(n, widths):
    X, Y = related(n, *widths)
    for s in range(n + 1):
        everything = linear_cka(X, Y[partial_shuffles(n, s)]).mean()
        assert_close(expected_shuffled_cka(X, Y, n_shuffled=s), everything, rtol=EXACT, atol=0)


@pytest.mark.parametrize("n", [4, 5, 6])
def test_the_debiased_factor_is_that_of_the_mean_over_all_shuffles(n):
    X, Y = related(n, 4, 3)
    for s in range(n + 1):
        everything = debiased_linear_cka(X, Y[partial_shuffles(n, s)]).mean()
        expected = shuffled_debiased_cka_factor(n, n_shuffled=s) * debiased_linear_cka(X, Y)
        assert_close(expected, everything, rtol=1e-8, atol=1e-12)


def test_a_full_shuffle_leaves_the_participation_ratios():
    X, Y = related(30, 6, 50)
    expected = (participation_ratio(X) * participation_ratio(Y)).sqrt() / 29
    assert_close(expected_shuffled_cka(X, Y), expected, rtol=EXACT, atol=0)
    assert_close(expected_shuffled_cka(X, Y, n_shuffled=30), expected, rtol=EXACT, atol=0)
    assert_close(expected_shuffled_cka(X, Y, n_shuffled=0), linear_cka(X, Y), rtol=EXACT, atol=0)
    assert_close(expected_shuffled_cka(X, Y, n_shuffled=1), linear_cka(X, Y), rtol=EXACT, atol=0)


@given(st.floats(0, 1))
def test_the_debiased_factor_tends_to_the_square_of_what_is_not_shuffled(fraction):
    n = 200_000
    factor = shuffled_debiased_cka_factor(n, n_shuffled=round(fraction * n))
    assert_allclose(factor, (1 - round(fraction * n) / n) ** 2, atol=3 / n)


# Means over 9 runs of debiased CKA, V1 against conv1, after shuffles that accumulate to these fractions of 720 images
# (Murphy et al. 2024, arXiv 2405.01012, Figure 5).
@pytest.mark.parametrize(("fraction", "published"), [(0.2, 0.0182), (0.52, 0.0054), (0.808, -0.0002), (1.0, 0.0004)])
def test_published_partial_shuffles_follow_the_factor(fraction, published):
    factor = shuffled_debiased_cka_factor(720, n_shuffled=round(fraction * 720))
    assert_allclose(0.0284 * factor, published, atol=0.0016)


def test_gaussian_cka_comes_close_to_the_mean():
    X, Y = normal(400, 30, 20), normal(400, 30, 40, seed=1)
    measured = linear_cka(X, Y).mean()
    # The square root of a mean of squares, beside a mean of square roots: within 1 % at 30 samples.
    assert_allclose(expected_gaussian_cka((30, 20), n_features=40), measured, rtol=0.01)
    fixed = X[0] * torch.linspace(0.1, 3, 20, dtype=X.dtype)
    assert_allclose(expected_gaussian_cka(fixed, n_features=40), linear_cka(fixed, Y).mean(), rtol=0.01)


# Width of the second matrix, biased CKA with a 1024 x 1024 matrix as measured and as expected (Murphy et al. 2024,
# Figure 1, recomputed from its seed).
@pytest.mark.parametrize(
    ("width", "measured", "expected"),
    [
        (10, 0.06992, 0.06954),
        (412, 0.37892, 0.37875),
        (1159, 0.51526, 0.51523),
        (20935, 0.69136, 0.69042),
        (250_000, 0.70630, 0.70566),
    ],
)
def test_gaussian_cka_is_that_of_the_published_random_matrices(width, measured, expected):
    value = expected_gaussian_cka((1024, 1024), n_features=width)
    assert_allclose(value, expected, atol=6e-6)
    assert_allclose(value, measured, rtol=0.006)


# Participation ratio of the published spectrum, shape, and score of a Gaussian start as predicted from them and as
# published (Cloos et al. 2024, arXiv 2407.07059).
@pytest.mark.parametrize(
    ("ratio", "n", "q", "predicted", "published"),
    [
        pytest.param(14.93, 1080, 727, 0.0746, 0.0749, id="Mante2013"),
        pytest.param(23.68, 3950, 141, 0.0144, 0.0147, id="Hatsopoulos2007"),
        pytest.param(16.25, 3200, 168, 0.0159, 0.0161, id="MajajHong2015"),
        pytest.param(15.67, 270, 205, 0.1585, 0.1516, id="FreemanZiemba2013"),
    ],
)
def test_gaussian_cka_is_that_of_the_published_starts(ratio, n, q, predicted, published):
    # A spectrum with this participation ratio: one large variance and 59 equal ones, in a basis without mean.
    small = (1 - _share_of_first(ratio, 60)) / 59
    variances = torch.full((60,), small, dtype=torch.float64)
    variances[0] = _share_of_first(ratio, 60)
    basis = normal(n, 60)
    basis = torch.linalg.qr(basis - basis.mean(dim=0)).Q
    X = basis * variances.sqrt()
    assert_allclose(participation_ratio(X), ratio, rtol=1e-8)
    value = expected_gaussian_cka(X, n_features=q)
    assert_allclose(value, predicted, atol=1e-4)
    assert_allclose(value, published, rtol=0.05)


def _share_of_first(ratio, k):
    """Share a of the first of k variances, the others equal, at which a^2 + (1 - a)^2 / (k - 1) = 1 / ratio."""
    return (1 + math.sqrt((k - 1) * (k / ratio - 1))) / k


def test_expectations_of_a_batch_are_those_of_its_pairs():
    X, Y = normal(2, 1, 12, 4), normal(3, 12, 30, seed=1)
    for s in (None, 5):
        alone = [[expected_shuffled_cka(x[0], y, n_shuffled=s) for y in Y] for x in X]
        assert_close(expected_shuffled_cka(X, Y, n_shuffled=s), torch.stack([torch.stack(row) for row in alone]))
    together = expected_gaussian_cka(Y, n_features=7)
    assert_close(together, torch.stack([expected_gaussian_cka(y, n_features=7) for y in Y]))


def test_expectations_have_gradients_and_keep_the_type():
    X, Y = related(9, 3, 4)
    assert_gradient(lambda X, Y: expected_shuffled_cka(X, Y, n_shuffled=4), X, Y)
    assert_gradient(lambda X: expected_gaussian_cka(X, n_features=4), X)
    single = expected_shuffled_cka(X.float(), Y.float(), n_shuffled=4)
    assert single.dtype == expected_gaussian_cka(X.float(), n_features=4).dtype == torch.float32
    assert_close(single.double(), expected_shuffled_cka(X, Y, n_shuffled=4), rtol=1e-5, atol=0)


X, Y = related(9, 3, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: expected_gaussian_cka((1, 4), n_features=3), ValueError, r"at least 2 samples .*: got \(1, 4\)"),
        (lambda: expected_gaussian_cka((4, 4), n_features=0), ValueError, r"n_features must be 1 or more: got 0"),
        (lambda: expected_gaussian_cka([4, 4], n_features=3), TypeError, r"two whole numbers: got \[4, 4\]"),
        (lambda: expected_gaussian_cka(X / 0, n_features=3), ValueError, r"expected_gaussian_cka: X holds 27 values"),
        (lambda: expected_shuffled_cka(X, Y, n_shuffled=10), ValueError, r"of 9 samples, 0 to 9 .* n_shuffled = 10"),
        (lambda: expected_shuffled_cka(X[:3], Y[:3]), ValueError, r"needs at least 4 samples \(rows\): got 3"),
        (lambda: shuffled_debiased_cka_factor(3, n_shuffled=1), ValueError, r"at least 4 samples: got 3"),
        (lambda: shuffled_debiased_cka_factor(5, n_shuffled=-1), ValueError, r"got n_shuffled = -1"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
