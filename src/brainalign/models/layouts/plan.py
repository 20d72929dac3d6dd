"""Which parts of which tensors spatial attention needs, decided from names and shapes before anything is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.layouts.layout import Layout
from brainalign.models.layouts.match import (
    Header,
    choose_layout,
    find_layouts,
    match_layers,
    match_optional,
    tensors_in_words,
)
from brainalign.models.layouts.settings import count_heads, count_layers, position_kinds


@dataclass(frozen=True)
class Plan:
    """The parts that are read of a tower.

    Attributes
    ----------
    layout : Layout
        Layout of the tower.
    query, key : tuple of TensorPart
        A part a layer; the same ones where query and key share a tensor.
    positions : TensorPart or None
        Rows of the position table; None where the tower has none.
    bias_tables : tuple of TensorPart
        Tables of relative-position biases: one per layer, or one for all layers, or none.
    norms : tuple of tuple
        Weight, and bias or None, of the norms before the first layer.
    """

    layout: Layout
    query: tuple[TensorPart, ...]
    key: tuple[TensorPart, ...]
    positions: TensorPart | None
    bias_tables: tuple[TensorPart, ...]
    norms: tuple[tuple[TensorPart, TensorPart | None], ...]

    @property
    def parts(self) -> list[TensorPart]:
        """Every part once, so that one call reads them all."""
        norms = [part for pair in self.norms for part in pair]
        wanted = [*self.query, *self.key, *self.bias_tables, *norms, self.positions]
        return list(dict.fromkeys(part for part in wanted if part is not None))


def plan_reading(
    header: Header, layout: Layout, *, max_positions: int, with_norms: bool = False, with_positions: bool = True
) -> Plan:
    """Decide what to read of a tower.

    Parameters
    ----------
    header : Header
        Names, shapes and configuration of the checkpoint.
    layout : Layout
        Layout of the tower.
    max_positions : int
        Most rows of a text's position table; the tables of pictures are read whole.
    with_norms : bool
        Whether the norms before the first layer are needed.
    with_positions : bool
        Whether positions and bias tables are needed.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        When no tensor fits a name of the layout, layers are missing, or the configuration tells of another number; the
        text says which exist.
    """
    names = header.names()
    query, key = (tuple(match_layers(pattern, names)) for pattern in (layout.query, layout.key))
    _check_layers(header, layout, len(query), len(key))
    fused = layout.query == layout.key
    parts = tuple(_query_and_key_rows(header, layout, name) if fused else TensorPart(name) for name in query)
    table = match_optional(layout.positions, names) if with_positions else None
    bias_tables = _bias_tables(layout, names) if with_positions else ()
    if with_positions:
        _check_positions(header, layout, (table is not None, bool(bias_tables)))
    return Plan(
        layout,
        parts,
        parts if fused else tuple(TensorPart(name) for name in key),
        None if table is None else _position_rows(header, layout, table, max_positions),
        bias_tables,
        _norms(layout, names) if with_norms else (),
    )


def parts_needed(header: Header, tower: str | None = None, *, max_positions: int = 50) -> list[TensorPart]:
    """The tensors, or leading rows of them, that topological alignment reads of a checkpoint.

    Parameters
    ----------
    header : Header
        An open checkpoint, or anything with its names, shapes and configuration.
    tower : str, optional
        Name of the tower; may be left out where there is one only.
    max_positions : int
        Most rows of a text's position table.

    Returns
    -------
    list of TensorPart
    """
    return plan_reading(header, choose_layout(header, tower), max_positions=max_positions).parts


def topology_bytes(
    tensors: Mapping[str, tuple[tuple[int, ...], int]],
    config: Mapping[str, Any],
    *,
    tower: str | None = None,
    max_positions: int = 50,
) -> int:
    """Bytes of the weights that topological alignment reads of a model.

    Parameters
    ----------
    tensors : mapping of str to tuple
        Shape and bytes per number of every tensor, by its name on disk.
    config : mapping
        Content of ``config.json``.
    tower : str, optional
        Name of the tower; without it, all towers that have positions or whose positions are stood in for.
    max_positions : int
        Most rows of a text's position table.

    Returns
    -------
    int
        Bytes, as stored. The positions that stand in for those of rotary models are not counted.

    Examples
    --------
    >>> rows = {"embeddings.position_embeddings.weight": ((512, 8), 4)}
    >>> for part in ("query", "key"):
    ...     rows[f"encoder.layer.0.attention.self.{part}.weight"] = ((8, 8), 4)
    >>> topology_bytes(rows, {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2})
    2112
    """
    header = _ShapesOnly(tensors, config)
    layouts = [choose_layout(header, tower)] if tower else find_layouts(header).values()
    parts: set[TensorPart] = set()
    for layout in layouts:
        if tower or layout.modality != "fusion":
            parts |= set(plan_reading(header, layout, max_positions=max_positions).parts)
    return sum(_bytes(part, *tensors[part.name]) for part in parts)


@dataclass(frozen=True)
class _ShapesOnly:
    tensors: Mapping[str, tuple[tuple[int, ...], int]]
    config: Mapping[str, Any]
    reference: str = "the model"

    def names(self) -> list[str]:
        return list(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name][0]


def _bytes(part: TensorPart, shape: tuple[int, ...], itemsize: int) -> int:
    rows = shape[0] if part.rows is None else part.rows[1] - part.rows[0]
    for length in shape[1:]:
        rows *= length
    return rows * itemsize


def _query_and_key_rows(header: Header, layout: Layout, name: str) -> TensorPart:
    if layout.packing != "rows":
        return TensorPart(name)
    rows, width = header.shape(name)
    if not layout.key_heads:
        return TensorPart(name, (0, rows * 2 // 3))
    heads, key_heads = count_heads(header.reference, layout, header.config, width)
    return TensorPart(name, (0, rows * (heads + key_heads) // (heads + 2 * key_heads)))


def _position_rows(header: Header, layout: Layout, name: str, max_positions: int) -> TensorPart:
    if layout.modality != "text":
        return TensorPart(name)
    told = [header.config[field] + 1 for field in layout.padding if isinstance(header.config.get(field), int)]
    first, last = (told or [layout.first_position])[0], header.shape(name)[0]
    return TensorPart(name, (first, min(last, first + max_positions)))


def _bias_tables(layout: Layout, names: list[str]) -> tuple[TensorPart, ...]:
    if layout.bias_table is None:
        return ()
    matches = [m for name in names if (m := re.fullmatch(layout.bias_table, name))]
    return tuple(TensorPart(m[0]) for m in sorted(matches, key=lambda m: int(m["layer"] or 0)))


def _norms(layout: Layout, names: list[str]) -> tuple[tuple[TensorPart, TensorPart | None], ...]:
    found = []
    for pattern in layout.norms:
        # The first releases of BERT say gamma and beta.
        name = match_optional(pattern.removesuffix("weight") + "(?:weight|gamma)", names)
        if name is not None:
            bias = name.removesuffix("weight") + "bias" if name.endswith("weight") else name[: -len("gamma")] + "beta"
            found.append((TensorPart(name), TensorPart(bias) if bias in names else None))
    return tuple(found)


def _check_layers(header: Header, layout: Layout, n_query: int, n_key: int) -> None:
    told = count_layers(layout, header.config)
    if n_query == n_key == (told or n_query):
        return
    found = f"{n_query} layers" if n_query == n_key else f"{n_query} layers of query and {n_key} of key weights"
    expected = f"; the configuration tells of {told}" if told else ""
    msg = (
        f"'{header.reference}' holds {found} in its {layout.tower} tower{expected}: the checkpoint is incomplete, or "
        "its config.json is another model's. Give all its files (the folder, or the index of its shards)."
    )
    raise ValueError(msg)


def _check_positions(header: Header, layout: Layout, found: tuple[bool, bool]) -> None:
    told = position_kinds(layout, header.config)
    if told is None or found == told:
        return
    kinds = ("a table of positions", "biases of relative positions")
    kind, expected = next((kind, want) for kind, there, want in zip(kinds, found, told, strict=True) if there != want)
    cause = f"lacks {kind}, and should have it: it is incomplete" if expected else f"holds {kind}, and should not"
    msg = (
        f"'{header.reference}' {cause}, or its config.json is that of another model. "
        f"{tensors_in_words(header.names())} Fetch all its files again."
    )
    raise ValueError(msg)
