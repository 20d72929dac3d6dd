"""Layouts of models that read both pictures and text."""

from __future__ import annotations

from dataclasses import replace

from brainalign.models.layouts.layout import Layout, below_prefix, in_section
from brainalign.models.layouts.original_clip import BRIDGETOWER, CLIP_POSITIONS
from brainalign.models.layouts.text import BERT, LLAMA
from brainalign.models.layouts.vision import VIT


def _clip_tower(prefix: str) -> Layout:
    layers = prefix + r"encoder\.layers\."
    return Layout(
        tower="text",
        modality="text",
        query=layers + r"(?P<layer>\d+)\.self_attn\.q_proj\.weight",
        key=layers + r"(?P<layer>\d+)\.self_attn\.k_proj\.weight",
        positions=prefix + r"embeddings\.position_embedding\.weight",
        norms=(layers + r"0\.layer_norm1\.weight",),
        norm_eps=("layer_norm_eps",),
        # A file may hold both towers, and its configuration mean one.
        marker=prefix + r"embeddings\.token_embedding\.weight",
    )


# A text tower saved on its own has no prefix.
_CLIP_TEXT = _clip_tower(r"(?:text_model\.)?")
_SIGLIP_VISION = replace(
    _clip_tower(r"(?:vision_model\.)?"),
    tower="vision",
    modality="vision",
    marker=r"(?:vision_model\.)?embeddings\.patch_embedding\.weight",
)
_CLIP_VISION = replace(
    _SIGLIP_VISION,
    study_positions=CLIP_POSITIONS,
    # "layrnorm" is how the files spell it.
    norms=(r"(?:vision_model\.)?pre_layrnorm\.weight", *_SIGLIP_VISION.norms),
)


def _of_joint_model(layout: Layout, tower: str) -> Layout:
    # Without the prefix the two towers of a joint file could not be told apart.
    def required(pattern: str) -> str:
        return pattern.replace(rf"(?:{tower}_model\.)?", rf"{tower}_model\.")

    return in_section(
        layout,
        f"{tower}_config",
        query=required(layout.query),
        key=required(layout.key),
        positions=required(layout.positions or ""),
        norms=tuple(required(norm) for norm in layout.norms),
        marker=required(layout.marker or ""),
    )


_CLIP = (_of_joint_model(_CLIP_VISION, "vision"), _of_joint_model(_CLIP_TEXT, "text"))
_SIGLIP = (_of_joint_model(_SIGLIP_VISION, "vision"), _of_joint_model(_CLIP_TEXT, "text"))


_BLIP_QKV = r"vision_model\.encoder\.layers\.(?P<layer>\d+)\.self_attn\.qkv\.weight"
_BLIP_VISION = in_section(
    _SIGLIP_VISION,
    "vision_config",
    query=_BLIP_QKV,
    key=_BLIP_QKV,
    packing="rows",
    positions=r"vision_model\.embeddings\.position_embedding",
    study_positions=CLIP_POSITIONS,
    norms=(r"vision_model\.encoder\.layers\.0\.layer_norm1\.weight",),
)
_BLIP = (
    _BLIP_VISION,
    # BERT's names; crossattention is named otherwise, and so left out.
    in_section(below_prefix(BERT, r"text_encoder\."), "text_config"),
    # Models that write captions have a decoder instead.
    in_section(below_prefix(BERT, r"text_decoder\.bert\."), "text_config"),
)

_QWEN_TEXT = in_section(LLAMA, "text_config")
_QWEN_QKV = r"(?:model\.)?visual\.blocks\.(?P<layer>\d+)\.attn\.qkv\.weight"
_QWEN2_VISION = Layout(
    tower="vision",
    modality="vision",
    query=_QWEN_QKV,
    key=_QWEN_QKV,
    packing="rows",
    norms=(r"(?:model\.)?visual\.blocks\.0\.norm1\.weight",),
    default_eps=1e-6,
    rotary="qwen_visual",
    heads=("vision_config.num_heads",),
    head_dim=(),
    layers=("vision_config.depth",),
)

_VILT_TEXT = replace(
    VIT, tower="text", modality="text", positions=r"(?:\w+\.)?embeddings\.text_embeddings\.position_embeddings\.weight"
)

MULTIMODAL_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "clip": _CLIP,
    "clip_vision_model": (_CLIP_VISION,),
    "clip_text_model": (_CLIP_TEXT,),
    "siglip": _SIGLIP,
    "siglip_vision_model": (_SIGLIP_VISION,),
    "siglip_text_model": (_CLIP_TEXT,),
    "blip": _BLIP,
    "qwen2_vl": (_QWEN2_VISION, _QWEN_TEXT),
    "qwen2_5_vl": (replace(_QWEN2_VISION, norm_kind="rms"), _QWEN_TEXT),
    "bridgetower": BRIDGETOWER,
    "vilt": (VIT, _VILT_TEXT),
}
"""Layouts by the ``model_type`` of a checkpoint's ``config.json``."""
