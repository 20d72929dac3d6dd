"""Taking blocks out of a network, so that what is left is smaller and works."""

from __future__ import annotations

import copy
from collections.abc import Collection
from difflib import get_close_matches

from torch import nn

from brainalign.studies.pruning.blocks import Block, find_blocks

_DEPTH_SETTINGS = ("num_hidden_layers", "n_layer", "num_layers")


def remove_blocks(model: nn.Module, paths: Collection[str]) -> nn.Module:
    """A copy of a network without some of its blocks.

    Parameters
    ----------
    model : Module
        A network that `find_blocks` knows; it is left as it was.
    paths : collection of str
        Paths of the blocks that go, as in `find_blocks`.

    Returns
    -------
    Module
        Of the same class, with the weights of the blocks that stay. Blocks are numbered anew, and the number of layers
        in the configuration of a transformers model follows, so that it can be saved and loaded.

    Raises
    ------
    ValueError
        For a path that is no block, a block that changes the shape, or a stage that would lose all its blocks.
    """
    paths = [paths] if isinstance(paths, str) else list(paths)
    _check(find_blocks(model), paths, type(model).__name__)
    smaller = copy.deepcopy(model)
    for stage in {path.rpartition(".")[0] for path in paths}:
        container = smaller.get_submodule(stage)
        kept = [block for name, block in container.named_children() if f"{stage}.{name}" not in paths]
        for name, _ in list(container.named_children()):
            delattr(container, name)
        for number, block in enumerate(kept):
            container.add_module(str(number), block)
            _renumber(block, number)
        _set_depth(smaller, len(kept))
    return smaller


def _check(blocks: list[Block], paths: list[str], name: str) -> None:
    by_path = {block.path: block for block in blocks}
    for path in paths:
        if path not in by_path:
            near = get_close_matches(path, by_path, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            msg = f"'{path}' is no block of {name}.{hint} Its blocks are: {', '.join(by_path)}."
            raise ValueError(msg)
        if by_path[path].changes_shape:
            msg = f"the block '{path}' changes the shape, so what follows would not fit; choose a block that keeps it."
            raise ValueError(msg)
    left = {block.stage for block in blocks if block.path not in paths}
    if emptied := sorted({block.stage for block in blocks} - left):
        msg = f"the stage '{emptied[0]}' would lose all its blocks; leave at least one of them."
        raise ValueError(msg)


def _renumber(block: nn.Module, number: int) -> None:
    for module in block.modules():
        if hasattr(module, "layer_idx"):  # place in the cache of keys and values
            module.layer_idx = number


def _set_depth(model: nn.Module, depth: int) -> None:
    # One object, shared by all parts of a transformers model. A ResNet there has no such setting.
    config = getattr(model, "config", None)
    for setting in _DEPTH_SETTINGS:
        if isinstance(getattr(config, setting, None), int):
            setattr(config, setting, depth)
