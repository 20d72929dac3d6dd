"""Whether two observers err on the same trials (Geirhos et al. 2020).

Arrays are numpy arrays; observers are people or models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles, as_numbers

__all__ = ["error_consistency", "error_consistency_bounds", "error_consistency_spread"]


def error_consistency(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Agreement of two observers about which trials are hard, beyond what their accuracies make likely.

    Parameters
    ----------
    first, second : array_like of shape (..., n_trials)
        Whether each observer was right on each trial (bool, or 0 and 1). Leading dimensions broadcast: with
        ``correct[:, None]`` and ``correct[None]`` all pairs of observers come at once.

    Returns
    -------
    ndarray of shape (...)
        Cohen's kappa: 1 when both are right on the same trials, 0 when they agree as often as independent observers of
        their accuracies, negative below that. NaN when both are always right, or both always wrong.

    Raises
    ------
    ValueError
        For values that are neither right nor wrong, different numbers of trials, or none.

    Notes
    -----
    (observed - expected) / (1 - expected), with the share of trials on which both are right or both wrong,
    and expected = p q + (1 - p) (1 - q) for accuracies p and q. If the trials of one observer are shuffled, the mean is
    exactly 0. An observer who copies the other on a share of the trials, and is independent at the same accuracy on the
    rest, has that share as expected value. What is possible depends on the accuracies, see `error_consistency_bounds`.

    References
    ----------
    Geirhos, R., Meding, K., & Wichmann, F. A. (2020). Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and
    humans by measuring error consistency. Advances in Neural Information Processing Systems 33.

    Examples
    --------
    >>> float(error_consistency([1, 1, 0, 0], [1, 1, 0, 0])), float(error_consistency([1, 1, 0, 0], [1, 0, 1, 0]))
    (1.0, 0.0)
    """
    first, second = _right_or_wrong(first, second)
    observed = (first == second).mean(axis=-1)
    p, q = first.mean(axis=-1), second.mean(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (observed - _expected(p, q)) / (1 - _expected(p, q))
    return np.where(_expected(p, q) < 1, kappa, np.nan)


def error_consistency_bounds(accuracy_first: float, accuracy_second: float) -> tuple[float, float]:
    """Lowest and highest error consistency that two accuracies allow.

    Parameters
    ----------
    accuracy_first, accuracy_second : float
        Shares of right trials, in [0, 1]; not both 0 and not both 1.

    Returns
    -------
    low, high : float
        Both are 0 if one observer is always right or always wrong: then there is nothing to agree about.

    Raises
    ------
    ValueError
        For accuracies outside [0, 1], or without any disagreement to be expected.

    Notes
    -----
    At best the better observer is right wherever the other is, so that they agree on 1 - |p - q| of the
    trials; at worst errors avoid each other, which leaves |p + q - 1|.

    Examples
    --------
    >>> error_consistency_bounds(0.5, 0.5)
    (-1.0, 1.0)
    """
    p, q = accuracy_first, accuracy_second
    expected = _expected(p, q)
    if not (0 <= p <= 1 and 0 <= q <= 1 and expected < 1):
        msg = f"accuracies lie between 0 and 1, and are not both 0 or both 1: got {p} and {q}."
        raise ValueError(msg)
    low, high = abs(p + q - 1), 1 - abs(p - q)
    return float((low - expected) / (1 - expected)), float((high - expected) / (1 - expected))


def error_consistency_spread(accuracy_first: float, accuracy_second: float, *, n_trials: int) -> float:
    """Standard deviation of error consistency when the trials of one observer are shuffled.

    Parameters
    ----------
    accuracy_first, accuracy_second : float
        Shares of right trials, both above 0 and below 1.
    n_trials : int
        Number of trials, 2 or more.

    Returns
    -------
    float
        About twice this is what chance reaches in one case of twenty.

    Raises
    ------
    ValueError
        For numbers out of range.

    Notes
    -----
    The number of trials on which both are right is hypergeometric, with variance n^2 p q (1 - p) (1 - q) / (n - 1); the
    share of agreement moves by 2 / n with each. Exact; derived here.
    """
    p, q = accuracy_first, accuracy_second
    if not (0 < p < 1 and 0 < q < 1 and n_trials >= 2):
        msg = f"accuracies must lie between 0 and 1 and n_trials be 2 or more: got {p}, {q} and {n_trials}."
        raise ValueError(msg)
    return float(2 * np.sqrt(p * q * (1 - p) * (1 - q) / (n_trials - 1)) / (1 - _expected(p, q)))


def _expected(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    p, q = as_doubles(p, name="p"), as_doubles(q, name="q")
    return p * q + (1 - p) * (1 - q)


def _right_or_wrong(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = as_numbers(first, name="first"), as_numbers(second, name="second")
    for array in (first, second):
        if array.ndim == 0 or array.shape[-1] == 0:
            msg = f"give one value per trial along the last dimension, for at least one trial: got shape {array.shape}."
            raise ValueError(msg)
        if not np.isin(array, (0, 1)).all():
            wrong = array[~np.isin(array, (0, 1))][0]
            msg = (
                f"a trial is right (1, True) or wrong (0, False): got {wrong:g}. Compare answers with the truth first."
            )
            raise ValueError(msg)
    if first.shape[-1] != second.shape[-1]:
        msg = (
            f"both observers must have seen the same trials: got {first.shape[-1]} and {second.shape[-1]}. Align them "
            "by trial first."
        )
        raise ValueError(msg)
    return first.astype(bool), second.astype(bool)
