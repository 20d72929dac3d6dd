"""From the times of words, frames and events to one row per brain volume."""

from __future__ import annotations

from typing import Literal

import numpy as np
from nilearn.glm.first_level import compute_regressor
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features
from brainalign.numeric import as_doubles, as_numbers, check_seconds

__all__ = ["convolve_hrf", "frames_to_volumes", "words_to_volumes"]


def words_to_volumes(
    values: ArrayLike,
    onsets: ArrayLike,
    tr: float,
    n_volumes: int,
    start: float = 0.0,
    how: Literal["mean", "sum"] = "mean",
    *,
    outside: Literal["raise", "drop"] = "raise",
) -> np.ndarray:
    """Pool the features of words (or events) over the volume in which they begin.

    Parameters
    ----------
    values : array_like of shape (n_words, n_features)
        Features of every word.
    onsets : array_like of shape (n_words,)
        When the words begin, in seconds, in any order. They need not fall on multiples of the repetition time.
    tr : float
        Repetition time in seconds.
    n_volumes : int
        Volumes of the scan.
    start : float
        When the first volume begins, in seconds on the clock of the onsets.
    how : {"mean", "sum"}
        A sum grows with the number of words, so that word rate enters every feature; a mean does not.
    outside : {"raise", "drop"}
        What to do with words that begin before the first or after the last volume.

    Returns
    -------
    ndarray of shape (n_volumes, n_features)
        Volume v pools the words with start + v tr <= onset < start + (v + 1) tr. A volume without any word is 0 in a
        sum, and in a mean it is the mean over the other volumes: 0 there would tell silence from speech.

    Raises
    ------
    ValueError
        If words lie outside the scan, there are other onsets than words, or a number is out of range.

    Examples
    --------
    >>> words_to_volumes([[1.0], [3.0], [5.0]], [0.1, 1.9, 2.0], tr=2.0, n_volumes=2).tolist()
    [[2.0], [5.0]]
    """
    values = check_features(values, name="values")
    onsets = _check_times(onsets, len(values), tr, n_volumes)
    if how not in ("mean", "sum") or outside not in ("raise", "drop"):
        msg = f"how must be 'mean' or 'sum' and outside 'raise' or 'drop': got {how!r} and {outside!r}."
        raise ValueError(msg)
    # Onsets that are multiples of tr in decimal notation must not slip into the volume before by rounding.
    volumes = np.floor((onsets - start) / tr + 1e-6).astype(int)
    inside = (volumes >= 0) & (volumes < n_volumes)
    if not inside.any() or (outside == "raise" and not inside.all()):
        msg = (
            f"{int((~inside).sum())} of {len(onsets)} words begin outside the scan, which lasts from {start:g} to "
            f"{start + n_volumes * tr:g} s: the words are at {onsets.min():g} to {onsets.max():g} s. Check start and "
            "tr; outside='drop' leaves the words outside out, as long as some are inside."
        )
        raise ValueError(msg)
    pooled = np.zeros((n_volumes, values.shape[1]), dtype=values.dtype)
    np.add.at(pooled, volumes[inside], values[inside])
    if how == "mean":
        counts = np.bincount(volumes[inside], minlength=n_volumes)
        pooled[counts > 0] /= counts[counts > 0, None]
        pooled[counts == 0] = pooled[counts > 0].mean(axis=0)
    return pooled


def frames_to_volumes(
    values: ArrayLike,
    frame_rate: float,
    tr: float,
    n_volumes: int,
    start: float = 0.0,
    how: Literal["mean", "sum"] = "mean",
) -> np.ndarray:
    """Pool the features of a film's frames over volumes.

    Parameters
    ----------
    values : array_like of shape (n_frames, n_features)
        Features of every frame; frame i is shown at i / frame_rate seconds.
    frame_rate : float
        Frames per second. The repetition time need not hold a whole number of frames.
    tr : float
        Repetition time in seconds.
    n_volumes : int
        Volumes of the scan.
    start : float
        When the first volume begins, in seconds of the film.
    how : {"mean", "sum"}
        See `words_to_volumes`.

    Returns
    -------
    ndarray of shape (n_volumes, n_features)
        See `words_to_volumes`.

    Raises
    ------
    ValueError
        If the film and the scan do not end together within one volume, or a number is out of range.

    Examples
    --------
    >>> frames_to_volumes([[1.0], [3.0], [5.0], [7.0]], frame_rate=2.0, tr=1.0, n_volumes=2).tolist()
    [[2.0], [6.0]]
    """
    values = check_features(values, name="values")
    if not 0 < frame_rate < np.inf:
        msg = f"frame_rate must be above 0 frames per second: got {frame_rate}."
        raise ValueError(msg)
    onsets = _check_times(np.arange(len(values)) / frame_rate, len(values), tr, n_volumes)
    seconds, scan = len(values) / frame_rate - start, n_volumes * tr
    if abs(seconds - scan) > tr:
        msg = (
            f"{len(values)} frames at {frame_rate:g} per second last {seconds:g} s after the start of the scan, which "
            f"lasts {scan:g} s; cut the film or the scan to the common part."
        )
        raise ValueError(msg)
    return words_to_volumes(values, onsets, tr, n_volumes, start, how, outside="drop")


