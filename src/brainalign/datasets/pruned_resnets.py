"""Architectures of ResNet56 as the study of layer pruning released them, read without the library that wrote them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from brainalign.catalogue.entries import entry, locate, state_of

PRUNED_RESNET56 = "pruned-resnet56"
"""Entry of the catalogue."""

_PASSING = ("Activation", "Add", "InputLayer")


class _Shape(NamedTuple):
    side: int
    channels: int


@dataclass(frozen=True)
class Architecture:
    """What an architecture costs.

    Attributes
    ----------
    blocks : tuple of int
        Residual blocks in each stage, from the first to the last.
    macs : int
        Multiply-accumulate operations of convolutions and linear layers for one picture.
    parameters : int
        Weights, biases, and the four numbers per channel of each batch normalization, of which two are running
        statistics.
    """

    blocks: tuple[int, ...]
    macs: int
    parameters: int


def has_pruned_resnet56() -> bool:
    """Whether the released architectures are on this machine."""
    return state_of(PRUNED_RESNET56) in ("mirror", "here")


def load_pruned_resnet56() -> dict[str, Architecture]:
    """All released architectures.

    Returns
    -------
    dict of str to Architecture
        ``"whole"``; ``"1"`` to ``"20"`` by how many blocks were removed; ``"20 + 1"`` to ``"20 + 5"`` by how many
        times filters were pruned after that.

    Raises
    ------
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Pons et al. (2024). Effective layer pruning through similarity metric perspective. arXiv 2405.17081.
    """
    paths = [file.path for file in entry(PRUNED_RESNET56).files]
    found = {_step(path): read_architecture(locate(PRUNED_RESNET56, path)) for path in paths}
    return {_name(step): found[step] for step in sorted(found)}


def read_architecture(path: Path) -> Architecture:
    """Count the operations of a network that Keras saved as JSON.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Architecture

    Raises
    ------
    ValueError
        For a kind of layer that residual networks for pictures of CIFAR do not have.
    """
    layers = json.loads(path.read_text(encoding="utf-8"))["config"]["layers"]
    shapes: dict[str, _Shape] = {}
    macs = parameters = 0
    blocks: Counter[int] = Counter()
    for layer in layers:
        before = [shapes[node[0]] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []
        shape, more_macs, more_parameters = _count(layer, before[0] if before else None)
        shapes[layer["name"]] = shape
        macs += more_macs
        parameters += more_parameters
        if layer["class_name"] == "Add":
            blocks[shape.channels] += 1
    return Architecture(tuple(blocks[channels] for channels in sorted(blocks)), macs, parameters)


def _count(layer: dict[str, Any], before: _Shape | None) -> tuple[_Shape, int, int]:
    """Shape of a layer's output, its operations and its parameters."""
    kind, config = layer["class_name"], layer["config"]
    if kind == "InputLayer":
        return _Shape(*config["batch_input_shape"][2:]), 0, 0
    if kind in _PASSING:
        return before, 0, 0
    if kind == "BatchNormalization":
        return before, 0, 4 * before.channels
    if kind == "Conv2D":
        side = -(-before.side // config["strides"][0])  # "same" padding rounds up
        weights = before.channels * config["kernel_size"][0] * config["kernel_size"][1] * config["filters"]
        biases = config["filters"] * config["use_bias"]
        return _Shape(side, config["filters"]), weights * side**2, weights + biases
    if kind == "AveragePooling2D":
        return _Shape(before.side // config["pool_size"][0], before.channels), 0, 0
    if kind == "Flatten":
        return _Shape(1, before.side**2 * before.channels), 0, 0
    if kind == "Dense":
        weights = before.channels * config["units"]
        return _Shape(1, config["units"]), weights, weights + config["units"] * config["use_bias"]
    msg = f"the layer '{layer['name']}' is of the kind {kind}, which cannot be counted; remove the file."
    raise ValueError(msg)


def _step(path: str) -> tuple[int, int]:
    """Blocks removed, and rounds of pruning filters; the files count both from 0."""
    blocks = re.search(r"iterations\[(\d+)\]", path)
    filters = re.search(r"filter_pruned\[(\d+)\]", path)
    return int(blocks[1]) + 1 if blocks else 0, int(filters[1]) + 1 if filters else 0


def _name(step: tuple[int, int]) -> str:
    blocks, filters = step
    return f"{blocks} + {filters}" if filters else str(blocks) if blocks else "whole"
