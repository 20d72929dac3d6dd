"""Tiny random models of every family that can be tapped, and how their blocks are put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import torch
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from timm.models.beit import Beit
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    BlipConfig,
    BlipModel,
    BridgeTowerConfig,
    BridgeTowerModel,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2Model,
    LlamaConfig,
    LlamaModel,
    RobertaConfig,
    RobertaModel,
    SiglipConfig,
    SiglipModel,
    ViltConfig,
    ViltModel,
    ViTConfig,
    ViTModel,
)

from brainalign.models.meter import Meter
from tests.models.meter.test_model import ODD

BATCH, LENGTH, PAD, END = 3, 7, 0, 25


@dataclass(frozen=True)
class Parts:
    """Paths inside a block. Without `first_norm` the norms come after the sums."""

    projection: str
    output: str
    value: str
    first_norm: str | None = None
    norms_after: tuple[str, ...] = ()


POST_BERT = Parts(
    "attention.output.dense",
    "output.dense",
    "attention.self.value",
    norms_after=("attention.output.LayerNorm", "output.LayerNorm"),
)
CROSSING_BERT = replace(
    POST_BERT, norms_after=("attention.output.LayerNorm", "crossattention.output.LayerNorm", "output.LayerNorm")
)
VIT = Parts("attention.o_proj", "mlp.fc2", "attention.v_proj", "layernorm_before")
CLIP_HF = Parts("self_attn.out_proj", "mlp.fc2", "self_attn.v_proj", "layer_norm1")
TIMM = Parts("attn.proj", "mlp.fc2", "attn.qkv", "norm1")
OPEN_CLIP = Parts("attn.out_proj", "mlp.c_proj", "attn", "ln_1")
VILT = Parts("attention.output.dense", "output.dense", "attention.attention.value", "layernorm_before")
BLIP = Parts("self_attn.projection", "mlp.fc2", "self_attn.qkv", "layer_norm1")
GPT2 = Parts("attn.c_proj", "mlp.c_proj", "attn.c_attn", "ln_1")
LLAMA = Parts("self_attn.o_proj", "mlp.down_proj", "self_attn.v_proj", "input_layernorm")


@dataclass(frozen=True)
class Family:
    """A model, how to call it, and its towers: path of the stack and parts of its blocks."""

    make: Callable[[], nn.Module]
    call: Callable[[nn.Module, dict], object]
    towers: dict[str, tuple[str, Parts]] = field(default_factory=dict)


def inputs(seed=0):
    """Images of 16 pixels, ids with an end token and padding behind it, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, END, (BATCH, LENGTH), generator=generator)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.long)
    for row, n in enumerate((4, LENGTH, 6)):
        ids[row, n - 1] = END
        ids[row, n:] = PAD
        mask[row, n:] = 0
    return {"image": torch.randn(BATCH, 3, 16, 16, generator=generator), "ids": ids, "mask": mask}


def image_only(name):
    return lambda model, x: model(**{name: x["image"]})


def text_only(model, x):
    return model(input_ids=x["ids"], attention_mask=x["mask"])


def both(model, x):
    return model(input_ids=x["ids"], pixel_values=x["image"], attention_mask=x["mask"])


def vilt(model, x):
    ones = torch.ones(BATCH, 16, 16, dtype=torch.long)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # the library shuffles the patches by torch's global generator
        return model(input_ids=x["ids"], pixel_values=x["image"], attention_mask=x["mask"], pixel_mask=ones)


