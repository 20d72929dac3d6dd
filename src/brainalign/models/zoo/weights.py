"""Files of the mini-zoo: half-precision safetensors that say themselves what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from brainalign.catalogue.entries import ZOO_REFERENCE, ChecksumError, MissingDataError, locate
from brainalign.catalogue.locations import project_root
from brainalign.models.zoo.objectives import OBJECTIVES, Objective
from brainalign.models.zoo.recipes import get_recipe

_HEADS = "objective."


def zoo_folder() -> Path:
    """Where the shipped weights are."""
    return project_root() / "data" / "zoo"


def file_name(name: str, seed: int) -> str:
    """Name of the file of a model, for example ``mae-s-2.safetensors``."""
    return f"{name}-{seed}.safetensors"


def trained_seeds(name: str, *, folder: Path | None = None) -> tuple[int, ...]:
    """Seeds of a model whose weights are in a folder, by default that of the shipped ones.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    get_recipe(name)
    stems = (path.stem.rpartition("-") for path in (folder or zoo_folder()).glob(f"{name}-*.safetensors"))
    return tuple(sorted(int(seed) for stem, _, seed in stems if stem == name and seed.isdigit()))


def save_objective(objective: Objective, path: Path, *, seed: int, steps: int) -> None:
    """Write model and heads in half precision, and beside them what they are.

    Parameters
    ----------
    objective : Objective
    path : Path
        Replaced as a whole, never half written.
    seed, steps : int
        What they were trained with.
    """
    recipe = objective.recipe
    config = {
        **objective.dimensions,
        "library_class": objective.library_class,
        "name": recipe.name,
        "objective": recipe.objective,
        "size": recipe.size,
        "seed": seed,
        "steps": steps,
        "digits": list(recipe.digits),
    }
    tensors = {name: half(tensor) for name, tensor in objective.model.state_dict().items()}
    tensors |= {f"{_HEADS}{name}": half(tensor) for name, tensor in objective.heads.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"config": json.dumps(config, sort_keys=True), "format": "pt"})
    partial.replace(path)


def half(tensor: torch.Tensor) -> torch.Tensor:
    """A copy on the CPU, floating numbers in half precision."""
    tensor = tensor.detach().cpu()
    return (tensor.half() if tensor.is_floating_point() else tensor).clone().contiguous()


def read_config(path: Path) -> dict[str, Any]:
    """What a file says that it holds.

    Raises
    ------
    MissingDataError
        There is no such file.
    ChecksumError
        It is no file of the mini-zoo.
    """
    if not path.is_file():
        name, _, seed = path.stem.rpartition("-")
        command = f"brainalign zoo train {name} --seed {seed} --output {path.parent}"
        msg = f"{path.name} is missing from {path.parent}. Make it with: {command}"
        raise MissingDataError(msg)
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("config")
    if text is None:
        msg = f"{path} does not say what it holds (metadata 'config'): it is no file of the mini-zoo."
        raise ChecksumError(msg)
    return json.loads(text)


def random_objective(name: str, seed: int) -> Objective:
    """The objective of a model at its very first step: the untrained twin.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    recipe = get_recipe(name)
    return OBJECTIVES[recipe.objective](recipe, seed=seed).eval()


def _shipped(name: str, seed: int) -> Path:
    # By way of `locate`, which notes what a run has read.
    try:
        return locate(f"{ZOO_REFERENCE}{name}/{seed}" if seed else f"{ZOO_REFERENCE}{name}", file_name(name, seed))
    except MissingDataError:
        return zoo_folder() / file_name(name, seed)  # whose absence `read_config` explains


def load_objective(name: str, seed: int, *, folder: Path | None = None) -> Objective:
    """A trained model with the heads of its objective, in evaluation mode.

    Parameters
    ----------
    name : str
        Key of the table of recipes.
    seed : int
    folder : Path, optional
        Where the file is; by default with the shipped weights.

    Raises
    ------
    ValueError
        For an unknown name.
    MissingDataError, ChecksumError
        See `read_config`.
    """
    objective = random_objective(name, seed)
    path = _shipped(name, seed) if folder is None else folder / file_name(name, seed)
    config = read_config(path)
    if (config["name"], config["seed"]) != (name, seed):
        msg = f"{path} holds {config['name']} of seed {config['seed']}, not {name} of seed {seed}."
        raise ChecksumError(msg)
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    _load(objective, tensors)
    return objective


def _load(objective: Objective, tensors: Mapping[str, torch.Tensor]) -> None:
    heads = {key.removeprefix(_HEADS): tensor for key, tensor in tensors.items() if key.startswith(_HEADS)}
    objective.model.load_state_dict({k: tensor for k, tensor in tensors.items() if not k.startswith(_HEADS)})
    objective.heads.load_state_dict(heads)
