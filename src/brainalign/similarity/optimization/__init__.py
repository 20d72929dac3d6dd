"""Optimising data under a similarity score: what a good score needs, and what it leaves out."""

from brainalign.similarity.optimization.ascent import Climb, climb
from brainalign.similarity.optimization.capture import CapturedComponents, capture_scores, principal_variances
from brainalign.similarity.optimization.decoding import chance_accuracy, decoding_accuracy
from brainalign.similarity.optimization.objectives import ANGULAR, Objective, list_objectives, score_towards
from brainalign.similarity.optimization.perturbation import (
    drop_component,
    dropped_component_scores,
    replace_component,
    replaced_component_scores,
)
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
    summarize_climbs,
)

__all__ = [
    "ANGULAR",
    "CapturedComponents",
    "Climb",
    "ClimbTables",
    "JointOptimization",
    "Objective",
    "accuracy_at_scores",
    "border_of_unit_square",
    "capture_scores",
    "chance_accuracy",
    "climb",
    "compare_climbs",
    "decoding_accuracy",
    "drop_component",
    "dropped_component_scores",
    "list_objectives",
    "principal_variances",
    "reach_score_pairs",
    "replace_component",
    "replaced_component_scores",
    "score_towards",
    "slopes_to_identity",
    "summarize_climbs",
]
