"""Which weight of DINOv2 each initialiser of an exported graph is, by the nodes that use it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BACKBONE = "backbone."
_POSITIONS = "embeddings.position_embeddings"
_PATCHES = "embeddings.patch_embeddings.projection.weight"
_QUERY = "encoder.layer.0.attention.attention.query.bias"
_FIRST = "encoder.layer.0.mlp.fc1.weight"


@dataclass(frozen=True)
class Node:
    """A node of the graph: its operator, what it takes and gives, and its whole number if it is a constant one."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constant: int | None


@dataclass(frozen=True)
class Source:
    """Initialisers that make up a weight, joined along their second axis, or one that has to be transposed."""

    parts: tuple[str, ...]
    is_transposed: bool = False


def name_weights(path: Path, nodes: Sequence[Node], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Source]:
    """Weights of the backbone by the names that transformers gives them.

    Raises
    ------
    ValueError
        The names are not those of DINOv2, or a weight is not found.
    """
    named = {name.removeprefix(_BACKBONE): Source((name,)) for name in shapes if name.startswith(_BACKBONE)}
    if _PATCHES not in named or _QUERY not in named:
        msg = (
            f"{path} is an ONNX file whose {len(shapes)} initialisers, such as '{next(iter(shapes))}', are of no known "
            f"architecture. Read is: DINOv2 as transformers names it, below '{_BACKBONE}'. "
            "Give the model's safetensors."
        )
        raise ValueError(msg)
    named |= _matrices(nodes, shapes)
    if _POSITIONS not in named:
        named[_POSITIONS] = _joined_positions(path, nodes, shapes)
    biases = [name for name in named if name.endswith(".bias")]
    lacking = [name for name in biases if f"{name.removesuffix('bias')}weight" not in named]
    if lacking:
        msg = f"{path}: no matrix is found whose product '{lacking[0]}' is added to. Give the model's safetensors."
        raise ValueError(msg)
    return named


def _matrices(nodes: Sequence[Node], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Source]:
    products = {
        node.outputs[0]: node.inputs[1] for node in nodes if node.operator == "MatMul" and node.inputs[1] in shapes
    }
    found = {}
    for node in nodes:
        if node.operator != "Add":
            continue
        bias = next((name for name in node.inputs if name.startswith(_BACKBONE) and name.endswith(".bias")), None)
        matrix = next((products[name] for name in node.inputs if name in products), None)
        if bias and matrix:
            name = bias.removeprefix(_BACKBONE).removesuffix("bias") + "weight"
            found[name] = Source((matrix,), is_transposed=True)
    return found


def _joined_positions(path: Path, nodes: Sequence[Node], shapes: Mapping[str, tuple[int, ...]]) -> Source:
    """The table of positions, which exporters cut into the row of the class token and the grid of patches."""
    width = shapes[f"{_BACKBONE}embeddings.cls_token"][-1]
    used = {kind: [n for node in nodes if node.operator == kind for n in node.inputs] for kind in ("Concat", "Reshape")}
    rows = [n for n in used["Concat"] if shapes.get(n) == (1, 1, width) and not n.startswith(_BACKBONE)]
    grids = [n for n in used["Reshape"] if len(shapes.get(n, ())) == 3 and shapes[n][::2] == (1, width)]
    if len(rows) != 1 or len(grids) != 1:
        msg = f"{path}: the table of positions is not found among the initialisers. Give the model's safetensors."
        raise ValueError(msg)
    return Source((rows[0], grids[0]))


def dinov2_config(path: Path, nodes: Sequence[Node], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Content of the ``config.json`` that transformers would have; the heads are those of the graph's reshaping.

    Raises
    ------
    ValueError
        The number of heads is not found in the graph, or the positions form no square grid.
    """
    width, channels, patch, _ = shapes[_PATCHES]
    side = math.isqrt(shapes[_POSITIONS][1] - 1)
    if side**2 != shapes[_POSITIONS][1] - 1:
        msg = f"{path} has {shapes[_POSITIONS][1]} positions, which are not one and a square. Give the safetensors."
        raise ValueError(msg)
    layers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layer.")}
    return {
        "model_type": "dinov2",
        "architectures": ["Dinov2Model"],
        "hidden_size": width,
        "num_channels": channels,
        "patch_size": patch,
        "image_size": side * patch,
        "num_hidden_layers": len(layers),
        "num_attention_heads": _heads(path, nodes, width),
        "mlp_ratio": shapes[_FIRST][0] // width,
    }


def _heads(path: Path, nodes: Sequence[Node], width: int) -> int:
    makers = {name: node for node in nodes for name in node.outputs}
    query = next((n.outputs[0] for n in nodes if n.operator == "Add" and f"{_BACKBONE}{_QUERY}" in n.inputs), None)
    for node in nodes:
        if node.operator == "Reshape" and node.inputs[0] == query and node.inputs[1] in makers:
            sizes = [makers[name].constant for name in makers[node.inputs[1]].inputs if name in makers][-2:]
            known = [size for size in sizes if size is not None]
            if len(known) == len(sizes) == 2 and known[0] * known[1] == width:
                return known[0]
    msg = f"{path}: the graph does not tell how many heads the model has. Give the model's safetensors."
    raise ValueError(msg)
