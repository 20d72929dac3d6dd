"""Graph profiles of the seven intrinsic connectivity networks (ICNs)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.datasets import NETWORKS, load_hcp_connectome, published_icn_profiles
from brainalign.topology.graphs import rescale_nonzero, symmetrize
from brainalign.topology.metrics import METRICS, graph_metrics

SOURCES = ("published", "hcp")
"""Where the profiles come from: the study's released numbers, or the HCP connectome with the same recipe."""


def icn_graph(connectivity: ArrayLike) -> NDArray[np.float64]:
    """Turn the functional connectivity within one network into a graph, as the study does.

    Parameters
    ----------
    connectivity : array_like of shape (n, n)
        Correlations between the parcels of one network. The diagonal is ignored, negative values count as no edge.

    Returns
    -------
    ndarray of shape (n, n)
        Symmetric weights in {0} and [1e-5, 1 - 1e-5] with an empty diagonal.

    Raises
    ------
    ValueError
        When the matrix is not square, not symmetric, not finite, or has fewer than 3 parcels.

    Notes
    -----
    Zero diagonal, negatives to 0, softmax of every row over its non-zero entries, non-zero entries stretched to
    [1e-5, 1 - 1e-5], symmetrised. The symmetrisation is ours: the released code hands the matrix after the softmax,
    which is no longer symmetric, to a library that keeps one of the two triangles.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release, notebook ``brain-process``).
    """
    weights = _checked(connectivity)
    weights[weights < 0] = 0.0
    present = weights > 0
    exponentials = np.where(present, np.exp(weights), 0.0)
    totals = exponentials.sum(axis=1, keepdims=True)
    softmax = np.divide(exponentials, totals, out=np.zeros_like(weights), where=totals > 0)
    return symmetrize(rescale_nonzero(softmax))


def icn_profiles(source: str = "published", parcels: int = 200, group: str = "main") -> pd.DataFrame:
    """Five graph metrics of each of the seven intrinsic connectivity networks.

    Parameters
    ----------
    source : {"published", "hcp"}
        The study's released values, or values computed here from an HCP group connectome.
    parcels : {100, 200, 300, 400}
        Resolution of the Schaefer atlas; only for ``"hcp"``.
    group : {"main", "holdout"}
        Group of subjects; only for ``"hcp"``.

    Returns
    -------
    DataFrame of shape (7, 5)
        Networks by metrics, in the order of `NETWORKS` and `METRICS`.

    Raises
    ------
    ValueError
        For an unknown source, resolution or group.

    Notes
    -----
    A network is the graph of its own parcels; connections to other networks are not used. The values grow with the
    number of parcels, so profiles of different resolutions are not on one scale.
    """
    if source == "published":
        return published_icn_profiles().loc[list(NETWORKS), list(METRICS)]
    if source != "hcp":
        msg = f"source = {source!r} is unknown; choose one of {', '.join(SOURCES)}."
        raise ValueError(msg)
    connectome = load_hcp_connectome(parcels, group)
    rows = {}
    for network in NETWORKS:
        inside = connectome.networks == network
        graph = icn_graph(connectome.matrix[np.ix_(inside, inside)])
        rows[network] = {name: float(value) for name, value in graph_metrics(graph).items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(METRICS)).rename_axis("network")


def _checked(connectivity: ArrayLike) -> NDArray[np.float64]:
    weights = np.array(connectivity, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or weights.shape[0] < 3:
        msg = f"connectivity must be a square matrix of at least 3 parcels: got shape {weights.shape}."
        raise ValueError(msg)
    np.fill_diagonal(weights, 0.0)  # first, because after Fisher's transformation it is infinite
    if not np.isfinite(weights).all():
        msg = f"connectivity holds {np.count_nonzero(~np.isfinite(weights))} values that are not finite."
        raise ValueError(msg)
    asymmetry = np.abs(weights - weights.T).max()
    if asymmetry > 1e-8:
        msg = f"connectivity must be symmetric: entries differ from their mirror image by up to {asymmetry:.3g}."
        raise ValueError(msg)
    return weights
