"""How one tower of a family of checkpoints stores what spatial attention needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Modality = Literal["text", "vision", "fusion"]
Packing = Literal["separate", "rows", "columns", "per_head"]
Rotary = Literal["text", "dinov3", "qwen_visual", "timm"]

ANY_MODEL = r"(?:\w+\.)?"
"""Name of a model before the names of its tensors: a head on top (as in BertForMaskedLM) puts it there."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    r"""Under which names a tower's tensors lie on disk, and how to read them.

    Names are those on disk: the names inside a loaded module differ between versions of a library. They are regular
    expressions that fit a whole name; the group ``layer`` is the layer's number. Fields of the configuration are
    dotted paths such as ``"text_config.num_attention_heads"``; the first that exists counts.

    Attributes
    ----------
    tower : str
        Name of the tower, as written after ``#`` in a reference.
    modality : {"text", "vision", "fusion"}
        What the positions are of: tokens in a row, patches of a grid, or nothing of their own (fusion layers).
    query, key : str
        Names of the weights; both the same where one tensor holds query, key and value.
    packing : {"separate", "rows", "columns", "per_head"}
        ``"separate"``: a torch Linear (out, in) each. ``"rows"``: query, key and value rows in one tensor.
        ``"columns"``: side by side as columns, (in, out). ``"per_head"``: query, key and value rows of the first head,
        then of the second, and so on.
    positions : str or None
        Name of the table of learned positions.
    first_position : int
        Row of the table that belongs to the first token.
    padding : tuple of str
        Where the configuration gives the number of the padding token; the first token's row is the one after it then.
    study_positions : int or None
        How many rows of a picture's table the study takes; None for all.
    bias_table : str or None
        Name of the table of relative-position biases; without the group ``layer`` all layers share it.
    norms : tuple of str
        Weights of the norms between the positions and the first layer's queries, in order.
    norm_kind : {"layer", "rms"}
        Layer norm, or root-mean-square norm.
    norm_eps : tuple of str
        Where the configuration gives the norms' epsilon.
    default_eps : float or None
        Epsilon where the configuration gives none.
    rotary : str or None
        Which rotary convention the tower uses, see `brainalign.models.rotary`.
    heads, key_heads : tuple of str
        Where the configuration gives the number of heads, and of key heads when they are shared.
    head_width : tuple of str
        Where the configuration gives the width of a head instead of their number.
    default_head_width : int or None
        Width of a head where the configuration gives neither, but (if `head_width` names one) the section for it.
    head_dim : tuple of str
        Where the configuration gives the width of a head besides their number; without it, the model's width is shared
        out among the heads.
    layers : tuple of str
        Where the configuration gives the number of layers.
    image_size, patch_size : tuple of str
        Where the configuration gives the height and width of a picture and of its patches: one number, or two.
    norm_first : tuple of str
        Where the configuration can say that the norms come after attention instead.
    library : {"transformers", "timm"} or None
        Which library knows what the configuration leaves out.
    marker : str or None
        Name of a tensor that must exist as well, where names alone do not tell two layouts apart.
    """

    tower: str
    modality: Modality
    query: str
    key: str
    packing: Packing = "separate"
    positions: str | None = None
    first_position: int = 0
    padding: tuple[str, ...] = ()
    study_positions: int | None = None
    bias_table: str | None = None
    norms: tuple[str, ...] = ()
    norm_kind: Literal["layer", "rms"] = "layer"
    norm_eps: tuple[str, ...] = ()
    default_eps: float | None = None
    rotary: Rotary | None = None
    heads: tuple[str, ...] = ("num_attention_heads",)
    key_heads: tuple[str, ...] = ()
    head_width: tuple[str, ...] = ()
    default_head_width: int | None = None
    head_dim: tuple[str, ...] = ("head_dim",)
    layers: tuple[str, ...] = ("num_hidden_layers",)
    image_size: tuple[str, ...] = ("image_size",)
    patch_size: tuple[str, ...] = ("patch_size",)
    norm_first: tuple[str, ...] = ()
    library: Literal["transformers", "timm"] | None = "transformers"
    marker: str | None = None


def in_section(layout: Layout, section: str, **changes: object) -> Layout:
    """The layout of a tower whose configuration is a section of the whole model's, with further changes."""
    paths = {
        field: tuple(f"{section}.{path}" for path in getattr(layout, field))
        for field in ("heads", "key_heads", "norm_eps", "head_dim", "layers", "image_size", "patch_size")
    }
    return replace(layout, **{**paths, **changes})


def below_prefix(layout: Layout, prefix: str) -> Layout:
    """The layout of a tower whose names stand below a fixed prefix instead of any or no model's name."""

    def below(pattern: str) -> str:
        return prefix + pattern.removeprefix(ANY_MODEL)

    return replace(
        layout,
        query=below(layout.query),
        key=below(layout.key),
        positions=layout.positions and below(layout.positions),
        norms=tuple(below(norm) for norm in layout.norms),
    )
