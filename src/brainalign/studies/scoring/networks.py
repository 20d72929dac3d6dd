"""How near a model's heads are to networks of the brain, without any stimulus."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from brainalign.models import spatial_attention
from brainalign.topology import as_profiles, attention_graph, graph_metrics, icn_similarity


def network_scores(reference: str, networks: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Mean similarity of all heads of a model to sets of intrinsic connectivity networks (ICNs).

    Parameters
    ----------
    reference : str
        A model, see `brainalign.catalogue.references.parse_reference`; of one with several towers, with the tower.
    networks : mapping of str to DataFrame
        Sets of network profiles by name, see `brainalign.topology.icn_profiles`.

    Returns
    -------
    dict of str to float
        By name of the set, in [-1, 1]; more is nearer.

    Raises
    ------
    ValueError
        See `brainalign.models.spatial_attention`.

    Notes
    -----
    The published score is the position along the first axis of a space that all models span; it changes with the
    company. This mean does not. The graph of a head has a node a position, so models with other numbers of positions
    (37 for the pictures of the mini-zoo, 13 for its sentences) are not strictly comparable.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, for graphs, metrics and similarity.
    """
    weights = spatial_attention(reference)
    graphs = attention_graph(weights.positions, weights.query, weights.key, weights.head_dim)
    profiles = as_profiles(graph_metrics(graphs))
    return {name: float(icn_similarity(profiles, profile).mean()) for name, profile in networks.items()}
