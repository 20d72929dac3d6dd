"""From pictures and captions to the numbers that METER reads, as the release does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def meter_image_transform(size: int) -> Callable[[Image.Image], Tensor]:
    """The release's preparation of an image: short side to `size` (bicubic), center crop, CLIP's mean and deviation.

    Parameters
    ----------
    size : int
        Side of the result in pixels: `MeterConfig.image_size`.

    Returns
    -------
    callable
        Turns a PIL image of any mode into a Tensor of shape (3, size, size).

    References
    ----------
    Dou et al. 2022, code release: `clip_transform`.
    """
    # Slow to import, and needed only where there are pictures in files.
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

    steps = [Resize(size, interpolation=InterpolationMode.BICUBIC), CenterCrop(size), _to_rgb]
    return Compose([*steps, ToTensor(), Normalize(_CLIP_MEAN, _CLIP_STD)])


def _to_rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def tokenize_captions(
    captions: Sequence[str], tokenizer: PreTrainedTokenizerBase | str, *, max_length: int = 50
) -> tuple[Tensor, Tensor]:
    """Token ids of captions, as the release makes them: cut off at `max_length` and padded up to it.

    Parameters
    ----------
    captions : sequence of str
        An empty caption becomes ``<s></s>``.
    tokenizer : PreTrainedTokenizerBase or str
        RoBERTa's tokenizer, or the name or folder that transformers can load it from ("FacebookAI/roberta-base").
    max_length : int
        Tokens of a caption with both ends; the release takes 50, and 40 for retrieval.

    Returns
    -------
    ids, mask : Tensor of int64, of shape (n_captions, max_length)
        What `Meter.forward` takes as `text_ids` and `text_mask`.

    Raises
    ------
    ValueError
        One string instead of a sequence of them, no caption, or a length without room for both ends.
    """
    if isinstance(captions, str) or not captions:
        msg = f"captions = {captions!r}; give a sequence of at least one string, for example ['a dog']."
        raise ValueError(msg)
    if max_length < 2:
        msg = f"max_length = {max_length} has no room for <s> and </s>; give at least 2."
        raise ValueError(msg)
    if isinstance(tokenizer, str):
        from transformers import AutoTokenizer  # slow to import, and most callers bring a tokenizer

        tokenizer = AutoTokenizer.from_pretrained(tokenizer)
    tokens = tokenizer(list(captions), padding="max_length", truncation=True, max_length=max_length)
    return torch.tensor(tokens["input_ids"]), torch.tensor(tokens["attention_mask"])
