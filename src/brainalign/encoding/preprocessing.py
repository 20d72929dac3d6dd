"""Removing slow drifts from brain responses, run by run."""

from __future__ import annotations

from typing import Literal

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.signal import clean as clean_signal
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_responses, check_runs
from brainalign.numeric import check_seconds

__all__ = ["clean"]

# A target of which less is left, relative to what it was, is one that trends and confounds explain up to rounding.
_ROUNDING = 1e-6

_DEGREES = {None: 0, "linear": 1, "quadratic": 2, "cubic": 3}


def clean(
    responses: ArrayLike,
    runs: ArrayLike | None = None,
    *,
    tr: float,
    high_pass: float | None = 1 / 128,
    detrend: Literal["linear", "quadratic", "cubic"] | int | None = "cubic",
    confounds: ArrayLike | None = None,
) -> np.ndarray:
    """Remove a polynomial trend and slow cosines from every run and bring it to mean 0 and standard deviation 1.

    Slow drifts of the scanner are predicted by anything that also drifts, a feature of the stimulus for instance.

    Parameters
    ----------
    responses : array_like of shape (n_samples, n_targets)
        Brain responses.
    runs : array_like of shape (n_samples,), optional
        Run labels; runs may differ in length.
    tr : float
        Repetition time in seconds.
    high_pass : float or None
        Slowest frequency that is kept, in Hz; None keeps all.
    detrend : {"linear", "quadratic", "cubic"}, int or None
        Degree of the polynomial that is removed.
    confounds : array_like of shape (n_samples, n_confounds), optional
        Other series to regress out in the same fit, head motion say.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        Cleaned responses: in every run, mean 0 and sample standard deviation 1.

    Raises
    ------
    ValueError
        For bad responses or labels, a target that does not vary in one of the runs or of which trends and confounds
        leave but rounding, or a run that is too short for what is to be removed.

    Notes
    -----
    Polynomials (Legendre), cosines and confounds are regressed out together by `nilearn.signal.clean`, so that none of
    them brings back what another one removed.
    """
    responses = check_responses(responses)
    runs = check_runs(runs, len(responses))
    degree = _DEGREES.get(detrend, detrend)
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 0:
        msg = f"detrend must be None, 'linear', 'quadratic', 'cubic' or a degree of 0 or more: got {detrend!r}."
        raise ValueError(msg)
    tr = check_seconds(tr)
    if high_pass is not None and not 0 < high_pass < 0.5 / tr:
        msg = f"high_pass must be between 0 and 0.5 / tr Hz: got tr = {tr}, high_pass = {high_pass}."
        raise ValueError(msg)
    if confounds is not None:
        confounds = check_features(confounds, name="confounds")
        if len(confounds) != len(responses):
            msg = f"confounds and responses must have the same samples (rows): got {len(confounds)}, {len(responses)}."
            raise ValueError(msg)
    cleaned = np.empty_like(responses)
    for run in range(runs[-1] + 1):
        rows = runs == run
        extra = None if confounds is None else confounds[rows]
        cleaned[rows] = _clean_run(responses[rows], run, tr, high_pass, degree, extra)
    return cleaned


def _clean_run(
    responses: np.ndarray, run: int, tr: float, high_pass: float | None, degree: int, confounds: np.ndarray | None
) -> np.ndarray:
    n = len(responses)
    removed = [legendre.legvander(np.linspace(-1, 1, n), degree)[:, 1:]]
    if high_pass is not None and n > 1:
        removed.append(create_cosine_drift(high_pass, tr * np.arange(n))[:, :-1])  # the last one is constant
    if confounds is not None:
        removed.append(_near_one(confounds))
    removed = np.hstack(removed)
    if n < removed.shape[1] + 3:
        msg = (
            f"run {run} has {n} samples, too few to remove {removed.shape[1]} trends, cosines and confounds; lower "
            "detrend or high_pass, or drop the run."
        )
        raise ValueError(msg)
    flat = np.flatnonzero(np.ptp(responses, axis=0) == 0)
    if flat.size:
        msg = f"{len(flat)} targets are constant in run {run} (columns {flat[:5].tolist()}); drop them or the run."
        raise ValueError(msg)
    responses = _near_one(responses)
    # Not filter="cosine": nilearn leaves it out where a confound resembles a cosine, as a quadratic trend does.
    left = clean_signal(
        responses,
        detrend=False,
        standardize=None,
        confounds=removed if removed.shape[1] else None,
        filter=False,
        t_r=tr,
    )
    _refuse_rounding(left, responses, run)
    left = left - left.mean(axis=0)
    return left / left.std(axis=0, ddof=1)


def _near_one(values: np.ndarray) -> np.ndarray:
    """Columns times powers of two, which changes no digit: nilearn takes what is below 1e-14 for rounding."""
    ranges = np.ptp(values, axis=0)
    exponents = np.frexp(np.where(ranges > 0, ranges, 1))[1]
    return np.ldexp(values, -exponents)


def _refuse_rounding(left: np.ndarray, responses: np.ndarray, run: int) -> None:
    """Standardized, the rounding of a target that is a sum of its confounds would look like a response."""
    in_single = (responses == responses.astype(np.float32)).all(axis=0)  # so that the file held no more digits
    precision = np.where(in_single, np.finfo(np.float32).eps, np.finfo(responses.dtype).eps)
    stored = 2 * precision * np.abs(responses).max(axis=0)
    explained = np.flatnonzero(left.std(axis=0) <= np.maximum(_ROUNDING * responses.std(axis=0), stored))
    if explained.size:
        msg = (
            f"of {explained.size} targets nothing but rounding is left in run {run} (columns {explained[:5].tolist()}) "
            "without trends, cosines and confounds; drop these targets, or the confounds that are made of them."
        )
        raise ValueError(msg)
