"""What every training objective offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainalign.datasets.scenes import Scenes
from brainalign.models.zoo.architectures import as_pixels, build, initialize
from brainalign.models.zoo.recipes import Recipe


class Objective(nn.Module, ABC):
    """A model, the heads that only its training needs, and the loss.

    Attributes
    ----------
    model : Module
        A class of a library: what `load_zoo` returns.
    heads : ModuleDict
        Shipped beside the model, because evaluation needs them.
    dimensions : dict
        Arguments of the model's class.
    """

    library_class: ClassVar[str]

    def __init__(self, recipe: Recipe, *, seed: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.dimensions = self.describe(recipe)
        self.model = build(self.library_class, self.dimensions, seed=seed)
        with torch.random.fork_rng(devices=[]):  # torch draws weights that are replaced at once
            self.heads = nn.ModuleDict(self.make_heads(recipe))
        initialize(self.heads, seed=seed, prefix="objective.")

    @abstractmethod
    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""

    @abstractmethod
    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Loss of a batch; `generator` draws what the objective adds to the scenes (masks, views, false captions)."""

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """Modules that only training and evaluation need; none by default."""
        return {}

    def adopt(self, parents: Mapping[str, nn.Module]) -> None:
        """Start parts of the model from trained ones.

        Raises
        ------
        ValueError
            When a part does not fit.
        """
        for part, trained in parents.items():
            weights = {name: tensor for name, tensor in trained.state_dict().items() if name != "proj"}
            outcome = self.model.get_submodule(part).load_state_dict(weights, strict=False)
            wrong = [*outcome.unexpected_keys, *(name for name in outcome.missing_keys if name != "proj")]
            if wrong:
                msg = f"'{part}' cannot start from {type(trained).__name__}: {', '.join(wrong[:5])} do not match."
                raise ValueError(msg)

    def tensor(self, values: NDArray) -> torch.Tensor:
        """An array as a tensor where the model is."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(next(self.model.parameters()).device)

    def pixels(self, images: NDArray[np.float32]) -> torch.Tensor:
        """Pictures as the model takes them, of shape (n, 3, 24, 24)."""
        return as_pixels(self.tensor(images))
