import numpy as np
import pytest
from numpy.testing import assert_array_equal

from brainalign.encoding import delay


def test_delayed_copies_stand_side_by_side():
    features = np.arange(1.0, 9.0).reshape(4, 2)
    found = delay(features, [0, 2])
    assert_array_equal(found, [[1, 2, 0, 0], [3, 4, 0, 0], [5, 6, 1, 2], [7, 8, 3, 4]])


def test_nothing_is_carried_from_one_run_into_the_next():
    """Runs of unequal length give what each gives by itself."""
    features, runs = np.random.default_rng(0).normal(size=(9, 2)), np.repeat(["b", "a"], [4, 5])
    apart = np.vstack([delay(features[:4], [3, 1]), delay(features[4:], [3, 1])])
    assert_array_equal(delay(features, [3, 1], runs=runs), apart)


def test_type_is_kept():
    assert delay(np.ones((3, 1), dtype=np.float32), [1]).dtype == np.float32
    assert delay(np.ones((3, 1), dtype=int), [1]).dtype == np.float64


@pytest.mark.parametrize("delays", [[-1], [0.5], [1, 1], [], [[0, 1]]])
def test_delays_are_different_whole_numbers(delays):
    with pytest.raises(ValueError, match="different whole numbers of samples"):
        delay(np.ones((5, 1)), delays)


def test_more_delays_than_samples():
    with pytest.raises(ValueError, match="6 delays of up to 5 samples do not fit a"):
        delay(np.ones((4, 1)), range(6))
    with pytest.raises(ValueError, match="1 delays of up to 3 samples do not fit a"):
        delay(np.ones((6, 1)), [3], runs=[0, 0, 0, 0, 1, 1])


@pytest.mark.parametrize(
    ("features", "runs", "message"),
    [
        (np.ones(4), None, r"features must have shape \(n_samples, n_features\): got \(4,\)"),
        (np.ones((4, 0)), None, "features has 4 samples and 0 features"),
        ([[1.0], [np.inf]], None, "features holds 1 values that are not finite"),
        (np.ones((4, 1)), [0, 0, 1], r"runs must label every one of the 4 samples: got shape \(3,\)"),
        (np.ones((4, 1)), [0, 1, 0, 1], "2 labels in 4 stretches"),
    ],
)
def test_bad_features_and_runs(features, runs, message):
    with pytest.raises(ValueError, match=message):
        delay(features, [0], runs=runs)
