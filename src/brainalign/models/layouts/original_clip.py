"""Layouts of models that keep the names of the original CLIP: open_clip, METER and BridgeTower."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from brainalign.models.layouts.layout import ANY_MODEL, Layout, below_prefix, in_section
from brainalign.models.layouts.text import ROBERTA
from brainalign.models.layouts.vision import timm_layouts

CLIP_POSITIONS = 197
"""Rows of a vision tower's table that the study takes (CLIP and BLIP), whatever the size of the picture."""


def _resblocks(tower: str, prefix: str, **fields: Any) -> Layout:
    # Names of the original CLIP, which open_clip, METER and BridgeTower keep.
    weight = prefix + r"transformer\.resblocks\.(?P<layer>\d+)\.attn\.in_proj_weight"
    before = (prefix + r"ln_pre\.weight",) if tower == "vision" else ()
    settings: dict[str, Any] = {
        "positions": prefix + r"positional_embedding",
        "norms": (*before, prefix + r"transformer\.resblocks\.0\.ln_1\.weight"),
        "default_eps": 1e-5,
        "library": None,
    }
    settings |= {"study_positions": CLIP_POSITIONS} if tower == "vision" else {}
    return Layout(tower=tower, modality=tower, query=weight, key=weight, packing="rows", **(settings | fields))


def _fusion(stream: str, prefix: str, **fields: Any) -> Layout:
    weight = prefix + rf"cross_modal_{stream}_layers\.(?P<layer>\d+)\.attention\.self\."
    tower = f"fusion-{stream}-self"
    return Layout(
        tower=tower, modality="fusion", query=weight + r"query\.weight", key=weight + r"key\.weight", **fields
    )


BRIDGETOWER = (
    _resblocks(
        "vision",
        ANY_MODEL + r"vision_model\.visual\.",
        positions=ANY_MODEL + r"vision_model\.visual\.embeddings\.position_embedding\.weight",
        default_head_width=64,
        heads=(),
        layers=("vision_config.num_hidden_layers",),
        image_size=("vision_config.image_size",),
        patch_size=("vision_config.patch_size",),
        study_positions=None,
    ),
    in_section(below_prefix(ROBERTA, ANY_MODEL + r"text_model\."), "text_config"),
    # The library builds both streams of the fusion with the text tower's configuration.
    in_section(_fusion("text", ANY_MODEL), "text_config", layers=("num_hidden_layers",)),
    in_section(_fusion("image", ANY_MODEL), "text_config", layers=("num_hidden_layers",)),
)

METER = (
    _resblocks(
        "vision",
        r"vit_model\.visual\.",
        heads=("image_heads",),
        layers=("image_layers",),
        default_head_width=64,
        study_positions=None,
    ),
    replace(
        below_prefix(ROBERTA, r"text_transformer\."),
        heads=("text_heads",),
        layers=("text_layers",),
        default_head_width=64,
        norm_eps=(),
        library=None,
    ),
    *(
        _fusion(
            stream,
            "",
            heads=("heads", "num_heads"),
            layers=("layer_pairs",),
            default_head_width=64,
            library=None,
        )
        for stream in ("text", "image")
    ),
)

_VISION_CFG, _TEXT_CFG = ("model_cfg.vision_cfg", "vision_cfg"), ("model_cfg.text_cfg", "text_cfg")


def _fields(sections: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for section in sections)


_OPEN_CLIP_VISION_SETTINGS = {
    "heads": (),
    "head_width": _fields(_VISION_CFG, "head_width"),
    "default_head_width": 64,
    "layers": _fields(_VISION_CFG, "layers"),
    "image_size": _fields(_VISION_CFG, "image_size"),
    "patch_size": _fields(_VISION_CFG, "patch_size"),
    "norm_eps": _fields(_VISION_CFG, "norm_kwargs.eps"),
}
_OPEN_CLIP_TEXT_SETTINGS = {
    # A text tower on its own gives its heads without a section.
    "heads": (*_fields(_TEXT_CFG, "heads"), "heads"),
    "layers": (*_fields(_TEXT_CFG, "layers"), "layers"),
    "norm_eps": _fields(_TEXT_CFG, "norm_kwargs.eps"),
}
OPEN_CLIP = (
    _resblocks("vision", r"visual\.", **_OPEN_CLIP_VISION_SETTINGS),
    *timm_layouts(r"visual\.trunk\."),
    _resblocks("text", r"(?:text\.)?", marker=r"(?:text\.)?token_embedding\.weight", **_OPEN_CLIP_TEXT_SETTINGS),
)
# The vision tower on its own has the names of the whole model's text tower, but a convolution.
OPEN_CLIP_VISION = (_resblocks("vision", "", marker=r"conv1\.weight", heads=("heads",), layers=("layers",)),)
