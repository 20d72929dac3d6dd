"""Pictures, from arrays and tidy tables. Nothing else in the package draws."""

from brainalign.figures.brains import show_brain_maps, show_brain_systems
from brainalign.figures.controlled import (
    show_contrasts,
    show_models,
    show_treatments,
    show_variance_shares,
)
from brainalign.figures.curves import show_layer_trend, show_lines, show_profile_shapes
from brainalign.figures.distributions import show_null_comparison
from brainalign.figures.dots import show_dots, show_sizes
from brainalign.figures.encoding import show_interval_lines, show_intervals, show_matrix_with_intervals
from brainalign.figures.graphs import show_graph
from brainalign.figures.input_attention import (
    show_agreement_beside_null,
    show_head_agreement,
    show_head_graphs,
    show_layer_agreement,
    show_metric_shifts,
    show_model_order,
)
from brainalign.figures.interactive import InteractiveFigure, show_interactive_space
from brainalign.figures.interactive_brains import show_interactive_brain, show_interactive_brain_systems
from brainalign.figures.matrices import show_labelled_matrix, show_steps
from brainalign.figures.names import in_words
from brainalign.figures.neurons import show_connectivity, show_layer_weights, show_rejection_rates
from brainalign.figures.opened import show_courses, show_meeting, show_movement, show_preferences
from brainalign.figures.pictures import show_pictures
from brainalign.figures.pruning import (
    show_accuracy_costs,
    show_block_scores,
    show_next_blocks,
    show_removal_times,
)
from brainalign.figures.rankings import show_clustered_matrix, show_correlation_distribution, show_rank_slopes
from brainalign.figures.reference_captures import show_reference_captures
from brainalign.figures.scale import show_model_panels, show_null_correlations, show_power_curves
from brainalign.figures.spaces import show_space
from brainalign.figures.specification import show_clouds, show_one_at_a_time, show_specification_curve
from brainalign.figures.survey import show_depth_trends, show_models_by_networks, show_pair_differences
from brainalign.figures.tables import show_table
from brainalign.figures.wiring import show_wiring

__all__ = [
    "InteractiveFigure",
    "in_words",
    "show_accuracy_costs",
    "show_agreement_beside_null",
    "show_block_scores",
    "show_brain_maps",
    "show_brain_systems",
    "show_clouds",
    "show_clustered_matrix",
    "show_connectivity",
    "show_contrasts",
    "show_correlation_distribution",
    "show_courses",
    "show_depth_trends",
    "show_dots",
    "show_graph",
    "show_head_agreement",
    "show_head_graphs",
    "show_interactive_brain",
    "show_interactive_brain_systems",
    "show_interactive_space",
    "show_interval_lines",
    "show_intervals",
    "show_labelled_matrix",
    "show_layer_agreement",
    "show_layer_trend",
    "show_layer_weights",
    "show_lines",
    "show_matrix_with_intervals",
    "show_meeting",
    "show_metric_shifts",
    "show_model_order",
    "show_model_panels",
    "show_models",
    "show_models_by_networks",
    "show_movement",
    "show_next_blocks",
    "show_null_comparison",
    "show_null_correlations",
    "show_one_at_a_time",
    "show_pair_differences",
    "show_pictures",
    "show_power_curves",
    "show_preferences",
    "show_profile_shapes",
    "show_rank_slopes",
    "show_reference_captures",
    "show_rejection_rates",
    "show_removal_times",
    "show_sizes",
    "show_space",
    "show_specification_curve",
    "show_steps",
    "show_table",
    "show_treatments",
    "show_variance_shares",
    "show_wiring",
]
