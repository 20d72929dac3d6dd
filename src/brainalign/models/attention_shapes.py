"""How many layers, heads and positions a model has and how wide they are, known without any of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from brainalign.catalogue.references import parse_reference
from brainalign.models.architectures import (
    Contents,
    build_config,
    open_clip_contents,
    timm_contents,
    transformers_contents,
)
from brainalign.models.layouts import Layout, choose_layout, count_heads, plan_reading, split_heads
from brainalign.models.layouts.match import Header
from brainalign.models.layouts.settings import dig
from brainalign.models.positions import grid_of
from brainalign.models.registry import get_model
from brainalign.models.relative_bias import window_of
from brainalign.models.rotary import is_rotary

STAND_IN_SHAPES = {"text": (1024, 768), "vision": (197, 768)}
"""Rows and width of the tables that the study lends to rotary models: those of GPT-2, and of ViT-B/16 at 224 pixels."""

USUAL_SD = 0.02
"""Spread of weights and positions before training, in most families."""


@dataclass(frozen=True)
class AttentionShape:
    """Everything about a tower that its random twin needs to know.

    Attributes
    ----------
    model : str
        What it is the shape of.
    layout : Layout
        How the tower's files lie, and of what modality it is.
    n_layers, n_heads, n_key_heads : int
        Layers; heads and key heads of a layer (fewer where heads share keys).
    width, head_dim : int
        Rows and columns of W_Q of one head.
    table : tuple of int or None
        Rows and width of the position table, as far as it is used; None where the tower has none of its own.
    stand_in : bool
        Whether the positions are another model's, as the study has it for rotary models.
    bias_tables : tuple of tuple of int
        Shapes of the tables of relative-position biases: one per layer, one for all, or none.
    position_sd, weight_sd : float
        Spread of the numbers before training.
    """

    model: str
    layout: Layout
    n_layers: int
    n_heads: int
    n_key_heads: int
    width: int
    head_dim: int
    table: tuple[int, int] | None
    stand_in: bool
    bias_tables: tuple[tuple[int, ...], ...]
    position_sd: float
    weight_sd: float


def head_counts(model_id: str) -> tuple[int, int]:
    """Layers of a model of the registry, and heads of a layer.

    Raises
    ------
    ValueError
        See `attention_shape`.
    """
    shape = attention_shape(model_id)
    return shape.n_layers, shape.n_heads


def n_nodes(model_id: str, *, max_positions: int = 50, grid: int | None = None) -> int:
    """Number of nodes of the graphs of a model of the registry.

    Parameters
    ----------
    model_id, max_positions, grid
        As in `drawn_attention`.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        See `attention_shape`.
    """
    shape = attention_shape(model_id, max_positions=max_positions)
    if shape.table is None:
        side = grid or window_of(shape.bias_tables[0][0])[0]
        return side**2 + 1
    n_rows = shape.table[0]
    if shape.layout.modality == "text":
        return n_rows
    if grid is None:
        return min(n_rows, shape.layout.study_positions or n_rows)
    return grid_of(n_rows)[0] + grid**2


def attention_shape(model_id: str, *, max_positions: int = 50) -> AttentionShape:
    """Shape of a model of the registry, from its architecture alone.

    Parameters
    ----------
    model_id : str
        A row of `data/models.csv` from timm, transformers or open_clip.
    max_positions : int
        How many positions of a text are taken.

    Returns
    -------
    AttentionShape

    Raises
    ------
    ValueError
        An unknown id, or a model whose shape is not known without its files.
    """
    entry = get_model(model_id)
    reference = parse_reference(entry.reference)
    return read_shape(_header_of(model_id), reference.tower, max_positions=max_positions)


def read_shape(header: Header, tower: str | None = None, *, max_positions: int = 50) -> AttentionShape:
    """Shape of a tower, from the names and shapes of the tensors of a checkpoint.

    Parameters
    ----------
    header : Header
        An open checkpoint, or anything with its names, shapes and configuration.
    tower : str, optional
        Name of the tower; may be left out where there is one only.
    max_positions : int
        How many positions of a text are taken.

    Returns
    -------
    AttentionShape

    Raises
    ------
    ValueError
        No known layout, no such tower, no positions of any kind, or fewer than two.
    """
    if max_positions < 2:
        msg = f"max_positions = {max_positions} leaves no graph; give at least 2."
        raise ValueError(msg)
    layout = choose_layout(header, tower)
    plan = plan_reading(header, layout, max_positions=max_positions)
    table = _table_shape(header, plan.positions)
    stand_in = table is None and not plan.bias_tables
    if stand_in and not is_rotary(layout, header.config):
        msg = f"the {layout.tower} tower of '{header.reference}' has no positions, and none are lent to it."
        raise ValueError(msg)
    if stand_in:
        rows, width = STAND_IN_SHAPES[layout.modality]
        table = min(rows, max_positions) if layout.modality == "text" else rows, width
    n_heads, n_key_heads, head_dim, width = _head_shape(header, layout, plan.query[0].name, plan.key[0].name)
    n_layers = len(plan.query)
    return AttentionShape(
        model=header.reference,
        layout=layout,
        n_layers=n_layers,
        n_heads=n_heads,
        n_key_heads=n_key_heads,
        width=width,
        head_dim=head_dim,
        table=table,
        stand_in=stand_in,
        bias_tables=tuple(header.shape(part.name) for part in plan.bias_tables),
        **_initial_sds(layout, header.config, width, n_layers),
    )


@dataclass(frozen=True)
class _ArchitectureHeader:
    """Names and shapes of a checkpoint that is not here."""

    reference: str
    config: Mapping[str, Any]
    contents: Contents

    def names(self) -> Sequence[str]:
        return tuple(self.contents.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.contents.tensors[name][0]


@cache
def _header_of(model_id: str) -> _ArchitectureHeader:
    entry = get_model(model_id)
    reference = parse_reference(entry.reference)
    if entry.architecture:
        contents, config = transformers_contents(entry.architecture), build_config(entry.architecture).to_dict()
    elif reference.hub == "timm":
        contents = timm_contents(reference.name)
        config = {"architecture": reference.name.partition(".")[0]}
    elif reference.hub == "open_clip":
        import open_clip  # seconds

        contents = open_clip_contents(reference.name)
        config = {"model_cfg": open_clip.get_model_config(reference.name.partition("/")[0])}
    else:
        msg = (
            f"the shape of '{model_id}' is not known without its files: known are the rows of timm and open_clip, and "
            f"those of transformers that data/architectures.yml lists. {entry.note}".rstrip()
        )
        raise ValueError(msg)
    return _ArchitectureHeader(f"{model_id}, drawn", config, contents)


def _table_shape(header: Header, part: Any) -> tuple[int, int] | None:
    if part is None:
        return None
    rows, width = header.shape(part.name)[-2:]  # some have a leading axis of one
    return (rows, width) if part.rows is None else (part.rows[1] - part.rows[0], width)


def _head_shape(header: Header, layout: Layout, query: str, key: str) -> tuple[int, int, int, int]:
    shapes = [header.shape(name) for name in (query, key)]
    width = shapes[0][0] if layout.packing == "columns" else shapes[0][1]
    n_heads, n_key_heads = count_heads(header.reference, layout, header.config, width)
    if layout.packing == "rows":
        rows = shapes[0][0] * (n_heads + n_key_heads) // (n_heads + 2 * n_key_heads)
        shapes = [(rows, width)] * 2  # without the value rows
    W_Q, W_K = (torch.empty(shape, device="meta") for shape in shapes)
    one, _ = split_heads(W_Q, W_K, layout.packing, n_heads, n_key_heads)
    return n_heads, n_key_heads, one.shape[1], width


def _initial_sds(layout: Layout, config: Mapping[str, Any], width: int, n_layers: int) -> dict[str, float]:
    if layout.library is None and layout.packing == "rows":
        text = layout.modality == "text"
        return {
            "position_sd": 0.01 if text else width**-0.5,
            "weight_sd": width**-0.5 if text else (2 * width) ** -0.5,
        }
    if layout.library == "transformers" and str(config.get("model_type")).startswith("clip"):
        return {"position_sd": USUAL_SD, "weight_sd": width**-0.5 * (2 * n_layers) ** -0.5}
    told = [dig(config, f"{layout.tower}_config.initializer_range"), config.get("initializer_range")]
    # Pictures in BLIP have 1e-10 there, which is lost in rounding; its own code has 0.02.
    known = next((sd for sd in told if sd is not None and sd > 1e-6), USUAL_SD)
    return {"position_sd": known, "weight_sd": known}
