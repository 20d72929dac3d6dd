"""Under which names checkpoints keep positions and query/key weights, and how these are laid out."""

from brainalign.models.layouts.heads import split_heads
from brainalign.models.layouts.layout import Layout
from brainalign.models.layouts.match import LAYOUTS, UNTYPED, choose_layout, find_layouts, readable, tensors_in_words
from brainalign.models.layouts.plan import Plan, parts_needed, plan_reading, topology_bytes
from brainalign.models.layouts.settings import count_heads, first_norm, head_dim_of, most_prefix_tokens, picture_grids

__all__ = [
    "LAYOUTS",
    "UNTYPED",
    "Layout",
    "Plan",
    "choose_layout",
    "count_heads",
    "find_layouts",
    "first_norm",
    "head_dim_of",
    "most_prefix_tokens",
    "parts_needed",
    "picture_grids",
    "plan_reading",
    "readable",
    "split_heads",
    "tensors_in_words",
    "topology_bytes",
]
