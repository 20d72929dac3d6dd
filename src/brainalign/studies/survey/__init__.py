"""Part I over many models: their heads measured one model at a time, families, pairs and accuracy compared."""

from brainalign.studies.survey.accuracy import (
    Correlation,
    correlation_with_interval,
    interval_of_correlation,
    partial_correlation,
)
from brainalign.studies.survey.evidence import group_evidence, network_evidence, pair_evidence
from brainalign.studies.survey.families import CONTRASTS, GROUP_LABELS, compare_groups, describe_models
from brainalign.studies.survey.measuring import measure_models, measure_twins
from brainalign.studies.survey.pairs import SEEDS, compare_with_floor, find_pairs, pair_differences
from brainalign.studies.survey.power import (
    critical_correlation,
    detectable_correlation,
    equivalence_p,
    needed_models,
    power_of_correlation,
)
from brainalign.studies.survey.reading import TWIN_KINDS, SurveyRecipe
from brainalign.studies.survey.related_models import (
    between_families,
    bootstrap_correlation,
    correlate_scores,
    within_families,
)
from brainalign.studies.survey.scale import draw_scores, measure_drawn, null_correlations, place_heads, shape_names
from brainalign.studies.survey.scores import (
    THIRDS,
    compare_within_nodes,
    head_depth,
    higher_order_lead,
    layer_trend,
    nearest_network,
    score_models,
)

__all__ = [
    "CONTRASTS",
    "GROUP_LABELS",
    "SEEDS",
    "THIRDS",
    "TWIN_KINDS",
    "Correlation",
    "SurveyRecipe",
    "between_families",
    "bootstrap_correlation",
    "compare_groups",
    "compare_with_floor",
    "compare_within_nodes",
    "correlate_scores",
    "correlation_with_interval",
    "critical_correlation",
    "describe_models",
    "detectable_correlation",
    "draw_scores",
    "equivalence_p",
    "find_pairs",
    "group_evidence",
    "head_depth",
    "higher_order_lead",
    "interval_of_correlation",
    "layer_trend",
    "measure_drawn",
    "measure_models",
    "measure_twins",
    "nearest_network",
    "needed_models",
    "network_evidence",
    "null_correlations",
    "pair_differences",
    "pair_evidence",
    "partial_correlation",
    "place_heads",
    "power_of_correlation",
    "score_models",
    "shape_names",
    "within_families",
]
