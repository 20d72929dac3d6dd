"""Part I: attention heads as graphs, compared with intrinsic connectivity networks."""

from brainalign.topology.alignment import (
    MeasuredHeads,
    align,
    head_metrics,
    measure_each,
    similarity_by_model,
    with_similarity,
)
from brainalign.topology.axes import Space, alignment_scores, fit_space
from brainalign.topology.geometry import arc_share, grid_graph, profile_energy, random_profiles, scores_by_head_count
from brainalign.topology.graphs import (
    attention_graph,
    attention_logits,
    rescale_nonzero,
    row_softmax,
    symmetrize,
)
from brainalign.topology.head_agreement import (
    HeadGraphs,
    agreement_by_layer,
    compare_heads,
    describe_heads,
    edge_correlations,
    head_agreement,
    interval_around,
    reliability_of_whole,
)
from brainalign.topology.icns import icn_graph, icn_profiles, network_profiles, random_parcel_profiles
from brainalign.topology.inference import (
    TreatmentEffect,
    block_design,
    effect_difference,
    holm,
    paired_contrasts,
    sign_flip_p,
    treatment_effect,
)
from brainalign.topology.input_graphs import (
    causal_logits,
    drop_nodes,
    edge_share,
    input_free_graphs,
    input_graphs,
    keep_tokens,
    sink_share,
)
from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.model_claims import SUMMARIES, ModelClaims
from brainalign.topology.model_space import ModelSpace, space
from brainalign.topology.model_twins import draw_twin, twin_profiles
from brainalign.topology.modularity import louvain_partition
from brainalign.topology.multiverse import hold_shares, multiverse, one_at_a_time
from brainalign.topology.null_graphs import NULL_GRAPHS, null_graphs
from brainalign.topology.nulls import compare_with_null, null_envelope, random_twin
from brainalign.topology.profile_spread import profile_spread
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
    "SUMMARIES",
    "GraphRecipe",
    "HeadGraphs",
    "MeasuredHeads",
    "ModelClaims",
    "ModelSpace",
    "Space",
    "TreatmentEffect",
    "agreement_by_layer",
    "align",
    "alignment_scores",
    "arc_share",
    "as_profiles",
    "attention_graph",
    "attention_logits",
    "block_design",
    "causal_logits",
    "compare_heads",
    "compare_with_null",
    "describe_heads",
    "draw_twin",
    "drop_nodes",
    "edge_correlations",
    "edge_share",
    "effect_difference",
    "fit_space",
    "graph_metrics",
    "grid_graph",
    "head_agreement",
    "head_metrics",
    "hold_shares",
    "holm",
    "icn_graph",
    "icn_profiles",
    "icn_similarity",
    "input_free_graphs",
    "input_graphs",
    "interval_around",
    "keep_tokens",
    "layer_graphs",
    "louvain_partition",
    "measure_each",
    "multiverse",
    "network_profiles",
    "null_envelope",
    "null_graphs",
    "one_at_a_time",
    "paired_contrasts",
    "profile_energy",
    "profile_spread",
    "random_parcel_profiles",
    "random_profiles",
    "random_twin",
    "reliability_of_whole",
    "rescale_nonzero",
    "rewire",
    "rewire_within",
    "row_softmax",
    "scores_by_head_count",
    "shuffle_weights",
    "sign_flip_p",
    "similarity_by_model",
    "sink_share",
    "space",
    "standardize_profiles",
    "symmetrize",
    "treatment_effect",
    "twin_profiles",
    "with_similarity",
]
