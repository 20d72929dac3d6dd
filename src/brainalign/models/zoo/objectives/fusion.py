"""Image and text read together by METER: does the caption fit (ITM), and which word is hidden (MLM)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from brainalign.datasets.scenes import GRID, MASK, WORD_A, WORD_B, WORD_RELATION, Scenes
from brainalign.models.meter import MeterOutput
from brainalign.models.zoo.architectures import meter_dimensions
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.recipes import Recipe

_SWAPPED_UNTIL, _INVERTED_UNTIL = 0.36, 0.60  # the rest are captions of other scenes
_HIDDEN_WORDS, _HIDDEN_SHARES = (WORD_RELATION, WORD_A, WORD_B), (0.5, 0.25, 0.25)
_RANKING_WEIGHT = 0.5


class Fusion(Objective):
    """METER's two pretraining losses: image-text matching and masked words."""

    library_class = "brainalign.models.meter.Meter"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return meter_dimensions(recipe.width, recipe.layers, recipe.heads)

    def read(self, images: NDArray[np.float32], texts: list[NDArray[np.int64]]) -> list[MeterOutput]:
        """What METER makes of each picture with each of its texts; the image tower runs once a picture."""
        model, types = self.model, self.model.token_type_embeddings.weight
        tokens, _ = model.vit_model.visual(self.pixels(images), keep_attention=False)
        seen = (model.cross_modal_image_transform(tokens) + types[1]).repeat(len(texts), 1, 1)
        ids = self.tensor(np.concatenate(texts))
        present = torch.ones_like(ids, dtype=torch.bool)
        words, _ = model.text_transformer(ids, present, keep_attention=False)
        text, image, _ = model.fuse(model.cross_modal_text_transform(words) + types[0], seen, present)
        pooled = torch.cat([model.cross_modal_text_pooler(text), model.cross_modal_image_pooler(image)], dim=-1)
        parts = (part.chunk(len(texts)) for part in (text, image, pooled))
        return [MeterOutput(*part) for part in zip(*parts, strict=True)]

    def pretraining_loss(
        self, scenes: Scenes, generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, MeterOutput]:
        """ITM plus MLM; how far the true caption is above the false one (n,); and the reading of the true one."""
        rows = np.arange(len(scenes))
        places = generator.choice(_HIDDEN_WORDS, p=_HIDDEN_SHARES, size=len(scenes))
        hidden = scenes.captions
        hidden[rows, places] = MASK
        true, false, masked = self.read(scenes.images, [scenes.captions, false_captions(scenes, generator), hidden])
        fits = self.model.itm_logits(true)
        fails = self.model.itm_logits(false)
        answers = torch.cat([torch.ones_like(fits[:, 0]), torch.zeros_like(fails[:, 0])]).long()
        words = self.model.mlm_logits(masked)[self.tensor(rows), self.tensor(places)]
        target = self.tensor(scenes.captions[rows, places])
        loss = functional.cross_entropy(torch.cat([fits, fails]), answers) + functional.cross_entropy(words, target)
        return loss, (fits - fails).diff(dim=-1)[:, 0], true

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Matching and masked words, as published."""
        return self.pretraining_loss(scenes, generator)[0]


class GroundedFusion(Fusion):
    """METER that must also point: each digit word of the caption to the cell of its digit."""

    def make_heads(self, recipe: Recipe) -> dict[str, nn.Module]:
        """The pointer from a word to a cell."""
        return {"cell": nn.Linear(recipe.width, GRID**2)}

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """The two published losses, a ranking of true above false captions, and grounding.

        References
        ----------
        Kamath et al. 2021, arXiv:2104.12763 (MDETR), for the idea that words point to places.
        """
        loss, margin, true = self.pretraining_loss(scenes, generator)
        pointed = self.heads["cell"](true.text_features[:, (WORD_A, WORD_B)])
        grounding = functional.cross_entropy(pointed.flatten(0, 1), self.tensor(scenes.mentioned).flatten())
        return loss + _RANKING_WEIGHT * functional.softplus(-margin).mean() + grounding


def false_captions(scenes: Scenes, generator: np.random.Generator) -> NDArray[np.int64]:
    """A false caption for each scene: digits exchanged (36 %), relation turned round (24 %), or of another scene.

    Parameters
    ----------
    scenes : Scenes
    generator : Generator

    Returns
    -------
    ndarray of shape (n, 7)
    """
    kind = generator.random((len(scenes), 1))
    other = np.roll(scenes.captions, 1, axis=0)
    return np.where(kind < _SWAPPED_UNTIL, scenes.swapped, np.where(kind < _INVERTED_UNTIL, scenes.inverted, other))
