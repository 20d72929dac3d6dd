"""Finite impulse response: copies of the features at several delays, so that the fit finds the response's course."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_runs
from brainalign.numeric import as_labels

__all__ = ["check_delays", "delay"]


def delay(features: ArrayLike, delays: Sequence[int], runs: ArrayLike | None = None) -> np.ndarray:
    """Place delayed copies of the features side by side.

    The blood response follows a stimulus by about 2 to 8 s. A linear model on delayed copies learns that course for
    every target by itself.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Features per volume.
    delays : sequence of int
        Delays in samples (volumes), 0 or more.
    runs : array_like of shape (n_samples,), optional
        Run labels: nothing is carried from one run into the next.

    Returns
    -------
    ndarray of shape (n_samples, n_features * n_delays)
        All features at the first delay, then all at the second, and so on. 0 where the run had not begun.

    Raises
    ------
    ValueError
        For a delay that is negative, not whole, given twice or as long as the shortest run; or for more delays than
        samples.

    Examples
    --------
    >>> delay([[1.0], [2.0], [3.0]], [0, 1]).tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 2.0]]
    """
    features = check_features(features)
    runs = check_runs(runs, len(features))
    delays = check_delays(delays, shortest_run=int(np.bincount(runs).min()))
    delayed = np.zeros((len(features), features.shape[1] * len(delays)), dtype=features.dtype)
    for i, shift in enumerate(delays):
        came_in_time = np.flatnonzero(runs[shift:] == runs[: len(runs) - shift])
        columns = slice(i * features.shape[1], (i + 1) * features.shape[1])
        delayed[came_in_time + shift, columns] = features[came_in_time]
    return delayed


def check_delays(delays: Sequence[int], *, shortest_run: int) -> list[int]:
    """Refuse delays that are no whole numbers of samples, or that reach beyond a run.

    Parameters
    ----------
    delays : sequence of int
        Delays in samples.
    shortest_run : int
        Samples of the shortest run.

    Returns
    -------
    list of int
        The delays.

    Raises
    ------
    ValueError
        If they cannot be used.
    """
    values = np.atleast_1d(as_labels(delays, name="delays"))
    is_whole = values.ndim == 1 and values.size > 0 and np.issubdtype(values.dtype, np.integer)
    if not is_whole or values.min() < 0 or len(np.unique(values)) != len(values):
        msg = (
            f"delays must be different whole numbers of samples, 0 or more: got {delays!r}. A delay in seconds is "
            "divided by the repetition time."
        )
        raise ValueError(msg)
    if len(values) > shortest_run or values.max() >= shortest_run:
        msg = (
            f"{len(values)} delays of up to {values.max()} samples do not fit a run of {shortest_run} samples; give "
            f"delays below {shortest_run}."
        )
        raise ValueError(msg)
    return [int(value) for value in values]
