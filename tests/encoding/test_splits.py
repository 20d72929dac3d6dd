import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from brainalign.encoding import check_leakage, contiguous_folds, leave_one_run_out
from brainalign.encoding.splits import split_samples


@given(n=st.integers(12, 60), n_folds=st.integers(2, 5), gap=st.integers(0, 3))
def test_every_sample_is_tested_once_and_kept_away_from_training(n, n_folds, gap):
    splits = contiguous_folds(n, n_folds, gap)
    assert_array_equal(np.concatenate([test for _, test in splits]), np.arange(n))
    for train, test in splits:
        distances = abs(train[:, None] - test)
        assert distances.min() == gap + 1
        assert len(train) + len(test) >= n - 2 * gap


def test_gap_is_taken_from_training_on_both_sides():
    train, test = contiguous_folds(9, 3, gap=2)[1]
    assert_array_equal(test, [3, 4, 5])
    assert_array_equal(train, [0, 8])


def test_runs_of_unequal_length_are_held_out_one_by_one():
    runs = np.repeat(["x", "y", "z"], [2, 5, 3])
    splits = leave_one_run_out(runs)
    assert [len(test) for _, test in splits] == [2, 5, 3]
    for train, test in splits:
        assert set(runs[train]) | set(runs[test]) == {"x", "y", "z"}
        assert len(set(runs[test])) == 1
        assert not set(runs[train]) & set(runs[test])


def test_gap_reaches_over_the_border_of_held_out_runs():
    train, _ = leave_one_run_out([0, 0, 0, 1, 1, 1, 2, 2, 2], gap=1)[1]
    assert_array_equal(train, [0, 1, 7, 8])


def test_many_runs_are_held_out_in_groups_and_few_one_by_one():
    runs = np.repeat(np.arange(7), 4)
    groups = split_samples(np.arange(28), runs, n_folds=3, gap=2)
    assert [sorted(set(runs[test])) for _, test in groups] == [[0, 1, 2], [3, 4], [5, 6]]
    assert all(len(train) + len(test) == 28 for train, test in groups)  # a gap is needed within runs only
    assert len(split_samples(np.arange(8), runs, n_folds=5, gap=0)) == 2


def test_inner_folds_stay_within_the_training_samples():
    train, test = contiguous_folds(30, 3, gap=2)[1]
    for inner in split_samples(train, np.zeros(30, dtype=int), n_folds=3, gap=2):
        assert set(inner.train) | set(inner.test) <= set(train)
        assert not set(inner.test) & set(test)
        assert abs(inner.train[:, None] - inner.test).min() > 2


@pytest.mark.parametrize(
    ("n", "n_folds", "gap", "message"),
    [
        (10, 1, 0, "2 to 10 folds: got n_folds = 1"),
        (3, 4, 0, "2 to 3 folds: got n_folds = 4"),
        (10, 2, -1, "gap must be a whole number of samples, 0 or more: got -1"),
        (10, 2, 4, "a gap of 4 leaves 1 of 10 samples to train on"),
    ],
)
def test_folds_that_do_not_fit(n, n_folds, gap, message):
    with pytest.raises(ValueError, match=message):
        contiguous_folds(n, n_folds, gap)


def test_one_run_cannot_be_left_out():
    with pytest.raises(ValueError, match="all 4 samples have one run label"):
        leave_one_run_out(["a"] * 4)


def test_leakage_through_delays_is_refused():
    """With delays 2 to 4, rows two samples apart share a stimulus; rows three samples apart do not."""
    runs = np.zeros(20, dtype=int)
    with pytest.raises(ValueError, match="fold 0: 2 training samples share stimuli"):
        check_leakage(contiguous_folds(20, 2), [2, 3, 4], runs)
    with pytest.raises(ValueError, match="leave a gap of at least 2 samples"):
        check_leakage(contiguous_folds(20, 2, gap=1), [2, 3, 4], runs)
    check_leakage(contiguous_folds(20, 2, gap=2), [2, 3, 4], runs)
    check_leakage(leave_one_run_out(np.repeat([0, 1], 10)), [2, 3, 4], np.repeat([0, 1], 10))


def test_a_sample_in_both_sets_is_refused():
    with pytest.raises(ValueError, match="fold 0: 1 training samples"):
        check_leakage([(np.array([0, 1, 2]), np.array([2, 3]))], [0], np.zeros(4))
