"""Part I: attention heads as graphs, compared with intrinsic connectivity networks."""

from brainalign.topology.alignment import align, similarity_by_model, summarize_alignment
from brainalign.topology.axes import Space, alignment_scores, fit_space
from brainalign.topology.geometry import grid_graph, profile_energy, random_profiles
from brainalign.topology.graphs import (
    attention_graph,
    attention_logits,
    rescale_nonzero,
    row_softmax,
    symmetrize,
)
from brainalign.topology.icns import icn_graph, icn_profiles, network_profiles
from brainalign.topology.inference import (
    TreatmentEffect,
    block_design,
    holm,
    paired_contrasts,
    sign_flip_p,
    treatment_effect,
)
from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.model_space import ModelSpace, space
from brainalign.topology.modularity import louvain_partition
from brainalign.topology.multiverse import hold_shares, multiverse
from brainalign.topology.null_graphs import NULL_GRAPHS, null_graphs
from brainalign.topology.nulls import compare_with_null, null_envelope, random_twin, twin_profiles
from brainalign.topology.profiles import as_profiles, icn_similarity, standardize_profiles
from brainalign.topology.recipes import STUDY_RECIPE, GraphRecipe, layer_graphs
from brainalign.topology.rewiring import REWIRINGS, rewire, rewire_within
from brainalign.topology.shuffling import SHUFFLES, shuffle_weights

__all__ = [
    "METRICS",
    "NULL_GRAPHS",
    "REWIRINGS",
    "SHUFFLES",
    "STUDY_RECIPE",
    "GraphRecipe",
    "ModelSpace",
    "Space",
    "TreatmentEffect",
    "align",
    "alignment_scores",
    "as_profiles",
    "attention_graph",
    "attention_logits",
    "block_design",
    "compare_with_null",
    "fit_space",
    "graph_metrics",
    "grid_graph",
    "hold_shares",
    "holm",
    "icn_graph",
    "icn_profiles",
    "icn_similarity",
    "layer_graphs",
    "louvain_partition",
    "multiverse",
    "network_profiles",
    "null_envelope",
    "null_graphs",
    "paired_contrasts",
    "profile_energy",
    "random_profiles",
    "random_twin",
    "rescale_nonzero",
    "rewire",
    "rewire_within",
    "row_softmax",
    "shuffle_weights",
    "sign_flip_p",
    "similarity_by_model",
    "space",
    "standardize_profiles",
    "summarize_alignment",
    "symmetrize",
    "treatment_effect",
    "twin_profiles",
]
