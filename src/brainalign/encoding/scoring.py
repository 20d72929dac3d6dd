"""How well predictions meet held-out responses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_responses, check_runs

__all__ = ["center_runs", "check_predictions", "correlation_scores"]


def correlation_scores(predictions: ArrayLike, responses: ArrayLike, runs: ArrayLike | None = None) -> np.ndarray:
    """Pearson correlation between predictions and responses, per target.

    Parameters
    ----------
    predictions, responses : array_like of shape (n_samples, n_targets)
        Held-out predictions and what was measured.
    runs : array_like of shape (n_samples,), optional
        Labels of runs, or of the folds that held the samples out: both series are centered in each of them first.

    Returns
    -------
    ndarray of shape (n_targets,)
        In [-1, 1], 1 for predictions that are right up to scale and offset. 0 for constant predictions.

    Raises
    ------
    ValueError
        For bad shapes or values.

    Notes
    -----
    Without the centering, a model that learned nothing scores below 0: it predicts the mean of its training samples,
    which is low where that of the test block is high.

    Examples
    --------
    >>> correlation_scores([[1.0], [2.0], [9.0], [8.0]], [[3.0], [4.0], [6.0], [5.0]], [0, 0, 1, 1]).round(6).tolist()
    [1.0]
    """
    predictions, responses = check_predictions(predictions, responses)
    runs = check_runs(runs, len(predictions))
    P, Y = center_runs(predictions, runs), center_runs(responses, runs)
    return np.einsum("it,it->t", P, Y) / lengths(P, predictions) / lengths(Y, responses)


def check_predictions(predictions: ArrayLike, responses: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Refuse predictions that cannot be compared with the responses, target by target.

    Parameters
    ----------
    predictions, responses : array_like of shape (n_samples, n_targets)
        Held-out predictions and what was measured.

    Returns
    -------
    predictions, responses : ndarray of shape (n_samples, n_targets)
        The same values as floating-point numbers.

    Raises
    ------
    ValueError
        For bad shapes or values.
    """
    predictions = check_features(predictions, name="predictions")
    responses = check_responses(responses, n_samples=len(predictions))
    if predictions.shape != responses.shape:
        msg = f"predictions and responses must have the same targets: got {predictions.shape} and {responses.shape}."
        raise ValueError(msg)
    return predictions, responses


def center_runs(values: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Subtract from every column its mean over the run.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Time series.
    runs : integer ndarray of shape (n_samples,)
        Number of the run of every sample, from 0 on.

    Returns
    -------
    ndarray of shape (n_samples, n_columns)
        In float64.
    """
    centered = np.array(values, dtype=np.float64)
    for run in range(runs.max() + 1):
        centered[runs == run] -= centered[runs == run].mean(axis=0)
    return centered


def lengths(centered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Length of every centered column, infinite where it is constant up to rounding.

    Parameters
    ----------
    centered, values : ndarray of shape (n_samples, n_columns)
        Columns after and before centering.

    Returns
    -------
    ndarray of shape (n_columns,)
        To divide by: what does not vary correlates 0 with everything.
    """
    norms = np.linalg.norm(centered, axis=0)
    rounding = 4 * np.finfo(values.dtype).eps * np.linalg.norm(values.astype(np.float64), axis=0)
    return np.where(norms > rounding, norms, np.inf)
