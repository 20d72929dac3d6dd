"""Pictures, from arrays and tidy tables. Nothing else in the package draws."""

from brainalign.figures.curves import show_layer_trend, show_lines, show_profile_shapes
from brainalign.figures.distributions import show_null_comparison
from brainalign.figures.dots import show_dots, show_sizes
from brainalign.figures.graphs import show_graph
from brainalign.figures.matrices import show_labelled_matrix, show_steps
from brainalign.figures.pictures import show_pictures
from brainalign.figures.rankings import show_clustered_matrix, show_correlation_distribution, show_rank_slopes
from brainalign.figures.spaces import show_space
from brainalign.figures.tables import show_table

__all__ = [
    "show_clustered_matrix",
    "show_correlation_distribution",
    "show_dots",
    "show_graph",
    "show_labelled_matrix",
    "show_layer_trend",
    "show_lines",
    "show_null_comparison",
    "show_pictures",
    "show_profile_shapes",
    "show_rank_slopes",
    "show_sizes",
    "show_space",
    "show_steps",
    "show_table",
]
