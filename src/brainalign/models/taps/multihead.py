"""Attention of `torch.nn.MultiheadAttention` in the open.

Its own forward calls none of its parts as modules, so that hooks on `out_proj` never fire. While it is tapped, an
equivalent forward takes its place that does call `out_proj`; the context is computed once, as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

Listener = Callable[[Tensor], None]


class OpenForward:
    """An equivalent of the forward of one MultiheadAttention, shared by all taps on it.

    Parameters
    ----------
    module : MultiheadAttention
        Whose weights are used.

    Raises
    ------
    ValueError
        A variant that is not supported: keys or values of another width, or added key and value biases.
    """

    def __init__(self, module: nn.MultiheadAttention) -> None:
        if not module._qkv_same_embed_dim or module.bias_k is not None or module.add_zero_attn:
            msg = "MultiheadAttention with keys of another width or with added keys can not be tapped."
            raise ValueError(msg)
        self.module = module
        self.listeners: list[Listener] = []
        self.users = 0

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What the module's forward returns; with `is_causal` the mask that torch demands beside it is used."""
        module = self.module
        q, k, v = self._project(query, key, value)
        mask = _merged_mask(attn_mask, key_padding_mask, q, k.shape[-2])
        dropout = module.dropout if module.training else 0.0
        attention = None
        if need_weights or self.listeners:
            attention = _attention(q, k, mask)
            for listen in self.listeners:
                listen(attention)
            context = nn.functional.dropout(attention, dropout) @ v
        else:
            context = scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        out = module.out_proj(context.transpose(1, 2).flatten(2))
        if need_weights:
            attention = attention.mean(dim=1) if average_attn_weights else attention
        return out if module.batch_first else out.transpose(0, 1), attention if need_weights else None

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        module = self.module
        if query is key and key is value:
            projected = linear(query, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
        else:
            weights = module.in_proj_weight.chunk(3)
            biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
            inputs = (query, key, value)
            projected = [linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True)]
        if not module.batch_first:
            projected = [x.transpose(0, 1) for x in projected]
        return [x.unflatten(-1, (module.num_heads, module.head_dim)).transpose(1, 2) for x in projected]


def _attention(q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores + mask).softmax(dim=-1)


def _merged_mask(attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, n_keys: int) -> Tensor | None:
    """Both masks of MultiheadAttention as one that is added to scores of shape (batch, heads, n_queries, n_keys)."""
    masks = []
    if attn_mask is not None:
        masks.append(additive_mask(attn_mask, q))
    if padding is not None:
        masks.append(additive_mask(padding, q).view(len(q), 1, 1, n_keys))
    return sum(masks) if masks else None


def additive_mask(mask: Tensor, query: Tensor) -> Tensor:
    """A mask of MultiheadAttention as numbers to add to the scores.

    Parameters
    ----------
    mask : Tensor
        True where a key is left out, or numbers already; of two axes, or (batch * heads, n_queries, n_keys).
    query : Tensor of shape (batch, heads, n_queries, head_dim)
        Tells the precision, and how to part the first axis of three.
    """
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(mask, -math.inf)
    return (mask.unflatten(0, query.shape[:2]) if mask.ndim == 3 else mask).to(query.dtype)


@contextmanager
def opened(module: nn.MultiheadAttention, listener: Listener | None = None) -> Iterator[None]:
    """Replace the forward of a MultiheadAttention while the context lasts.

    Parameters
    ----------
    module : MultiheadAttention
        Restored at the end, after exceptions, too.
    listener : callable, optional
        Called with each map of shape (batch, heads, n_queries, n_keys). Without any listener no map is computed.
    """
    forward = module.__dict__.get("forward")
    if not isinstance(forward, OpenForward):
        forward = OpenForward(module)
        module.forward = forward
    forward.users += 1
    if listener is not None:
        forward.listeners.append(listener)
    try:
        yield
    finally:
        if listener is not None:
            forward.listeners.remove(listener)
        forward.users -= 1
        if not forward.users:
            del module.forward
