"""Do ways to measure alignment agree? Score tables, correlations between metrics, aggregates, rankings.

Tables are pandas, arrays are numpy.
"""

from brainalign.agreement.aggregation import (
    AGGREGATES,
    CategoryGap,
    aggregate,
    category_gap,
    category_scores,
    explained_by_category,
    explained_from_spread,
    rankings,
    spread_from_explained,
)
from brainalign.agreement.correlation import (
    Correlations,
    ResampledCorrelations,
    bootstrap_correlations,
    correlations,
    permuted_mean_correlations,
    shuffle_scores,
)
from brainalign.agreement.error_consistency import (
    error_consistency,
    error_consistency_bounds,
    error_consistency_spread,
)
from brainalign.agreement.odd_one_out import (
    odd_one_out,
    odd_one_out_accuracy,
    odd_one_out_ceiling,
    odd_one_out_probabilities,
)
from brainalign.agreement.ranking import RankStability, rank_stability
from brainalign.agreement.score_table import ScoreTable
from brainalign.agreement.simulation import PlantedTable, simulate_scores
from brainalign.agreement.structure import (
    Clustering,
    cluster_metrics,
    consistency,
    disattenuated,
    mean_by_group,
    reliability,
)

__all__ = [
    "AGGREGATES",
    "CategoryGap",
    "Clustering",
    "Correlations",
    "PlantedTable",
    "RankStability",
    "ResampledCorrelations",
    "ScoreTable",
    "aggregate",
    "bootstrap_correlations",
    "category_gap",
    "category_scores",
    "cluster_metrics",
    "consistency",
    "correlations",
    "disattenuated",
    "error_consistency",
    "error_consistency_bounds",
    "error_consistency_spread",
    "explained_by_category",
    "explained_from_spread",
    "mean_by_group",
    "odd_one_out",
    "odd_one_out_accuracy",
    "odd_one_out_ceiling",
    "odd_one_out_probabilities",
    "permuted_mean_correlations",
    "rank_stability",
    "rankings",
    "reliability",
    "shuffle_scores",
    "simulate_scores",
    "spread_from_explained",
]
