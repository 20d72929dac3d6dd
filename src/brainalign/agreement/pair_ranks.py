"""Spearman correlation of pairs of metrics whose gaps differ, in many weighted resamples side by side.

Compiled by numba. Weights are whole numbers and ranks are halves of whole numbers: single precision holds both exactly
up to eight million models, in half the memory. What is summed is summed in double precision, and is exact as well.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["correlate_pairs"]


@njit(cache=True, nogil=True)
def correlate_pairs(
    values: np.ndarray, order: np.ndarray, weights: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Spearman correlation of pairs of columns; a model of weight w stands for w tied models.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_models)
        Scores; NaN is missing.
    order : ndarray of shape (n_columns, n_models)
        What sorts each of them.
    weights : ndarray of shape (n_models, n_draws)
        Whole numbers in single precision.
    rows, columns : ndarray of shape (n_pairs,)
        The pairs.

    Returns
    -------
    ndarray of shape (n_pairs, n_draws)
        NaN where a column does not vary.

    Notes
    -----
    Ranks run from 0 to n, with mean n / 2; the squares of their deviations sum to (n^3 - sum of g^3) / 12, g being the
    numbers of tied models.
    """
    width = weights.shape[1]
    out = np.empty((rows.size, width))
    ranks = np.empty(weights.shape, weights.dtype)
    for pair in range(rows.size):
        first, second = values[rows[pair]], values[columns[pair]]
        of_first = _in_both(order[rows[pair]], second, first)
        of_second = _in_both(order[columns[pair]], first, second)
        n_models, singles, ties_x = _rank(first, of_first, weights, ranks)
        products, ties_y = _sum_products(second, of_second, weights, ranks)
        for draw in range(width):
            cube = n_models[draw] ** 3
            spread = np.sqrt((cube - singles[draw] - ties_x[draw]) * (cube - singles[draw] - ties_y[draw])) / 12
            out[pair, draw] = (products[draw] - cube / 4) / spread if spread > 0 else np.nan
    return out


@njit(cache=True)
def _in_both(order: np.ndarray, other: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Models that have both scores, from the lowest to the highest of their own."""
    kept = np.empty(order.size, np.int64)
    n_kept = 0
    for model in order:
        if not np.isnan(other[model]) and not np.isnan(own[model]):
            kept[n_kept] = model
            n_kept += 1
    return kept[:n_kept]


@njit(cache=True, fastmath={"contract"})
def _rank(
    values: np.ndarray, models: np.ndarray, weights: np.ndarray, ranks: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write ranks; return the number of models, the sum of the cubes of their weights, and what ties add to that."""
    width = weights.shape[1]
    below, singles, ties, tied = np.zeros(width), np.zeros(width), np.zeros(width), np.empty(width)
    start = 0
    while start < models.size:
        stop = _end_of_ties(values, models, start)
        if stop == start + 1:  # the same as below, without detours
            of_model, rank = weights[models[start]], ranks[models[start]]
            for draw in range(width):
                weight = float(of_model[draw])
                rank[draw] = below[draw] + 0.5 * weight
                below[draw] += weight
                singles[draw] += weight * weight * weight
        else:
            tied[:] = 0
            for place in range(start, stop):
                of_model = weights[models[place]]
                for draw in range(width):
                    weight = float(of_model[draw])
                    tied[draw] += weight
                    singles[draw] += weight * weight * weight
                    ties[draw] -= weight * weight * weight
            for place in range(start, stop):
                rank = ranks[models[place]]
                for draw in range(width):
                    rank[draw] = below[draw] + 0.5 * tied[draw]
            for draw in range(width):
                below[draw] += tied[draw]
                ties[draw] += tied[draw] ** 3
        start = stop
    return below, singles, ties


@njit(cache=True, fastmath={"contract"})
def _sum_products(
    values: np.ndarray, models: np.ndarray, weights: np.ndarray, ranks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the products of both ranks, and what ties add to the sum of cubes."""
    width = weights.shape[1]
    below, products, ties = np.zeros(width), np.zeros(width), np.zeros(width)
    tied, summed = np.empty(width), np.empty(width)
    start = 0
    while start < models.size:
        stop = _end_of_ties(values, models, start)
        if stop == start + 1:
            of_model, rank = weights[models[start]], ranks[models[start]]
            for draw in range(width):
                weight = float(of_model[draw])
                products[draw] += (below[draw] + 0.5 * weight) * (weight * rank[draw])
                below[draw] += weight
        else:
            tied[:] = 0
            summed[:] = 0
            for place in range(start, stop):
                of_model, rank = weights[models[place]], ranks[models[place]]
                for draw in range(width):
                    weight = float(of_model[draw])
                    tied[draw] += weight
                    summed[draw] += weight * rank[draw]
                    ties[draw] -= weight * weight * weight
            for draw in range(width):
                products[draw] += (below[draw] + 0.5 * tied[draw]) * summed[draw]
                below[draw] += tied[draw]
                ties[draw] += tied[draw] ** 3
        start = stop
    return products, ties


@njit(cache=True)
def _end_of_ties(values: np.ndarray, models: np.ndarray, start: int) -> int:
    stop = start + 1
    while stop < models.size and values[models[stop]] == values[models[start]]:
        stop += 1
    return stop
