"""P-values against counting and theory."""

import math

import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.testing import assert_close

from brainalign.similarity.expectations import (
    expected_shuffled_cka,
)
from brainalign.similarity.kernels import linear_cka
from brainalign.similarity.measures import get_measure
from brainalign.similarity.permutations import permutation_test
from tests.similarity.properties import normal, related


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_p_values_count_the_null_values_as_extreme():
    X, Y = related(20, 4, 3)
    results = {
        alternative: permutation_test(
            linear_cka, X, Y.roll(3, dims=0), n_permutations=199, generator=generator(), alternative=alternative
        )
        for alternative in ("greater", "less", "two-sided")
    }
    value, null = results["greater"].value, results["greater"].null
    assert null.shape == (199,)
    above, below = int((null >= value).sum()), int((null <= value).sum())
    assert_allclose(results["greater"].p_value, (above + 1) / 200)
    assert_allclose(results["less"].p_value, (below + 1) / 200)
    assert_allclose(results["two-sided"].p_value, min(1, 2 * (min(above, below) + 1) / 200))


def test_the_smallest_p_value_is_1_of_n_plus_1():
    X, Y = related(30, 4, 3, noise=0.01)
    for measure in ("linear_cka", "angular_procrustes_distance", get_measure("linear_predictivity")):
        result = permutation_test(measure, X, Y, n_permutations=99, generator=generator())
        assert_allclose(result.p_value, 0.01)


def test_null_values_equal_to_the_measured_one_count():
    """With two samples that can be told apart only by order, every shuffle gives the same value."""
    X = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    result = permutation_test("procrustes_distance", X, 0.1 * X + 0.3, n_permutations=9, generator=generator())
    assert_allclose(result.p_value, 1)


def test_p_values_are_uniform_without_relation():
    X, Y = normal(200, 12, 3), normal(200, 12, 3, seed=1)
    p_values = torch.stack(
        [
            permutation_test(linear_cka, x, y, n_permutations=19, generator=generator(i), batch_size=19).p_value
            for i, (x, y) in enumerate(zip(X, Y, strict=True))
        ]
    )
    for level in (0.05, 0.25, 0.5):  # each hit with probability equal to the level, exactly
        hits = (p_values <= level + 1e-9).double().mean()
        assert_allclose(hits, level, atol=4 * math.sqrt(level * (1 - level) / 200))


def test_the_mean_of_the_null_is_its_expectation():
    X, Y = related(40, 6, 5)
    null = permutation_test(linear_cka, X, Y, n_permutations=2000, generator=generator(), batch_size=500).null
    assert_allclose(null.mean(), expected_shuffled_cka(X, Y), atol=4 * float(null.std()) / math.sqrt(2000))


@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_the_null_does_not_depend_on_the_batch_size(batch_size):
    X, Y = normal(2, 1, 12, 4), normal(3, 12, 5, seed=1)
    alone = permutation_test("rsa", X, Y, n_permutations=20, generator=generator())
    together = permutation_test("rsa", X, Y, n_permutations=20, generator=generator(), batch_size=batch_size)
    assert together.null.shape == (2, 3, 20)
    assert together.p_value.shape == (2, 3)
    assert_close(together.null, alone.null)
    assert_array_equal(together.p_value, alone.p_value)
    pair = permutation_test("rsa", X[1, 0], Y[2], n_permutations=20, generator=generator())
    assert_close(together.null[1, 2], pair.null)


X, Y = related(9, 3, 4)
OPTIONS = {"generator": generator()}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: permutation_test(linear_cka, X, Y, n_permutations=0, **OPTIONS),
            ValueError,
            r"1 or more: got 0 and 1",
        ),
        (lambda: permutation_test(linear_cka, X, Y[:8], n_permutations=5, **OPTIONS), ValueError, r"got 9 and 8"),
        (
            lambda: permutation_test(linear_cka, X, Y, n_permutations=5, generator=0),
            TypeError,
            r"generator must be a torch\.Generator: got int",
        ),
        (
            lambda: permutation_test(linear_cka, X, Y, n_permutations=5, alternative="bigger", **OPTIONS),
            ValueError,
            r"alternative = 'bigger' is unknown; choose one of greater, less, two-sided",
        ),
        (lambda: permutation_test("linear_cca", X, Y, n_permutations=5, **OPTIONS), ValueError, r"nearest name"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
