"""Layers of the text tower and of the fusion: BERT's, with the normalization after each sum."""

from __future__ import annotations

from torch import Tensor, nn

from brainalign.models.meter.attention import SeparateAttention

Maps = dict[str, Tensor]


class ResidualOutput(nn.Module):
    """Projection back into the stream, sum with it, normalization."""

    def __init__(self, inner: int, width: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inner: Tensor, stream: Tensor) -> Tensor:
        """LayerNorm(dense(inner) + stream)."""
        return self.LayerNorm(self.dropout(self.dense(inner)) + stream)


class AttentionSublayer(nn.Module):
    """Attention and its way back into the stream."""

    def __init__(self, width: int, heads: int, eps: float, dropout: float) -> None:
        super().__init__()
        self.add_module("self", SeparateAttention(width, heads, dropout))  # the name in the released files
        self.output = ResidualOutput(width, width, eps, dropout)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None, *, keep_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The stream `x` after attending to `source`, and the maps or None."""
        context, attention = self.get_submodule("self")(x, source, mask, keep_attention=keep_attention)
        return self.output(context, x), attention


class Intermediate(nn.Module):
    """The neurons of a layer: projection and exact (erf) GELU."""

    def __init__(self, width: int, neurons: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, neurons)
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """Activations of shape (batch, n_tokens, neurons)."""
        return self.activation(self.dense(x))


class BertLayer(nn.Module):
    """Self-attention, cross-attention to another stream (in the fusion), and neurons.

    Parameters
    ----------
    width, heads, neurons : int
        Sizes.
    eps : float
        Of the normalizations.
    dropout : float
        In training.
    crosses : bool
        Whether there is a cross-attention.
    """

    def __init__(self, width: int, heads: int, neurons: int, *, eps: float, dropout: float, crosses: bool) -> None:
        super().__init__()
        self.attention = AttentionSublayer(width, heads, eps, dropout)
        if crosses:
            self.crossattention = AttentionSublayer(width, heads, eps, dropout)
        self.crosses = crosses
        self.intermediate = Intermediate(width, neurons)
        self.output = ResidualOutput(neurons, width, eps, dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        other: Tensor | None = None,
        other_mask: Tensor | None = None,
        *,
        keep_attention: bool = False,
    ) -> tuple[Tensor, Maps]:
        """One step of the stream.

        Parameters
        ----------
        x : Tensor of shape (batch, n_tokens, width)
            The stream.
        mask, other_mask : Tensor of bool, of shape (batch, n_tokens), optional
            True where a token of the stream (of the other stream) is no padding.
        other : Tensor of shape (batch, n_other, width), optional
            The other stream, for a layer that crosses.
        keep_attention : bool
            Whether the maps are returned.

        Returns
        -------
        x : Tensor of shape (batch, n_tokens, width)
            The stream after the layer.
        maps : dict of str to Tensor
            Under "self" and "cross" the maps, of shape (batch, heads, n_tokens, n_keys); empty if not kept.
        """
        x, own = self.attention(x, x, mask, keep_attention=keep_attention)
        maps = {"self": own}
        if self.crosses:
            x, maps["cross"] = self.crossattention(x, other, other_mask, keep_attention=keep_attention)
        x = self.output(self.intermediate(x), x)
        return x, maps if keep_attention else {}


class Pooler(nn.Module):
    """tanh of a projection of the first token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        """Summary of shape (batch, width) of a stream of shape (batch, n_tokens, width)."""
        return self.activation(self.dense(x[:, 0]))
