"""Removing slow drifts from brain responses, run by run."""

from __future__ import annotations

from typing import Literal

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.signal import clean as clean_signal
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_responses, check_runs

__all__ = ["clean"]

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
    responses : array of shape (n_samples, n_targets)
        Brain responses.
    runs : array of shape (n_samples,), optional
        Run labels; runs may differ in length.
    tr : float
        Repetition time in seconds.
    high_pass : float or None
        Slowest frequency that is kept, in Hz; None keeps all.
    detrend : {"linear", "quadratic", "cubic"}, int or None
        Degree of the polynomial that is removed.
    confounds : array of shape (n_samples, n_confounds), optional
        Other series to regress out in the same fit, head motion say.

    Returns
    -------
    array of shape (n_samples, n_targets)
        Cleaned responses: in every run, mean 0 and sample standard deviation 1.

    Raises
    ------
    ValueError
        For bad responses or labels, a target that does not vary in one of the runs, or a run that is too short for what
        is to be removed.

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
    if not 0 < tr < np.inf or (high_pass is not None and not 0 < high_pass < 0.5 / tr):
        msg = f"tr must be above 0 s and high_pass between 0 and 0.5 / tr Hz: got tr = {tr}, high_pass = {high_pass}."
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
        removed.append(confounds)
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
    # Not filter="cosine": nilearn leaves it out where a confound resembles a cosine, as a quadratic trend does.
    return clean_signal(
        responses,
        detrend=False,
        standardize="zscore_sample",
        confounds=removed if removed.shape[1] else None,
        filter=False,
        t_r=tr,
    )
