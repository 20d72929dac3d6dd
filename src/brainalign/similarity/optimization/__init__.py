"""Optimising data and models under a similarity score: what a good score needs, and what it leaves out."""

from brainalign.similarity.optimization.ascent import Climb, climb
from brainalign.similarity.optimization.capture import (
    CapturedComponents,
    capture_scores,
    principal_components,
    principal_variances,
)
from brainalign.similarity.optimization.decoding import chance_accuracy, decoding_accuracy
from brainalign.similarity.optimization.low_rank import LowRankLinear, add_low_rank, merge_low_rank
from brainalign.similarity.optimization.objectives import ANGULAR, Objective, list_objectives, score_towards
from brainalign.similarity.optimization.perturbation import (
    drop_component,
    dropped_component_scores,
    loss_exponent,
    replace_component,
    replaced_component_scores,
)
from brainalign.similarity.optimization.population import linear_nonlinear_responses
from brainalign.similarity.optimization.ranges import (
    JointOptimization,
    border_of_unit_square,
    reach_score_pairs,
    slopes_to_identity,
)
from brainalign.similarity.optimization.study import (
    ClimbTables,
    accuracy_at_scores,
    compare_climbs,
    needed_scores,
    summarize_climbs,
)
from brainalign.similarity.optimization.tuning import Tuning, measure_all, null_spreads, tune

__all__ = [
    "ANGULAR",
    "CapturedComponents",
    "Climb",
    "ClimbTables",
    "JointOptimization",
    "LowRankLinear",
    "Objective",
    "Tuning",
    "accuracy_at_scores",
    "add_low_rank",
    "border_of_unit_square",
    "capture_scores",
    "chance_accuracy",
    "climb",
    "compare_climbs",
    "decoding_accuracy",
    "drop_component",
    "dropped_component_scores",
    "linear_nonlinear_responses",
    "list_objectives",
    "loss_exponent",
    "measure_all",
    "merge_low_rank",
    "needed_scores",
    "null_spreads",
    "principal_components",
    "principal_variances",
    "reach_score_pairs",
    "replace_component",
    "replaced_component_scores",
    "score_towards",
    "slopes_to_identity",
    "summarize_climbs",
    "tune",
]
