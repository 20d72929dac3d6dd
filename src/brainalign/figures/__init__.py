"""Pictures, from arrays and tidy tables. Nothing else in the package draws."""

from brainalign.figures.curves import show_layer_trend, show_lines, show_profile_shapes
from brainalign.figures.distributions import show_null_comparison
from brainalign.figures.graphs import show_graph
from brainalign.figures.matrices import show_labelled_matrix, show_steps
from brainalign.figures.spaces import show_space

__all__ = [
    "show_graph",
    "show_labelled_matrix",
    "show_layer_trend",
    "show_lines",
    "show_null_comparison",
    "show_profile_shapes",
    "show_space",
    "show_steps",
]
