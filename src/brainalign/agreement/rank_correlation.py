"""Spearman correlation of all pairs of metrics in weighted resamples: by matrix products, or pair by pair.

Arrays are numpy arrays of double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

from brainalign.agreement.pair_ranks import correlate_pairs

__all__ = ["rank_correlations"]

_DRAWS_AT_ONCE = 128
"""Resamples handled side by side: enough for vector registers, few enough for the fast memory of a core."""

_WORTH_A_PRODUCT = 4
"""From so many pairs a column on, ranking columns and multiplying them costs less than ranking pairs."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def rank_correlations(values: Floats, weights: Floats) -> Floats:
    """Spearman correlation of every two columns over the rows that both have.

    Parameters
    ----------
    values : ndarray of shape (n_models, n_metrics)
        Scores; NaN is missing.
    weights : ndarray of shape (n_models, n_draws)
        How many tied models each model stands for, in every resample; whole numbers, 0 or more.

    Returns
    -------
    ndarray of shape (n_pairs, n_draws)
        In the order of `numpy.triu_indices`; NaN where a column is constant on the models drawn.

    Notes
    -----
    Metrics that the same models have can be ranked once, and so can any two groups of such metrics together: then all
    their correlations are one matrix product. Ranks, tied or not, are multiples of 1/2, so that both ways agree to
    rounding.
    """
    rows, columns = np.triu_indices(values.shape[1], k=1)
    found = np.empty((len(rows), weights.shape[1]))
    left_over = np.ones(len(rows), dtype=bool)
    for first, second, common in _groups(values):
        if len(first) * len(second) < _WORTH_A_PRODUCT * (len(first) + len(second)):
            continue
        wanted = np.isin(rows, first) & np.isin(columns, second) | np.isin(rows, second) & np.isin(columns, first)
        together = np.union1d(first, second)
        places = np.searchsorted(together, rows[wanted]), np.searchsorted(together, columns[wanted])
        found[wanted] = _by_product(values[np.ix_(common, together)], weights[common], *places)
        left_over &= ~wanted
    if left_over.any():
        found[left_over] = _by_pairs(values, weights, rows[left_over], columns[left_over])
    return found


def _groups(values: Floats) -> Iterator[tuple[Integers, Integers, NDArray[np.bool_]]]:
    """Every two groups of columns with the same gaps, also a group with itself, and the rows that they share."""
    patterns, group = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    for first, second in combinations_with_replacement(range(patterns.shape[1]), 2):
        yield np.flatnonzero(group == first), np.flatnonzero(group == second), patterns[:, first] & patterns[:, second]


def _by_product(values: Floats, weights: Floats, rows: Integers, columns: Integers) -> Floats:
    order = np.argsort(values, axis=0, kind="stable").T.copy()
    by_column = np.take_along_axis(values.T, order, axis=1)

    def correlate(block: Floats) -> Floats:
        found = np.empty((len(rows), block.shape[1]))
        for draw, weight in enumerate(block.T):
            ranks = _rooted_ranks(by_column, order, weight.copy())
            products = ranks @ ranks.T
            spread = np.sqrt(products.diagonal())
            with np.errstate(invalid="ignore"):
                found[:, draw] = products[rows, columns] / (spread[rows] * spread[columns])
        return found

    return _on_threads(correlate, weights)


def _by_pairs(values: Floats, weights: Floats, rows: Integers, columns: Integers) -> Floats:
    order = np.argsort(values, axis=0, kind="stable").T.copy()  # missing ones come last
    by_column = values.T.copy()
    exact = weights.astype(np.float32)
    return _on_threads(lambda block: correlate_pairs(by_column, order, block.copy(), rows, columns), exact)


def _on_threads(correlate: Callable[[Floats], Floats], weights: Floats) -> Floats:
    """Some resamples at a time, and as many such blocks at a time as there are threads."""
    blocks = [weights[:, start : start + _DRAWS_AT_ONCE] for start in range(0, weights.shape[1], _DRAWS_AT_ONCE)]
    with ThreadPoolExecutor(get_num_threads()) as pool:
        return np.hstack(list(pool.map(correlate, blocks)))


@njit(cache=True, nogil=True)
def _rooted_ranks(values: np.ndarray, order: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Ranks of the models drawn less their mean, each times the root of its weight, of shape (n_columns, n_drawn).

    `values` are sorted in every row, `order` says which model each one is.
    """
    place = np.cumsum(weight > 0) - 1
    ranks = np.empty((values.shape[0], place[-1] + 1))
    root, half = np.sqrt(weight), weight.sum() / 2
    for column in range(values.shape[0]):
        below, start = -half, 0
        while start < values.shape[1]:
            stop, tied = start, 0.0
            while stop < values.shape[1] and values[column, stop] == values[column, start]:
                tied += weight[order[column, stop]]
                stop += 1
            for model in order[column, start:stop]:
                if weight[model] > 0:
                    ranks[column, place[model]] = root[model] * (below + tied / 2)
            below += tied
            start = stop
    return ranks
