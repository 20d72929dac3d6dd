"""How well a linear classifier reads a label of the samples from data that climb towards a reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

__all__ = ["chance_accuracy", "decoding_accuracy"]


def decoding_accuracy(data: ArrayLike, labels: ArrayLike, *, folds: int = 5, seed: int) -> float:
    """Cross-validated accuracy of logistic regression.

    Parameters
    ----------
    data : array_like of shape (n_samples, n_features)
        Representation, as it is: neither centered nor scaled.
    labels : array_like of shape (n_samples,)
        What each sample shows.
    folds : int
        Stratified folds, shuffled. Every label must occur that often.
    seed : int
        Of the shuffle. The same folds for all data, so that differences are not those of the folds.

    Returns
    -------
    float
        Mean over the folds of the share of samples that are classified right, in [0, 1].

    Raises
    ------
    ValueError
        For different numbers of samples and labels, or a label that is too rare.

    Notes
    -----
    Penalty 1 (L2), at most 200 iterations: the settings of the study, whose shuffle had no seed. Samples that are
    recorded in several time bins are decoded bin by bin there, and the accuracies averaged.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    """
    data, labels = np.asarray(data), np.asarray(labels)
    if data.ndim != 2 or labels.shape != data.shape[:1]:
        msg = (
            f"decoding needs data of shape (n_samples, n_features) and one label per sample: got {data.shape} and "
            f"{labels.shape}; flatten the data, repeat the labels."
        )
        raise ValueError(msg)
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < folds:
        msg = (
            f"decoding in {folds} folds needs two labels or more, each on {folds} samples or more: got {len(counts)} "
            f"labels, the rarest on {counts.min()}. Join labels or lower folds."
        )
        raise ValueError(msg)
    split = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    return float(cross_val_score(LogisticRegression(max_iter=200), data, labels, cv=split).mean())


def chance_accuracy(labels: ArrayLike) -> float:
    """Accuracy of always naming the most frequent label, which needs no data.

    Parameters
    ----------
    labels : array_like of shape (n_samples,)
        What each sample shows.

    Returns
    -------
    float
        In (0, 1].

    Raises
    ------
    ValueError
        Without labels.
    """
    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    if len(counts) == 0:
        msg = "there are no labels; give one for each sample."
        raise ValueError(msg)
    return float(counts.max() / counts.sum())