def convolve_hrf(
    values: ArrayLike,
    onsets: ArrayLike,
    tr: float,
    n_volumes: int,
    start: float = 0.0,
    *,
    durations: ArrayLike = 0.0,
    model: Literal["glover", "spm"] = "glover",
) -> np.ndarray:
    """Expected blood response to events with a fixed (canonical) response function.

    The alternative to `delay`, which learns the response: fewer regressors, and wrong where the course differs.

    Parameters
    ----------
    values : array_like of shape (n_events, n_features)
        Height of every event, per feature.
    onsets : array_like of shape (n_events,)
        When the events begin, in seconds. They need not fall on multiples of the repetition time.
    tr : float
        Repetition time in seconds.
    n_volumes : int
        Volumes of the scan.
    start : float
        When the first volume is taken, in seconds on the clock of the onsets. Events up to 24 s earlier count.
    durations : float or array_like of shape (n_events,)
        How long the events last, in seconds; 0 for an impulse. One that is not known (n/a) must be filled in.
    model : {"glover", "spm"}
        Response function, see `nilearn.glm.first_level.compute_regressor`, which does the work.

    Returns
    -------
    ndarray of shape (n_volumes, n_features)
        Regressors at the time of every volume, in float64.

    Raises
    ------
    ValueError
        If there are other onsets or durations than events, an event lies after the scan, a duration is negative,
        missing or infinite, or a number is out of range.
    """
    values = check_features(values, name="values")
    # nilearn works in steps of tr / 50: the rounding of the subtraction must not move an onset by a step.
    onsets = np.round(_check_times(onsets, len(values), tr, n_volumes) - start, 6)
    if onsets.min() < -24 or onsets.max() >= n_volumes * tr:
        msg = (
            f"events must begin at most 24 s before the scan and not after its end: got {onsets.min():g} to "
            f"{onsets.max():g} s from the first volume of a scan of {n_volumes * tr:g} s. Drop the events outside."
        )
        raise ValueError(msg)
    if model not in ("glover", "spm"):
        msg = f"model must be 'glover' or 'spm': got {model!r}."
        raise ValueError(msg)
    durations = _check_durations(durations, len(onsets))
    order, frame_times = np.argsort(onsets, kind="stable"), np.arange(n_volumes) * tr
    regressors = [
        compute_regressor(np.stack([onsets, durations, column])[:, order], model, frame_times)[0][:, 0]
        for column in as_doubles(values, name="values").T
    ]
    return np.stack(regressors, axis=1)


def _check_times(onsets: ArrayLike, n_events: int, tr: float, n_volumes: int) -> np.ndarray:
    onsets = as_numbers(onsets, name="onsets").astype(np.float64)
    if onsets.shape != (n_events,) or not np.isfinite(onsets).all():
        msg = (
            f"onsets must be one finite time in seconds per row of values: got {int((~np.isfinite(onsets)).sum())} "
            f"times that are not finite in shape {onsets.shape}, {n_events} rows."
        )
        raise ValueError(msg)
    check_seconds(tr)
    if isinstance(n_volumes, bool) or not isinstance(n_volumes, (int, np.integer)) or n_volumes < 1:
        msg = f"n_volumes must be a whole number of at least 1: got {n_volumes!r}."
        raise ValueError(msg)
    return onsets


def _check_durations(durations: ArrayLike, n_events: int) -> np.ndarray:
    """One duration an event. nilearn takes one that is not finite or below 0 for another regressor, silently."""
    durations = as_numbers(durations, name="durations").astype(np.float64)
    if durations.shape not in ((), (n_events,)):
        msg = f"durations must be one number, or one for each of the {n_events} events: got shape {durations.shape}."
        raise ValueError(msg)
    wrong = ~np.isfinite(durations) | (durations < 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        msg = (
            f"durations must be 0 s or more and finite: got {durations.flat[first]:g} for event {first} (and "
            f"{int(wrong.sum()) - 1} more). A duration that is n/a must be filled in, or its event dropped."
        )
        raise ValueError(msg)
    return np.broadcast_to(durations, (n_events,))
