"""Positions and weights of a model at the positions that its inputs have: pictures may be smaller than its table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from brainalign.catalogue.references import Reference
from brainalign.models.spatial import SpatialAttention, spatial_attention


def spatial_attention_at(model: str | Reference, nodes: Sequence[int], /, **choices: Any) -> SpatialAttention:
    """Positions, W_Q and W_K, those of a picture resampled to the grid of the pictures that the model reads.

    A model whose table is made for larger pictures resamples it when it reads smaller ones. The first rows of the
    table are then not the positions of these pictures.

    Parameters
    ----------
    model : str or Reference
        See `brainalign.models.spatial_attention`.
    nodes : sequence of int
        Positions that inputs have, for example `brainalign.models.attention_maps.AverageMaps.positions`.
    **choices
        Passed on to `brainalign.models.spatial_attention`.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        The pictures have a number of patches that is no square; also as in `spatial_attention`.
    """
    weights = spatial_attention(model, **choices)
    n_patches = max(nodes) + 1 - weights.n_prefix
    if weights.grid is None or math.prod(weights.grid) == n_patches:
        return weights
    side = math.isqrt(max(n_patches, 0))
    if side < 2 or side**2 != n_patches:
        msg = (
            f"pictures of '{weights.model}' have {n_patches} patches, which form no square grid, while its positions "
            f"are made for {weights.grid[0]} x {weights.grid[1]}; give square pictures."
        )
        raise ValueError(msg)
    return spatial_attention(model, **choices, grid=side)
