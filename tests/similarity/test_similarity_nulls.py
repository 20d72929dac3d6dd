"""Null expectations against enumeration and published values; p-values, intervals, noise correction against theory."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from torch.testing import assert_close

from brainalign.similarity.dimensionality import participation_ratio
from brainalign.similarity.dissimilarity import rsa
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from brainalign.similarity.measures import get_measure
from brainalign.similarity.nulls import (
    bootstrap_interval,
    expected_gaussian_cka,
    expected_shuffled_cka,
    noise_corrected,
    permutation_test,
    shuffled_debiased_cka_factor,
)
from tests.similarity.properties import assert_gradient, normal, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


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


# ---- closed forms


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


# ---- permutations


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
    result = permutation_test(linear_cka, X, 0.1 * X + 0.3, n_permutations=9, generator=generator())
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


# ---- resampling


@pytest.mark.parametrize("resample", ["halves", "replacement"])
def test_the_interval_mirrors_the_quantiles_of_the_resamples(resample):
    X, Y = related(20, 4, 3)
    interval = bootstrap_interval(
        linear_cka, X, Y, n_resamples=200, generator=generator(), level=0.9, resample=resample
    )
    low, high = np.quantile(interval.resampled, [0.05, 0.95])
    assert_close(interval.value, linear_cka(X, Y))
    assert_allclose([interval.low, interval.high], [2 * interval.value - high, 2 * interval.value - low])
    assert interval.level == 0.9


def test_halves_hold_no_sample_twice_and_resamples_do():
    X = torch.arange(1.0, 21).unsqueeze(-1)
    seen = []

    def measure(X, Y):
        seen.append(X[:, 0].tolist())
        assert_array_equal(X, Y)
        return X.sum()

    for resample, size, distinct in (("halves", 10, {10}), ("replacement", 20, set(range(5, 20)))):
        seen.clear()
        bootstrap_interval(measure, X, X, n_resamples=20, generator=generator(), resample=resample)
        assert all(len(rows) == size and len(set(rows)) in distinct for rows in seen[1:])


def test_halves_cover_the_truth_and_resamples_with_replacement_do_not():
    """Independent data: the truth of debiased CKA is 0. Nominal level 0.9, 200 repetitions in one batch."""
    X, Y = normal(200, 30, 5), normal(200, 30, 5, seed=1)
    covered = {}
    for resample in ("halves", "replacement"):
        interval = bootstrap_interval(
            debiased_linear_cka, X, Y, n_resamples=200, generator=generator(), level=0.9, resample=resample
        )
        covered[resample] = ((interval.low <= 0) & (interval.high >= 0)).double().mean()
    assert covered["halves"] > 0.9
    assert covered["replacement"] < 0.5


def test_intervals_of_a_batch_are_those_of_its_pairs():
    X, Y = normal(3, 20, 4), normal(3, 20, 5, seed=1)
    together = bootstrap_interval("linear_cka", X, Y, n_resamples=20, generator=generator())
    alone = bootstrap_interval("linear_cka", X[1], Y[1], n_resamples=20, generator=generator())
    for name in ("value", "low", "high", "resampled"):
        assert_close(getattr(together, name)[1], getattr(alone, name))


# ---- noise


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


# ---- bad input

X, Y = related(9, 3, 4)
OPTIONS = {"generator": generator()}


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
        (lambda: bootstrap_interval(linear_cka, X, Y, n_resamples=1, **OPTIONS), ValueError, r"got 1 and 0\.95"),
        (
            lambda: bootstrap_interval(linear_cka, X, Y, n_resamples=5, level=1.0, **OPTIONS),
            ValueError,
            r"level between 0 and 1: got 5 and 1\.0",
        ),
        (
            lambda: bootstrap_interval(linear_cka, X, Y, n_resamples=5, resample="thirds", **OPTIONS),
            ValueError,
            r"resample = 'thirds' is unknown; choose one of halves, replacement",
        ),
        (
            lambda: bootstrap_interval(debiased_linear_cka, X[:7], Y[:7], n_resamples=5, **OPTIONS),
            ValueError,
            r"debiased_linear_cka needs at least 4 samples \(rows\): got 3",
        ),
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
