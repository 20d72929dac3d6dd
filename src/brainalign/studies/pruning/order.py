"""The order in which stages lose their blocks, held against another such order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stages_that_lost(blocks_left: Sequence[Sequence[int]]) -> list[int]:
    """Which stage lost a block at each step.

    Parameters
    ----------
    blocks_left : sequence of shape (n_steps + 1, n_stages)
        Blocks of every stage before the first step and after each one.

    Returns
    -------
    list of int
        A stage a step, counted from 0.

    Raises
    ------
    ValueError
        When a step is not the loss of one block.
    """
    losses = -np.diff(np.asarray(blocks_left), axis=0)
    wrong = np.flatnonzero((losses.sum(axis=1) != 1) | (losses < 0).any(axis=1))
    if wrong.size:
        msg = f"step {wrong[0] + 1} takes {losses[wrong[0]].tolist()} blocks from the stages; every step must take one."
        raise ValueError(msg)
    return losses.argmax(axis=1).tolist()


def stage_order_agreement(stages: Sequence[int], other: Sequence[int]) -> float:
    """Kendall's tau between two orders in which stages lose their blocks, over pairs of blocks of different stages.

    Parameters
    ----------
    stages, other : sequence of int
        The stage that lost a block at each step, as `stages_that_lost` gives it. The lengths may differ.

    Returns
    -------
    float
        From -1 (every pair the other way round) to 1 (the same order). Chance gives more than 0 where the other order
        takes stages in turn, because so does a shuffle: hold the value against `shuffled_agreements`.

    Raises
    ------
    ValueError
        When the two do not lose blocks from the same stages, or from one stage only.

    Notes
    -----
    The k-th of n blocks that a stage loses is compared with the time at which the share (k - 1/2) / n of the stage's
    losses is reached in the other order, between two losses in proportion. So networks of different depth can be
    compared, and two orders with the same numbers of losses are compared step by step. Pairs within a stage are left
    out: a stage loses its first block before its second in every order, which says nothing. The measure is ours.
    """
    if set(stages) != set(other) or len(set(stages)) < 2:
        msg = (
            f"the stages {sorted(set(stages))} and {sorted(set(other))} lose blocks; give two orders in which the same "
            "stages do, at least two of them."
        )
        raise ValueError(msg)
    own, times = np.asarray(stages), np.empty(len(stages))
    for stage in set(stages):
        mine, theirs = np.flatnonzero(own == stage), np.flatnonzero(np.asarray(other) == stage)
        times[mine] = np.interp(_shares(len(mine)), _shares(len(theirs)), theirs)
    earlier, later = np.triu_indices(len(own), 1)
    between = own[earlier] != own[later]
    return float(np.sign(times[later] - times[earlier])[between].mean())


def shuffled_agreements(
    stages: Sequence[int], other: Sequence[int], n_shuffles: int, *, generator: np.random.Generator
) -> NDArray[np.float64]:
    """`stage_order_agreement` of shuffles of one order: what chance gives when each stage loses as many blocks.

    Parameters
    ----------
    stages, other : sequence of int
        As for `stage_order_agreement`; `stages` is shuffled.
    n_shuffles : int
        How many.
    generator : numpy.random.Generator
        Draws the shuffles.

    Returns
    -------
    ndarray of shape (n_shuffles,)
    """
    return np.array([stage_order_agreement(generator.permutation(stages), other) for _ in range(n_shuffles)])


def _shares(n: int) -> NDArray[np.float64]:
    return (np.arange(n) + 0.5) / n
