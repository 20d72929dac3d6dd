"""The same network pruned under several criteria, and what each leaves of its accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import nn

from brainalign.studies.pruning.batches import Batch
from brainalign.studies.pruning.blocks import find_blocks
from brainalign.studies.pruning.costs import macs
from brainalign.studies.pruning.greedy import FineTune, prune
from brainalign.studies.pruning.importance import Loss

Accuracy = Callable[[nn.Module], float]
"""How well a network does its task, from 0 to 1."""


def compare_criteria(
    model: nn.Module,
    batch: Batch,
    criteria: Sequence[str],
    n_blocks: int,
    *,
    accuracy: Accuracy,
    input_shape: Sequence[int],
    min_per_stage: int = 2,
    fine_tune: FineTune | None = None,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> pd.DataFrame:
    """Prune a network once under each criterion, and measure it at every step.

    Parameters
    ----------
    model : Module
        A network that `find_blocks` knows; it is left as it was.
    batch : Batch
        What importance is measured on.
    criteria : sequence of str
        Names of `brainalign.studies.pruning.CRITERIA`.
    n_blocks : int
        How many blocks go.
    accuracy : callable
        From a network to its accuracy on samples that neither training nor importance saw.
    input_shape : sequence of int
        Shape of one sample, for counting operations.
    min_per_stage, fine_tune, loss, generator : optional
        As for `prune`.

    Returns
    -------
    DataFrame
        One network per row: ``criterion``, ``step`` (blocks removed so far, from 0), ``block`` (the one removed last,
        STAGE.PLACE from 0; empty at step 0), ``saved`` (operations saved, in percent of the whole network), ``cut``
        (accuracy right after the removal) and ``tuned`` (after fine-tuning; the same as ``cut`` without any).

    Raises
    ------
    ValueError
        What `prune` refuses.
    """
    whole, kept = macs(model, input_shape), accuracy(model)
    labels = block_labels(model)
    rows: list[dict[str, Any]] = []
    for criterion in criteria:
        cut: list[float] = []

        def measure_and_tune(smaller: nn.Module, cut: list[float] = cut) -> None:
            cut.append(accuracy(smaller))
            if fine_tune is not None:
                fine_tune(smaller)

        options = {"min_per_stage": min_per_stage, "loss": loss, "generator": generator}
        pruned = prune(model, batch, n_blocks, criterion, fine_tune=measure_and_tune, **options)
        rows.append({"criterion": criterion, "step": 0, "block": "", "saved": 0.0, "cut": kept, "tuned": kept})
        for step, (removal, at_once) in enumerate(zip(pruned.removals, cut, strict=True), start=1):
            saved = 100 * (1 - macs(removal.model, input_shape) / whole)
            tuned = at_once if fine_tune is None else accuracy(removal.model)
            rows.append(
                {
                    "criterion": criterion,
                    "step": step,
                    "block": labels[removal.block],
                    "saved": saved,
                    "cut": at_once,
                    "tuned": tuned,
                }
            )
    return pd.DataFrame(rows)


def block_labels(model: nn.Module) -> dict[str, str]:
    """Short names of all blocks by their paths: STAGE.PLACE, both from 0."""
    blocks = find_blocks(model)
    stages = list(dict.fromkeys(block.stage for block in blocks))
    return {block.path: f"{stages.index(block.stage)}.{block.path.rpartition('.')[2]}" for block in blocks}


def mean_steps(table: pd.DataFrame) -> pd.DataFrame:
    """Mean step at which blocks go, over repeats.

    Parameters
    ----------
    table : DataFrame
        Rows of `compare_criteria`, of one or more networks of the same shape.

    Returns
    -------
    DataFrame of shape (n_criteria, n_blocks)
        Means over the networks in which a block went; missing for one that never did.
    """
    gone = table[table["step"] > 0]
    means = gone.pivot_table(index="criterion", columns="block", values="step", aggfunc="mean", sort=False)
    return means[sorted(means.columns, key=lambda label: tuple(map(int, label.split("."))))]
