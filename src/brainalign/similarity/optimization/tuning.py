"""Tuning a model towards a brain: the gradient of a similarity score goes on into the model's parameters.

Arrays are torch tensors, tables are pandas.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from brainalign.arrays import check_paired, check_representation
from brainalign.similarity.measures import MEASURES, Measure
from brainalign.similarity.optimization.objectives import score_towards
from brainalign.similarity.permutations import permutation_test

__all__ = ["Tuning", "measure_all", "null_spreads", "tune"]

_SHUFFLES_AT_ONCE = 10


@dataclass(frozen=True)
class Tuning:
    """How a model was tuned.

    Attributes
    ----------
    scores : Tensor of shape (n_steps,)
        Similarity of the batch before each step.
    task_losses : Tensor of shape (n_steps,)
        Loss of the task before each step.
    observed_at : tuple of int
        Steps done when the model was observed: 0, multiples of `observe_every`, and the last; empty without `observe`.
    observations : tuple of float
        What was observed then.
    """

    scores: Tensor
    task_losses: Tensor
    observed_at: tuple[int, ...]
    observations: tuple[float, ...]


def tune(
    model: nn.Module,
    represent: Callable[[nn.Module, Tensor], Tensor],
    stimuli: Tensor,
    target: Tensor,
    *,
    measure: str,
    task_loss: Callable[[nn.Module, int], Tensor],
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
    similarity_weight: float = 1.0,
    task_weight: float = 1.0,
    observe: Callable[[nn.Module], float] | None = None,
    observe_every: int = 10,
) -> Tuning:
    """Make a model's representation more similar to a target, while it goes on learning its task.

    Parameters
    ----------
    model : Module
        Changed in place: every parameter that takes a gradient.
    represent : callable
        Takes the model and some stimuli, and returns their representation, of shape (n, n_features), with its graph.
    stimuli : Tensor of shape (n_stimuli, ...)
        What the model is shown.
    target : Tensor of shape (n_stimuli, n_features_of_target)
        Responses of the brain to the same stimuli. Where only dissimilarities were published, coordinates from
        `brainalign.similarity.classical_scaling`.
    measure : str
        Score to raise, a name of `list_objectives`.
    task_loss : callable
        Takes the model and the number of the step, and returns the loss of the task, of shape ().
    n_steps : int
        Steps of Adam.
    batch_size : int
        Stimuli a step, drawn without replacement. More than the features that are compared, or the measures that fit
        a map have nothing to say.
    learning_rate : float
        Of Adam.
    generator : torch.Generator
        Draws the batches.
    similarity_weight, task_weight : float
        The loss is ``task_weight * task loss - similarity_weight * score``. With a similarity weight of 0 the model
        goes on with its task alone.
    observe : callable, optional
        Takes the model and returns a number; called without gradient.
    observe_every : int
        Steps between two observations.

    Returns
    -------
    Tuning

    Raises
    ------
    TypeError
        For a target that is no tensor of real floating-point numbers.
    ValueError
        For numbers that do not fit, a model without parameters to learn, what `score_towards` refuses, and a score or
        loss that stops being finite.

    Notes
    -----
    `score_towards` gives the gradient g of the score in the representation, in closed form where there is one; the
    parameters then get that of the inner product of g and the representation, which is the chain rule.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    They optimise data; that it can be carried on into a model is said there, not done.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    _check(learning, stimuli, target, measure, n_steps, batch_size, learning_rate, observe_every)
    optimizer = torch.optim.Adam(learning, lr=learning_rate)
    watch = _Watch(model, observe, observe_every, n_steps)
    scores, losses = [], []
    for step in range(n_steps):
        watch.look(step)
        rows = torch.randperm(len(stimuli), generator=generator)[:batch_size]
        with torch.set_grad_enabled(similarity_weight != 0):
            representation = represent(model, stimuli[rows])
        score, gradient = score_towards(target[rows], measure)(representation.detach()[None])
        loss = task_loss(model, step)
        _refuse_divergence(score, loss, gradient, step, measure)
        optimizer.zero_grad(set_to_none=True)
        (task_weight * loss - similarity_weight * (gradient[0] * representation).sum()).backward()
        optimizer.step()
        scores.append(score[0])
        losses.append(loss.detach())
    watch.look(n_steps)
    return Tuning(torch.stack(scores), torch.stack(losses), tuple(watch.steps), tuple(watch.values))


