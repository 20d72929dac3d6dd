"""Greedy pruning: remove the least important block, score what is left, and go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn

from brainalign.studies.pruning.batches import Batch
from brainalign.studies.pruning.blocks import find_blocks, n_removable
from brainalign.studies.pruning.importance import Loss, block_importance
from brainalign.studies.pruning.surgery import remove_blocks

FineTune = Callable[[nn.Module], object]
"""Trains a network further, in place."""


@dataclass(frozen=True)
class Removal:
    """One step of pruning.

    Attributes
    ----------
    block : str
        Path of the removed block in the network as it was at the start.
    stage : str
        Path of its stage.
    scores : Series
        Scores of all candidates of this step, by their paths at the start.
    model : Module
        The network without the block (and after fine-tuning).
    """

    block: str
    stage: str
    scores: pd.Series
    model: nn.Module


@dataclass(frozen=True)
class Pruning:
    """What pruning gave.

    Attributes
    ----------
    removals : tuple of Removal
        Every step, the first removed block first.
    """

    removals: tuple[Removal, ...]

    @property
    def model(self) -> nn.Module:
        """The smaller network."""
        return self.removals[-1].model

    @property
    def order(self) -> list[str]:
        """Paths of the removed blocks, first to last."""
        return [removal.block for removal in self.removals]


def prune(
    model: nn.Module,
    batch: Batch,
    n_blocks: int,
    criterion: str = "linear_cka",
    *,
    min_per_stage: int = 2,
    fine_tune: FineTune | None = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> Pruning:
    """Remove blocks one after the other, each time the one with the smallest score.

    Scores are taken anew after every removal, as in the study: what a block is worth depends on which others are left.

    Parameters
    ----------
    model : Module
        A network that `find_blocks` knows; it is left as it was.
    batch : Batch
        What importance is measured on.
    n_blocks : int
        How many blocks go.
    criterion : str
        A name of `brainalign.studies.pruning.CRITERIA`.
    min_per_stage : int
        Blocks that every stage keeps. Blocks that change the shape are kept in any case.
    fine_tune : callable, optional
        Trains the smaller network in place after every removal.
    loss, generator : optional
        As for `block_importance`.

    Returns
    -------
    Pruning

    Raises
    ------
    ValueError
        More blocks than can go, and all that `block_importance` refuses.

    Notes
    -----
    The released script fine-tunes before it removes, so its last network was never trained as it is. Here training
    follows the removal.

    References
    ----------
    Pons et al. (2024). Effective layer pruning through similarity metric perspective. arXiv 2405.17081.
    """
    blocks = find_blocks(model)
    limit = n_removable(blocks, min_per_stage=min_per_stage)
    if not 1 <= n_blocks <= limit:
        msg = (
            f"n_blocks = {n_blocks}; from 1 to {limit} blocks of {type(model).__name__} can go when every stage keeps "
            f"{min_per_stage}, and blocks that change the shape stay."
        )
        raise ValueError(msg)
    names = [block.path for block in blocks]  # of the blocks that are left, as they were called at the start
    stages = {block.path: block.stage for block in blocks}
    removals = []
    for _ in range(n_blocks):
        scores = block_importance(model, batch, criterion, min_per_stage=min_per_stage, loss=loss, generator=generator)
        at_start = dict(zip((block.path for block in find_blocks(model)), names, strict=True))
        weakest = scores.idxmin()
        model = remove_blocks(model, [weakest])
        if fine_tune is not None:
            fine_tune(model)
        removed = at_start[weakest]
        names.remove(removed)
        removals.append(Removal(removed, stages[removed], scores.rename(at_start), model))
    return Pruning(tuple(removals))
