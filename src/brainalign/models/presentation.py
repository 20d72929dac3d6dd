"""Showing pictures and captions to a model of any library, each prepared as that model wants it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from brainalign.datasets.scenes import tokenize
from brainalign.models.loading import LoadedModel
from brainalign.models.taps.texts import TextTokens
from brainalign.models.zoo.architectures import as_pixels

Pictures = NDArray[np.floating] | Tensor | Sequence[Image.Image]
Captions = NDArray[np.integer] | Tensor | tuple[Tensor, Tensor] | Sequence[str]

# What the forward of timm, transformers, open_clip and METER call their inputs.
_PICTURES = ("pixel_values", "image", "x")
_CAPTIONS = ("input_ids", "text_ids", "text")
_MASKS = ("attention_mask", "text_mask")


@dataclass(frozen=True)
class Inputs:
    """What the forward of a model calls its inputs; None for what it does not take."""

    pictures: str | None
    captions: str | None
    mask: str | None


def model_inputs(module: nn.Module) -> Inputs:
    """What a model reads, told by the names of its inputs.

    Parameters
    ----------
    module : Module
        Of timm, transformers, open_clip or `brainalign.models.meter`.

    Returns
    -------
    Inputs

    Raises
    ------
    ValueError
        The model takes neither pictures nor captions under a name that is known here.
    """
    names = inspect.signature(module.forward).parameters
    pictures, captions, mask = (
        next((name for name in known if name in names), None) for known in (_PICTURES, _CAPTIONS, _MASKS)
    )
    if pictures is None and captions is None:
        msg = (
            f"{type(module).__name__} takes {', '.join(names) or 'nothing'}; pictures are known as "
            f"{', '.join(_PICTURES)}, captions as {', '.join(_CAPTIONS)}. Call the model yourself, inside a tap."
        )
        raise ValueError(msg)
    return Inputs(pictures, captions, mask)


def present(
    model: LoadedModel | nn.Module,
    pictures: Pictures | None = None,
    captions: Captions | None = None,
    *,
    batch: int = 256,
    keep: Callable[[Any], Any] | None = None,
) -> list[Any]:
    """Show pictures, captions, or both to a model, without gradients.

    Parameters
    ----------
    model : LoadedModel or Module
        Of timm, transformers, open_clip or METER, in eval mode. A bare module gets arrays only.
    pictures : array, or sequence of PIL images, optional
        Of shape (n, height, width): ink from 0 to 1, as digit scenes have it. The mini-zoo and bare modules read it
        as it is, in three equal channels; other loaded models see it as dark on white, prepared as they want it. Of
        shape (n, 3, height, width): what the model reads, as it is. PIL images go through the model's preparation.
    captions : array, pair of Tensors, or sequence of str, optional
        Token ids of shape (n, length); ids with a mask of the same shape that is not 0 where a token is no padding;
        or strings for the model's tokenizer (of the mini-zoo: words of digit scenes). Of ids alone what the model
        itself calls padding is left out.
    batch : int
        Pairs at a time.
    keep : callable, optional
        Takes what the model returned for a batch, and returns what is to be kept of it.

    Returns
    -------
    list
        What `keep` returned, a batch an entry; empty without it. To see inside, call this inside a tap.

    Raises
    ------
    ValueError
        The model reads something else than was given; numbers of pictures and captions that differ; pictures or
        captions of a form that this model cannot be given.
    """
    loaded = model if isinstance(model, LoadedModel) else None
    module = model if loaded is None else loaded.module
    names = model_inputs(module)
    _check_given(module, names, pictures, captions)
    given, n = _prepared(module, loaded, names, pictures, captions)
    weight = next(module.parameters())
    kept = []
    with torch.inference_mode():
        for start in range(0, n, batch):
            part = slice(start, start + batch)
            arguments = {name: take(part).to(weight.device) for name, take in given.items()}
            if names.pictures:
                arguments[names.pictures] = arguments[names.pictures].to(weight.dtype)
            output = module(**arguments)
            if keep is not None:
                kept.append(keep(output))
    return kept


def _check_given(module: nn.Module, names: Inputs, pictures: Any, captions: Any) -> None:
    reads = [word for word, name in (("pictures", names.pictures), ("captions", names.captions)) if name]
    given = [word for word, values in (("pictures", pictures), ("captions", captions)) if values is not None]
    if reads != given:
        msg = f"{type(module).__name__} reads {' and '.join(reads)}; given were {' and '.join(given) or 'none'}."
        raise ValueError(msg)


def _prepared(
    module: nn.Module, loaded: LoadedModel | None, names: Inputs, pictures: Pictures | None, captions: Captions | None
) -> tuple[dict[str, Callable[[slice], Tensor]], int]:
    """How to take a batch of every input, and how many stimuli there are."""
    given: dict[str, Callable[[slice], Tensor]] = {}
    counts = {}
    if pictures is not None:
        given[names.pictures] = _picture_taker(loaded, pictures)
        counts["pictures"] = len(pictures)
    if captions is not None:
        ids, mask = _tokens(module, loaded, captions)
        given[names.captions] = ids.__getitem__
        if mask is not None and names.mask:
            given[names.mask] = mask.__getitem__
        counts["captions"] = len(ids)
    if len(set(counts.values())) > 1:
        msg = f"{counts['pictures']} pictures and {counts['captions']} captions were given; every picture needs one."
        raise ValueError(msg)
    return given, max(counts.values())


def _picture_taker(loaded: LoadedModel | None, pictures: Pictures) -> Callable[[slice], Tensor]:
    prepare = None if loaded is None or loaded.kind == "zoo" else loaded.preprocess
    if isinstance(pictures, np.ndarray | Tensor):
        pixels = torch.as_tensor(pictures)
        if pixels.ndim == 4:
            return pixels.__getitem__
        if pixels.ndim == 3 and (loaded is None or loaded.kind == "zoo"):
            return lambda part: as_pixels(pixels[part])
        if pixels.ndim == 3 and prepare is not None:
            return lambda part: torch.stack([prepare(image) for image in ink_on_paper(pixels[part])])
    elif prepare is not None:
        return lambda part: torch.stack([prepare(image) for image in pictures[part]])
    form = f"an array of shape {tuple(pictures.shape)}" if hasattr(pictures, "shape") else "a sequence of pictures"
    msg = (
        f"{form} was given to a model whose preparation of pictures is not known; give pixels of shape "
        "(n, 3, height, width) as the model reads them."
    )
    raise ValueError(msg)


def ink_on_paper(ink: NDArray[np.floating] | Tensor) -> list[Image.Image]:
    """Arrays of ink as pictures, dark on white.

    Parameters
    ----------
    ink : ndarray of shape (n, height, width)
        0 for paper, 1 for ink; what lies outside is cut off.

    Returns
    -------
    list of n PIL images
        In three channels.
    """
    grey = np.round(255 * (1 - np.clip(np.asarray(ink), 0, 1))).astype(np.uint8)
    return [Image.fromarray(picture).convert("RGB") for picture in grey]


def _tokens(module: nn.Module, loaded: LoadedModel | None, captions: Captions) -> tuple[Tensor, Tensor | None]:
    if isinstance(captions, tuple) and isinstance(captions[0], Tensor):
        return captions
    if isinstance(captions, np.ndarray | Tensor):
        ids = torch.as_tensor(captions)
        return ids, _own_mask(module, ids)
    if loaded is not None and loaded.kind == "zoo":
        ids = torch.from_numpy(tokenize(list(captions)))
        return ids, _own_mask(module, ids)
    if loaded is None or loaded.tokenize is None:
        msg = "captions were given as text, and no tokenizer is known of this model; give token ids of (n, length)."
        raise ValueError(msg)
    tokens = loaded.tokenize(captions)
    if isinstance(tokens, Tensor):
        return tokens, None
    if isinstance(tokens, tuple):
        return tokens
    return tokens["input_ids"], tokens.get("attention_mask")


def _own_mask(module: nn.Module, ids: Tensor) -> Tensor | None:
    """Where no padding is, as the configuration of a model of transformers tells it; None where it need not be told.

    CLIP needs no mask: it finds the end of a text itself.
    """
    pad = getattr(getattr(module, "config", None), "pad_token_id", None)
    text = getattr(getattr(module, "config", None), "text_config", None)
    pad = getattr(text, "pad_token_id", None) if pad is None else pad
    if pad is None or TextTokens(module, None).pads_follow_end or not (ids == pad).any():
        return None
    return (ids != pad).long()
