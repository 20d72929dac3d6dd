"""Dimensionality against eigenvalues and the identities that tie it to CKA."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.dimensionality import effective_shared_dimensionality, participation_ratio
from brainalign.similarity.kernels import linear_cka
from tests.similarity.properties import assert_gradient, normal, related

# Two formulas for one number differ by the round-off of double precision.
EXACT = 1e-10
SHAPES = [(9, 30, 25), (40, 3, 5), (12, 40, 4), (12, 12, 11), (20, 60, 3)]
every_shape = pytest.mark.parametrize(("n", "p", "q"), SHAPES)


def textbook_ensd(X, Y):
    X, Y = ((Z - Z.mean(dim=0)).numpy() for Z in (X, Y))
    shared = np.trace(Y.T @ X @ X.T @ Y) * np.trace(X.T @ X) * np.trace(Y.T @ Y)
    return shared / (np.trace(X.T @ X @ X.T @ X) * np.trace(Y.T @ Y @ Y.T @ Y))


@every_shape
def test_participation_ratio_is_that_of_the_eigenvalues(n, p, q):
    X = related(n, p)[0]
    values = np.linalg.eigvalsh(np.cov(X.numpy().T))
    assert_allclose(participation_ratio(X), values.sum() ** 2 / (values**2).sum(), rtol=EXACT)


@every_shape
def test_shared_dimensionality_is_that_of_its_definition(n, p, q):
    X, Y = related(n, p, q)
    assert_allclose(effective_shared_dimensionality(X, Y), textbook_ensd(X, Y), rtol=EXACT)


@every_shape
def test_shared_dimensionality_is_cka_times_the_mean_participation_ratio(n, p, q):
    X, Y = related(n, p, q)
    expected = linear_cka(X, Y) * (participation_ratio(X) * participation_ratio(Y)).sqrt()
    assert_close(effective_shared_dimensionality(X, Y), expected, rtol=EXACT, atol=0)


@every_shape
def test_a_representation_shares_all_its_dimensions_with_itself(n, p, q):
    X = related(n, p)[0]
    assert_close(effective_shared_dimensionality(X, X), participation_ratio(X), rtol=EXACT, atol=0)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 5))
def test_equal_variances_count_dimensions(width, other, overlap):
    overlap = min(overlap, width, other)
    basis = normal(20, width + other + 1)
    basis = torch.linalg.qr(basis - basis.mean(dim=0)).Q
    X, Y = basis[:, :width], basis[:, width - overlap : width - overlap + other]
    assert_allclose(participation_ratio(1e9 * X + 2), width, rtol=1e-7)
    assert_allclose(effective_shared_dimensionality(X, 1e-9 * Y), overlap, rtol=1e-7, atol=1e-10)


def test_extreme_units_neither_over_nor_underflow():
    X, Y = related(20, 6, 5)
    expected = effective_shared_dimensionality(X, Y)
    for unit in (1e-30, 1e30):
        value = effective_shared_dimensionality((X * unit).float(), (Y / unit).float())
        assert_close(value.double(), expected, rtol=1e-5, atol=0)


def test_a_batch_is_the_loop_over_its_pairs():
    X, Y = normal(2, 1, 12, 4), normal(3, 12, 30, seed=1)
    alone = [[effective_shared_dimensionality(x[0], y) for y in Y] for x in X]
    assert_close(effective_shared_dimensionality(X, Y), torch.stack([torch.stack(row) for row in alone]))
    assert_close(participation_ratio(Y), torch.stack([participation_ratio(y) for y in Y]))


@pytest.mark.parametrize(("p", "q"), [(3, 4), (12, 15), (3, 15)])
def test_gradients_are_those_of_finite_differences(p, q):
    X, Y = related(9, p, q)
    assert_gradient(effective_shared_dimensionality, X, Y)
    assert_gradient(participation_ratio, X)


@pytest.mark.parametrize(("n", "p", "q"), [(1500, 40, 30), (200, 1500, 900)])
def test_single_precision_is_close_to_double(n, p, q):
    X, Y = related(n, p, q)
    for value, expected in (
        (effective_shared_dimensionality(X.float(), Y.float()), effective_shared_dimensionality(X, Y)),
        (participation_ratio(X.float()), participation_ratio(X)),
    ):
        assert value.dtype == torch.float32
        assert_close(value.double(), expected, rtol=1e-5, atol=0)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="participation_ratio: X does not vary over"):
        participation_ratio(torch.ones(5, 3))
    with pytest.raises(ValueError, match=r"effective_shared_dimensionality: .* got 5 and 6"):
        effective_shared_dimensionality(normal(5, 3), normal(6, 3))
