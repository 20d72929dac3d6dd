"""How well a model of sentences does: words that follow from the sentence, and one that does not."""

from __future__ import annotations

import numpy as np

from brainalign.datasets.scenes import (
    DIGITS,
    FIRST_DIGIT,
    FIRST_RELATION,
    MASK,
    RELATIONS,
    WORD_RELATION,
    Scenes,
    sentences_with_converse,
)
from brainalign.models.zoo.evaluation.measurement import Measurement
from brainalign.models.zoo.objectives.sentences import MaskedWords, NextWords

_CONVERSE, _COPIED = 9, 11
"""Places of the second relation, and of the digit that ends ``a A REL a B so a B INVERSE a A``."""


def measure_sentences(objective: MaskedWords, scenes: Scenes, generator: np.random.Generator) -> dict[str, Measurement]:
    """Accuracy on the converse relation, the copied digit, and the first relation, which nothing foretells."""
    tokens = sentences_with_converse(scenes.words, generator=generator, share=1.0)
    short = sentences_with_converse(scenes.words, generator=generator, share=0.0)
    relations, digits = (FIRST_RELATION, len(RELATIONS)), (FIRST_DIGIT, len(DIGITS))
    return {
        "converse relation": _accuracy(objective, tokens, _CONVERSE, *relations),
        "copied digit": _accuracy(objective, tokens, _COPIED, *digits),
        "first relation": _accuracy(objective, short, WORD_RELATION, *relations),
    }


def _accuracy(objective: MaskedWords, tokens: np.ndarray, place: int, first: int, n_words: int) -> Measurement:
    true = tokens[:, place] - first
    if isinstance(objective, NextWords):
        logits = objective.logits(tokens[:, :place])[:, -1]
    else:
        hidden = tokens.copy()
        hidden[:, place] = MASK
        logits = objective.logits(hidden)[:, place]
    found = logits[:, first : first + n_words].argmax(-1).cpu().numpy()
    return Measurement(float((found == true).mean()), 1 / n_words, {})
