"""How many models a correlation needs, and how large a correlation so many models can show."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_MOST_MODELS = 10_000_000


def power_of_correlation(r: float, n: int, *, alpha: float = 0.05) -> float:
    r"""Chance that the two-sided test finds a correlation that is there.

    Parameters
    ----------
    r : float
        The true correlation, between -1 and 1.
    n : int
        Number of independent models, at least 4.
    alpha : float
        Level of the test, between 0 and 1.

    Returns
    -------
    float
        From alpha (at r = 0) to 1.

    Raises
    ------
    ValueError
        For a number out of range.

    Notes
    -----
    Exact for normal values in both. Given x, the slope over its standard error is
    :math:`(Z + \rho / \sqrt{1 - \rho^2} \sqrt{S}) / \sqrt{V / (n - 2)}` with Z normal, S the sum of squares of x,
    chi-squared with n - 1 degrees of freedom, and V chi-squared with n - 2. The power is the mean over S and V, here by
    Gauss-Legendre quadrature over their quantiles.

    Examples
    --------
    >>> round(power_of_correlation(0.266, 30), 2)
    0.3
    """
    _check(n, alpha)
    if not -1 < r < 1:
        msg = f"r = {r}; give a correlation between -1 and 1."
        raise ValueError(msg)
    limit = stats.t.ppf(1 - alpha / 2, n - 2)
    quantiles = (_NODES + 1) / 2
    shift = abs(r) / math.sqrt(1 - r**2) * np.sqrt(stats.chi2.ppf(quantiles, n - 1))
    error = limit * np.sqrt(stats.chi2.ppf(quantiles, n - 2) / (n - 2))[:, None]
    found = stats.norm.cdf(shift - error) + stats.norm.cdf(-shift - error)
    return float(_WEIGHTS @ found @ _WEIGHTS / 4)


def critical_correlation(n: int, *, alpha: float = 0.05) -> float:
    """The smallest correlation over so many models that the two-sided test calls significant.

    Parameters
    ----------
    n : int
        Number of models, at least 4.
    alpha : float
        Level of the test, between 0 and 1.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> round(critical_correlation(30), 3)
    0.361
    """
    _check(n, alpha)
    t = stats.t.ppf(1 - alpha / 2, n - 2)
    return float(t / math.sqrt(n - 2 + t**2))


def detectable_correlation(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest correlation that so many models show with the given power.

    Parameters
    ----------
    n : int
        Number of independent models, at least 4.
    power : float
        Chance of finding it, above alpha and below 1.
    alpha : float
        Level of the two-sided test.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> round(detectable_correlation(30), 2)
    0.49
    """
    _check(n, alpha)
    _check_power(power, alpha)
    return float(brentq(lambda r: power_of_correlation(r, n, alpha=alpha) - power, 1e-6, 1 - 1e-6, xtol=1e-6))


def needed_models(r: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """The fewest independent models that show a correlation with the given power.

    Parameters
    ----------
    r : float
        The true correlation, not 0.
    power : float
        Chance of finding it.
    alpha : float
        Level of the two-sided test.

    Returns
    -------
    int
        At least 4.

    Raises
    ------
    ValueError
        For a number out of range, or a correlation so near to 0 that millions of models would not do.

    Examples
    --------
    >>> needed_models(0.3)
    84
    """
    _check(4, alpha)
    _check_power(power, alpha)
    # Fisher's approximation is off by a few; the exact number lies beside it.
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    if not 0 < abs(r) < 1 or (z / math.atanh(abs(r))) ** 2 > _MOST_MODELS:
        msg = f"r = {r}; give a correlation between -1 and 1, not 0 nor very near it."
        raise ValueError(msg)
    n = max(4, round((z / math.atanh(abs(r))) ** 2 + 3))
    while n > 4 and power_of_correlation(r, n - 1, alpha=alpha) >= power:
        n -= 1
    while power_of_correlation(r, n, alpha=alpha) < power:
        n += 1
    return n


def equivalence_p(r: float, n: int, *, bound: float) -> float:
    r"""p-value of the claim that the true correlation lies within the bounds: small means "practically none".

    Parameters
    ----------
    r : float
        The correlation that was found.
    n : int
        Number of independent models, at least 4.
    bound : float
        Correlations below this size count as none; between 0 and 1.

    Returns
    -------
    float
        The larger p of two one-sided tests, against -bound and against bound (Schuirmann 1987; for correlations on
        Fisher's scale, Goertzen and Cribbie 2010).

    Raises
    ------
    ValueError
        For a number out of range.

    Examples
    --------
    >>> round(equivalence_p(0.266, 30, bound=0.3), 2)
    0.42
    """
    _check(n, 0.05)
    if not -1 < r < 1 or not 0 < bound < 1:
        msg = f"r = {r}, bound = {bound}: give a correlation between -1 and 1 and a bound between 0 and 1."
        raise ValueError(msg)
    root = math.sqrt(n - 3)
    above = stats.norm.sf((math.atanh(r) + math.atanh(bound)) * root)
    below = stats.norm.cdf((math.atanh(r) - math.atanh(bound)) * root)
    return float(max(above, below))


def _check(n: int, alpha: float) -> None:
    if n < 4 or not 0 < alpha < 1:
        msg = f"n = {n}, alpha = {alpha}: give at least 4 models and a level between 0 and 1."
        raise ValueError(msg)


def _check_power(power: float, alpha: float) -> None:
    if not alpha < power < 1:
        msg = f"power = {power}; give a chance between alpha = {alpha} and 1."
        raise ValueError(msg)
