"""Training a model of the mini-zoo: the same scenes for a seed, a schedule in steps, and a restart where it stopped."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from brainalign.datasets.scenes import Scenes, draw_scenes
from brainalign.models.zoo.objectives import OBJECTIVES, Objective
from brainalign.models.zoo.recipes import Recipe, get_recipe
from brainalign.models.zoo.weights import file_name, load_objective, save_objective, zoo_folder

Progress = Callable[[int, int, float], None]
"""Called after a step with the steps done, the steps in all, and the loss."""

WARM_UP, LAST_SHARE = 100, 0.02
_KEEP_EVERY, _DECAY, _BETAS, _CLIP = 50, 0.05, (0.9, 0.98), 1.0


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes
    ----------
    objective : Objective
        The model and its heads, in evaluation mode.
    path : Path
        File of the weights.
    seconds : float
        Processor time of all steps.
    loss : float
        Mean loss of the last tenth of the steps that were run last.
    """

    objective: Objective
    path: Path
    seconds: float
    loss: float


def train_zoo(
    name: str,
    seed: int = 0,
    *,
    folder: Path,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
    steps: int | None = None,
    stop_after: int | None = None,
) -> Trained | None:
    """Train one model and write its weights.

    Parents that are in neither `folder` nor the shipped weights are trained first. A run that was stopped goes
    on from the file ``NAME-SEED.resume`` in `folder`, and ends as if it had never stopped: the random numbers
    of a step depend on the seed and the step alone.

    Parameters
    ----------
    name : str
        Model of the mini-zoo; see `zoo_names`.
    seed : int
        Decides the first weights and every scene. Objectives of the controlled set see the same scenes.
    folder : Path
        Where weights and restart files are written.
    device : str or device
        Where the steps are computed.
    progress : callable, optional
        Told of every step.
    steps : int, optional
        Length of the whole schedule; by default the recipe's.
    stop_after : int, optional
        Stop after this many steps in all, with a restart file and no weights.

    Returns
    -------
    Trained or None
        None when it was stopped.

    Raises
    ------
    ValueError
        Unknown name, a negative seed, or a schedule that has no step.
    """
    recipe = get_recipe(name)
    steps = recipe.steps if steps is None else steps
    if steps < 1 or seed < 0:
        msg = f"steps = {steps} and seed = {seed} were given; steps must be at least 1 and the seed at least 0."
        raise ValueError(msg)
    objective = _start(recipe, seed, folder, device)
    return _Run(objective, seed, steps, folder).go(progress or (lambda *_: None), stop_after)


def _start(recipe: Recipe, seed: int, folder: Path, device: str | torch.device) -> Objective:
    objective = OBJECTIVES[recipe.objective](recipe, seed=seed).to(device)
    parents = {}
    for part, reference in recipe.parents.items():
        parent, _, submodule = reference.partition("#")
        trained = _parent(parent, recipe.parent_seed(parent, seed), folder, device)
        parents[part] = trained.model.get_submodule(submodule)
    objective.adopt(parents)
    return objective.train()


def _parent(name: str, seed: int, folder: Path, device: str | torch.device) -> Objective:
    for place in (folder, zoo_folder()):
        if (place / file_name(name, seed)).is_file():
            return load_objective(name, seed, folder=place).to(device)
    return train_zoo(name, seed, folder=folder, device=device).objective


def training_scenes(recipe: Recipe, seed: int, step: int, steps: int) -> Scenes:
    """The scenes of one step."""
    easy = step < recipe.easy_share * steps
    digits = (2, 2) if easy else recipe.digits
    generator = np.random.default_rng([seed, step])
    return draw_scenes(recipe.batch, generator=generator, digits=digits, pairs=recipe.pairs)


def learning_rate_share(step: int, steps: int) -> float:
    """Share of the highest learning rate at a step: a linear warm-up, then half a cosine down to 2 %."""
    warm_up = min(WARM_UP, max(steps // 4, 1))
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(steps - warm_up, 1)
    return LAST_SHARE + (1 - LAST_SHARE) * (1 + math.cos(math.pi * done)) / 2


class _Run:
    """One training from its restart file (or its start) to its end."""

    def __init__(self, objective: Objective, seed: int, steps: int, folder: Path) -> None:
        self.objective, self.recipe, self.seed, self.steps = objective, objective.recipe, seed, steps
        self.optimizer = _optimizer(objective)
        self.step, self.seconds = 0, 0.0
        self.losses: list[torch.Tensor] = []
        self.path = folder / file_name(self.recipe.name, seed)
        self.restart = self.path.with_suffix(".resume")

    def go(self, progress: Progress, stop_after: int | None) -> Trained | None:
        self._resume()
        while self.step < self.steps:
            if stop_after is not None and self.step >= stop_after:
                self._keep()
                return None
            began = time.process_time()
            self.losses.append(self._advance())
            self.seconds += time.process_time() - began
            progress(self.step, self.steps, float(self.losses[-1]))
            if self.step % _KEEP_EVERY == 0 and self.step < self.steps:
                self._keep()
        save_objective(self.objective, self.path, seed=self.seed, steps=self.steps)
        self.restart.unlink(missing_ok=True)
        last = self.losses[-max(len(self.losses) // 10, 1) :]
        loss = float(torch.stack(last).mean()) if last else math.nan
        return Trained(
            load_objective(self.recipe.name, self.seed, folder=self.path.parent), self.path, self.seconds, loss
        )

    def _advance(self) -> torch.Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * group["scale"] * learning_rate_share(self.step, self.steps)
        scenes = training_scenes(self.recipe, self.seed, self.step, self.steps)
        generator = np.random.default_rng([self.seed, self.step, zlib.crc32(self.recipe.objective.encode())])
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective.loss(scenes, generator)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), _CLIP)
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def _keep(self) -> None:
        state = {
            "name": self.recipe.name,
            "steps": self.steps,
            "step": self.step,
            "seconds": self.seconds,
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        self.restart.parent.mkdir(parents=True, exist_ok=True)
        partial = self.restart.with_suffix(".partial-resume")
        torch.save(state, partial)
        partial.replace(self.restart)

    def _resume(self) -> None:
        if not self.restart.is_file():
            return
        state = torch.load(self.restart, map_location="cpu", weights_only=True)
        if state["steps"] != self.steps:
            msg = (
                f"{self.restart} belongs to a schedule of {state['steps']} steps, not {self.steps}. "
                "Give the same number of steps, or delete the file to start anew."
            )
            raise ValueError(msg)
        self.objective.load_state_dict(state["objective"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]


def _optimizer(objective: Objective) -> torch.optim.AdamW:
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in objective.named_parameters():
        scale = next((s for prefix, s in objective.recipe.lr_scale.items() if name.startswith(prefix)), 1.0)
        decay = _DECAY if parameter.ndim > 1 else 0.0
        groups.setdefault((scale, decay), []).append(parameter)
    described = [{"params": params, "scale": scale, "weight_decay": decay} for (scale, decay), params in groups.items()]
    return torch.optim.AdamW(described, lr=objective.recipe.lr, betas=_BETAS, fused=True)
