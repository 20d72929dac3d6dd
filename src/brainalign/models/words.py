"""What a language model holds of every word of a running text, while it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainalign.models.loading import LoadedModel
from brainalign.models.taps.blocks import find_towers
from brainalign.models.taps.pooling import masked_mean
from brainalign.models.taps.tapping import tap

WORD_KINDS = ("residual", "neurons", "context")
"""What can be read out of a word; see `brainalign.models.taps.tap`."""


def word_states(
    model: LoadedModel,
    words: Sequence[str],
    *,
    context: int = 25,
    what: Sequence[str] = ("residual",),
    layers: Iterable[int] | None = None,
    batch_size: int = 64,
) -> dict[str, NDArray[np.float32]]:
    """Activations at every word, when the model has read that word and some words before it.

    The text ends with the word, so that no activation can know what comes later, in models that read both ways, too.

    Parameters
    ----------
    model : LoadedModel
        A language model with its tokenizer, for example ``load_model("minilm")``.
    words : sequence of str
        The text, word by word. A clitic on its own ("n't", "'s") is written together with the word before it.
    context : int
        How many words before each word are read with it; at the beginning of the text there are fewer.
    what : sequence of str
        Out of `WORD_KINDS`.
    layers : iterable of int, optional
        Which layers, from 0. All by default.
    batch_size : int
        How many texts are read at once. Only texts of equally many tokens are, so that nothing is padded.

    Returns
    -------
    dict of str to ndarray
        By kind: (n_words, n_layers, width) for "residual", (n_words, n_layers, neurons) for "neurons" and
        (n_words, n_layers, heads, head_dim) for "context". A word of several tokens has their mean.

    Raises
    ------
    ValueError
        A model that cannot read a text, unknown kinds or layers, no words, a word that the tokenizer drops, or a
        context too long for the model.
    """
    _check(model, words, context, what, batch_size)
    texts = [_text_of(words, place, context) for place in range(len(words))]
    distinct = list(dict.fromkeys(texts))  # without much context, texts come back
    last_word = _LastWord()
    order: list[int] = []
    device = next(model.module.parameters()).device
    with torch.inference_mode(), tap(model.module, what, layers=layers, pool=last_word) as record:
        for places, ids, mask in _batches(model, distinct, batch_size):
            last_word.mask = mask.to(device)
            model.module(input_ids=ids.to(device))
            order += places
    row = {distinct[place]: i for i, place in enumerate(order)}
    rows = [row[text] for text in texts]
    return {kind: record.stack(kind).numpy()[rows] for kind in what}


class _LastWord:
    """Pools the tokens of the last word of each text; told before each call which these are."""

    def __init__(self) -> None:
        self.mask = torch.ones(1, 1)

    def __call__(self, tokens: Tensor) -> Tensor:
        return masked_mean(tokens, self.mask)


def _text_of(words: Sequence[str], place: int, context: int) -> tuple[str, int]:
    """The text that ends with one word, and the character at which this word begins."""
    text = ""
    for word in words[max(0, place - context) : place]:
        text += _gap(text, word) + word
    text += _gap(text, words[place])
    return text + words[place], len(text)


def _gap(text: str, word: str) -> str:
    return "" if not text or word.startswith(("'", "n't")) else " "


def _batches(
    model: LoadedModel, texts: list[tuple[str, int]], batch_size: int
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    by_length = defaultdict(list)
    for place, (text, begin) in enumerate(texts):
        ids, mask = _tokens_of(model, text, begin)
        by_length[ids.shape[1]].append((place, ids, mask))
    for group in by_length.values():
        for first in range(0, len(group), batch_size):
            places, ids, masks = zip(*group[first : first + batch_size], strict=True)
            yield list(places), torch.cat(ids), torch.stack(masks)


def _tokens_of(model: LoadedModel, text: str, begin: int) -> tuple[Tensor, Tensor]:
    encoding = model.tokenize([text])
    ids = encoding["input_ids"]
    # A token may hold the blank before its word (LLaMA), so its last character says to which word it belongs.
    spans = [encoding.token_to_chars(0, position) for position in range(ids.shape[1])]
    mask = torch.tensor([span is not None and span.end > max(begin, span.start) for span in spans])
    most = getattr(model.module.config, "max_position_embeddings", ids.shape[1])
    if ids.shape[1] > most or not any(span is not None and span.end == len(text) for span in spans):
        msg = (
            f"the tokens of '{text[begin:]}' after {begin} characters of context are cut off or dropped: "
            f"'{model.reference}' reads at most {most} tokens. Take a shorter context, or leave the word out."
        )
        raise ValueError(msg)
    return ids, mask


def _check(model: LoadedModel, words: Sequence[str], context: int, what: Sequence[str], batch_size: int) -> None:
    if model.kind != "transformers" or not _reads_only_text(model):
        msg = (
            f"'{model.reference}' cannot read a story: a language model of transformers with its tokenizer is needed, "
            "such as minilm, hf:OWNER/NAME or file:FOLDER. (The models of the mini-zoo know the words of digit scenes.)"
        )
        raise ValueError(msg)
    if isinstance(what, str) or not what or set(what) - set(WORD_KINDS):
        msg = f"what = {what!r}; give a sequence out of: {', '.join(WORD_KINDS)}."
        raise ValueError(msg)
    if isinstance(words, str) or not len(words):
        msg = "words must be a sequence of words, at least one; split the text first."
        raise ValueError(msg)
    blank = [place for place, word in enumerate(words) if not isinstance(word, str) or word.strip() != word or not word]
    if blank:
        msg = f"word {blank[0]} is {words[blank[0]]!r}: a word is a text without blanks around it. Strip or drop it."
        raise ValueError(msg)
    for name, value, least in (("context", context, 0), ("batch_size", batch_size, 1)):
        if value < least:
            msg = f"{name} = {value} must be {least} or more."
            raise ValueError(msg)


def _reads_only_text(model: LoadedModel) -> bool:
    tokenizes: Any = model.tokenize is not None
    return tokenizes and [tower.name for tower in find_towers(model.module)] == ["text"]
