"""How important each block of a network is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainalign.studies.pruning.batches import Batch
from brainalign.studies.pruning.blocks import Block, candidates, find_blocks
from brainalign.studies.pruning.criteria import Criterion, get_criterion, mean_absolute_weight
from brainalign.studies.pruning.passes import Reading, concatenate, evaluating, find_classifier, read_silenced

Loss = Callable[[Tensor, Tensor], Tensor]
"""From output and labels of a batch to a number."""

_PART = 64  # samples at a time: the streams of one part stay in the cache of a processor


def block_importance(
    model: nn.Module,
    batch: Batch,
    criterion: str = "linear_cka",
    *,
    min_per_stage: int = 2,
    loss: Loss | None = None,
    generator: torch.Generator | None = None,
) -> pd.Series:
    """Score every block that may be removed.

    Each block is silenced in turn, which means that it passes its input on, and the criterion says how much that
    changes. What comes before the silenced block is computed once for all blocks.

    Parameters
    ----------
    model : Module
        A network that `find_blocks` knows. It is left as it was, also in training mode.
    batch : Batch
        Samples, with labels where the loss is asked for. At least as many as there are classes.
    criterion : str
        A name of `brainalign.studies.pruning.CRITERIA`.
    min_per_stage : int
        Blocks that every stage keeps: a stage that has no more is not scored.
    loss : callable, optional
        For ``leave_one_out_loss``: from output and labels to a number. By default the cross-entropy, for networks with
        a classifier. The output of a network without one is its representation.
    generator : torch.Generator, optional
        For ``random``.

    Returns
    -------
    Series
        Scores by path of the block, in the order of the network; low = can go. Of the criteria that read the
        representation 0 means that the block changes nothing.

    Raises
    ------
    ValueError
        A network without residual blocks, or none that can be spared; a batch with fewer samples than classes; labels,
        a loss or a generator that the criterion needs and that are not given; an unknown criterion.

    References
    ----------
    Pons et al. (2024). Effective layer pruning through similarity metric perspective. arXiv 2405.17081.
    """
    chosen = candidates(find_blocks(model), min_per_stage=min_per_stage)
    if not chosen:
        msg = (
            f"no block of {type(model).__name__} can be removed: every stage is at min_per_stage = {min_per_stage}, or "
            "holds only blocks that change the shape. Give a smaller minimum or a deeper network."
        )
        raise ValueError(msg)
    rule = get_criterion(criterion)
    _check(rule, model, batch, loss, generator)
    scores = _SCORERS[rule.reads](rule, model, batch, chosen, loss or cross_entropy, generator)
    return pd.Series(scores, index=pd.Index([block.path for block in chosen], name="block"), name=criterion)


def _check(
    rule: Criterion, model: nn.Module, batch: Batch, loss: Loss | None, generator: torch.Generator | None
) -> None:
    classifier = find_classifier(model)
    if classifier is not None and len(batch) < classifier.out_features:
        msg = (
            f"the batch has {len(batch)} samples, the network {classifier.out_features} classes; give at least as many "
            "samples as classes, better some hundreds."
        )
        raise ValueError(msg)
    missing = {
        "labels; give Batch(inputs, labels)": rule.reads == "loss" and batch.labels is None,
        "a loss, because the network has no classifier; give loss=": rule.reads == "loss"
        and loss is None
        and classifier is None,
        "random numbers; give generator=": rule.reads == "chance" and generator is None,
    }
    for what, is_missing in missing.items():
        if is_missing:
            msg = f"the criterion '{rule.name}' needs {what}."
            raise ValueError(msg)


def _by_representation(rule: Criterion, model: nn.Module, batch: Batch, chosen: Sequence[Block], *_: object) -> list:
    whole, silenced = read_silenced_blocks(model, batch, chosen)
    return [float(rule.distance(whole.representation, reading.representation)) for reading in silenced]


def _by_loss(
    rule: Criterion, model: nn.Module, batch: Batch, chosen: Sequence[Block], loss: Loss, generator: object
) -> list:
    whole, silenced = read_silenced_blocks(model, batch, chosen)
    before = float(loss(whole.output, batch.labels))
    return [float(loss(reading.output, batch.labels)) - before for reading in silenced]


def _by_weights(rule: Criterion, model: nn.Module, batch: Batch, chosen: Sequence[Block], *_: object) -> list:
    return [mean_absolute_weight(block.module) for block in chosen]


def _by_chance(
    rule: Criterion, model: nn.Module, batch: Batch, chosen: Sequence[Block], loss: Loss, generator: torch.Generator
) -> list:
    return torch.rand(len(chosen), generator=generator).tolist()


_SCORERS = {"representation": _by_representation, "loss": _by_loss, "weights": _by_weights, "chance": _by_chance}


def read_silenced_blocks(model: nn.Module, batch: Batch, chosen: Sequence[Block]) -> tuple[Reading, list[Reading]]:
    """Reading of a batch by the whole network, in evaluation mode, and with each chosen block silenced."""
    with evaluating(model):
        parts = [read_silenced(model, inputs, chosen) for inputs in batch.parts(_PART)]
    wholes, silenced = zip(*parts, strict=True)
    return concatenate(wholes), [concatenate(readings) for readings in zip(*silenced, strict=True)]
