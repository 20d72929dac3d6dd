"""Time series, events and confounds that people really have: the right value by another formula, or a refusal."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import gamma

from brainalign.encoding import (
    clean,
    convolve_hrf,
    delay,
    fit_encoding,
    frames_to_volumes,
    noise_ceiling,
    usable_targets,
    words_to_volumes,
)
from brainalign.encoding.inputs import check_responses

TR, N = 2.0, 120
FILL = 9.969209968386869e36


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# ---- targets


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (np.int8, [-100, 100, 0]),
        (np.int16, [-20_000, 20_000, 5]),
        (np.int16, [-32_768, 32_767, 0]),
        (np.int32, [-(2**31), 2**31 - 1, 0]),
        (np.int64, [-(2**62), 2**62, 0]),
        (np.uint8, [0, 255, 3]),
        (np.uint16, [0, 65_535, 3]),
        (np.float16, [-6e4, 6e4, 0]),
        (np.float32, [-3e38, 3e38, 0]),
        (np.float64, [-1.5e308, 1.5e308, 0]),
        (np.float64, [0.0, 5e-324, 0.0]),
        (bool, [False, True, False]),
    ],
)
def test_a_target_that_varies_is_usable_whatever_its_type(kind, values):
    varying = np.array(values, dtype=kind)
    table = np.stack([varying, np.full(3, varying[0])], axis=1)
    assert usable_targets(table).tolist() == [True, False]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda Y: np.ma.masked_less(Y, -2), "masked values"),
        (lambda Y: np.where(Y < -2, FILL, Y), "fill values"),
        (lambda Y: np.where(Y < -2, 1e20, Y).astype(np.float32), "fill values"),
        (lambda Y: Y * 1j, "complex"),
        (lambda Y: Y.astype(str), "text"),
        (lambda Y: [*Y.tolist()[:-1], [1.0]], "unlike lengths"),
        (lambda Y: np.where(np.arange(3) == 1, np.nan, Y), "1 of 3 targets"),
        (lambda Y: np.where(np.arange(3) == 1, 7.0, Y), "1 of 3 targets"),
        (lambda Y: np.where(np.arange(3) == 1, np.inf, Y), "1 of 3 targets"),
        (lambda Y: Y[:, 0], "shape"),
        (lambda Y: Y[None], "shape"),
        (lambda Y: Y[:-1], "same samples"),
        (lambda Y: Y.T, "same samples"),
    ],
)
def test_responses_that_an_encoding_model_cannot_take(spoil, message):
    features, responses = noise(N, 2), noise(N, 3, seed=1)
    with pytest.raises(ValueError, match=message):
        fit_encoding(features, spoil(responses))


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int16, np.int8])
def test_an_encoding_model_of_responses_of_a_narrow_type_is_that_of_the_same_numbers(kind):
    features = noise(N, 2)
    responses = np.rint(40 * (features @ noise(2, 3, seed=1) + 0.3 * noise(N, 3, seed=2))).clip(-120, 120)
    expected = fit_encoding(features, responses)
    assert_allclose(fit_encoding(features, responses.astype(kind)).scores, expected.scores, atol=2e-3)
    assert expected.scores.min() > 0.8


def test_masked_repeats_are_refused_by_the_ceiling():
    repeats = [noise(N, 2), np.ma.masked_less(noise(N, 2, seed=1), -2)]
    with pytest.raises(ValueError, match="repeat 1 has"):
        noise_ceiling(repeats)


@pytest.mark.parametrize("runs", [[0.0, np.nan], [None, 1], np.ma.array([0, 1], mask=[True, False])])
def test_a_missing_run_label_is_refused(runs):
    runs = (
        np.ma.repeat(runs, N // 2) if np.ma.isMaskedArray(runs) else np.repeat(np.asarray(runs, dtype=object), N // 2)
    )
    with pytest.raises(ValueError, match=r"runs.* 60 .*labels are missing"):
        delay(noise(N, 1), [0], runs)


def test_check_responses_returns_ordinary_numbers():
    found = check_responses(np.ma.array([[1, 2], [3, 5]], dtype=np.int16))
    assert type(found) is np.ndarray
    assert_array_equal(found, [[1.0, 2.0], [3.0, 5.0]])


# ---- cleaning


def least_squares_residual(responses, *removed):
    """Textbook: least squares on an intercept and all that is removed, then mean 0 and standard deviation 1."""
    design = np.column_stack([np.ones(len(responses)), *removed])
    left = responses - design @ np.linalg.lstsq(design, responses, rcond=None)[0]
    return left / left.std(axis=0, ddof=1)


TIME = np.linspace(-1, 1, N)
COSINE = np.cos(np.pi * (np.arange(N) + 0.5) / N)
MOTION = noise(N, 6, seed=3)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (MOTION[:, 0], {}),
        (3 * MOTION[:, 1] - 2, {}),
        (MOTION.sum(axis=1), {}),
        (MOTION @ [1.0, -2, 3, 0.1, 0, 5], {}),
        (MOTION.sum(axis=1).astype(np.float32), {}),
        (1e4 + MOTION[:, 0], {}),
        ((1e4 + MOTION[:, 0]).astype(np.float32), {}),
        (1e-18 * MOTION[:, 0], {}),
        (1e18 * MOTION[:, 0], {}),
        (TIME, {}),
        (TIME**3 - TIME, {}),
        (100 + 0.5 * TIME, {"detrend": "linear"}),
        (COSINE, {}),
        (np.cos(2 * np.arccos(COSINE)), {}),
        (COSINE + TIME + MOTION[:, 2], {}),
        (np.round(TIME * 1e6), {"detrend": "linear", "high_pass": None}),
    ],
)
def test_a_target_made_of_what_is_removed_is_refused(target, options):
    with pytest.raises(ValueError, match="nothing but rounding is left"):
        clean(np.column_stack([noise(N), target.astype(target.dtype)]), tr=TR, confounds=MOTION, **options)


@pytest.mark.parametrize("unit", [1e-200, 1e-18, 1e-12, 1e-3, 1.0, 1e6, 1e18, 1e200])
@pytest.mark.parametrize("what", ["responses", "confounds"])
def test_cleaned_responses_do_not_depend_on_units(unit, what):
    responses = MOTION[:, :1] * 2 + noise(N, 3, seed=4)
    expected = least_squares_residual(responses, TIME, MOTION)
    units = {"responses": 1.0, "confounds": 1.0} | {what: unit}
    found = clean(
        responses * units["responses"], tr=TR, detrend="linear", high_pass=None, confounds=MOTION * units["confounds"]
    )
    assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("confounds", "message"),
    [
        (np.where(np.arange(6) == 2, np.nan, MOTION), "120 values that are not finite"),
        (np.vstack([np.full(6, np.nan), MOTION[1:]]), "6 values that are not finite"),
        (np.ma.masked_less(MOTION, -2), "masked"),
        (MOTION[:-1], "same samples"),
        (MOTION[:, 0], "shape"),
        (MOTION.astype(str), "text"),
    ],
)
def test_confounds_that_cannot_be_regressed_out(confounds, message):
    with pytest.raises(ValueError, match=message):
        clean(noise(N, 2), tr=TR, confounds=confounds)


@pytest.mark.parametrize(
    "confounds",
    [
        np.column_stack([MOTION, np.ones(N)]),
        np.column_stack([MOTION, MOTION[:, 0]]),
        np.column_stack([MOTION, MOTION.sum(axis=1)]),
    ],
)
def test_constant_and_repeated_confounds_change_nothing(confounds):
    responses = noise(N, 2, seed=5)
    assert_allclose(clean(responses, tr=TR, confounds=confounds), clean(responses, tr=TR, confounds=MOTION), atol=1e-9)


@pytest.mark.parametrize("tr", [None, 0, -1.0, np.nan, "2", 2000.0, 720])
@pytest.mark.parametrize("use", ["clean", "words", "frames", "hrf"])
def test_a_bad_repetition_time_is_refused_everywhere(use, tr):
    with pytest.raises(ValueError, match="tr must be"):
        {
            "clean": lambda: clean(noise(N, 1), tr=tr),
            "words": lambda: words_to_volumes([[1.0]], [0.0], tr, 3),
            "frames": lambda: frames_to_volumes(noise(6, 1), 1.0, tr, 3),
            "hrf": lambda: convolve_hrf([[1.0]], [0.0], tr, 3),
        }[use]()


# ---- events


def textbook_response(seconds):
    """Two gamma densities of unit rate (SPM): a peak at 5 s, an undershoot of a sixth at 15 s."""
    return gamma.pdf(seconds, 6) - gamma.pdf(seconds, 16) / 6


@pytest.mark.parametrize("duration", [0.5, 2.0, 7.3, 20.0])
def test_a_block_is_the_integral_of_the_response(duration):
    found = convolve_hrf([[1.0]], [4.0], TR, 40, durations=duration, model="spm")[:, 0]
    fine = np.arange(0, 80, 0.01)
    boxcar = ((fine >= 4.0) & (fine < 4.0 + duration)).astype(float)
    expected = (0.01 * np.convolve(boxcar, textbook_response(fine)))[: len(fine)][:: int(TR / 0.01)]
    assert np.corrcoef(found, expected)[0, 1] > 0.999


@pytest.mark.parametrize(
    ("durations", "message"),
    [
        (np.nan, "durations must be 0 s or more and finite: got nan"),
        (np.inf, "got inf"),
        (-1.0, "got -1 for event 0"),
        ([1.0, np.nan], r"got nan for event 1 \(and 0 more\)"),
        ([np.inf, 1.0], "got inf for event 0"),
        ([1.0, -0.5], "got -0.5 for event 1"),
        (["1.0", "n/a"], "text"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "1 masked"),
        ([1.0], "one for each of the 2 events"),
        ([1.0, 1.0, 1.0], "one for each of the 2 events"),
        ([[1.0, 1.0]], "one for each of the 2 events"),
        (None, "None"),
        (FILL, "fill"),
    ],
)
def test_durations_that_make_another_regressor(durations, message):
    with pytest.raises(ValueError, match=message):
        convolve_hrf([[1.0], [2.0]], [0.0, 10.0], TR, 20, durations=durations)


@pytest.mark.parametrize(
    ("values", "onsets", "message"),
    [
        ([[1.0], [2.0]], [0.0, np.nan], "onsets"),
        ([[1.0], [2.0]], [0.0, np.inf], "onsets"),
        ([[1.0], [2.0]], ["0.0", "n/a"], "onsets"),
        ([[1.0], [2.0]], np.ma.array([0.0, 1.0], mask=[0, 1]), "onsets has 1 masked"),
        ([[1.0], [2.0]], [0.0], "onsets"),
        ([[1.0], [np.nan]], [0.0, 1.0], "values holds 1"),
        ([[1.0], [2.0]], [0.0, 40.0], "not after its end|outside the scan"),
        ([[1.0], [2.0]], [-30.0, 1.0], "24 s before|outside the scan"),
        ([[1.0], [2.0]], [0.0, 10_000.0], "not after its end|outside the scan"),
    ],
)
@pytest.mark.parametrize("pool", [words_to_volumes, convolve_hrf])
def test_events_that_cannot_be_placed(pool, values, onsets, message):
    with pytest.raises(ValueError, match=message):
        pool(values, onsets, TR, 20)


@pytest.mark.parametrize("n_volumes", [0, -3, 2.5, None, True, "20"])
@pytest.mark.parametrize("pool", [words_to_volumes, convolve_hrf])
def test_a_number_of_volumes_that_is_none(pool, n_volumes):
    with pytest.raises(ValueError, match="n_volumes must be a whole number"):
        pool([[1.0]], [0.0], TR, n_volumes)


@pytest.mark.parametrize("pool", [words_to_volumes, convolve_hrf])
def test_the_order_of_events_does_not_matter(pool):
    values, onsets, order = (
        noise(9, 2),
        np.sort(np.random.default_rng(1).uniform(0, 35, 9)),
        [3, 1, 8, 0, 2, 7, 6, 5, 4],
    )
    assert_allclose(pool(values[order], onsets[order], TR, 20), pool(values, onsets, TR, 20), atol=1e-12)


@pytest.mark.parametrize(("n_frames", "n_volumes"), [(100, 20), (100, 40), (3, 25), (1000, 25)])
def test_a_film_that_does_not_last_as_long_as_the_scan(n_frames, n_volumes):
    with pytest.raises(ValueError, match="cut the film or the scan"):
        frames_to_volumes(noise(n_frames, 1), 2.0, TR, n_volumes)
