"""Refusals that all encoding models share: what features, responses and run labels must look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from brainalign.numeric import as_labels, as_numbers

__all__ = ["check_features", "check_responses", "check_runs", "check_stack", "usable_targets"]


def check_features(features: ArrayLike, *, name: str = "features") -> np.ndarray:
    """Check a table of features.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        One row per volume (or word, or event).
    name : str
        What the error calls it.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The same values as floating-point numbers.

    Raises
    ------
    ValueError
        If it is not two-dimensional, empty, or holds values that are not finite or that `brainalign.numeric.as_numbers`
        refuses.
    """
    features = _two_dimensional(features, name, "feature")
    n_bad = int((~np.isfinite(features)).sum())
    if n_bad:
        msg = f"{name} holds {n_bad} values that are not finite; remove or impute them."
        raise ValueError(msg)
    return features


def check_responses(responses: ArrayLike, *, n_samples: int | None = None, name: str = "responses") -> np.ndarray:
    """Check a table of brain responses.

    Parameters
    ----------
    responses : array_like of shape (n_samples, n_targets)
        One row per volume, one column per voxel or region.
    n_samples : int, optional
        Rows that the features have.
    name : str
        What the error calls it.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        The same values as floating-point numbers.

    Raises
    ------
    ValueError
        If it has no target, other rows than the features, a target that is constant or not finite, or values that
        `brainalign.numeric.as_numbers` refuses.
    """
    responses = _two_dimensional(responses, name, "target")
    if n_samples is not None and len(responses) != n_samples:
        msg = (
            f"features and {name} must have the same samples (rows): got {n_samples} and {len(responses)}. Align them "
            "by volume first, for example with words_to_volumes()."
        )
        raise ValueError(msg)
    usable = usable_targets(responses)
    if not usable.all():
        bad = np.flatnonzero(~usable)
        listed = ", ".join(str(column) for column in bad[:5]) + (", ..." if len(bad) > 5 else "")
        msg = (
            f"{len(bad)} of {responses.shape[1]} targets of the {name} are constant or hold values that are not finite "
            f"(columns {listed}); drop them with responses[:, usable_targets(responses)]."
        )
        raise ValueError(msg)
    return responses


def usable_targets(responses: ArrayLike) -> np.ndarray:
    """Which targets are finite at every sample and vary over samples.

    Parameters
    ----------
    responses : array_like of shape (n_samples, n_targets)
        Brain responses. Voxels outside the brain are often constant or NaN.

    Returns
    -------
    boolean ndarray of shape (n_targets,)
        True for the targets that an encoding model can be fitted to.

    Raises
    ------
    ValueError
        What `brainalign.numeric.as_numbers` refuses.

    Examples
    --------
    >>> usable_targets([[1.0, 2.0, float("nan")], [1.0, 3.0, 0.0]]).tolist()
    [False, True, False]
    """
    responses = as_numbers(responses, name="responses")
    highest, lowest = responses.max(axis=0), responses.min(axis=0)
    return np.isfinite(highest) & np.isfinite(lowest) & (highest > lowest)


def check_stack(responses: ArrayLike | Sequence[ArrayLike], what: str, *, fewest: int = 2) -> np.ndarray:
    """Check responses to one stimulus that were measured several times, in repeats or subjects.

    Parameters
    ----------
    responses : array_like of shape (n_parts, n_samples, n_targets)
        A table of responses for every repeat or subject.
    what : str
        What a part is called in the error: "repeat" or "subject".
    fewest : int
        Parts that there must be at least.

    Returns
    -------
    ndarray of shape (n_parts, n_samples, n_targets)
        The same values as floating-point numbers.

    Raises
    ------
    ValueError
        For too few parts, parts of unequal shape, or a part with a target that is constant or not finite; the part is
        named by its position.
    """
    parts = [as_numbers(part, name=f"{what} {i}") for i, part in enumerate(responses)]
    shapes = {part.shape for part in parts}
    if len(parts) < fewest or len(shapes) > 1 or parts[0].ndim != 2 or parts[0].shape[0] < 2 or parts[0].shape[1] == 0:
        msg = (
            f"responses must be at least {fewest} {what}s of one shape (n_samples, n_targets): got {len(parts)} "
            f"{what}s of shape {', '.join(map(str, sorted(shapes)))}. Cut them to their common samples and targets."
        )
        raise ValueError(msg)
    for i, part in enumerate(parts):
        usable = usable_targets(part)
        if not usable.all():
            msg = (
                f"{what} {i} has {int((~usable).sum())} of {len(usable)} targets that are constant or not finite "
                f"(columns {np.flatnonzero(~usable)[:5].tolist()}); leave the {what} or the targets out."
            )
            raise ValueError(msg)
    return np.stack(parts)


def check_runs(runs: ArrayLike | None, n_samples: int) -> np.ndarray:
    """Check the run labels of samples.

    Parameters
    ----------
    runs : array_like of shape (n_samples,) or None
        Label of the scanner run of every sample; None where there is one run. Runs may differ in length.
    n_samples : int
        Number of samples.

    Returns
    -------
    integer ndarray of shape (n_samples,)
        Number of the run, counted from 0 in the order of the samples.

    Raises
    ------
    ValueError
        If there are other labels than samples, a label is missing, or a run comes back after another one.

    Examples
    --------
    >>> check_runs(["b", "b", "a"], 3).tolist()
    [0, 0, 1]
    """
    if runs is None:
        return np.zeros(n_samples, dtype=np.intp)
    runs = as_labels(runs, name="runs")
    if runs.shape != (n_samples,):
        msg = f"runs must label every one of the {n_samples} samples: got shape {runs.shape}."
        raise ValueError(msg)
    starts = np.append(True, runs[1:] != runs[:-1])
    if starts.sum() != len(np.unique(runs)):
        msg = (
            f"the samples of a run must be neighbors: got {len(np.unique(runs))} labels in {int(starts.sum())} "
            "stretches. Sort the samples by run."
        )
        raise ValueError(msg)
    return np.cumsum(starts) - 1


def _two_dimensional(values: ArrayLike, name: str, column: str) -> np.ndarray:
    values = as_numbers(values, name=name)
    if values.ndim != 2:
        msg = (
            f"{name} must have shape (n_samples, n_{column}s): got {values.shape}. Reshape a single column to (-1, 1)."
        )
        raise ValueError(msg)
    if values.shape[0] == 0 or values.shape[1] == 0:
        msg = (
            f"{name} has {values.shape[0]} samples and {values.shape[1]} {column}s; there must be at least one of each."
        )
        if column == "target":
            msg += " Does the mask select any voxel?"
        raise ValueError(msg)
    return values
