"""How well responses could be predicted at best, given their noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_stack
from brainalign.encoding.scoring import correlation_scores
from brainalign.numeric import as_doubles

__all__ = ["inter_subject_correlation", "noise_ceiling", "normalize_scores"]


def noise_ceiling(responses: ArrayLike | Sequence[ArrayLike], *, average: bool = False) -> np.ndarray:
    """Share of the variance of responses that comes back when the stimulus is repeated: explainable variance.

    No model of the stimulus can reach a higher R2, or a correlation above the square root.

    Parameters
    ----------
    responses : array_like of shape (n_repeats, n_samples, n_targets)
        Responses to the same stimulus, at least two repeats.
    average : bool
        Whether the model is tested on the mean over repeats, which is less noisy than one of them.

    Returns
    -------
    ndarray of shape (n_targets,)
        At most 1. Around 0 without signal, where it can also fall below 0: it is not clipped, so that its mean over
        targets stays unbiased.

    Raises
    ------
    ValueError
        For fewer than two repeats, repeats of unequal length, or a target that is constant or not finite in a repeat.

    Notes
    -----
    With repeats of one variance, v = var(mean over repeats) / mean(var of a repeat) has the expectation
    s + (1 - s) / r for r repeats and signal share s: s = v - (1 - v) / (r - 1) removes the bias. The mean of the
    repeats has the share r s / (1 + (r - 1) s) (Spearman-Brown).

    Examples
    --------
    >>> noise_ceiling([[[1.0], [2.0], [4.0]], [[1.0], [2.0], [4.0]]]).tolist()
    [1.0]
    """
    responses = check_stack(responses, "repeat")
    n_repeats = len(responses)
    single = responses.var(axis=1, ddof=1, dtype=np.float64).mean(axis=0)
    share = responses.mean(axis=0, dtype=np.float64).var(axis=0, ddof=1) / single
    share = share - (1 - share) / (n_repeats - 1)
    return n_repeats * share / (1 + (n_repeats - 1) * share) if average else share


def inter_subject_correlation(responses: ArrayLike | Sequence[ArrayLike]) -> np.ndarray:
    """Correlation of every subject's responses with the mean of all others (leave-one-out).

    A ceiling where the stimulus was presented once: what a stimulus evokes alike in all subjects.

    Parameters
    ----------
    responses : array_like of shape (n_subjects, n_samples, n_targets)
        Responses to the same stimulus, at least two subjects. They count alike in the mean if they are z-scored.

    Returns
    -------
    ndarray of shape (n_subjects, n_targets)
        Pearson correlations in [-1, 1], 1 for a subject like the mean of the others.

    Raises
    ------
    ValueError
        For fewer than two subjects, different numbers of samples, or a subject with a target that is constant or not
        finite; the subject is named by its position.

    Examples
    --------
    >>> inter_subject_correlation([[[1.0], [2.0], [4.0]], [[2.0], [4.0], [8.0]]]).round(6).tolist()
    [[1.0], [1.0]]
    """
    responses = check_stack(responses, "subject")
    total = responses.sum(axis=0, dtype=np.float64)
    return np.stack([correlation_scores(total - subject, subject) for subject in responses])


def normalize_scores(scores: ArrayLike, ceiling: ArrayLike, *, floor: float = 0.1) -> np.ndarray:
    """Divide correlations by their ceiling where that is high enough to divide by.

    Parameters
    ----------
    scores : array_like of shape (..., n_targets)
        Correlations of a model.
    ceiling : array_like of shape (n_targets,)
        Highest correlation that can be expected: inter-subject correlation, or the root of `noise_ceiling`.
    floor : float
        Lowest ceiling that is divided by, above 0, chosen before looking at the scores.

    Returns
    -------
    ndarray of shape (..., n_targets)
        1 for a model that is as good as can be; above 1 by chance. NaN where the ceiling is below the floor.

    Raises
    ------
    ValueError
        If the floor is not above 0, or the targets differ.

    Examples
    --------
    >>> normalize_scores([0.2, 0.1], [0.4, 0.01]).tolist()
    [0.5, nan]
    """
    scores, ceiling = as_doubles(scores, name="scores"), as_doubles(ceiling, name="ceiling")
    if not floor > 0 or scores.shape[-1:] != ceiling.shape:
        msg = (
            f"floor must be above 0 and scores and ceiling have the same targets: got {floor}, {scores.shape} and "
            f"{ceiling.shape}."
        )
        raise ValueError(msg)
    is_high = ceiling >= floor
    return np.where(is_high, scores / np.where(is_high, ceiling, 1.0), np.nan)
