"""The modules of the mini-zoo: real classes of the libraries at tiny size, with reproducible first weights."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.transformer import QuickGELU, TextTransformer
from open_clip.transformer import VisionTransformer as ClipVisionTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from brainalign.datasets.scenes import CELL, GRID, PAD, SIDE, VOCABULARY
from brainalign.models.meter import Meter, MeterConfig

PATCH = 4
"""Pixels along a side of a patch: 36 patches a scene."""
CAPTION_LENGTH, SENTENCE_LENGTH = 7, 13
_TEXT_LAYERS = 2
_POSITION_SCALE = 0.3
_START, _END = VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")


def patch_cells() -> torch.Tensor:
    """Cell (0 to 8) in which each of the 36 patches lies."""
    along = torch.arange(SIDE // PATCH) * PATCH // CELL
    return (along[:, None] * GRID + along[None, :]).flatten()


def as_pixels(images: torch.Tensor) -> torch.Tensor:
    """Three equal channels, which the libraries' classes expect: (n, 24, 24) to (n, 3, 24, 24)."""
    return images[:, None].expand(-1, 3, -1, -1)


def vision_transformer_config(width: int, layers: int, heads: int, *, classes: int = 0) -> dict[str, Any]:
    """Arguments of timm's VisionTransformer; `classes` = 0 leaves the head away."""
    return {
        "img_size": SIDE,
        "patch_size": PATCH,
        "in_chans": 3,
        "num_classes": classes,
        "embed_dim": width,
        "depth": layers,
        "num_heads": heads,
    }


