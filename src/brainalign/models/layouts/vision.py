"""Layouts of picture models."""

from __future__ import annotations

from dataclasses import replace

from brainalign.models.layouts.layout import ANY_MODEL, Layout

_LAYER = ANY_MODEL + r"encoder\.layer\."

VIT = Layout(
    tower="vision",
    modality="vision",
    query=_LAYER + r"(?P<layer>\d+)\.attention\.attention\.query\.weight",
    key=_LAYER + r"(?P<layer>\d+)\.attention\.attention\.key\.weight",
    positions=ANY_MODEL + r"embeddings\.position_embeddings",
    norms=(_LAYER + r"0\.layernorm_before\.weight",),
    norm_eps=("layer_norm_eps",),
)

BEIT = replace(
    VIT,
    bias_table=ANY_MODEL
    + r"encoder\.(?:layer\.(?P<layer>\d+)\.attention\.attention\.)?"
    + r"relative_position_bias\.relative_position_bias_table",
)

DINOV2 = replace(VIT, norms=(_LAYER + r"0\.norm1\.weight",))

_DINOV3 = r"(?:model\.)?layer\."
DINOV3 = replace(
    VIT,
    query=_DINOV3 + r"(?P<layer>\d+)\.attention\.q_proj\.weight",
    key=_DINOV3 + r"(?P<layer>\d+)\.attention\.k_proj\.weight",
    positions=None,
    norms=(_DINOV3 + r"0\.norm1\.weight",),
    rotary="dinov3",
)


def timm_layouts(prefix: str) -> tuple[Layout, ...]:
    """Layouts of timm's plain Transformers (ViT, DeiT, DINO, MAE, CLIP, SigLIP, BEiT, EVA) below a prefix of names."""
    fused = prefix + r"blocks\.(?P<layer>\d+)\.attn\.qkv\.weight"
    packed = Layout(
        tower="vision",
        modality="vision",
        query=fused,
        key=fused,
        packing="rows",
        positions=prefix + r"pos_embed",
        bias_table=prefix + r"(?:blocks\.(?P<layer>\d+)\.attn|rel_pos_bias)\.relative_position_bias_table",
        norms=(prefix + r"norm_pre\.weight", prefix + r"blocks\.0\.norm1\.weight"),
        default_eps=1e-6,
        rotary="timm",
        heads=("num_heads", "model_args.num_heads"),
        head_dim=(),
        layers=("depth", "model_args.depth"),
        image_size=("img_size",),
        library="timm",
    )
    separate = replace(
        packed,
        query=prefix + r"blocks\.(?P<layer>\d+)\.attn\.q_proj\.weight",
        key=prefix + r"blocks\.(?P<layer>\d+)\.attn\.k_proj\.weight",
        packing="separate",
    )
    return packed, separate


TIMM = timm_layouts(r"(?:timm_model\.)?")

VISION_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "vit": (VIT,),
    "deit": (VIT,),
    "vit_mae": (VIT,),
    "beit": (BEIT,),
    "dinov2": (DINOV2,),
    "dinov2_with_registers": (DINOV2,),
    "dinov3_vit": (DINOV3,),
    "timm_wrapper": TIMM,
}
"""Layouts by the ``model_type`` of a checkpoint's ``config.json``."""
