"""Comparing graph profiles of heads with those of brain networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

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
        array = np.stack([np.asarray(profiles[name], dtype=np.float64) for name in METRICS], axis=-1)
    else:
        array = np.asarray(profiles, dtype=np.float64)
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
    array = as_profiles(profiles)
    flat = np.ptp(array, axis=-1) == 0  # not std == 0: the mean of five equal numbers may be off by one bit
    if flat.any():
        msg = f"{np.count_nonzero(flat)} profiles have five equal metrics and so no shape to compare."
        raise ValueError(msg)
    return (array - array.mean(axis=-1, keepdims=True)) / array.std(axis=-1, keepdims=True)


def icn_similarity(profiles: Profiles, icns: Profiles) -> NDArray[np.float64]:
    r"""Similarity of every profile to every brain network: the correlation of their five metrics.

    Parameters
    ----------
    profiles : mapping, DataFrame or array_like
        Profiles of heads, as `graph_metrics` returns them, or of shape (..., 5).
    icns : mapping, DataFrame or array_like
        Profiles of the networks, as `icn_profiles` returns them, or of shape (n_networks, 5).

    Returns
    -------
    ndarray of shape (..., n_networks)
        From -1 (mirror image) to 1 (same shape).

    Raises
    ------
    ValueError
        See `as_profiles` and `standardize_profiles`.

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
    networks = standardize_profiles(icns)
    if networks.ndim != 2:
        msg = f"icns must have shape (n_networks, {len(METRICS)}): got {networks.shape}."
        raise ValueError(msg)
    similarity = standardize_profiles(profiles) @ networks.T / len(METRICS)
    return np.clip(similarity, -1.0, 1.0)  # rounding may pass the ends by one bit
