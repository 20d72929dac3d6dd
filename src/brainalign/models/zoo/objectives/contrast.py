"""Telling pairs that belong together from pairs that do not: two views of a scene, or a scene and its caption."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainalign.datasets.scenes import DIGITS, RELATIONS, Scenes, permute_cells, render
from brainalign.models.zoo.architectures import build, clip_config, text_tower_config, vision_transformer_config
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.recipes import Recipe

_TEMPERATURE = 0.2
_FIRST_SCALE, _LARGEST_SCALE = math.log(1 / 0.07), math.log(100)
_READOUT_WEIGHT = 0.5


class Contrastive(Objective):
    """Two views of the same scene among those of other scenes (SimCLR)."""

    library_class = "timm.models.vision_transformer.VisionTransformer"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return vision_transformer_config(recipe.width, recipe.layers, recipe.heads)

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """The projection on which views are compared."""
        width = recipe.width
        return {"projection": nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))}

    def embed_views(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Unit vectors (2, n, width) of the scenes and of views with the digits in other cells."""
        moved = render(permute_cells(scenes.instances, generator=generator), generator=generator)
        pixels = self.pixels(np.concatenate([scenes.images, moved]))
        embedded = functional.normalize(self.heads["projection"](self.model(pixels)), dim=-1)
        return embedded.unflatten(0, (2, len(scenes)))

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Normalised temperature-scaled cross-entropy of half of the scenes, each seen twice.

        So that a step sees as many pictures as that of any other objective.

        References
        ----------
        Chen et al. 2020, arXiv:2002.05709, equation 1.
        """
        half = len(scenes) // 2
        views = self.embed_views(scenes.first(half), generator).flatten(0, 1)
        similarity = views @ views.T / _TEMPERATURE
        similarity.fill_diagonal_(-torch.inf)
        return functional.cross_entropy(similarity, torch.arange(len(views), device=views.device).roll(half))


def info_nce(images: torch.Tensor, texts: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of finding each scene's caption in the batch, and each caption's scene.

    Parameters
    ----------
    images, texts : Tensor of shape (n, d)
        Unit vectors.
    log_scale : Tensor of shape ()
        Logarithm of what similarities are multiplied by; never above 100, as published.

    References
    ----------
    Radford et al. 2021, arXiv:2103.00020, Figure 3.
    """
    similarity = log_scale.clamp(max=_LARGEST_SCALE).exp() * images @ texts.T
    same = torch.arange(len(images), device=images.device)
    return (functional.cross_entropy(similarity, same) + functional.cross_entropy(similarity.T, same)) / 2


class CaptionMatching(Objective):
    """Scene and caption side by side; what retrieval and the swap test need."""

    @abstractmethod
    def embed_images(self, images: np.ndarray) -> torch.Tensor:
        """Unit vectors of pictures."""

    @abstractmethod
    def embed_texts(self, tokens: np.ndarray) -> torch.Tensor:
        """Unit vectors of captions."""


class Captioned(CaptionMatching):
    """CLIP's loss on the plain Vision Transformer of the controlled set."""

    library_class = Contrastive.library_class
    describe = Contrastive.describe

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """Text tower, projection of the class token, and temperature."""
        text = build("open_clip.transformer.TextTransformer", text_tower_config(recipe.width, recipe.heads), seed=0)
        scale = nn.ParameterDict({"log": nn.Parameter(torch.tensor(_FIRST_SCALE))})
        return {"text": text, "projection": nn.Linear(recipe.width, recipe.width, bias=False), "scale": scale}

    def embed_images(self, images: np.ndarray) -> torch.Tensor:
        """Unit vectors of pictures."""
        return functional.normalize(self.heads["projection"](self.model(self.pixels(images))), dim=-1)

    def embed_texts(self, tokens: np.ndarray) -> torch.Tensor:
        """Unit vectors of captions."""
        return functional.normalize(self.heads["text"](self.tensor(tokens)), dim=-1)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Both directions of retrieval within the batch."""
        images, texts = self.embed_images(scenes.images), self.embed_texts(scenes.captions)
        return info_nce(images, texts, self.heads["scale"]["log"])


class Clip(CaptionMatching):
    """CLIP: captions of other scenes are the only false ones."""

    library_class = "open_clip.model.CLIP"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return clip_config(recipe.width, recipe.layers, recipe.heads)

    def embed_images(self, images: np.ndarray) -> torch.Tensor:
        """Unit vectors of pictures."""
        return self.model.encode_image(self.pixels(images), normalize=True)

    def embed_texts(self, tokens: np.ndarray) -> torch.Tensor:
        """Unit vectors of captions."""
        return self.model.encode_text(self.tensor(tokens), normalize=True)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Both directions of retrieval within the batch."""
        images, texts = self.embed_images(scenes.images), self.embed_texts(scenes.captions)
        return info_nce(images, texts, self.model.logit_scale)


class ClipHard(Clip):
    """CLIP with a false caption of the same words for every scene."""

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """Readout of the caption's three words from the text embedding."""
        return {"words": nn.Linear(recipe.width, 2 * len(DIGITS) + len(RELATIONS))}

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Retrieval, true above exchanged caption, and a text embedding that keeps the order of its words.

        Without the last part image and text must both discover the order before either gets a gradient.
        """
        images = self.embed_images(scenes.images)
        texts = self.embed_texts(np.concatenate([scenes.captions, scenes.swapped]))
        true, false = texts.unflatten(0, (2, len(scenes)))
        scale = self.model.logit_scale.clamp(max=_LARGEST_SCALE).exp()
        margin = scale * (images * (true - false)).sum(-1)
        parts = self.heads["words"](true).split([len(DIGITS), len(RELATIONS), len(DIGITS)], dim=-1)
        words = self.tensor(scenes.words)
        readout = sum(functional.cross_entropy(part, words[:, i]) for i, part in enumerate(parts))
        return (
            info_nce(images, true, self.model.logit_scale)
            + functional.softplus(-margin).mean()
            + _READOUT_WEIGHT * readout
        )
