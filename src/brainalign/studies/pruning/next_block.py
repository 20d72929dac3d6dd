"""Whether a criterion names the block that goes next, of networks that others pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainalign.studies.pruning.batches import Batch
from brainalign.studies.pruning.blocks import Block, candidates, find_blocks
from brainalign.studies.pruning.criteria import get_criterion, mean_absolute_weight
from brainalign.studies.pruning.importance import read_silenced_blocks


@dataclass(frozen=True)
class FoundRemoval:
    """The block that a smaller network lacks.

    Attributes
    ----------
    block : str
        Its path in the larger network.
    margin : float
        Distance of the weights if the second likeliest block had gone, over that of this block. Above 1.
    """

    block: str
    margin: float


@dataclass(frozen=True)
class NextBlocks:
    """What was removed next, and what criteria would have removed.

    Attributes
    ----------
    steps : DataFrame
        A criterion and a step a row: ``criterion``, ``step`` (blocks gone before, from 1), ``removed`` and ``chosen``
        (paths of blocks), ``n_candidates``, ``share`` of the candidates that are in the stage that lost a block, and
        ``rank`` of the removed block among the scores, 0 the lowest and 1 the highest; equal scores share their mean.
    representations : tuple of (Tensor, dict of str to Tensor)
        For every step, the representation by the network and with each candidate silenced, from which scores on some
        of the pictures follow.
    """

    steps: pd.DataFrame
    representations: tuple[tuple[Tensor, dict[str, Tensor]], ...]


def find_removed(larger: nn.Module, smaller: nn.Module) -> FoundRemoval:
    """Which block went between two networks, though training after it changed all weights a little.

    Parameters
    ----------
    larger, smaller : Module
        Networks that `find_blocks` knows; the second has one block less, in one stage.

    Returns
    -------
    FoundRemoval
        The block without which the kernels of the stage, in their order, lie nearest to those of the smaller network,
        by the sum of squared differences.

    Raises
    ------
    ValueError
        When the second network is not one block smaller.
    """
    before, after = _by_stage(larger), _by_stage(smaller)
    lost = [stage for stage, blocks in before.items() if len(blocks) - len(after.get(stage, [])) == 1]
    if len(lost) != 1 or sum(map(len, before.values())) - sum(map(len, after.values())) != 1:
        counts = " and ".join("/".join(str(len(b)) for b in stages.values()) for stages in (before, after))
        msg = f"the networks have {counts} blocks in their stages; give two of which the second lacks one block."
        raise ValueError(msg)
    mine, theirs = before[lost[0]], after[lost[0]]
    apart = {
        block.path: sum(_apart(kept, other) for kept, other in zip(mine[:i] + mine[i + 1 :], theirs, strict=True))
        for i, block in enumerate(mine)
        if not block.changes_shape
    }
    nearest, *others = sorted(apart, key=apart.__getitem__)
    margin = apart[others[0]] / apart[nearest] if others and apart[nearest] else np.inf
    return FoundRemoval(nearest, float(margin))


def score_next_blocks(
    networks: Sequence[nn.Module],
    batch: Batch,
    criteria: Sequence[str] = ("linear_cka", "weight_norm"),
    *,
    min_per_stage: int = 2,
) -> NextBlocks:
    """Score the blocks of every network and see which one the next network lacks.

    Parameters
    ----------
    networks : sequence of Module
        At least two, each one block smaller than the one before.
    batch : Batch
        What representations are compared on.
    criteria : sequence of str
        Names of criteria that read the representation or the weights.
    min_per_stage : int
        Blocks that every stage keeps; a stage that has no more is no candidate.

    Returns
    -------
    NextBlocks

    Raises
    ------
    ValueError
        Fewer than two networks, networks that do not lose a block at a time, or a removed block that was no candidate.
    """
    if len(networks) < 2:
        msg = f"{len(networks)} network given; which block goes next needs at least two, one smaller than the other."
        raise ValueError(msg)
    rows, kept = [], []
    for step, (network, following) in enumerate(pairwise(networks), start=1):
        removed = find_removed(network, following).block
        chosen = candidates(find_blocks(network), min_per_stage=min_per_stage)
        if removed not in {block.path for block in chosen}:
            msg = (
                f"step {step} removes '{removed}', which min_per_stage = {min_per_stage} keeps; give a smaller minimum."
            )
            raise ValueError(msg)
        whole, silenced = read_silenced_blocks(network, batch, chosen)
        without = {block.path: reading.representation for block, reading in zip(chosen, silenced, strict=True)}
        kept.append((whole.representation, without))
        stage = removed.rpartition(".")[0]
        share = sum(block.stage == stage for block in chosen) / len(chosen)
        for name in criteria:
            scores = _scores(name, chosen, whole.representation, without)
            rows.append((name, step, removed, scores.idxmin(), len(chosen), share, rank_of(removed, scores)))
    names = ["criterion", "step", "removed", "chosen", "n_candidates", "share", "rank"]
    return NextBlocks(pd.DataFrame(rows, columns=names), tuple(kept))


def rank_of(block: str, scores: Mapping[str, float]) -> float:
    """Place of a block among scores: 0 the lowest, 1 the highest, equal scores at their mean; .5 is chance."""
    others = pd.Series(scores).drop(block)
    if others.empty:
        return 0.0
    return float(((others < scores[block]).sum() + (others == scores[block]).sum() / 2) / len(others))


def mean_ranks_of_halves(
    found: NextBlocks, n_halves: int, *, criterion: str = "linear_cka", generator: torch.Generator
) -> NDArray[np.float64]:
    """Mean rank of the removed blocks when scores come from half of the pictures, drawn anew each time.

    Parameters
    ----------
    found : NextBlocks
        What `score_next_blocks` gave.
    n_halves : int
        How many halves are drawn.
    criterion : str
        A criterion that reads the representation.
    generator : torch.Generator
        Draws the halves.

    Returns
    -------
    ndarray of shape (n_halves,)
        Their spread is that of the value from all pictures over draws of as many pictures: a half differs from the
        whole as one sample of the full size differs from the truth (delete-half jackknife).

    Raises
    ------
    ValueError
        For a criterion that does not read the representation.
    """
    distance = get_criterion(criterion).distance
    if distance is None:
        msg = f"the criterion '{criterion}' does not read the representation, so no half of the pictures changes it."
        raise ValueError(msg)
    removed = found.steps.drop_duplicates("step")["removed"].tolist()
    n_pictures = len(found.representations[0][0])
    means = []
    for _ in range(n_halves):
        half = torch.randperm(n_pictures, generator=generator)[: n_pictures // 2]
        ranks = [
            rank_of(block, {path: float(distance(whole[half], reps[half])) for path, reps in without.items()})
            for block, (whole, without) in zip(removed, found.representations, strict=True)
        ]
        means.append(np.mean(ranks))
    return np.array(means)


def random_choices(found: NextBlocks, n_draws: int, *, generator: np.random.Generator) -> pd.DataFrame:
    """What a random choice among the candidates reaches, over and over.

    Parameters
    ----------
    found : NextBlocks
        What `score_next_blocks` gave.
    n_draws : int
        How often a block is drawn for every step.
    generator : numpy.random.Generator
        Draws them.

    Returns
    -------
    DataFrame with columns ``stage``, ``block``, ``rank``
        For every draw: steps at which the stage was right, steps at which the block was, and the mean rank.
    """
    steps = found.steps.drop_duplicates("step")
    n, share = steps["n_candidates"].to_numpy(), steps["share"].to_numpy()
    places = generator.integers(0, n, size=(n_draws, len(n)))  # 0 stands for the removed block, the first of its stage
    ranks = generator.integers(0, n, size=(n_draws, len(n))) / np.maximum(n - 1, 1)
    return pd.DataFrame(
        {"stage": (places < share * n).sum(axis=1), "block": (places == 0).sum(axis=1), "rank": ranks.mean(axis=1)}
    )


def _scores(name: str, chosen: Sequence[Block], whole: Tensor, without: Mapping[str, Tensor]) -> pd.Series:
    rule = get_criterion(name)
    if rule.distance is not None:
        return pd.Series({path: float(rule.distance(whole, other)) for path, other in without.items()})
    if rule.reads == "weights":
        return pd.Series({block.path: mean_absolute_weight(block.module) for block in chosen})
    msg = f"the criterion '{name}' reads {rule.reads}; give one that reads the representation or the weights."
    raise ValueError(msg)


def _by_stage(model: nn.Module) -> dict[str, list[Block]]:
    stages: dict[str, list[Block]] = {}
    for block in find_blocks(model):
        stages.setdefault(block.stage, []).append(block)
    return stages


def _apart(block: Block, other: Block) -> float:
    pairs = ((block.module.conv1, other.module.conv1), (block.module.conv2, other.module.conv2))
    return sum(float((own.weight - its.weight).detach().double().square().sum()) for own, its in pairs)
