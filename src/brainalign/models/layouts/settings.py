"""What a configuration says about a tower: heads, epsilon of the norms; where it is silent, what the library knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn

from brainalign.models.layouts.layout import Layout

USUAL_PREFIX_TOKENS = 2
"""Most tokens before the patches where no library says how many: a class token, and DeiT's distillation token."""

_PLAIN_TIMM = (
    "vision_transformer",
    "vision_transformer_hybrid",
    "vision_transformer_relpos",
    "deit",
    "beit",
    "eva",
)
_PLAIN_ATTENTION = ("Attention", "AttentionRope", "EvaAttention", "RelPosAttention")


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
    if heads is None:
        head_width = _lookup(layout, config, layout.head_width) or _default_head_width(layout, config)
        heads = width // head_width if head_width else None
    if heads is None and layout.library == "timm" and has_timm_model(config):
        heads = timm_model(config).blocks[0].attn.num_heads
    if not isinstance(heads, int) or heads < 1:
        fields = " or ".join(
            [*layout.heads, *layout.head_width, *(["architecture"] if layout.library == "timm" else [])]
        )
        msg = (
            f"'{header_name}': the configuration gives {fields} = {heads!r}; a positive number of heads is needed. Put "
            "the model's config.json (open_clip_config.json) beside the weights."
        )
        raise ValueError(msg)
    key_heads = _lookup(layout, config, layout.key_heads) or heads
    if heads % key_heads:
        msg = f"'{header_name}': {heads} heads cannot share {key_heads} key heads evenly; is config.json damaged?"
        raise ValueError(msg)
    return heads, key_heads


def head_dim_of(layout: Layout, config: Mapping[str, Any], width: int, heads: int) -> int | None:
    """Width of a head as configured, or the model's width shared out among the heads; None where they do not divide."""
    if layout.library == "timm" and has_timm_model(config):
        return round(timm_model(config).blocks[0].attn.scale ** -2)  # not all its classes keep the width itself
    told = _lookup(layout, config, layout.head_dim)
    return told if isinstance(told, int) else width // heads if width % heads == 0 else None


def count_layers(layout: Layout, config: Mapping[str, Any]) -> int | None:
    """Number of layers that the configuration (or the library) tells of; None where it is silent."""
    told = _lookup(layout, config, layout.layers)
    if told is None and layout.library == "timm" and has_timm_model(config):
        told = len(timm_model(config, whole=True).blocks)
    return told if isinstance(told, int) else None


