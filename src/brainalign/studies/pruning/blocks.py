"""Where the residual blocks of a network are, and which of them may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from brainalign.models.taps.blocks import find_towers

_BRANCH = ("conv1", "conv2", "downsample")  # what the basic and bottleneck blocks of all libraries are made of


@dataclass(frozen=True)
class Block:
    """One residual block.

    Attributes
    ----------
    path : str
        Path of the block inside the model.
    stage : str
        Path of the list of blocks that it belongs to. A Transformer has one stage.
    module : Module
        The block.
    changes_shape : bool
        Whether its output has another shape than its input, so that nothing could stand in its place.
    """

    path: str
    stage: str
    module: nn.Module
    changes_shape: bool


def find_blocks(model: nn.Module) -> list[Block]:
    """All residual blocks of a network.

    Parameters
    ----------
    model : Module
        A ResNet (of `resnet_cifar`, timm or torchvision), or a Transformer with one stack of blocks (timm,
        transformers, open_clip, the mini-zoo).

    Returns
    -------
    list of Block
        From the input to the output.

    Raises
    ------
    ValueError
        When the network has no such blocks, or has several stacks of Transformer blocks.
    """
    blocks = [
        Block(path, path.rpartition(".")[0], module, not _is_identity(module.downsample))
        for path, module in model.named_modules()
        if all(hasattr(module, name) for name in _BRANCH)
    ]
    return blocks or _transformer_blocks(model)


def candidates(blocks: Sequence[Block], *, min_per_stage: int = 2) -> list[Block]:
    """Blocks that may be removed.

    Parameters
    ----------
    blocks : sequence of Block
        All blocks of a network.
    min_per_stage : int
        Blocks that every stage keeps; at least 1. The study keeps 2.

    Returns
    -------
    list of Block
        Those that keep the shape, in stages that can spare one.

    Raises
    ------
    ValueError
        For a minimum below 1: a stage without blocks is no stage.
    """
    if min_per_stage < 1:
        msg = f"min_per_stage = {min_per_stage} must be at least 1; every stage keeps a block."
        raise ValueError(msg)
    sizes = Counter(block.stage for block in blocks)
    return [block for block in blocks if not block.changes_shape and sizes[block.stage] > min_per_stage]


def n_removable(blocks: Sequence[Block], *, min_per_stage: int = 2) -> int:
    """How many blocks can go, one after the other, before every stage is at its minimum."""
    kept = Counter(block.stage for block in blocks if block.changes_shape)
    sizes = Counter(block.stage for block in blocks)
    return sum(max(size - max(min_per_stage, kept[stage]), 0) for stage, size in sizes.items())


def _transformer_blocks(model: nn.Module) -> list[Block]:
    try:
        towers = find_towers(model)
    except ValueError as error:
        msg = (
            f"{type(model).__name__} has no residual blocks that are known here, so no block can be removed. Give a "
            f"ResNet whose blocks have conv1, conv2 and downsample, or a Transformer. {error}"
        )
        raise ValueError(msg) from error
    if len(towers) > 1:
        paths = ", ".join(tower.path for tower in towers)
        msg = f"{type(model).__name__} has several stacks of blocks: {paths}. Give the submodule with one of them."
        raise ValueError(msg)
    path = towers[0].path
    return [Block(f"{path}.{i}", path, block.module, False) for i, block in enumerate(towers[0].blocks)]


def _is_identity(skip: nn.Module | None) -> bool:
    return skip is None or isinstance(skip, nn.Identity)
