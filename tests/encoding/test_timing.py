import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor
from numpy.testing import assert_allclose

from brainalign.encoding import convolve_hrf, frames_to_volumes, words_to_volumes


def test_words_fall_into_the_volume_in_which_they_begin():
    values = np.array([[1.0], [2.0], [4.0], [8.0]])
    onsets = [20.0, 21.9, 22.0, 27.9]
    summed = words_to_volumes(values, onsets, tr=2.0, n_volumes=4, start=20.0, how="sum")
    assert_allclose(summed, [[3.0], [4.0], [0.0], [8.0]])


def test_a_volume_without_words_is_the_mean_of_the_others():
    pooled = words_to_volumes([[1.0], [3.0], [5.0]], [0.0, 0.1, 4.0], tr=2.0, n_volumes=3)
    assert_allclose(pooled, [[2.0], [3.5], [5.0]])


def test_multiples_of_the_repetition_time_are_not_rounded_down():
    onsets = 1.49 * np.arange(300)
    one_each = words_to_volumes(np.ones((300, 1)), onsets, tr=1.49, n_volumes=300, how="sum")
    assert_allclose(one_each, 1)


def test_repetition_time_need_not_divide_the_events():
    """0.7 s between events and 2 s between volumes: every event is counted once, 2 or 3 to a volume."""
    counted = words_to_volumes(np.ones((100, 1)), 0.7 * np.arange(100), tr=2.0, n_volumes=35, how="sum")
    assert counted.sum() == 100
    assert set(counted.ravel()) == {2.0, 3.0}


def test_words_outside_the_scan_are_refused_or_dropped():
    values, onsets = np.ones((3, 1)), [-0.5, 1.0, 9.0]
    with pytest.raises(ValueError, match="2 of 3 words begin outside the scan"):
        words_to_volumes(values, onsets, tr=2.0, n_volumes=2)
    assert words_to_volumes(values, onsets, tr=2.0, n_volumes=2, how="sum", outside="drop").sum() == 1
    with pytest.raises(ValueError, match="3 of 3 words"):
        words_to_volumes(values, onsets, tr=2.0, n_volumes=2, start=100.0, outside="drop")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"onsets": [0.0]}, r"one finite time in seconds per row.*\(1,\), 2 rows"),
        ({"onsets": [0.0, np.nan]}, "one finite time"),
        ({"tr": 0.0}, "tr must be above 0 s"),
        ({"n_volumes": 0}, "n_volumes must be a whole number of at least 1"),
        ({"how": "max"}, "how must be 'mean' or 'sum'"),
        ({"values": [[np.nan], [1.0]]}, "values holds 1 values that are not finite"),
    ],
)
def test_bad_word_timings(changed, message):
    given = {"values": [[1.0], [2.0]], "onsets": [0.0, 1.0], "tr": 2.0, "n_volumes": 1} | changed
    with pytest.raises(ValueError, match=message):
        words_to_volumes(**given)


def test_frames_are_pooled_where_volumes_hold_no_whole_number_of_them():
    """25 frames per second and 1.49 s: 37 or 38 frames per volume. The mean of frame times is the middle, nearly."""
    times = np.arange(25 * 149) / 25
    pooled = frames_to_volumes(times[:, None], frame_rate=25, tr=1.49, n_volumes=100)
    assert_allclose(pooled[:, 0], 1.49 * np.arange(100) + 1.49 / 2, atol=1 / 25)


def test_film_and_scan_must_end_together():
    with pytest.raises(ValueError, match="100 frames at 10 per second last 10 s"):
        frames_to_volumes(np.ones((100, 1)), frame_rate=10, tr=2.0, n_volumes=10)
    with pytest.raises(ValueError, match="frame_rate must be above 0"):
        frames_to_volumes(np.ones((100, 1)), frame_rate=0, tr=2.0, n_volumes=10)


@pytest.mark.parametrize("model", ["glover", "spm"])
def test_response_to_events_is_the_one_of_nilearn(model):
    values, onsets = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]]), np.array([9.3, 1.0, 4.5])
    found = convolve_hrf(values, onsets + 100, tr=1.5, n_volumes=30, start=100.0, durations=2.0, model=model)
    order = np.argsort(onsets)
    for column in range(2):
        condition = np.stack([onsets[order], np.full(3, 2.0), values[order, column]])
        assert_allclose(found[:, column], compute_regressor(condition, model, 1.5 * np.arange(30))[0][:, 0])
    assert found[:, 0].argmax() in range(5, 12)  # 4 to 6 s after the events at 1 to 9 s


def test_response_is_linear_in_the_events():
    rng = np.random.default_rng(0)
    values, onsets = rng.normal(size=(6, 3)), np.sort(rng.uniform(0, 40, size=6))
    one, other = values.copy(), values.copy()
    one[:3], other[3:] = 0, 0
    together, apart = (convolve_hrf(v, onsets, 2.0, 30) for v in (values, one)), convolve_hrf(other, onsets, 2.0, 30)
    whole, first = together
    assert_allclose(whole, first + apart, atol=1e-12)


def test_events_outside_the_scan_have_no_response():
    with pytest.raises(ValueError, match="at most 24 s before the scan"):
        convolve_hrf(np.ones((2, 1)), [0.0, 61.0], tr=2.0, n_volumes=30)
    with pytest.raises(ValueError, match="model must be 'glover' or 'spm'"):
        convolve_hrf(np.ones((2, 1)), [0.0, 1.0], tr=2.0, n_volumes=30, model="boxcar")
