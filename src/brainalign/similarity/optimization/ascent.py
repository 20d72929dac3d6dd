"""Gradient ascent on data: noise that climbs until it scores as high as asked.

Arrays are torch tensors. Many copies of the data climb at once, each against its own reference or all against one, and
each stops when it has arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from brainalign.arrays import check_representation
from brainalign.similarity.optimization.objectives import Objective

__all__ = ["Climb", "climb"]


@dataclass(frozen=True)
class Climb:
    """The way of one copy of the data from its start to where it stopped.

    Attributes
    ----------
    scores : Tensor of shape (n_steps + 1,)
        Score at the start and after every step.
    observations : Tensor of shape (n_steps + 1, ...)
        What was observed of the data at the same moments; empty when nothing was.
    final : Tensor of shape (n_samples, n_features)
        The data where they stopped.
    """

    scores: Tensor
    observations: Tensor
    final: Tensor

    @property
    def n_steps(self) -> int:
        """Steps that were taken."""
        return len(self.scores) - 1

    def has_reached(self, score: float) -> bool:
        """Whether the last score is above `score`."""
        return bool(self.scores[-1] > score)


def climb(
    objective: Objective,
    start: Tensor,
    *,
    stop_above: float = 0.99,
    max_steps: int = 1000,
    learning_rate: float = 0.1,
    observe: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> list[Climb]:
    """Move copies of data uphill under a score until it exceeds a value.

    Parameters
    ----------
    objective : Objective
        From `score_towards`. Has one reference, or as many as there are copies.
    start : Tensor of shape (n_copies, n_samples, n_features)
        Where the copies start, usually standard normal noise.
    stop_above : float
        A copy stops when its score is above this.
    max_steps : int
        It stops after so many steps in any case.
    learning_rate : float
        Of Adam: about the length of a step in every entry, so it means nothing without the scale of `start`.
    observe : callable, optional
        Takes the moving data, of shape (n_moving, n_samples, n_features), and the numbers of these copies; returns a
        tensor with first dimension n_moving. Called at every step, so that the data need not be kept.

    Returns
    -------
    list of Climb
        One for each copy.

    Raises
    ------
    TypeError
        For a start that is not a tensor of real floating-point numbers.
    ValueError
        For bad shapes and values, and for data, a score or a gradient that stops being finite: the text says at which
        step, and of which copy.

    Notes
    -----
    Adam with the defaults of torch, step 0.1, stop at 0.99 or after 1000 steps is what the study did. Copies do not
    influence each other: one alone takes the same way as in a batch.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.

    Examples
    --------
    >>> from brainalign.similarity.optimization import score_towards
    >>> generator = torch.Generator().manual_seed(0)
    >>> X, noise = torch.randn(20, 3, generator=generator), torch.randn(1, 20, 3, generator=generator)
    >>> (way,) = climb(score_towards(X, "linear_cka"), noise)
    >>> way.has_reached(0.99)
    True
    """
    _check(objective, start, max_steps, learning_rate)
    Y = torch.nn.Parameter(start.detach().clone())
    optimizer = torch.optim.Adam([Y], lr=learning_rate, maximize=True)
    records = [_Record() for _ in start]
    moving = torch.arange(len(start), device=start.device)
    current = objective
    for step in range(max_steps + 1):
        data = Y.detach() if len(moving) == len(start) else Y.detach()[moving]
        _refuse_divergence(data, "data", objective.measure, moving, step, learning_rate)
        scores, gradient = current(data)
        _refuse_divergence(scores, "score", objective.measure, moving, step, learning_rate)
        _refuse_divergence(gradient, "gradient", objective.measure, moving, step, learning_rate)
        seen = observe(data, moving) if observe else data.new_empty(len(data), 0)
        arrived = (scores > stop_above) | (step == max_steps)
        for row, copy in enumerate(moving.tolist()):
            records[copy].add(scores[row], seen[row].clone(), data[row] if arrived[row] else None)
        if arrived.any():
            moving, gradient = moving[~arrived], gradient[~arrived]
            current = objective.take(moving)
        if len(moving) == 0:
            break
        # A copy that has arrived gets no gradient; where its momentum carries it is not looked at any more.
        Y.grad = torch.zeros_like(Y).index_copy_(0, moving, gradient)
        optimizer.step()
    return [record.finish() for record in records]


class _Record:
    """What one copy leaves behind while it moves."""

    def __init__(self) -> None:
        self._scores: list[Tensor] = []
        self._seen: list[Tensor] = []
        self._final = torch.empty(0)

    def add(self, score: Tensor, seen: Tensor, final: Tensor | None) -> None:
        self._scores.append(score)
        self._seen.append(seen)
        if final is not None:
            self._final = final.clone()

    def finish(self) -> Climb:
        return Climb(torch.stack(self._scores), torch.stack(self._seen), self._final)


def _check(objective: Objective, start: Tensor, max_steps: int, learning_rate: float) -> None:
    check_representation(start, name="start", measure=objective.measure)
    if start.ndim != 3 or start.shape[-2] != objective.n_samples:
        msg = (
            f"{objective.measure}: start must have shape (n_copies, {objective.n_samples}, n_features), the samples of "
            f"the reference: got {tuple(start.shape)}."
        )
        raise ValueError(msg)
    if objective.n_references not in (1, len(start)):
        msg = (
            f"{objective.measure}: {objective.n_references} references need as many copies of the data: got "
            f"{len(start)}. Give one start for each reference."
        )
        raise ValueError(msg)
    if max_steps < 0 or not 0 < learning_rate < float("inf"):
        msg = f"max_steps must be 0 or more and learning_rate above 0: got {max_steps} and {learning_rate}."
        raise ValueError(msg)


def _refuse_divergence(
    values: Tensor, kind: str, measure: str, moving: Tensor, step: int, learning_rate: float
) -> None:
    is_finite = torch.isfinite(values.flatten(1) if values.ndim > 1 else values[:, None]).all(dim=1)
    if not is_finite.all():
        msg = (
            f"{measure}: the optimisation diverged at step {step}: the {kind} of copy {int(moving[~is_finite][0])} is "
            f"not finite. Lower learning_rate (it is {learning_rate}), or start from data of the reference's scale."
        )
        raise ValueError(msg)
