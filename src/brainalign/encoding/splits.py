"""Training and test samples of time series: whole blocks or runs are held out, with a gap around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_runs

__all__ = ["Split", "check_leakage", "contiguous_folds", "leave_one_run_out", "split_samples"]


class Split(NamedTuple):
    """Samples that a model is fitted to, and samples that it is tested on."""

    train: np.ndarray
    test: np.ndarray


def contiguous_folds(n: int, n_folds: int, gap: int = 0) -> list[Split]:
    """Cut a time series into blocks and hold out one after the other.

    Neighboring volumes are alike, so that random test samples would nearly be in the training set: blocks are not.

    Parameters
    ----------
    n : int
        Number of samples.
    n_folds : int
        Number of blocks, from 2 to n; the longer ones come first.
    gap : int
        Samples on either side of the test block that are used for neither.

    Returns
    -------
    list of Split
        Pairs (train, test) of increasing sample numbers. Every sample is tested once.

    Raises
    ------
    ValueError
        If the folds do not fit, or the gap leaves fewer than two samples to train on.

    Examples
    --------
    >>> train, test = contiguous_folds(6, 3, gap=1)[0]
    >>> train.tolist(), test.tolist()
    ([3, 4, 5], [0, 1])
    """
    return split_samples(np.arange(n), np.zeros(n, dtype=int), n_folds=n_folds, gap=gap)


def leave_one_run_out(runs: ArrayLike, gap: int = 0) -> list[Split]:
    """Hold out one run after the other.

    Parameters
    ----------
    runs : array_like of shape (n_samples,)
        Run labels. Runs may differ in length.
    gap : int
        Samples next to the test run that are not trained on either: 0 where the scanner paused between runs.

    Returns
    -------
    list of Split
        One pair (train, test) per run.

    Raises
    ------
    ValueError
        If there is one run only, or the gap leaves fewer than two samples to train on.

    Examples
    --------
    >>> [test.tolist() for _, test in leave_one_run_out(["a", "a", "b", "b", "b"])]
    [[0, 1], [2, 3, 4]]
    """
    runs = check_runs(runs, np.asarray(runs).size)
    if runs[-1] == 0:
        msg = f"all {len(runs)} samples have one run label; use contiguous_folds() to hold out parts of a run."
        raise ValueError(msg)
    samples = np.arange(len(runs))
    return [_hold_out(samples, runs == run, gap, np.zeros_like(runs)) for run in range(runs[-1] + 1)]


def split_samples(samples: np.ndarray, runs: np.ndarray, *, n_folds: int, gap: int) -> list[Split]:
    """Folds over whole runs where there are several, and over blocks of samples where there is one.

    Parameters
    ----------
    samples : integer ndarray of shape (n_chosen,)
        Increasing sample numbers to divide; the training samples of an outer split, say.
    runs : integer ndarray of shape (n_samples,)
        Number of the run of every sample, chosen or not.
    n_folds : int
        Most folds. Runs are grouped where there are more of them, and each is a fold where there are fewer.
    gap : int
        Samples of the same run around a test sample that are not trained on.

    Returns
    -------
    list of Split
        Sample numbers, all of them among `samples`.

    Raises
    ------
    ValueError
        If the folds do not fit, or the gap leaves fewer than two samples to train on.
    """
    chosen_runs = np.unique(runs[samples])
    if len(chosen_runs) > 1 and n_folds >= 2:
        groups = np.array_split(chosen_runs, min(n_folds, len(chosen_runs)))
        held_out = [np.isin(runs[samples], group) for group in groups]
    elif 2 <= n_folds <= len(samples):
        pieces = np.array_split(np.arange(len(samples)), n_folds)
        held_out = [np.isin(np.arange(len(samples)), piece) for piece in pieces]
    else:
        msg = f"{len(samples)} samples can be cut into 2 to {len(samples)} folds: got n_folds = {n_folds}."
        raise ValueError(msg)
    return [_hold_out(samples, held, gap, runs) for held in held_out]


def check_leakage(splits: Iterable[tuple[np.ndarray, np.ndarray]], delays: Sequence[int], runs: ArrayLike) -> None:
    """Refuse splits in which a stimulus sample enters both a training row and a test row.

    A row at time t holds the stimulus at t - d for every delay d. Two rows of a run share a stimulus sample if they
    are no farther apart than the longest minus the shortest delay.

    Parameters
    ----------
    splits : iterable of (train, test)
        Sample numbers.
    delays : sequence of int
        Delays in samples.
    runs : array_like of shape (n_samples,)
        Run labels; delays do not reach from one run into another.

    Raises
    ------
    ValueError
        If a sample is in both sets, or nearer to the other set than the delays allow.
    """
    span = max(delays) - min(delays)
    runs = check_runs(runs, np.asarray(runs).size)
    for fold, (train, test) in enumerate(splits):
        is_test = np.zeros(len(runs), dtype=bool)
        is_test[test] = True
        n_leaking = int(_near(is_test, span, runs)[train].sum())
        if n_leaking:
            msg = (
                f"fold {fold}: {n_leaking} training samples share stimuli with the test block (delays {list(delays)} "
                f"reach over {span} samples); leave a gap of at least {span} samples."
            )
            raise ValueError(msg)


def _hold_out(samples: np.ndarray, held: np.ndarray, gap: int, runs: np.ndarray) -> Split:
    if gap < 0 or gap != int(gap):
        msg = f"gap must be a whole number of samples, 0 or more: got {gap!r}."
        raise ValueError(msg)
    is_test = np.zeros(len(runs), dtype=bool)
    is_test[samples[held]] = True
    train = samples[~_near(is_test, int(gap), runs)[samples]]
    if len(train) < 2:
        msg = (
            f"a test block of {int(held.sum())} samples with a gap of {gap} leaves {len(train)} of {len(samples)} "
            "samples to train on; give more samples, more folds or a shorter gap."
        )
        raise ValueError(msg)
    return Split(train, samples[held])


def _near(marked: np.ndarray, distance: int, runs: np.ndarray) -> np.ndarray:
    """Samples that are marked, or at most that far from a marked sample of their run."""
    near = marked.copy()
    for shift in range(1, min(distance, len(marked) - 1) + 1):
        same = runs[shift:] == runs[:-shift]
        near[shift:] |= marked[:-shift] & same
        near[:-shift] |= marked[shift:] & same
    return near
