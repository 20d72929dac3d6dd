"""Sentences without pictures: masked words (BERT) and next words (GPT)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from brainalign.datasets.scenes import CLS, MASK, PAD, VOCABULARY, Scenes, sentences_with_converse
from brainalign.models.zoo.architectures import bert_config, gpt_config
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.recipes import Recipe

_MASKED_SHARE, _IGNORED = 0.2, -100


class MaskedWords(Objective):
    """One word in five is hidden and must be told from the others (BERT)."""

    library_class = "transformers.BertForMaskedLM"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return bert_config(recipe.width, recipe.layers, recipe.heads)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Cross-entropy of the hidden words."""
        tokens = sentences_with_converse(scenes.words, generator=generator)
        is_word = ~np.isin(tokens, (PAD, CLS, VOCABULARY.index("[SEP]")))
        hidden = is_word & (generator.random(tokens.shape) < _MASKED_SHARE)
        logits = self.logits(np.where(hidden, MASK, tokens))
        target = self.tensor(np.where(hidden, tokens, _IGNORED))
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=_IGNORED)

    def logits(self, tokens: np.ndarray) -> torch.Tensor:
        """Scores (n, length, 21) of every word at every place."""
        ids = self.tensor(tokens)
        return self.model(input_ids=ids, attention_mask=(ids != PAD).long()).logits


class NextWords(MaskedWords):
    """Every word must be told from those before it (GPT)."""

    library_class = "transformers.GPT2LMHeadModel"

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Arguments of the model's class."""
        return gpt_config(recipe.width, recipe.layers, recipe.heads)

    def loss(self, scenes: Scenes, generator: np.random.Generator) -> torch.Tensor:
        """Cross-entropy of the next words."""
        tokens = sentences_with_converse(scenes.words, generator=generator)
        logits = self.logits(tokens)[:, :-1]
        return functional.cross_entropy(logits.flatten(0, 1), self.tensor(tokens[:, 1:]).flatten(), ignore_index=PAD)
