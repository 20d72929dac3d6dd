"""Does brain-likeness follow accuracy? What a correlation over few, related models can and cannot say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]

_FEWEST_MODELS = 4  # the interval divides by the root of n - 3


@dataclass(frozen=True)
class Correlation:
    """A correlation and what it leaves open.

    Attributes
    ----------
    r : float
        From -1 to 1.
    n : int
        Number of models (or families) it was computed over.
    low, high : float
        Ends of the interval.
    p : float
        Two-sided p-value of no correlation.
    """

    r: float
    n: int
    low: float
    high: float
    p: float


def interval_of_correlation(r: float, n: int, *, level: float = 0.95, n_given: int = 0) -> Correlation:
    r"""Interval and p-value of a correlation of which only the size and the number of models are known.

    Parameters
    ----------
    r : float
        The correlation, between -1 and 1.
    n : int
        Number of models, at least 4 more than `n_given`.
    level : float
        Coverage of the interval, between 0 and 1.
    n_given : int
        Number of quantities that were held fixed, of a partial correlation.

    Returns
    -------
    Correlation

    Raises
    ------
    ValueError
        For a number out of range.

    Notes
    -----
    Fisher's interval, :math:`\tanh(\operatorname{artanh} r \pm z / \sqrt{n - k - 3})` with k quantities held fixed,
    and Student's t with :math:`n - k - 2` degrees of freedom. Both take the models for independent draws.

    Examples
    --------
    >>> published = interval_of_correlation(0.266, 30)
    >>> round(published.low, 2), round(published.high, 2), round(published.p, 3)
    (-0.1, 0.57, 0.155)
    """
    freedom = n - n_given - 2
    if not -1 < r < 1 or freedom < 2 or not 0 < level < 1 or n_given < 0:
        msg = (
            f"r = {r}, n = {n}, level = {level}, n_given = {n_given}: give r between -1 and 1, a level between 0 and "
            f"1, and at least {_FEWEST_MODELS} models more than quantities held fixed."
        )
        raise ValueError(msg)
    half = stats.norm.ppf((1 + level) / 2) / math.sqrt(freedom - 1)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    t = abs(r) * math.sqrt(freedom / (1 - r**2))
    return Correlation(float(r), n, float(low), float(high), float(2 * stats.t.sf(t, freedom)))


def correlation_with_interval(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Correlation:
    """Pearson's correlation with Fisher's interval.

    Parameters
    ----------
    x, y : array_like of shape (n_models,)
        One value per model each, for example score and accuracy.
    level : float
        Coverage of the interval.

    Returns
    -------
    Correlation

    Raises
    ------
    ValueError
        Fewer than 4 models, lengths that differ, values that are not finite, or all equal, or in one line.
    """
    x, y = check_pair(x, y)
    return interval_of_correlation(pearson(x, y), len(x), level=level)


def partial_correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike, *, level: float = 0.95) -> Correlation:
    """Correlation of what is left of x and y after a linear fit on other quantities.

    Parameters
    ----------
    x, y : array_like of shape (n_models,)
        One value per model each.
    given : array_like of shape (n_models,) or (n_models, k)
        What is held fixed, for example the logarithm of the number of heads.
    level : float
        Coverage of the interval.

    Returns
    -------
    Correlation
        With the degrees of freedom less k.

    Raises
    ------
    ValueError
        As `correlation_with_interval`; also when x or y is a linear function of the given quantities.

    References
    ----------
    Fisher 1924, Metron 3.
    """
    x, y = check_pair(x, y)
    fixed = np.asarray(given, dtype=np.float64).reshape(len(x), -1)
    if not np.isfinite(fixed).all():
        msg = "the quantities held fixed hold values that are not finite; leave those models out."
        raise ValueError(msg)
    design = np.column_stack([np.ones(len(x)), fixed - fixed.mean(axis=0)])
    left = [values - design @ np.linalg.lstsq(design, values, rcond=None)[0] for values in (x, y)]
    for name, values, rest in (("x", x, left[0]), ("y", y, left[1])):
        if rest.std() < 1e-9 * values.std():
            msg = f"{name} is a linear function of what is held fixed; nothing is left to correlate."
            raise ValueError(msg)
    return interval_of_correlation(pearson(*left), len(x), level=level, n_given=fixed.shape[1])


def check_pair(x: ArrayLike, y: ArrayLike, what: str = "models") -> tuple[Array, Array]:
    """Two arrays that can be correlated, in float64; a ValueError says why they cannot be."""
    x, y = (np.asarray(values, dtype=np.float64) for values in (x, y))
    if x.ndim != 1 or x.shape != y.shape or len(x) < _FEWEST_MODELS:
        msg = f"x and y must hold one value for each of at least {_FEWEST_MODELS} {what}: got {x.shape} and {y.shape}."
        raise ValueError(msg)
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            msg = f"{name} holds values that are not finite, or all equal ones; leave out {what} without a value."
            raise ValueError(msg)
    return x, y


def pearson(x: Array, y: Array) -> float:
    """Pearson's correlation of two arrays that `check_pair` let pass."""
    return float(correlations_of_many(x, y[None])[0])


def correlations_of_many(x: Array, many: Array) -> Array:
    """Pearson's correlation of x, of shape (n,), with every row of an array of shape (m, n)."""
    x = x - x.mean()
    many = many - many.mean(axis=1, keepdims=True)
    r = many @ x / np.sqrt((x @ x) * np.einsum("ij,ij->i", many, many))
    return np.clip(r, -1.0, 1.0)
