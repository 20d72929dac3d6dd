"""Intervals against quantiles and coverage."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.testing import assert_close

from brainalign.similarity.kernels import debiased_linear_cka, linear_cka
from brainalign.similarity.resampling import bootstrap_interval
from tests.similarity.properties import normal, related


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


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


X, Y = related(9, 3, 4)
OPTIONS = {"generator": generator()}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
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
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