SMALL = {"hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 20}
TEXT = SMALL | {"vocab_size": 30, "max_position_embeddings": 20}
PICTURE = SMALL | {"image_size": 16, "patch_size": 4}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": PAD}
TWO = {"text_config": TEXT | ENDS, "vision_config": PICTURE | {"num_hidden_layers": 2}, "projection_dim": 8}
TIMM_SIZES = {"img_size": 16, "patch_size": 4, "embed_dim": 12, "depth": 3, "num_heads": 3, "num_classes": 0}
BRIDGE_TEXT = TEXT | {"hidden_size": 64, "num_attention_heads": 4, "pad_token_id": PAD}
BRIDGE = {
    "hidden_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "text_config": BRIDGE_TEXT | {"num_hidden_layers": 4},
    "vision_config": {"hidden_size": 64, "num_hidden_layers": 4, "image_size": 16, "patch_size": 4},
}


def open_clip(**text):
    vision = CLIPVisionCfg(layers=3, width=12, head_width=4, patch_size=4, image_size=16)
    sizes = {"context_length": LENGTH, "vocab_size": 30, "width": 8, "heads": 2, "layers": 2}
    return CLIP(embed_dim=6, vision_cfg=vision, text_cfg=CLIPTextCfg(**sizes, **text), quick_gelu=True)


def open_clip_tokens_first():
    """As older versions keep their stream: tokens before samples."""
    model = open_clip()
    for transformer in (model.transformer, model.visual.transformer):
        transformer.batch_first = False
        for block in transformer.resblocks:
            block.attn.batch_first = False
    return model


def open_clip_own_attention():
    return open_clip(block_type="custom")


CLIP_TOWERS = {"image": ("visual.transformer.resblocks", OPEN_CLIP), "text": ("transformer.resblocks", OPEN_CLIP)}
FAMILIES = {
    "timm ViT": Family(lambda: VisionTransformer(**TIMM_SIZES), image_only("x"), {"image": ("blocks", TIMM)}),
    "timm BEiT": Family(
        lambda: Beit(**TIMM_SIZES, use_rel_pos_bias=True, init_values=None, qkv_bias=False),
        image_only("x"),
        {"image": ("blocks", TIMM)},
    ),
    "timm EVA with rotations": Family(
        lambda: Eva(**(TIMM_SIZES | {"embed_dim": 24}), qkv_bias=False, use_rot_pos_emb=True, mlp_ratio=2.0),
        image_only("x"),
        {"image": ("blocks", TIMM)},
    ),
    "ViT": Family(lambda: ViTModel(ViTConfig(**PICTURE)), image_only("pixel_values"), {"image": ("layers", VIT)}),
    "BERT": Family(lambda: BertModel(BertConfig(**TEXT)), text_only, {"text": ("encoder.layer", POST_BERT)}),
    "RoBERTa": Family(
        lambda: RobertaModel(RobertaConfig(**TEXT, pad_token_id=PAD)),
        text_only,
        {"text": ("encoder.layer", POST_BERT)},
    ),
    "GPT-2": Family(
        lambda: GPT2Model(
            GPT2Config(n_embd=12, n_head=3, n_layer=3, n_inner=20, n_positions=20, vocab_size=30, use_cache=False)
        ),
        text_only,
        {"text": ("h", GPT2)},
    ),
    "LLaMA": Family(
        lambda: LlamaModel(LlamaConfig(**TEXT, num_key_value_heads=1, head_dim=6, use_cache=False)),
        text_only,
        {"text": ("layers", LLAMA)},
    ),
    "CLIP": Family(
        lambda: CLIPModel(CLIPConfig(**TWO)),
        both,
        {"image": ("vision_model.encoder.layers", CLIP_HF), "text": ("text_model.encoder.layers", CLIP_HF)},
    ),
    "SigLIP": Family(
        lambda: SiglipModel(SiglipConfig(**TWO)),
        both,
        {"image": ("vision_model.encoder.layers", CLIP_HF), "text": ("text_model.encoder.layers", CLIP_HF)},
    ),
    "BLIP": Family(
        lambda: BlipModel(BlipConfig(**TWO)),
        both,
        {"image": ("vision_model.encoder.layers", BLIP), "text": ("text_model.encoder.layer", POST_BERT)},
    ),
    "ViLT": Family(
        lambda: ViltModel(ViltConfig(**TEXT, image_size=16, patch_size=4)), vilt, {"fusion": ("encoder.layer", VILT)}
    ),
    "BridgeTower": Family(
        lambda: BridgeTowerModel(BridgeTowerConfig(**BRIDGE)),
        both,
        {
            "image": ("vision_model.visual.transformer.resblocks", OPEN_CLIP),
            "text": ("text_model.encoder.layer", POST_BERT),
            "fusion_text": ("cross_modal_text_layers", CROSSING_BERT),
            "fusion_image": ("cross_modal_image_layers", CROSSING_BERT),
        },
    ),
    "open_clip": Family(open_clip, lambda model, x: model(x["image"], x["ids"]), CLIP_TOWERS),
    "open_clip, tokens first": Family(
        open_clip_tokens_first, lambda model, x: model(x["image"], x["ids"]), CLIP_TOWERS
    ),
    "open_clip, own attention": Family(
        open_clip_own_attention, lambda model, x: model(x["image"], x["ids"]), CLIP_TOWERS
    ),
    "METER": Family(
        lambda: Meter(replace(ODD, image_size=16, pad_id=PAD), torch.Generator().manual_seed(0)),
        lambda model, x: model(x["image"], x["ids"]),
        {
            "image": ("vit_model.visual.transformer.resblocks", OPEN_CLIP),
            "text": ("text_transformer.encoder.layer", POST_BERT),
            "fusion_text": ("cross_modal_text_layers", CROSSING_BERT),
            "fusion_image": ("cross_modal_image_layers", CROSSING_BERT),
        },
    ),
}


@cache
def family_model(name):
    """The model of a family, with weights so large that heads differ and attention is not flat."""
    model = FAMILIES[name].make().eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for key, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, 0.3, generator=generator)
        elif not key.endswith("weight"):
            parameter.normal_(0, 0.1, generator=generator)
    return model
