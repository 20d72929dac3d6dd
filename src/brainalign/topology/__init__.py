"""Part I: attention heads as graphs, compared with intrinsic connectivity networks."""

from brainalign.topology.graphs import (
    attention_graph,
    attention_logits,
    rescale_nonzero,
    row_softmax,
    symmetrize,
)
from brainalign.topology.icns import icn_graph, icn_profiles
from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.modularity import louvain_partition
from brainalign.topology.nulls import compare_with_null, null_envelope, random_twin, twin_profiles
from brainalign.topology.profiles import as_profiles, icn_similarity, standardize_profiles
from brainalign.topology.space import Space, alignment_scores, fit_space

__all__ = [
    "METRICS",
    "Space",
    "alignment_scores",
    "as_profiles",
    "attention_graph",
    "attention_logits",
    "compare_with_null",
    "fit_space",
    "graph_metrics",
    "icn_graph",
    "icn_profiles",
    "icn_similarity",
    "louvain_partition",
    "null_envelope",
    "random_twin",
    "rescale_nonzero",
    "row_softmax",
    "standardize_profiles",
    "symmetrize",
    "twin_profiles",
]
