"""Models: which there are, reading the weights that a study needs, and recording what goes on inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainalign.models.spatial import SpatialAttention, read_spatial_attention, spatial_attention
    from brainalign.models.taps import Record, tap

__all__ = ["Record", "SpatialAttention", "read_spatial_attention", "spatial_attention", "tap"]


def __getattr__(name: str) -> object:
    # Imported when first asked for: who only looks something up in the registry need not wait for torch.
    if name in ("Record", "tap"):
        from brainalign.models import taps

        return getattr(taps, name)
    if name in __all__:
        from brainalign.models import spatial

        return getattr(spatial, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
