import numpy as np
import pytest
from numpy.polynomial import Polynomial
from numpy.testing import assert_allclose

from brainalign.encoding import clean, usable_targets

TR = 2.0


def test_every_run_is_standardized_by_itself():
    rng = np.random.default_rng(0)
    runs = np.repeat([0, 1], [80, 121])
    responses = rng.normal(size=(201, 3)) * np.where(runs == 0, 1.0, 50.0)[:, None] + 7
    cleaned = clean(responses, runs, tr=TR)
    for rows in (runs == 0, runs == 1):
        assert_allclose(cleaned[rows].mean(axis=0), 0, atol=1e-10)
        assert_allclose(cleaned[rows].std(axis=0, ddof=1), 1)
        assert_allclose(cleaned[rows], clean(responses[rows], tr=TR))


def test_slow_drifts_go_and_fast_signals_stay():
    seconds = TR * np.arange(180)
    fast = np.sin(2 * np.pi * seconds / 20)
    drift = Polynomial([0, 0.1, -0.001, 2e-6])(seconds) + 5 * np.cos(2 * np.pi * (np.arange(180) + 0.5) / 180)
    cleaned = clean(np.stack([fast, fast + drift], axis=1), tr=TR)
    assert_allclose(cleaned[:, 1], cleaned[:, 0], atol=1e-8)
    assert np.corrcoef(cleaned[:, 0], fast)[0, 1] > 0.98


def test_high_pass_keeps_nothing_slower_than_its_frequency():
    seconds = TR * np.arange(256)
    noise = np.random.default_rng(0).normal(size=(256, 1))
    slow = np.sin(2 * np.pi * seconds / 300)[:, None]
    cleaned = clean(noise + 20 * slow, tr=TR, detrend=None)
    kept = clean(noise + 20 * slow, tr=TR, detrend=None, high_pass=None)
    assert abs(np.corrcoef(cleaned[:, 0], slow[:, 0])[0, 1]) < 0.05
    assert abs(np.corrcoef(kept[:, 0], slow[:, 0])[0, 1]) > 0.9


def test_confounds_are_regressed_out_run_by_run():
    rng = np.random.default_rng(0)
    motion, signal = rng.normal(size=(120, 2)), rng.normal(size=(120, 1))
    runs = np.repeat([0, 1], 60)
    cleaned = clean(signal + motion @ [[3.0], [-2.0]], runs, tr=TR, confounds=motion)
    for rows in (runs == 0, runs == 1):
        assert_allclose(motion[rows].T @ cleaned[rows], 0, atol=1e-8)


def test_usable_targets_are_finite_and_vary():
    responses = np.random.default_rng(0).normal(size=(10, 4))
    responses[:, 1], responses[3, 2] = 5.0, np.nan
    assert usable_targets(responses).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda Y: Y[:, :0], {}, "0 targets; there must be at least one of each. Does the mask select any voxel?"),
        (lambda Y: np.where(np.arange(2) == 1, np.nan, Y), {}, r"1 of 2 targets .* \(columns 1\); drop them with"),
        (lambda Y: np.where(np.arange(2) == 0, 1.0, Y), {}, r"1 of 2 targets of the responses are constant"),
        (lambda Y: Y, {"runs": [0] * 5}, "runs must label every one of the 60 samples"),
        (
            lambda Y: Y,
            {"runs": np.repeat([0, 1], [57, 3])},
            "run 1 has 3 samples, too few to remove 3 trends",
        ),
        (lambda Y: Y, {"detrend": "quartic"}, "detrend must be None, 'linear', 'quadratic', 'cubic' or a degree"),
        (lambda Y: Y, {"high_pass": 0.3}, "high_pass must be between 0 and 0.5 / tr Hz: got tr = 2.0, high_pass = 0.3"),
        (lambda Y: Y, {"tr": 0.0}, "tr must be above 0 s"),
        (lambda Y: Y, {"confounds": np.ones((3, 1))}, "same samples .rows.: got 3, 60"),
        (
            lambda Y: np.where(np.arange(60)[:, None] < 30, 1.0, Y),
            {"runs": np.repeat([0, 1], 30)},
            "2 targets are constant in run 0",
        ),
    ],
)
def test_what_cannot_be_cleaned(change, options, message):
    responses = change(np.random.default_rng(0).normal(size=(60, 2)))
    with pytest.raises(ValueError, match=message):
        clean(responses, **{"tr": TR} | options)
