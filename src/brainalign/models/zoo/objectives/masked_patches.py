"""Filling in masked patches: the masked autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from timm.models.vision_transformer import Block
from torch import nn

from brainalign.datasets.scenes import SIDE, Scenes
from brainalign.models.zoo.architectures import PATCH, sincos_positions, vision_transformer_config
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.recipes import Recipe

_MASKED_SHARE, _INK_WEIGHT, _INK, _DECODER_LAYERS = 0.4, 6.0, 0.1, 2
_PATCHES = (SIDE // PATCH) ** 2


class MaskedDecoder(nn.Module):
    """Two Transformer blocks that turn visible tokens and their places into pixels of all patches."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Linear(width, width)
        self.mask_token = nn.Parameter(torch.empty(1, 1, width))
        self.blocks = nn.Sequential(*(Block(width, heads, qkv_bias=True) for _ in range(_DECODER_LAYERS)))
        self.norm = nn.LayerNorm(width)
        self.pixels = nn.Linear(width, PATCH**2)
        self.register_buffer("places", sincos_positions(SIDE // PATCH, width), persistent=False)

    def forward(self, tokens: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Pixels (n, 36, 16) from tokens (n, 1 + visible, width) and the places of the visible ones."""
        tokens = self.embed(tokens)
        filled = self.mask_token.expand(len(tokens), _PATCHES, -1)
        filled = filled.scatter(1, visible[:, :, None].expand(-1, -1, tokens.shape[-1]), tokens[:, 1:])
        everything = torch.cat([tokens[:, :1], filled + self.places], dim=1)
        return self.pixels(self.norm(self.blocks(everything)))[:, 1:]


class MaskedAutoencoder(Objective):
    """Pixels of masked patches from the visible ones (MAE)."""

    library_class = "timm.models.vision_transformer.VisionTransformer"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return vision_transformer_config(recipe.width, recipe.layers, recipe.heads)

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """The decoder."""
        return {"decoder": MaskedDecoder(recipe.width, recipe.heads)}

    def encode(self, pixels: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """Tokens of the class and of the visible patches; the others never enter the encoder."""
        model = self.model
        patches = model.patch_embed(pixels) + model.pos_embed[:, 1:]
        seen = patches.gather(1, visible[:, :, None].expand(-1, -1, patches.shape[-1]))
        first = (model.cls_token + model.pos_embed[:, :1]).expand(len(seen), -1, -1)
        return model.norm(model.blocks(torch.cat([first, seen], dim=1)))

    def reconstruct(
        self, scenes: Scenes, generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Predicted and true patches (n, 36, 16), which were masked and which hold ink (n, 36)."""
        n_visible = round((1 - _MASKED_SHARE) * _PATCHES)
        order = generator.random((len(scenes), _PATCHES)).argsort(axis=1)
        visible = self.tensor(order[:, :n_visible])
        predicted = self.heads["decoder"](self.encode(self.pixels(scenes.images), visible), visible)
        target = as_patches(self.tensor(scenes.images))
        masked = torch.ones_like(target[..., 0], dtype=torch.bool).scatter(1, visible, False)
        return predicted, target, masked, target.mean(-1) > _INK

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Squared error over masked patches, those with ink counted six times."""
        predicted, target, masked, inked = self.reconstruct(scenes, generator)
        weight = masked * (1 + (_INK_WEIGHT - 1) * inked)
        return ((predicted - target).square().mean(-1) * weight).sum() / weight.sum()


def as_patches(images: torch.Tensor) -> torch.Tensor:
    """Pixels by patch: (n, 24, 24) to (n, 36, 16)."""
    side = SIDE // PATCH
    return images.reshape(-1, side, PATCH, side, PATCH).transpose(2, 3).reshape(len(images), side**2, PATCH**2)
