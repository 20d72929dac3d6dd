"""Low-rank adapters: a model is tuned by few parameters beside its own, which stay as they are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["LowRankLinear", "add_low_rank", "merge_low_rank"]


class LowRankLinear(nn.Module):
    """A linear layer that is frozen, plus a product of two narrow matrices that learns.

    Parameters
    ----------
    layer : Linear
        Its weights are used as they are, and take no gradient any more.
    rank : int
        Width of the bottleneck, from 1 to the smaller side of the layer.
    generator : torch.Generator
        Draws the first of the two matrices; the second starts at 0, so that at first nothing is changed.

    Raises
    ------
    ValueError
        For a rank that the layer does not allow.

    References
    ----------
    Hu et al. (2022). LoRA: Low-rank adaptation of large language models. ICLR. Without its factor alpha / rank, which
    is a second learning rate.
    """

    def __init__(self, layer: nn.Linear, rank: int, *, generator: torch.Generator) -> None:
        super().__init__()
        widest = min(layer.in_features, layer.out_features)
        if not 1 <= rank <= widest:
            msg = f"rank = {rank} does not fit a layer of {layer.in_features} to {layer.out_features} features; give 1 "
            msg += f"to {widest}."
            raise ValueError(msg)
        self.layer = layer.requires_grad_(False)
        down = torch.randn(rank, layer.in_features, generator=generator) / math.sqrt(layer.in_features)
        self.down = nn.Parameter(down.to(layer.weight))
        self.up = nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Output of the layer and of the adapter together."""
        return self.layer(x) + (x @ self.down.T) @ self.up.T

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear layer that computes the same."""
        self.layer.weight += self.up @ self.down
        return self.layer.requires_grad_(True)


def add_low_rank(model: nn.Module, rank: int, *, generator: torch.Generator) -> nn.Module:
    """Freeze a model, and give every linear layer an adapter that learns.

    Parameters
    ----------
    model : Module
        Changed in place. Layers narrower than the rank stay without an adapter, and frozen.
    rank : int
        Width of the adapters.
    generator : torch.Generator
        Of their first weights.

    Returns
    -------
    Module
        The model.

    Raises
    ------
    ValueError
        For a rank below 1, or one that no layer allows.
    """
    model.requires_grad_(False)
    layers = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    wide = [(name, layer) for name, layer in layers if rank <= min(layer.in_features, layer.out_features)]
    if rank < 1 or not wide:
        msg = f"rank = {rank} fits none of the {len(layers)} linear layers of the model; give 1 or a little more."
        raise ValueError(msg)
    for name, layer in wide:
        model.set_submodule(name, LowRankLinear(layer, rank, generator=generator))
    return model


def merge_low_rank(model: nn.Module) -> nn.Module:
    """Put what adapters have learned into the weights, so that the model has its own classes again.

    Parameters
    ----------
    model : Module
        Changed in place; all its parameters may learn again.

    Returns
    -------
    Module
        The model.
    """
    adapters = [(name, part) for name, part in model.named_modules() if isinstance(part, LowRankLinear)]
    for name, adapter in adapters:
        model.set_submodule(name, adapter.merged())
    return model.requires_grad_(True)
