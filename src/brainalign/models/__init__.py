"""Models: which there are, reading the weights that a study needs, and recording what goes on inside."""

from brainalign.models.spatial_attention import SpatialAttention, read_spatial_attention, spatial_attention
from brainalign.models.taps import Record, tap

__all__ = ["Record", "SpatialAttention", "read_spatial_attention", "spatial_attention", "tap"]
