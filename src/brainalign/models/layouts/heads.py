"""Stored query and key weights, taken apart into heads."""

from __future__ import annotations

import torch

from brainalign.models.layouts.layout import Packing


def split_heads(
    query: torch.Tensor,
    key: torch.Tensor,
    packing: Packing,
    heads: int,
    key_heads: int,
    head_dim: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and key weights of one layer, head by head.

    Parameters
    ----------
    query, key : Tensor
        As stored, see `Layout`; of ``"rows"`` without the value rows. Both the same tensor where they share one.
    packing : {"separate", "rows", "columns", "per_head"}
        How they lie in it.
    heads, key_heads : int
        Number of query heads and of key heads.
    head_dim : int, optional
        Width that a head must have; without it, any that the heads leave.

    Returns
    -------
    tuple of Tensor of shape (n_heads, head_dim, d), (n_key_heads, head_dim, d)
        Views of what was given.

    Raises
    ------
    ValueError
        When the heads do not divide the rows, or have another width.
    """
    if packing == "per_head":
        parts = _divide(query, 3 * heads, head_dim).unflatten(0, (heads, 3))
        return parts[:, 0], parts[:, 1]
    if packing == "rows":
        both = _divide(query, heads + key_heads, head_dim)
        return both[:heads], both[heads:]
    if packing == "columns":
        third = query.shape[1] // 3
        query, key = query[:, :third].T, query[:, third : 2 * third].T
    return _divide(query, heads, head_dim), _divide(key, key_heads, head_dim)


def _divide(weight: torch.Tensor, heads: int, head_dim: int | None) -> torch.Tensor:
    rows = weight.shape[0]
    if rows % heads:
        msg = (
            f"{heads} heads do not divide the {rows} rows of a query or key weight of shape "
            f"{tuple(weight.shape)}; are the heads and key heads in config.json those of this file?"
        )
        raise ValueError(msg)
    if head_dim is not None and rows != heads * head_dim:
        msg = (
            f"{heads} heads of width {head_dim} need {heads * head_dim} rows of a query or key weight, but one of "
            f"shape {tuple(weight.shape)} has {rows}: heads were pruned, or config.json is not that "
            "of this file (its heads, key heads or head_dim)."
        )
        raise ValueError(msg)
    return weight.unflatten(0, (heads, -1))
