"""The order of models that disagrees least with the orders by single metrics (Kemeny 1959)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["kemeny_order", "preference_matrix"]


def preference_matrix(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total weight of the metrics by which each model beats each other one.

    Parameters
    ----------
    values : ndarray of shape (n_models, n_metrics)
        Scores, more is better; NaN is missing.
    weights : ndarray of shape (n_metrics,)
        Weight of every metric, 0 or more.

    Returns
    -------
    ndarray of shape (n_models, n_models)
        Entry (a, b): weight of the metrics on which a scores above b. Ties and missing scores count for neither.
    """
    wins = np.zeros((len(values), len(values)))
    for column, weight in zip(values.T, weights, strict=True):
        if weight > 0:
            wins += weight * (column[:, None] > column[None, :])
    return wins


def kemeny_order(preferences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Models from first to last, such that moving any single model would not lower the disagreement.

    Parameters
    ----------
    preferences : ndarray of shape (n_models, n_models)
        Entry (a, b): weight of what puts a before b.

    Returns
    -------
    ndarray of shape (n_models,)
        Indices of the models.

    Notes
    -----
    The disagreement is the sum of preferences(b, a) over all pairs with a before b. To find its least value is NP-hard;
    this starts from the order by wins less losses (Borda's) and moves one model at a time to its best place until
    nothing improves. A model that beats every other one by weight therefore comes first. The result can be short of the
    optimum where preferences run in circles.

    References
    ----------
    Kemeny, J. G. (1959). Mathematics without numbers. Daedalus 88, 577-591.

    Examples
    --------
    >>> kemeny_order(np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 2.0], [1.0, 1.0, 0.0]])).tolist()
    [1, 0, 2]
    """
    margins = preferences - preferences.T
    start = np.argsort(-margins.sum(axis=1), kind="stable")
    return _insert_until_stable(margins, start)


@njit(cache=True)
def _insert_until_stable(margins: np.ndarray, order: np.ndarray) -> np.ndarray:
    order = order.copy()
    smallest_gain = 1e-9 * np.abs(margins).max()  # below that it is rounding, and moves could go on for ever
    moved = True
    while moved:
        moved = False
        for place in range(order.size):
            model = order[place]
            best, best_gain = place, smallest_gain
            gain = 0.0
            for other in range(place - 1, -1, -1):  # past every model before it
                gain += margins[model, order[other]]
                if gain > best_gain:
                    best, best_gain = other, gain
            gain = 0.0
            for other in range(place + 1, order.size):
                gain -= margins[model, order[other]]
                if gain > best_gain:
                    best, best_gain = other, gain
            if best != place:
                step = 1 if best > place else -1
                for index in range(place, best, step):
                    order[index] = order[index + step]
                order[best] = model
                moved = True
    return order
