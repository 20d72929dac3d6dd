"""First weights of a METER that is trained from scratch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from brainalign.models.meter.image import VisionTransformer

_BERT_STD = 0.02


@torch.no_grad()
def initialize(model: nn.Module, generator: torch.Generator | None) -> None:
    """Draw all weights: BERT's rule in the text tower, the fusion and the heads, CLIP's in the image tower.

    BERT: normal with standard deviation 0.02. CLIP: standard deviations that fall with width and depth. Biases are 0,
    scales 1, and padding rows 0; the retrieval head starts as the matching head's "matches".

    Parameters
    ----------
    model : Meter
        Changed in place.
    generator : torch.Generator, optional
        Source of all draws; torch's own without one.
    """

    def draw(tensor: Tensor, std: float) -> None:
        tensor.normal_(0.0, std, generator=generator)

    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif parameter.ndim == 1:
            parameter.fill_(1.0)  # scales of normalizations; the class token is drawn below
        else:
            draw(parameter, _BERT_STD)
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].zero_()
        elif isinstance(module, VisionTransformer):
            _draw_image_tower(module, draw)
    if {"irtr", "itm"} <= set(model.config.tasks):
        # As published: ranking starts from the logit of "matches".
        model.rank_output.weight.copy_(model.itm_score.fc.weight[1:])
        model.rank_output.bias.copy_(model.itm_score.fc.bias[1:])


def _draw_image_tower(tower: VisionTransformer, draw: Callable[[Tensor, float], None]) -> None:
    width = len(tower.class_embedding)
    depth = len(tower.transformer.resblocks)
    draw(tower.class_embedding, width**-0.5)
    draw(tower.positional_embedding, width**-0.5)
    draw(tower.conv1.weight, tower.conv1.weight[0].numel() ** -0.5)
    for block in tower.transformer.resblocks:
        draw(block.attn.in_proj_weight, width**-0.5)
        draw(block.attn.out_proj.weight, width**-0.5 * (2 * depth) ** -0.5)
        draw(block.mlp.c_fc.weight, (2 * width) ** -0.5)
        draw(block.mlp.c_proj.weight, width**-0.5 * (2 * depth) ** -0.5)