def picture_grids(layout: Layout, config: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    """Rows and columns of patches that the configuration tells of; none where it is silent.

    Of timm there may be several, the likeliest first: as configured, as the architecture has it without that (which is
    how open_clip builds it), and of the size of picture that the weights were made for.
    """
    if layout.library == "timm" and has_timm_model(config):
        patches = timm_model(config).patch_embed
        grids = [tuple(patches.grid_size)]
        if _architecture(config)[1]:
            grids.append(tuple(timm_model({"architecture": _architecture(config)[0]}).patch_embed.grid_size))
        if size := dig(config, "pretrained_cfg.input_size"):
            grids.append(tuple(n // patch for n, patch in zip(size[-2:], patches.patch_size, strict=True)))
        return tuple(dict.fromkeys(grids))
    sizes = [_pair(_lookup(layout, config, paths)) for paths in (layout.image_size, layout.patch_size)]
    if None in sizes:
        return ()
    (height, width), (rows, columns) = sizes
    return ((height // rows, width // columns),) if rows and columns else ()


def position_kinds(layout: Layout, config: Mapping[str, Any]) -> tuple[bool, bool] | None:
    """Whether a tower has a table of positions, and biases of relative ones; None where it is not told."""
    if layout.bias_table is None or layout.positions is None:
        return None
    if layout.library == "timm":
        if not has_timm_model(config):
            return None
        names = [name for name, _ in timm_model(config).named_parameters()]
        return "pos_embed" in names, any(name.endswith("relative_position_bias_table") for name in names)
    own, *biases = (
        _lookup(layout, config, (field,))
        for field in (
            "use_absolute_position_embeddings",
            "use_relative_position_bias",
            "use_shared_relative_position_bias",
        )
    )
    return bool(own), any(biases)


def most_prefix_tokens(layout: Layout, config: Mapping[str, Any]) -> int:
    """How many tokens there may be before the patches in a picture's table: class, distillation, registers."""
    if layout.library == "timm" and has_timm_model(config):
        return timm_model(config).num_prefix_tokens
    return USUAL_PREFIX_TOKENS


def first_norm(header_name: str, layout: Layout, config: Mapping[str, Any]) -> tuple[Literal["layer", "rms"], float]:
    """Kind and epsilon of the norm before the first layer's queries.

    Parameters
    ----------
    header_name : str
        Reference of the checkpoint, for the error.
    layout : Layout
        Layout of the tower.
    config : mapping
        Configuration of the checkpoint.

    Returns
    -------
    kind : {"layer", "rms"}
    eps : float
        As configured, or what the library takes otherwise.

    Raises
    ------
    ValueError
        The model has its norms after attention, or one of another kind.
    """
    if layout.library == "timm" and has_timm_model(config):
        block = timm_model(config).blocks[0]
        kind = _kind_of_norm(block.norm1)
        if kind is None or not _is_first(block.norm1, block):
            found = f"a {type(block.norm1).__name__} in a {type(block).__name__}"
            raise ValueError(_no_first_norm(header_name, found))
        return kind, block.norm1.eps
    if layout.norm_first and _lookup(layout, config, layout.norm_first) is False:
        raise ValueError(_no_first_norm(header_name, f"{layout.norm_first[0]} = False"))
    given = _lookup(layout, config, layout.norm_eps)
    return layout.norm_kind, layout.default_eps if given is None else given


def check_timm(header_name: str, config: Mapping[str, Any]) -> None:
    """Refuse architectures of timm whose names are those of a plain Transformer, and whose attention is not.

    Raises
    ------
    ValueError
        Unknown to timm, or with attention of another kind; the text says which are read.
    """
    if not has_timm_model(config):
        return
    import timm

    architecture = str(_architecture(config)[0]).partition(".")[0]
    if not timm.is_model(architecture):
        msg = f"'{header_name}': timm {timm.__version__} has no architecture '{architecture}'; is config.json damaged?"
        raise ValueError(msg)
    family = timm.models.model_entrypoint(architecture).__module__.rpartition(".")[2]
    block = timm_model(config).blocks[0] if family in _PLAIN_TIMM else None
    kind = type(getattr(block, "attn", block)).__name__ if block else None
    if kind not in _PLAIN_ATTENTION:
        msg = (
            f"'{header_name}' is timm's {architecture} ({family}{f', {kind}' if kind else ''}), whose attention is not "
            f"that of a plain Transformer. Read are models of timm's {', '.join(_PLAIN_TIMM)} with plain attention."
        )
        raise ValueError(msg)


def library_config(config: Mapping[str, Any]) -> Any:
    """The configuration as transformers completes it: older field names translated, defaults filled in.

    Raises
    ------
    ValueError
        The library cannot make sense of it.
    """
    from transformers import AutoConfig  # seconds; most configurations need no completing

    try:
        return AutoConfig.for_model(**config)
    except (StrictDataclassError, LookupError, TypeError, AttributeError, ValueError) as error:
        msg = f"transformers cannot read this config.json ({_first_line(error)}); is it damaged, or of a newer version?"
        raise ValueError(msg) from error


def has_timm_model(config: Mapping[str, Any]) -> bool:
    """Whether a configuration names an architecture of timm."""
    return _architecture(config) is not None


def timm_model(config: Mapping[str, Any], *, whole: bool = False) -> nn.Module:
    """The architecture of a timm configuration, without weights (on the meta device); with one layer of all, or whole.

    Raises
    ------
    ValueError
        timm cannot build it.
    """
    import timm  # seconds

    architecture, arguments = _architecture(config)
    try:
        with torch.device("meta"):
            return timm.create_model(architecture, pretrained=False, **{**arguments, **({} if whole else {"depth": 1})})
    except (RuntimeError, TypeError, ValueError, LookupError, AssertionError) as error:
        msg = f"timm cannot build the '{architecture}' of this configuration ({_first_line(error)}); is it damaged?"
        raise ValueError(msg) from error


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
    except ValueError:  # a field of the wrong type, such as null
        return None
    return next((value for path in paths if (value := dig(complete, path)) is not None), None)


def _default_head_width(layout: Layout, config: Mapping[str, Any]) -> int | None:
    sections = {path.rpartition(".")[0] for path in layout.head_width}
    told = not sections or any(dig(config, section) is not None for section in sections)
    return layout.default_head_width if told else None


def _pair(value: Any) -> tuple[int, int] | None:
    both = value if isinstance(value, list | tuple) else (value, value)
    return tuple(both) if len(both) == 2 and all(isinstance(n, int) for n in both) else None


def _kind_of_norm(norm: nn.Module) -> Literal["layer", "rms"] | None:
    if isinstance(norm, nn.LayerNorm):
        return "layer"
    return "rms" if type(norm).__name__.lower().startswith("rmsnorm") else None


def _is_first(norm: nn.Module, block: nn.Module) -> bool:
    """Whether a block hands its input to the norm, and the norm's output to attention."""
    entry, seen = torch.empty(1, 1, norm.weight.shape[0], device="meta"), {}

    def stop(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        seen.update(attended=given[0])
        raise StopIteration

    hooks = [
        norm.register_forward_hook(lambda _, given, out: seen.update(given=given[0], normed=out)),
        block.attn.register_forward_pre_hook(stop),
    ]
    with suppress(StopIteration):
        block.eval()(entry)
    for hook in hooks:
        hook.remove()
    return seen.get("given") is entry and seen["attended"] is seen["normed"]


def _no_first_norm(header_name: str, found: str) -> str:
    return (
        f"'{header_name}' has no norm of a known kind between its positions and the first layer's queries ({found}); "
        "choose positions='study' or 'own'."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def dig(source: Any, path: str) -> Any:
    """The value at a dotted path through mappings and objects; None where the path ends early."""
    for name in path.split("."):
        source = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return source
