"""How well a model of pictures and captions does: finding, and telling a caption from one with the same words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from brainalign.datasets.scenes import (
    FIRST_DIGIT,
    FIRST_RELATION,
    MASK,
    RELATIONS,
    WORD_A,
    WORD_RELATION,
    Scenes,
    caption_truth,
    digits_present,
    draw_scenes,
    render,
)
from brainalign.models.zoo.evaluation.measurement import Measurement
from brainalign.models.zoo.objectives.contrast import CaptionMatching
from brainalign.models.zoo.objectives.fusion import Fusion

Measurements = dict[str, Measurement]
Margin = Callable[[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]], torch.Tensor]
"""How far a model puts the first captions above the second ones, given pictures."""

_POOL = 100


def measure_matching(objective: CaptionMatching, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """Retrieval among 100 in both directions, and true against exchanged captions."""

    def margin(images: NDArray[np.float32], true: NDArray[np.int64], false: NDArray[np.int64]) -> torch.Tensor:
        difference = objective.embed_texts(true) - objective.embed_texts(false)
        return (objective.embed_images(images) * difference).sum(-1)

    images, texts = objective.embed_images(scenes.images), objective.embed_texts(scenes.captions)
    found = np.mean([_recall(images[pool], texts[pool]) for pool in _pools(len(scenes))])
    oracle = {
        "bag of digits": _ideal_recall(scenes, digits_present),
        "perfect reader": _ideal_recall(scenes, caption_truth),
    }
    return {"retrieval, R@1 of 100": Measurement(float(found), 1 / _POOL, oracle)} | _hard_negatives(
        margin, scenes, generator
    )


def measure_fusion(objective: Fusion, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """True against exchanged captions and against those of other scenes, and hidden words."""

    def margin(images: NDArray[np.float32], true: NDArray[np.int64], false: NDArray[np.int64]) -> torch.Tensor:
        fits, fails = (objective.model.itm_logits(read).diff(dim=-1) for read in objective.read(images, [true, false]))
        return (fits - fails)[:, 0]

    other = _share_above(margin(scenes.images, scenes.captions, np.roll(scenes.captions, 1, axis=0)))
    return {
        **_hard_negatives(margin, scenes, generator),
        "caption of another scene": Measurement(other, 0.5, {}),
        "hidden relation": _hidden_word(objective, scenes, WORD_RELATION, FIRST_RELATION, len(RELATIONS), generator),
        "hidden digit": _hidden_word(objective, scenes, WORD_A, FIRST_DIGIT, 10, generator),
    }


def _hard_negatives(margin: Margin, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    unseen = draw_scenes(len(scenes), generator=generator, split="test", pairs="held-out")
    wrong, blank = np.roll(scenes.images, 1, axis=0), _empty_pictures(scenes, generator)
    exchanged, wrong_exchanged, blank_exchanged = (
        _share_above(margin(images, scenes.captions, scenes.swapped)) for images in (scenes.images, wrong, blank)
    )
    rare = _share_above(margin(unseen.images, unseen.captions, unseen.swapped))
    turned = _share_above(margin(scenes.images, scenes.captions, scenes.inverted))
    return {
        "digits exchanged": Measurement(exchanged, 0.5, {}, wrong_exchanged, blank_exchanged),
        "digits exchanged, held-out pairs": Measurement(rare, 0.5, {}),
        "relation turned round": Measurement(turned, 0.5, {}),
    }


def _share_above(margin: torch.Tensor) -> float:
    return float(((margin > 0).float() + (margin == 0).float() / 2).mean())  # a tie is a coin toss


def _hidden_word(
    objective: Fusion, scenes: Scenes, place: int, first: int, n_words: int, generator: np.random.Generator
) -> Measurement:
    hidden, true = scenes.captions, scenes.captions[:, place] - first
    hidden[:, place] = MASK

    def accuracy(images: NDArray[np.float32]) -> float:
        (read,) = objective.read(images, [hidden])
        words = objective.model.mlm_logits(read)[:, place, first : first + n_words]
        return float((words.argmax(-1).cpu().numpy() == true).mean())

    wrong, blank = np.roll(scenes.images, 1, axis=0), _empty_pictures(scenes, generator)
    return Measurement(accuracy(scenes.images), 1 / n_words, {}, accuracy(wrong), accuracy(blank))


def _empty_pictures(scenes: Scenes, generator: np.random.Generator) -> NDArray[np.float32]:
    return render(np.full_like(scenes.instances, -1), generator=generator)


def _pools(n: int) -> list[slice]:
    return [slice(start, start + _POOL) for start in range(0, n - _POOL + 1, _POOL)]


def _recall(images: torch.Tensor, texts: torch.Tensor) -> float:
    similarity = images @ texts.T
    own = torch.arange(len(images), device=images.device)
    return float(((similarity.argmax(1) == own).float().mean() + (similarity.argmax(0) == own).float().mean()) / 2)


def _ideal_recall(scenes: Scenes, fits: Callable[[NDArray, NDArray], NDArray[np.bool_]]) -> float:
    """R@1 of a reader that knows which captions fit, and guesses among those that do."""
    recalls = []
    for pool in _pools(len(scenes)):
        fitting = fits(scenes.cells[pool], scenes.words[pool])
        recalls += [(1 / fitting.sum(0)).mean(), (1 / fitting.sum(1)).mean()]
    return float(np.mean(recalls))