class _Watch:
    """Observes a model now and then."""

    def __init__(
        self, model: nn.Module, observe: Callable[[nn.Module], float] | None, every: int, n_steps: int
    ) -> None:
        self._model, self._observe, self._every, self._last = model, observe, every, n_steps
        self.steps: list[int] = []
        self.values: list[float] = []

    @torch.no_grad()
    def look(self, step: int) -> None:
        if self._observe is not None and (step % self._every == 0 or step == self._last):
            self.steps.append(step)
            self.values.append(float(self._observe(self._model)))


def _check(
    learning: list[nn.Parameter],
    stimuli: Tensor,
    target: Tensor,
    measure: str,
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    observe_every: int,
) -> None:
    check_representation(target, name="target", measure=measure)
    if target.ndim != 2 or len(stimuli) != len(target):
        msg = (
            f"target must have shape ({len(stimuli)}, n_features), a row for each of the stimuli: got "
            f"{tuple(target.shape)}. For a matrix of dissimilarities give classical_scaling of it."
        )
        raise ValueError(msg)
    if not learning:
        msg = "no parameter of the model takes a gradient; call requires_grad_() on those that are to learn."
        raise ValueError(msg)
    if not 3 <= batch_size <= len(stimuli):
        msg = f"batch_size = {batch_size} cannot be drawn from {len(stimuli)} stimuli; give 3 to {len(stimuli)}."
        raise ValueError(msg)
    if n_steps < 1 or observe_every < 1 or not 0 < learning_rate < float("inf"):
        msg = (
            f"n_steps and observe_every must be 1 or more and learning_rate above 0: got {n_steps}, {observe_every} "
            f"and {learning_rate}."
        )
        raise ValueError(msg)


def _refuse_divergence(score: Tensor, loss: Tensor, gradient: Tensor, step: int, measure: str) -> None:
    for name, value in (("score", score), ("task loss", loss.detach()), ("gradient of the score", gradient)):
        if not torch.isfinite(value).all():
            msg = f"{measure}: at step {step} the {name} is not finite. Lower learning_rate, or the weights."
            raise ValueError(msg)


def measure_all(representation: Tensor, target: Tensor) -> pd.Series:
    """Every measure of the registry between two representations.

    Parameters
    ----------
    representation : Tensor of shape (n_samples, n_features)
        The source, where a measure has a direction.
    target : Tensor of shape (n_samples, n_features_of_target)
        Of the same samples.

    Returns
    -------
    Series of float
        By name of the measure. Distances and angles are negated, so that more is always more alike. NaN where a
        measure refuses these data, or warns of them (a regression on more features than samples, say).

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_paired` refuses: that is refused by all.

    Examples
    --------
    >>> X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    >>> round(float(measure_all(X, X)["linear_cka"]), 6)
    1.0
    """
    representation, target = check_paired(representation, target, measure="measure_all")
    return _each(lambda measure: (1 if measure.kind == "score" else -1) * measure(representation, target))


def null_spreads(representation: Tensor, target: Tensor, *, n_shuffles: int, generator: torch.Generator) -> pd.Series:
    """Spread of every measure of the registry when the samples do not correspond: a unit for its changes.

    Parameters
    ----------
    representation, target : Tensor
        As for `measure_all`.
    n_shuffles : int
        How often the samples of the target are shuffled, 2 or more.
    generator : torch.Generator
        Source of the shuffles.

    Returns
    -------
    Series of float
        Standard deviation over shuffles, by name of the measure; NaN where a measure refuses these data.

    Raises
    ------
    TypeError, ValueError
        For fewer than 2 shuffles, and as `measure_all`.
    """
    if n_shuffles < 2:
        msg = f"n_shuffles = {n_shuffles} have no spread; give at least 2."
        raise ValueError(msg)
    representation, target = check_paired(representation, target, measure="null_spreads")
    return _each(
        lambda measure: permutation_test(
            measure,
            representation,
            target,
            n_permutations=n_shuffles,
            generator=generator,
            batch_size=_SHUFFLES_AT_ONCE,
        ).null.std()
    )


def _each(value_of: Callable[[Measure], Tensor]) -> pd.Series:
    values = {}
    for measure in MEASURES:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # measures warn where their value would say nothing
            try:
                values[measure.name] = float(value_of(measure))
            except (ValueError, UserWarning):
                values[measure.name] = float("nan")
    return pd.Series(values, dtype=float)
