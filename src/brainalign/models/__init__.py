"""Models: reading the weights that a study needs."""

from brainalign.models.spatial_attention import SpatialAttention, spatial_attention

__all__ = ["SpatialAttention", "spatial_attention"]
