"""Comparing graph profiles of heads with those of brain networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles
from brainalign.topology.metrics import METRICS

Profiles = Mapping[str, ArrayLike] | pd.DataFrame | ArrayLike


def as_profiles(profiles: Profiles) -> NDArray[np.float64]:
    """Profiles as one array whose last axis is the metrics in the order of `METRICS`.

    Parameters
    ----------
    profiles : mapping, DataFrame or array_like
        What `graph_metrics` or `icn_profiles` returned, or an array of shape (..., 5).

    Returns
    -------
    ndarray of shape (..., 5)

    Raises
    ------
    ValueError
        When a metric is missing, the last axis is not 5 long, or a value is not finite.
    """
    if isinstance(profiles, Mapping | pd.DataFrame):
        missing = [name for name in METRICS if name not in profiles]
        if missing:
            msg = f"profiles lack {', '.join(missing)}; needed are {', '.join(METRICS)}."
            raise ValueError(msg)
        array = np.stack([as_doubles(profiles[name], name=name) for name in METRICS], axis=-1)
    else:
        array = as_doubles(profiles, name="profiles")
    if array.ndim == 0 or array.shape[-1] != len(METRICS):
        msg = f"profiles must end in {len(METRICS)} metrics ({', '.join(METRICS)}): got shape {array.shape}."
        raise ValueError(msg)
    if not np.isfinite(array).all():
        msg = (
            f"{np.count_nonzero(~np.isfinite(array))} values of the profiles are not finite; a graph without any edge "
            "has no path length and cannot be compared. Leave it out."
        )
        raise ValueError(msg)
    return array


def standardize_profiles(profiles: Profiles) -> NDArray[np.float64]:
    """Centre every profile on its own mean over the five metrics and divide by its own standard deviation.

    Parameters
    ----------
    profiles : mapping, DataFrame or array_like
        See `as_profiles`.

    Returns
    -------
    ndarray of shape (..., 5)
        Mean 0 and (population) standard deviation 1 along the last axis, so every profile lies on one sphere.

    Raises
    ------
    ValueError
        When the five metrics of a profile are all equal.
    """
    return _standardize(as_profiles(profiles))


def _standardize(array: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = np.ptp(array, axis=-1) == 0  # not std == 0: the mean of equal numbers may be off by one bit
    if flat.any():
        number = {3: "three", 4: "four", 5: "five"}[array.shape[-1]]
        msg = f"{np.count_nonzero(flat)} profiles have {number} equal metrics and so no shape to compare."
        raise ValueError(msg)
    return (array - array.mean(axis=-1, keepdims=True)) / array.std(axis=-1, keepdims=True)


def _positions_of(metrics: Sequence[str]) -> list[int]:
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or len(set(metrics)) < 3 or len(set(metrics)) < len(metrics):
        # Two numbers that are centred and scaled are always (1, -1) or (-1, 1).
        msg = f"metrics = {list(metrics)}: give at least 3 different ones of {', '.join(METRICS)}."
        raise ValueError(msg)
    return [METRICS.index(name) for name in metrics]


def icn_similarity(profiles: Profiles, icns: Profiles, *, metrics: Sequence[str] = METRICS) -> NDArray[np.float64]:
    r"""Similarity of every profile to every brain network: the correlation of their five metrics.

    Parameters
    ----------
    profiles : mapping, DataFrame or array_like
        Profiles of heads, as `graph_metrics` returns them, or of shape (..., 5).
    icns : mapping, DataFrame or array_like
        Profiles of the networks, as `icn_profiles` returns them, or of shape (n_networks, 5).
    metrics : sequence of str
        The metrics that are compared, at least three of `METRICS`; all five in the study.

    Returns
    -------
    ndarray of shape (..., n_networks)
        From -1 (mirror image) to 1 (same shape).

    Raises
    ------
    ValueError
        See `as_profiles` and `standardize_profiles`; also for an unknown metric, or fewer than three.

    Notes
    -----
    The study standardises each profile over its own five metrics and takes the cosine. That is Pearson's r of five
    numbers:

    .. math:: s(x, y) = \frac{1}{5} \sum_{m=1}^{5} z_m(x)\, z_m(y)

    With five numbers, r must exceed .88 to differ from 0 at p < .05.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release, notebook ``brain-like_space``).
    """
    chosen = _positions_of(metrics)
    networks = _standardize(as_profiles(icns)[..., chosen])
    if networks.ndim != 2:
        msg = f"icns must have shape (n_networks, {len(METRICS)}): got {networks.shape}."
        raise ValueError(msg)
    similarity = _standardize(as_profiles(profiles)[..., chosen]) @ networks.T / len(chosen)
    return np.clip(similarity, -1.0, 1.0)  # rounding may pass the ends by one bit
