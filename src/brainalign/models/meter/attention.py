"""Multi-head attention: fused where no map is asked for, written out where one is."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    heads: int,
    mask: Tensor | None = None,
    dropout: float = 0.0,
    keep_attention: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Context of all heads side by side, and the attention maps if they are to be kept.

    Parameters
    ----------
    query : Tensor of shape (batch, n_queries, width)
        Projected queries, head after head.
    key, value : Tensor of shape (batch, n_keys, width)
        Projected keys and values.
    heads : int
        Number of heads.
    mask : Tensor of bool, of shape (batch, n_keys), optional
        True where a key may be attended to.
    dropout : float
        Probability of dropping an entry of the maps.
    keep_attention : bool
        Compute the maps one by one instead of by torch's fused attention.

    Returns
    -------
    context : Tensor of shape (batch, n_queries, width)
        softmax(Q K' / sqrt(head_dim)) V of each head.
    attention : Tensor of shape (batch, heads, n_queries, n_keys), or None
        Rows sum to 1 (before dropout).
    """
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    allowed = None if mask is None else mask[:, None, None, :]
    if not keep_attention:
        context = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)
        return context.transpose(1, 2).flatten(2), None
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    attention = scores.softmax(dim=-1)
    context = nn.functional.dropout(attention, dropout) @ value
    return context.transpose(1, 2).flatten(2), attention


class PackedSelfAttention(nn.Module):
    """Self-attention of CLIP's image tower: query, key and value in one weight.

    Parameters and names are those of `torch.nn.MultiheadAttention`, which CLIP uses.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, *, keep_attention: bool = False) -> tuple[Tensor, Tensor | None]:
        """Mix the tokens of `x` (batch, n_tokens, width); the second value is the maps, or None."""
        query, key, value = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        context, attention = attend(query, key, value, heads=self.heads, keep_attention=keep_attention)
        return self.out_proj(context), attention


class SeparateAttention(nn.Module):
    """Attention of BERT: three projections; keys and values come from another stream where one is given."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None, *, keep_attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Context that `x` (batch, n_tokens, width) takes from `source`, and the maps or None; see `attend`."""
        return attend(
            self.query(x),
            self.key(source),
            self.value(source),
            heads=self.heads,
            mask=mask,
            dropout=self.dropout if self.training else 0.0,
            keep_attention=keep_attention,
        )
