"""Circular shifts of time courses: the null model that keeps every rhythm and breaks the timing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles


def admissible_shifts(n_samples: int, margin: int) -> NDArray[np.int64]:
    """All circular shifts by at least `margin` samples in both directions.

    Parameters
    ----------
    n_samples : int
        Length of the time courses.
    margin : int
        Smallest shift; longer than the memory of the time courses.

    Returns
    -------
    ndarray of shape (n_samples - 2 * margin + 1,)

    Raises
    ------
    ValueError
        A margin below 1, or so large that fewer than 19 shifts are left, too few for p = 0.05.
    """
    shifts = np.arange(margin, n_samples - margin + 1)
    if margin < 1 or len(shifts) < 19:
        msg = (
            f"margin = {margin} leaves {max(len(shifts), 0)} shifts of {n_samples} samples; at least 19 are needed, so "
            f"give 1 to {max((n_samples - 18) // 2, 1)}, or more samples."
        )
        raise ValueError(msg)
    return shifts


def shifted_products(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Products of all columns of two sets of time courses, at every circular shift of the second.

    Parameters
    ----------
    first : array_like of shape (n_samples, p)
    second : array_like of shape (n_samples, q)

    Returns
    -------
    ndarray of shape (n_samples, p, q)
        Entry s holds ``first.T @ roll(second, s)``, s samples later; entry 0 is unshifted. Computed for all shifts at
        once by the Fourier transform.
    """
    courses = as_doubles(first, name="first"), as_doubles(second, name="second")
    a, b = (np.fft.rfft(course, axis=0) for course in courses)
    return np.fft.irfft(a[:, :, None] * b.conj()[:, None, :], n=len(courses[0]), axis=0)


def share_at_least(observed: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """P value: how often the null model (first axis) does as well, with the observation counted among it.

    Parameters
    ----------
    observed : array_like of shape (...)
    null : array_like of shape (n_draws, ...)

    Returns
    -------
    ndarray of shape (...)
        From 1 / (n_draws + 1) to 1.
    """
    observed, null = as_doubles(observed, name="observed"), as_doubles(null, name="null")
    return (1 + (null >= observed - 1e-12).sum(axis=0)) / (1 + len(null))
