"""Encoding across subjects who had the same stimulus: a model of the others predicts the one who was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap

from brainalign.encoding.encoding_model import fit_encoding
from brainalign.encoding.inputs import check_stack
from brainalign.encoding.scoring import correlation_scores
from brainalign.numeric import as_doubles

__all__ = ["MeanInterval", "left_out_subject_scores", "mean_over_subjects"]

_FEWEST_SUBJECTS = 3


class MeanInterval(NamedTuple):
    """Mean over subjects, and the ends of its 95 % interval."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def left_out_subject_scores(
    features: ArrayLike | Mapping[str, ArrayLike], responses: ArrayLike | Sequence[ArrayLike], **options: Any
) -> NDArray[np.float64]:
    """Correlation of each subject with the prediction of a model that never saw the subject, nor that part of the scan.

    The model is fitted to the mean of all other subjects, which is less noisy than one subject, and tested on the
    subject who was left out, in held-out time. Its ceiling is `inter_subject_correlation`: what the others' mean itself
    reaches.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features), or mapping of str to such arrays
        Features of the stimulus.
    responses : array_like of shape (n_subjects, n_samples, n_targets)
        Responses of at least three subjects to that stimulus, cleaned, so that all count alike in a mean.
    **options
        Of `fit_encoding`: runs, delays, n_folds, gap and so on.

    Returns
    -------
    ndarray of shape (n_subjects, n_targets)
        Pearson correlations in [-1, 1], centered per fold.

    Raises
    ------
    ValueError
        For fewer than three subjects, a subject with a target that is constant or not finite (named by its position),
        or whatever `fit_encoding` refuses.
    """
    responses = check_stack(responses, "subject", fewest=_FEWEST_SUBJECTS).astype(np.float64, copy=False)
    n_subjects, _, n_targets = responses.shape
    others = (responses.sum(axis=0) - responses) / (n_subjects - 1)
    once: dict[str, Any] = {**options, "n_draws": 0, "return_weights": False}
    fit = fit_encoding(features, _side_by_side(others), **once)
    scores = correlation_scores(fit.predictions, _side_by_side(responses), fit.folds)
    return scores.reshape(n_subjects, n_targets)


def mean_over_subjects(values: ArrayLike, *, n_draws: int, generator: np.random.Generator) -> MeanInterval:
    """Mean over subjects with a 95 % interval from drawing subjects again (percentile bootstrap).

    The interval says how far the mean would move with other subjects. All of them had the same stimulus, so it says
    nothing about another stimulus: `p_values` and shuffled stimuli do.

    Parameters
    ----------
    values : array_like of shape (n_subjects, ...)
        One value per subject, of at least three; targets or whatever else in further axes.
    n_draws : int
        How often subjects are drawn, at least 19.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    MeanInterval
        Arrays of shape (...).

    Raises
    ------
    ValueError
        For fewer than three subjects, values that are not finite, or too few draws.

    References
    ----------
    Efron 1979; by `scipy.stats.bootstrap`.
    """
    values = as_doubles(values, name="values")
    if values.ndim == 0 or len(values) < _FEWEST_SUBJECTS or not np.isfinite(values).all() or n_draws < 19:
        msg = (
            f"values must be finite, of at least {_FEWEST_SUBJECTS} subjects, and n_draws at least 19: got shape "
            f"{values.shape} with {int((~np.isfinite(values)).sum())} values that are not finite, and {n_draws} draws."
        )
        raise ValueError(msg)
    found = bootstrap((values,), np.mean, axis=0, n_resamples=n_draws, method="percentile", rng=generator)
    mean, ends = values.mean(axis=0), found.confidence_interval
    # Where all subjects are alike, draws differ from the mean by rounding only.
    return MeanInterval(mean, np.minimum(ends.low, mean), np.maximum(ends.high, mean))


def _side_by_side(responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """All targets of the first subject, then all of the second: (n_samples, n_subjects * n_targets)."""
    return responses.transpose(1, 0, 2).reshape(responses.shape[1], -1)
