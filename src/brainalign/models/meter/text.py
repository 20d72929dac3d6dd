"""The text tower: RoBERTa."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainalign.models.meter.configuration import MeterConfig
from brainalign.models.meter.layers import BertLayer, Pooler

_EPS = 1e-5


class TextEmbeddings(nn.Module):
    """Words, positions and the one token type of RoBERTa, summed and normalized."""

    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        width = config.text_width
        self.pad_id = config.pad_id
        # Unused, but stored in the released files: older transformers saved it.
        self.register_buffer("position_ids", torch.arange(config.text_positions)[None])
        self.word_embeddings = nn.Embedding(config.vocabulary, width, padding_idx=config.pad_id)
        self.position_embeddings = nn.Embedding(config.text_positions, width, padding_idx=config.pad_id)
        self.token_type_embeddings = nn.Embedding(1, width)
        self.LayerNorm = nn.LayerNorm(width, eps=_EPS)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Embeddings (batch, n_tokens, width) of token ids (batch, n_tokens); positions count words, not padding."""
        is_token = (ids != self.pad_id).long()
        positions = is_token.cumsum(dim=1) * is_token + self.pad_id
        total = self.word_embeddings(ids) + self.position_embeddings(positions) + self.token_type_embeddings.weight[0]
        return self.dropout(self.LayerNorm(total))


class _Encoder(nn.Module):
    # Only there because the released names have this level.
    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            BertLayer(
                config.text_width,
                config.text_heads,
                config.text_mlp,
                eps=_EPS,
                dropout=config.dropout,
                crosses=False,
            )
            for _ in range(config.text_layers)
        )


class TextTransformer(nn.Module):
    """Text tower of METER."""

    def __init__(self, config: MeterConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = TextEmbeddings(config)
        self.encoder = _Encoder(config)
        # RoBERTa's own summary of the text: stored in the released files, never read.
        self.pooler = Pooler(config.text_width).requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, *, keep_attention: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Read texts.

        Parameters
        ----------
        ids : Tensor of int, of shape (batch, n_tokens)
            Token ids, ``<s> ... </s>`` and padding.
        mask : Tensor of bool, of shape (batch, n_tokens)
            True where a token may be attended to.
        keep_attention : bool
            Whether the maps are returned.

        Returns
        -------
        tokens : Tensor of shape (batch, n_tokens, width)
            The last layer's stream.
        attention : tuple of Tensor of shape (batch, heads, n_tokens, n_tokens)
            One per layer; empty if not kept.
        """
        x = self.embeddings(ids)
        maps = []
        for layer in self.encoder.layer:
            x, kept = layer(x, mask, keep_attention=keep_attention)
            maps.append(kept.get("self"))
        return x, tuple(maps) if keep_attention else ()