def clip_tower_config(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Arguments of open_clip's VisionTransformer."""
    return {
        "image_size": SIDE,
        "patch_size": PATCH,
        "width": width,
        "layers": layers,
        "heads": heads,
        "mlp_ratio": 4.0,
        "output_dim": width,
    }


def clip_config(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Arguments of open_clip's CLIP."""
    vision = {"layers": layers, "width": width, "head_width": width // heads, "patch_size": PATCH, "image_size": SIDE}
    text = {
        "context_length": CAPTION_LENGTH,
        "vocab_size": len(VOCABULARY),
        "width": width,
        "heads": heads,
        "layers": _TEXT_LAYERS,
    }
    return {"embed_dim": width, "vision_cfg": vision, "text_cfg": text, "quick_gelu": True}


def text_tower_config(width: int, heads: int) -> dict[str, Any]:
    """Arguments of open_clip's TextTransformer."""
    return {
        "context_length": CAPTION_LENGTH,
        "vocab_size": len(VOCABULARY),
        "width": width,
        "heads": heads,
        "layers": _TEXT_LAYERS,
        "output_dim": width,
    }


def bert_config(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Fields of transformers' BertConfig, without dropout: the sentences never repeat."""
    return {
        "vocab_size": len(VOCABULARY),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "max_position_embeddings": SENTENCE_LENGTH,
        "type_vocab_size": 1,
        "pad_token_id": PAD,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def gpt_config(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Fields of transformers' GPT2Config, without dropout."""
    return {
        "vocab_size": len(VOCABULARY),
        "n_embd": width,
        "n_layer": layers,
        "n_head": heads,
        "n_positions": SENTENCE_LENGTH,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "bos_token_id": _START,
        "eos_token_id": _END,
        "pad_token_id": PAD,
    }


def meter_dimensions(width: int, layers: int, heads: int) -> dict[str, Any]:
    """Fields of `brainalign.models.meter.MeterConfig`, without dropout: scenes never repeat."""
    return {
        "image_size": SIDE,
        "patch_size": PATCH,
        "image_width": width,
        "image_heads": heads,
        "image_layers": layers,
        "text_width": width,
        "text_heads": heads,
        "text_layers": _TEXT_LAYERS,
        "text_mlp": 4 * width,
        "vocabulary": len(VOCABULARY),
        "text_positions": SENTENCE_LENGTH + PAD + 1,
        "pad_id": PAD,
        "width": width,
        "heads": heads,
        "layer_pairs": _TEXT_LAYERS,
        "tasks": ["mlm", "itm"],
        "clip_text": None,
        "dropout": 0.0,
    }


class DigitNet(nn.Sequential):
    """Four convolutions and a maximum over places: which digits are there, anywhere in the scene."""

    def __init__(self, channels: int, classes: int) -> None:
        widths = (3, channels, channels, 2 * channels, 2 * channels)
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(widths)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(4, after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if i == 1 else []
        super().__init__(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes))


def _build_clip(config: Mapping[str, Any]) -> CLIP:
    towers = {"vision_cfg": CLIPVisionCfg(**config["vision_cfg"]), "text_cfg": CLIPTextCfg(**config["text_cfg"])}
    return CLIP(**{**config, **towers})


def _build_meter(config: Mapping[str, Any]) -> Meter:
    fields: dict[str, Any] = {**config, "tasks": tuple(config["tasks"])}
    return Meter(MeterConfig(**fields))


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "timm.models.vision_transformer.VisionTransformer": lambda config: VisionTransformer(**config),
    "open_clip.transformer.VisionTransformer": lambda config: ClipVisionTransformer(**config, act_layer=QuickGELU),
    "open_clip.transformer.TextTransformer": lambda config: TextTransformer(**config),
    "open_clip.model.CLIP": _build_clip,
    "brainalign.models.meter.Meter": _build_meter,
    "transformers.BertForMaskedLM": lambda config: BertForMaskedLM(BertConfig(**config)),
    "transformers.GPT2LMHeadModel": lambda config: GPT2LMHeadModel(GPT2Config(**config)),
    "brainalign.models.zoo.architectures.DigitNet": lambda config: DigitNet(**config),
}


def build(library_class: str, dimensions: Mapping[str, Any], *, seed: int) -> nn.Module:
    """A module with the first weights of a seed.

    Parameters
    ----------
    library_class : str
        Full name of the class.
    dimensions : mapping
        Its arguments.
    seed : int
        Two modules with the same seed share the weights of all parameters with the same name and shape.

    Returns
    -------
    Module
    """
    with torch.random.fork_rng(devices=[]):  # the libraries draw weights that are replaced at once
        module = _BUILDERS[library_class](dimensions)
    initialize(module, seed=seed)
    return module


@torch.no_grad()
def initialize(module: nn.Module, *, seed: int, prefix: str = "") -> None:
    """Give a module the first weights of a seed.

    Every parameter has a random stream of its own, named by the seed and the parameter: what else the model
    has (a head, a decoder) does not change it, so that objectives can be compared from the same start.

    Parameters
    ----------
    module : Module
        Changed in place. Biases become 0 and norms 1; matrices get the variance 1 / fan-in, so that heads differ
        from the first step on; positions of pictures start as sines and cosines, made small, or they would drown
        what the patches show; embeddings get a spread of 0.02.
    seed : int
    prefix : str
        Put before the names of the parameters.
    """
    fan_in_first = {id(layer.weight) for layer in module.modules() if isinstance(layer, Conv1D)}
    embeddings = {id(layer.weight) for layer in module.modules() if isinstance(layer, nn.Embedding)}
    for name, parameter in module.named_parameters():
        generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}/{prefix}{name}".encode()))
        last = name.rsplit(".", 1)[-1]
        if "position" in name or "pos_embed" in name:
            _fill_positions(parameter, generator)
        elif parameter.ndim == 0:
            continue  # the temperature of CLIP keeps its published start
        elif parameter.ndim == 1 and last in ("weight", "bias", "in_proj_bias"):
            parameter.fill_(float(last == "weight"))
        elif parameter.ndim == 1 or id(parameter) in embeddings or last.endswith("token"):
            parameter.normal_(0, 0.02, generator=generator)
        else:
            takes_rows = id(parameter) in fan_in_first or last in ("proj", "text_projection")
            fan_in = parameter.shape[0] if takes_rows else parameter[0].numel()
            parameter.normal_(0, 1 / math.sqrt(fan_in), generator=generator)


def _fill_positions(parameter: nn.Parameter, generator: torch.Generator) -> None:
    rows, width = parameter.shape[-2:]
    side = math.isqrt(rows - 1)
    if side * side != rows - 1 or side != SIDE // PATCH:
        parameter.normal_(0, 0.02, generator=generator)
        return
    table = torch.cat([torch.zeros(1, width), sincos_positions(side, width)])
    parameter.copy_(_POSITION_SCALE * table.reshape(parameter.shape))


def sincos_positions(side: int, width: int) -> torch.Tensor:
    """Sines and cosines of the row and the column of each patch, of shape (side * side, width)."""
    frequencies = 10000 ** -(torch.arange(width // 4) / (width // 4))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [place.flatten()[:, None] * frequencies for place in (row, column)]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1)
