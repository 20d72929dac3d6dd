"""Which pairs of scores are possible: data that move until two measures at once have wanted values.

Arrays are torch tensors. Measures are those of the registry that are differentiable, angles as 1 - 2 theta / pi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from brainalign.arrays import check_paired
from brainalign.similarity.measures import Measure, get_measure

__all__ = ["JointOptimization", "border_of_unit_square", "reach_score_pairs", "slopes_to_identity"]


@dataclass(frozen=True)
class JointOptimization:
    """Pairs of scores on the way to their targets.

    Attributes
    ----------
    targets : Tensor of shape (n_targets, 2)
        Pairs that were aimed at.
    scores : Tensor of shape (n_steps + 1, n_targets, 2)
        Pairs at the start and after every step, in double precision.
    """

    targets: Tensor
    scores: Tensor

    @property
    def nearest(self) -> Tensor:
        """The pair on each way whose absolute differences to the target sum to least; shape (n_targets, 2)."""
        missing = (self.scores - self.targets).abs().sum(dim=-1)
        return self.scores.gather(0, missing.argmin(dim=0)[None, :, None].expand(1, -1, 2))[0]


def border_of_unit_square(n_side: int) -> Tensor:
    """Targets along the four sides of the unit square, counterclockwise from (0, 0).

    Parameters
    ----------
    n_side : int
        Targets on a side, both corners counted; 2 or more.

    Returns
    -------
    Tensor of shape (4 * (n_side - 1), 2)

    Raises
    ------
    ValueError
        For fewer than 2.

    Examples
    --------
    >>> border_of_unit_square(2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    if n_side < 2:
        msg = f"n_side must be 2 or more, for the two corners of a side: got {n_side}."
        raise ValueError(msg)
    along = torch.linspace(0, 1, n_side, dtype=torch.float64)[:-1]
    low, high = torch.zeros_like(along), torch.ones_like(along)
    sides = [(along, low), (high, along), (1 - along, high), (low, 1 - along)]
    return torch.cat([torch.stack(side, dim=-1) for side in sides])


def reach_score_pairs(
    X: Tensor,
    Y: Tensor,
    *,
    measures: Sequence[str],
    targets: Tensor,
    is_reference_free: bool,
    n_steps: int = 1000,
    learning_rate: float = 0.01,
) -> JointOptimization:
    """Move data towards pairs of scores, from one start for all targets.

    Parameters
    ----------
    X, Y : Tensor of shape (n_samples, n_features_x) and (n_samples, n_features_y)
        The reference, and data that start as `Y`.
    measures : sequence of 2 str
        Differentiable measures of the registry.
    targets : Tensor of shape (n_targets, 2)
        Wanted values of the first and the second measure. What is out of reach is approached.
    is_reference_free : bool
        Whether `X` moves too. If not, the pairs reached are those that this one reference allows.
    n_steps : int
        Steps of Adam.
    learning_rate : float
        Of Adam.

    Returns
    -------
    JointOptimization

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_paired` refuses; targets of another shape; unknown measures, or without gradient;
        scores or gradients that stop being finite: the text says at which step.

    Notes
    -----
    |s_1 - t_1| + |s_2 - t_2| is made smaller. The study takes 1000 steps of 0.01 when both move, and of 0.1 when one
    does, and leaves (1, 1) out, where its gradients failed; here they are finite there. All targets are one batch.
    With steps of one size the last pair swings around what it has reached; read `nearest`.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    """
    X, Y = check_paired(X, Y, measure="reach_score_pairs")
    pair = _check(X, Y, measures, targets, n_steps)
    n_targets = len(targets)
    both = [array.detach().expand(n_targets, *array.shape).clone() for array in (X, Y)]
    free = both if is_reference_free else both[1:]
    for array in free:
        array.requires_grad_()
    optimizer = torch.optim.Adam(free, lr=learning_rate)
    history = []
    for step in range(n_steps + 1):
        _refuse_divergence(free, "the data", pair, step, learning_rate)
        scores = torch.stack([_score(measure, *both) for measure in pair], dim=-1).double()
        history.append(scores.detach())
        optimizer.zero_grad()
        (scores - targets.to(scores)).abs().sum().backward()
        _refuse_divergence([scores, *(array.grad for array in free)], "a score or gradient", pair, step, learning_rate)
        if step < n_steps:
            optimizer.step()
    return JointOptimization(targets.double(), torch.stack(history))


def slopes_to_identity(scores: Tensor) -> Tensor:
    """Slopes of the lines from pairs of scores to (1, 1), where both measures see no difference.

    Parameters
    ----------
    scores : Tensor of shape (..., 2)
        Pairs of scores, the first below 1.

    Returns
    -------
    Tensor of shape (...)
        (1 - s_2) / (1 - s_1): how much of the second measure is missing for each unit that the first one misses.

    Raises
    ------
    ValueError
        If a first score is 1 or above, where the slope is not defined.

    Examples
    --------
    >>> slopes_to_identity(torch.tensor([0.75, 0.5]))
    tensor(2.)
    """
    if (scores[..., 0] >= 1).any():
        msg = f"a first score is {float(scores[..., 0].max()):.6g}: the slope to (1, 1) needs it below 1."
        raise ValueError(msg)
    return (1 - scores[..., 1]) / (1 - scores[..., 0])


def _score(measure: Measure, X: Tensor, Y: Tensor) -> Tensor:
    value = measure(Y, X)
    return 1 - value * (2 / pi) if measure.kind == "angle" else value


def _check(X: Tensor, Y: Tensor, measures: Sequence[str], targets: Tensor, n_steps: int) -> list[Measure]:
    if X.ndim != 2 or Y.ndim != 2:
        msg = f"X and Y must have two dimensions, one start for all targets: got {X.ndim} and {Y.ndim}."
        raise ValueError(msg)
    if targets.ndim != 2 or targets.shape[-1] != 2 or len(measures) != 2 or n_steps < 0:
        msg = (
            f"two measures, targets of shape (n_targets, 2) and 0 steps or more are needed: got {len(measures)} "
            f"measures, targets of shape {tuple(targets.shape)}, {n_steps} steps."
        )
        raise ValueError(msg)
    pair = [get_measure(name) for name in measures]
    for measure in pair:
        if not measure.is_differentiable or measure.kind == "distance":
            msg = f"{measure.name} is no score with a gradient; choose a differentiable score or an angle."
            raise ValueError(msg)
    return pair


def _refuse_divergence(arrays: list[Tensor], kind: str, pair: list[Measure], step: int, learning_rate: float) -> None:
    if all(torch.isfinite(array).all() for array in arrays):
        return
    names = " and ".join(measure.name for measure in pair)
    msg = (
        f"{names}: the optimisation diverged at step {step}: {kind} stopped being finite. Lower learning_rate (it is "
        f"{learning_rate}), or start from data of unit scale."
    )
    raise ValueError(msg)
