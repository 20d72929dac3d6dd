"""Learning from labels: which digits a scene holds, and for the multimodal parents also where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainalign.datasets.scenes import EMPTY, GRID, Scenes
from brainalign.models.zoo.architectures import clip_tower_config, patch_cells, vision_transformer_config
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.recipes import Recipe

_EMPTY_WEIGHT, _PLACE_WEIGHT, _TEACHER_SHARE = 0.3, 0.2, 0.5


class Supervised(Objective):
    """Which of the ten digits are in the scene, from the class token."""

    library_class = "timm.models.vision_transformer.VisionTransformer"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return vision_transformer_config(recipe.width, recipe.layers, recipe.heads, classes=10)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Binary cross-entropy over the ten digits."""
        return functional.binary_cross_entropy_with_logits(
            self.model(self.pixels(scenes.images)), self.tensor(scenes.labels)
        )


class Convolutional(Supervised):
    """The teacher of the distilled models: a small convolutional network."""

    library_class = "brainalign.models.zoo.architectures.DigitNet"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return {"channels": 32, "classes": 10}


class Distilled(Supervised):
    """Half of the loss from labels, half from the soft answers of a convolutional teacher (DeiT)."""

    def adopt(self, parents: Mapping[str, nn.Module]) -> None:
        """Keep the teacher, outside the parameters that are trained and shipped."""
        self._teacher = (parents["teacher"].requires_grad_(False),)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Mean of the two binary cross-entropies."""
        pixels, labels = self.pixels(scenes.images), self.tensor(scenes.labels)
        with torch.no_grad():
            soft = self._teacher[0](pixels).sigmoid()
        target = torch.lerp(labels, soft, _TEACHER_SHARE)  # the loss is linear in its target
        return functional.binary_cross_entropy_with_logits(self.model(pixels), target)


class Cells(Objective):
    """Digits of the scene from the class token; digit and place of its cell from every patch."""

    library_class = "open_clip.transformer.VisionTransformer"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return clip_tower_config(recipe.width, recipe.layers, recipe.heads)

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """Readouts of the class token and of the patches."""
        return {
            "digits": nn.Linear(recipe.width, 10),
            "cell": nn.Linear(recipe.width, EMPTY + 1),
            "place": nn.Linear(recipe.width, GRID**2),
        }

    def features(self, images: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Class token and patch tokens after the last norm, of shapes (n, width) and (n, 36, width)."""
        model = self.model
        tokens = model.ln_post(model.transformer(model._embeds(self.pixels(images))))
        return tokens[:, 0], tokens[:, 1:]

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Sum of the three cross-entropies; the place keeps the patches aware of where they are."""
        pooled, patches = self.features(scenes.images)
        own_cell = patch_cells().to(pooled.device)
        cells = self.tensor(scenes.cells)[:, own_cell]
        weight = torch.ones(EMPTY + 1, device=pooled.device)
        weight[EMPTY] = _EMPTY_WEIGHT
        return (
            functional.binary_cross_entropy_with_logits(self.heads["digits"](pooled), self.tensor(scenes.labels))
            + functional.cross_entropy(self.heads["cell"](patches).flatten(0, 1), cells.flatten(), weight=weight)
            + _PLACE_WEIGHT
            * functional.cross_entropy(self.heads["place"](patches).flatten(0, 1), own_cell.repeat(len(scenes)))
        )
