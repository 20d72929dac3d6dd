"""Whole encoding models fitted again to shifted responses: the null model of a cross-validated score.

Shifting the predictions afterwards is not enough. Two folds train on each other, so that a chance relation between them
counts twice in the score, but once after the shift: the null model comes out too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.inputs import check_runs
from brainalign.encoding.ridge import standardization
from brainalign.encoding.splits import Split
from brainalign.numeric import as_doubles, as_labels

_SHIFTS_AT_ONCE = 64


def shifted_scores(
    features: ArrayLike,
    responses: ArrayLike,
    folds: Sequence[Split],
    *,
    penalty: float,
    shifts: ArrayLike,
    runs: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Cross-validated scores of models that are fitted to circularly shifted responses.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Features with all their delays.
    responses : array_like of shape (n_samples, n_targets)
        What is predicted.
    folds : sequence of (train, test)
        Sample numbers.
    penalty : float
        Ridge penalty on standardized features, above 0.
    shifts : array_like of int, of shape (n_shifts,)
        By how many samples the responses come later; 0 gives the real score.
    runs : array_like of shape (n_samples,), optional
        Run labels, whose samples are neighbours: each run is turned within itself.

    Returns
    -------
    ndarray of shape (n_shifts, n_targets)
        Correlation of predictions and responses, both centered in every test block; -1 to 1.

    Raises
    ------
    ValueError
        Numbers of samples that differ, or a penalty of 0 or less.
    """
    if penalty <= 0:
        msg = f"penalty = {penalty:g} must be above 0."
        raise ValueError(msg)
    X, Y = as_doubles(features, name="features"), as_doubles(responses, name="responses")
    if len(Y) != len(X):
        msg = f"features have {len(X)} samples and responses {len(Y)}; they must agree."
        raise ValueError(msg)
    fits = [_Fold(X, train, test, penalty) for train, test in folds]
    runs = check_runs(runs, len(Y))
    first = np.searchsorted(runs, runs)[:, None]  # of the run of every sample
    lengths, places = np.bincount(runs)[runs][:, None], np.arange(len(Y))[:, None] - first
    shifts, scores = as_labels(shifts, name="shifts"), []
    for start in range(0, len(shifts), _SHIFTS_AT_ONCE):
        rolled = Y[first + (places - shifts[None, start : start + _SHIFTS_AT_ONCE]) % lengths]
        scores.append(_correlations(fits, rolled.reshape(len(Y), -1)).reshape(-1, Y.shape[1]))
    return np.concatenate(scores)


class _Fold:
    """What of a ridge regression on one fold does not depend on the responses."""

    def __init__(self, X: NDArray, train: NDArray, test: NDArray, penalty: float) -> None:
        center, scale = standardization(X[train])
        Z = (X - center) / scale
        gram = Z[train].T @ Z[train] + penalty * np.eye(Z.shape[1])
        self.to_weights = np.linalg.solve(gram, Z[train].T)
        self.tested = Z[test] - Z[test].mean(axis=0)
        self.train, self.test = train, test

    def predict(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions of the test block, centered."""
        return self.tested @ (self.to_weights @ responses[self.train])


def _correlations(fits: Sequence[_Fold], responses: NDArray[np.float64]) -> NDArray[np.float64]:
    products, squares_p, squares_y = np.zeros((3, responses.shape[1]))
    for fit in fits:
        P, Y = fit.predict(responses), responses[fit.test] - responses[fit.test].mean(axis=0)
        for total, left, right in ((products, P, Y), (squares_p, P, P), (squares_y, Y, Y)):
            total += np.einsum("ij,ij->j", left, right)
    size = np.sqrt(squares_p * squares_y)
    return products / np.where(size > 0, size, np.inf)
