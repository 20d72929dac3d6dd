"""Graph profiles of the seven intrinsic connectivity networks (ICNs)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.datasets import NETWORKS, load_hcp_connectome, published_icn_profiles
from brainalign.numeric import as_doubles, as_labels
from brainalign.topology.graphs import rescale_nonzero, symmetrize
from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.rewiring import positive_part

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
    weights = positive_part(connectivity)
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
    return network_profiles(connectome.matrix, connectome.networks)


def network_profiles(connectivity: ArrayLike, networks: ArrayLike) -> pd.DataFrame:
    """Five graph metrics of each network of a connectivity matrix.

    Parameters
    ----------
    connectivity : array_like of shape (n_parcels, n_parcels)
        Functional connectivity, of a group or of one subject.
    networks : array_like of shape (n_parcels,)
        Name of every parcel's network. Shuffled names make networks of the same sizes that are none.

    Returns
    -------
    DataFrame of shape (n_networks, 5)
        Networks, in the order in which they first appear, by metrics.

    Raises
    ------
    ValueError
        When the names do not fit the matrix, a network has fewer than 3 parcels, or `icn_graph` refuses one.
    """
    matrix, names = _check_parcels(connectivity, networks)
    rows = {}
    for network in dict.fromkeys(names.tolist()):
        inside = names == network
        graph = icn_graph(matrix[np.ix_(inside, inside)])
        rows[network] = {name: float(value) for name, value in graph_metrics(graph).items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(METRICS)).rename_axis("network")


def random_parcel_profiles(
    connectivity: ArrayLike, networks: ArrayLike, *, n_draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Profiles of sets of parcels that are drawn by lot and have the sizes of the networks.

    Parameters
    ----------
    connectivity, networks : array_like
        See `network_profiles`.
    n_draws : int
        How often all parcels are dealt out to networks anew, at least 1.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_draws, n_networks, 5)
        The sets of a draw in the order in which the networks of their sizes first appear, by metrics.

    Raises
    ------
    ValueError
        With fewer than one draw, and as `network_profiles` does.

    Notes
    -----
    A set keeps the number of parcels and loses what makes them a network. The study has no such null model; it is ours.
    """
    if n_draws < 1:
        msg = f"n_draws = {n_draws} leaves no null model; give at least 1."
        raise ValueError(msg)
    matrix, names = _check_parcels(connectivity, networks)
    dealt = np.stack([generator.permutation(names) for _ in range(n_draws)])
    drawn = []
    for network in dict.fromkeys(names.tolist()):
        inside = [np.flatnonzero(labels == network) for labels in dealt]
        graphs = np.stack([icn_graph(matrix[np.ix_(parcels, parcels)]) for parcels in inside])
        metrics = graph_metrics(graphs)  # all draws at once: many small calls would wait for each other
        drawn.append(np.stack([metrics[name] for name in METRICS], axis=-1))
    return np.stack(drawn, axis=1)


def _check_parcels(connectivity: ArrayLike, networks: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    matrix, names = as_doubles(connectivity, name="connectivity"), as_labels(networks, name="networks")
    if matrix.ndim != 2 or names.shape != matrix.shape[:1] or matrix.shape[0] != matrix.shape[1]:
        msg = f"give a square matrix and one network per parcel: got {matrix.shape} and {names.shape}."
        raise ValueError(msg)
    for network in dict.fromkeys(names.tolist()):
        if (size := np.count_nonzero(names == network)) < 3:
            msg = f"network {network!r} has {size} parcels; a graph needs at least 3. Use a finer atlas."
            raise ValueError(msg)
    return matrix, names
