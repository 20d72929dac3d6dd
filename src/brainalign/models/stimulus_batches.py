"""Digit scenes and texts in batches, as the kind of model at hand reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from brainalign.catalogue.references import parse_reference
from brainalign.datasets.scenes import PAD, Scenes, sentences_with_converse
from brainalign.models.loading import LoadedModel
from brainalign.models.presentation import model_inputs


class Stimuli(NamedTuple):
    """One batch, for `brainalign.models.presentation.present`.

    Attributes
    ----------
    pictures : ndarray of shape (batch, 24, 24) or None
        Ink, 0 to 1.
    captions : tuple of two Tensors of shape (batch, n_tokens), or None
        Token numbers, and a mask that is not 0 where a token is no padding.
    """

    pictures: NDArray[np.float32] | None = None
    captions: tuple[Tensor, Tensor] | None = None


def batches_for(
    model: LoadedModel,
    scenes: Scenes,
    texts: Sequence[str],
    *,
    max_tokens: int,
    generator: np.random.Generator,
    batch_size: int = 32,
) -> Iterator[Stimuli]:
    """What a model is shown: the scenes, sentences about them, both, or texts in its own language.

    Parameters
    ----------
    model : LoadedModel
        Models of pictures see the scenes. Models of the mini-zoo that read get sentences about the scenes, half of
        them with what follows (`brainalign.datasets.scenes.sentences_with_converse`), so that lengths differ. Models of
        the mini-zoo that do both get scenes with their captions. All other models that read get the texts.
    scenes : Scenes
        Pictures with their captions.
    texts : sequence of str
        Running text.
    max_tokens : int
        Longest text, with the tokens that mark begin and end; longer ones are cut before the end.
    generator : Generator
        Draws which sentences go on.
    batch_size : int
        Inputs in a batch.

    Yields
    ------
    Stimuli
        For `brainalign.models.attention_maps.stream_attention`.

    Raises
    ------
    ValueError
        A model of pictures and texts from outside the mini-zoo, or one whose tokenizer is not there.
    """
    reads = model_inputs(model.module)
    if reads.captions is None:
        yield from _split(scenes.images, None, batch_size)
    elif reads.pictures is None and model.kind != "zoo":
        yield from _texts(model, texts, max_tokens, batch_size)
    elif reads.pictures is None:
        yield from _split(None, sentences_with_converse(scenes.words, generator=generator), batch_size)
    elif model.kind == "zoo":
        yield from _split(scenes.images, scenes.captions, batch_size)
    else:
        msg = (
            f"'{model.reference}' reads pictures and texts at once; scenes come with captions for the mini-zoo only. "
            "Give a model of pictures, a model of texts, or one of the mini-zoo, for example zoo:clip-s#vision."
        )
        raise ValueError(msg)


def reads_pictures(model: LoadedModel) -> bool:
    """Whether the tower that the reference names, or the only one, is of pictures."""
    tower = parse_reference(model.reference).tower
    return tower == "vision" or (tower is None and model_inputs(model.module).captions is None)


def _split(
    pictures: NDArray[np.float32] | None, captions: NDArray[np.int64] | None, batch_size: int
) -> Iterator[Stimuli]:
    for first in range(0, len(captions if pictures is None else pictures), batch_size):
        part = slice(first, first + batch_size)
        ids = None if captions is None else torch.from_numpy(captions[part])
        yield Stimuli(None if pictures is None else pictures[part], None if ids is None else (ids, ids != PAD))


def _texts(model: LoadedModel, texts: Sequence[str], max_tokens: int, batch_size: int) -> Iterator[Stimuli]:
    if model.tokenize is None:
        msg = f"'{model.reference}' has no tokenizer beside its weights, so it cannot read texts; add its files."
        raise ValueError(msg)
    for first in range(0, len(texts), batch_size):
        rows = [_cut(model, text, max_tokens) for text in texts[first : first + batch_size]]
        longest = max(map(len, rows))
        ids, mask = (
            torch.stack([pad(row, (0, longest - len(row))) for row in kind])
            for kind in (rows, [torch.ones_like(row) for row in rows])
        )
        yield Stimuli(captions=(ids, mask))


def _cut(model: LoadedModel, text: str, max_tokens: int) -> Tensor:
    """Token numbers of a text; of one that is too long the last words go, the tokens that mark its end stay."""
    encoding = model.tokenize([text])
    ids = encoding["input_ids"][0]
    is_word = [encoding.token_to_chars(0, place) is not None for place in range(len(ids))]
    if not any(is_word):
        msg = f"the tokenizer of '{model.reference}' finds no word in {text!r}; leave that text out."
        raise ValueError(msg)
    end = len(ids) - is_word[::-1].index(True)
    n_marks = len(ids) - end
    return torch.cat([ids[: min(end, max_tokens - n_marks)], ids[end:]])
