"""What a configuration says about a tower: heads, epsilon of the norms; where it is silent, what the library knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn

from brainalign.models.layouts.layout import Layout


def count_heads(header_name: str, layout: Layout, config: Mapping[str, Any], width: int) -> tuple[int, int]:
    """Number of query heads and of key heads of a layer.

    Parameters
    ----------
    header_name : str
        Reference of the checkpoint, for the error.
    layout : Layout
        Layout of the tower.
    config : mapping
        Configuration of the checkpoint.
    width : int
        Columns of a query weight; used where only the width of a head is known.

    Returns
    -------
    tuple of int
        Query heads, key heads (fewer where heads share their keys).

    Raises
    ------
    ValueError
        When neither the configuration nor the library tells, or key heads are not shared evenly.
    """
    heads = _lookup(layout, config, layout.heads)
    if heads is None and (head_width := _lookup(layout, config, layout.head_width) or layout.default_head_width):
        heads = width // head_width
    if heads is None and layout.library == "timm" and has_timm_model(config):
        heads = timm_model(config).blocks[0].attn.num_heads
    if not isinstance(heads, int) or heads < 1:
        fields = " or ".join(
            [*layout.heads, *layout.head_width, *(["architecture"] if layout.library == "timm" else [])]
        )
        msg = f"'{header_name}': the configuration gives {fields} = {heads!r}; a positive number of heads is needed."
        raise ValueError(msg)
    key_heads = _lookup(layout, config, layout.key_heads) or heads
    if heads % key_heads:
        msg = f"'{header_name}': {heads} heads cannot share {key_heads} key heads evenly; is config.json damaged?"
        raise ValueError(msg)
    return heads, key_heads


def norm_epsilon(layout: Layout, config: Mapping[str, Any]) -> float:
    """Epsilon of a tower's norms: as configured, or what the library takes otherwise."""
    if layout.library == "timm" and has_timm_model(config):
        return timm_model(config).blocks[0].norm1.eps
    given = _lookup(layout, config, layout.norm_eps)
    return layout.default_eps if given is None else given


def library_config(config: Mapping[str, Any]) -> Any:
    """The configuration as transformers completes it: older field names translated, defaults filled in."""
    from transformers import AutoConfig  # seconds; most configurations need no completing

    return AutoConfig.for_model(**config)


def has_timm_model(config: Mapping[str, Any]) -> bool:
    """Whether a configuration names an architecture of timm."""
    return _architecture(config) is not None


def timm_model(config: Mapping[str, Any]) -> nn.Module:
    """The architecture of a timm configuration, without weights (on the meta device) and with one layer of all."""
    import timm  # seconds

    architecture, arguments = _architecture(config)
    with torch.device("meta"):
        return timm.create_model(architecture, pretrained=False, **{**arguments, "depth": 1})


def _architecture(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    if "architecture" in config:
        return config["architecture"], config.get("model_args") or {}
    vision = dig(config, "model_cfg.vision_cfg") or config.get("vision_cfg") or {}
    name = vision.get("timm_model_name")
    return (name, {"img_size": vision["image_size"]} if "image_size" in vision else {}) if name else None


def _lookup(layout: Layout, config: Mapping[str, Any], paths: Sequence[str]) -> Any:
    for path in paths:
        if (value := dig(config, path)) is not None:
            return value
    if not paths or layout.library != "transformers" or "model_type" not in config:
        return None
    try:
        complete = library_config(config)
    except StrictDataclassError:  # a field of the wrong type, such as null
        return None
    return next((value for path in paths if (value := dig(complete, path)) is not None), None)


def dig(source: Any, path: str) -> Any:
    """The value at a dotted path through mappings and objects; None where the path ends early."""
    for name in path.split("."):
        source = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return source
