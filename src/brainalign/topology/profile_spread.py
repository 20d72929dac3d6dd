"""How much of the spread of network profiles is due to networks, to resolution and to people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from brainalign.topology.profiles import standardize_profiles


def profile_spread(profiles: ArrayLike) -> pd.Series:
    r"""Divide the variance of standardised profiles among what they differ in.

    Parameters
    ----------
    profiles : array_like of shape (n_resolutions, n_subjects, n_networks, 5)
        Graph metrics of every network of every subject; at least two of each. The subjects of one resolution are
        others than those of the next.

    Returns
    -------
    Series
        Shares of the sum of squares, from 0 to 1, that sum to 1: ``networks``, ``resolution``, ``networks by
        resolution`` (networks differ otherwise at another resolution) and ``subjects`` (people differ, as a whole and
        network by network).

    Raises
    ------
    ValueError
        For another shape, profiles that are all alike, and as `standardize_profiles` does.

    Notes
    -----
    Analysis of variance of a balanced nested design, summed over the five standardised metrics z of resolution r,
    subject s in r and network k; a dot is a mean over what it stands for:

    .. math:: z_{rsk} - z_{\cdot\cdot\cdot} = (z_{\cdot\cdot k} - z_{\cdot\cdot\cdot})
        + (z_{r\cdot\cdot} - z_{\cdot\cdot\cdot})
        + (z_{r\cdot k} - z_{r\cdot\cdot} - z_{\cdot\cdot k} + z_{\cdot\cdot\cdot}) + (z_{rsk} - z_{r\cdot k})

    Shares of sums of squares, not estimates of variance components: with few subjects the other shares hold some of
    what is due to people.
    """
    z = standardize_profiles(profiles)
    if z.ndim != 4 or min(z.shape) < 2:
        msg = (
            "give profiles of shape (n_resolutions, n_subjects, n_networks, 5), at least 2 of each: got shape "
            f"{np.shape(profiles)}."
        )
        raise ValueError(msg)
    within, by_network, by_resolution, overall = (
        z.mean(axis=axes, keepdims=True) for axes in (1, (0, 1), (1, 2), (0, 1, 2))
    )
    parts = {
        "networks": by_network - overall,
        "resolution": by_resolution - overall,
        "networks by resolution": within - by_resolution - by_network + overall,
        "subjects": z - within,
    }
    sums = pd.Series({name: np.sum(np.broadcast_to(part, z.shape) ** 2) for name, part in parts.items()})
    if sums.sum() < 1e-12:
        msg = "all profiles are alike; there is no spread to divide."
        raise ValueError(msg)
    return sums / sums.sum()
