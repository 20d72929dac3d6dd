"""The sizes of a METER, and how to read them off a file of weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from torch import Tensor

TASKS = ("mlm", "itm", "vqa", "nlvr2", "snli", "irtr")
"""The heads a METER can have."""

_HEAD_DIM = 64  # CLIP, RoBERTa and the released fusion all have heads of this width.
_SIGNS_OF_TASKS = {
    "mlm": "mlm_score.bias",
    "itm": "itm_score.fc.weight",
    "vqa": "vqa_classifier.3.weight",
    "nlvr2": "nlvr2_classifier.3.weight",
    "snli": "snli_classifier.3.weight",
    "irtr": "rank_output.weight",
}


@dataclass(frozen=True, kw_only=True)
class MeterConfig:
    """Sizes of a METER; the defaults are those of the release pretrained at 224 pixels.

    Attributes
    ----------
    image_size, patch_size : int
        Side of the square image that the position table is made for, and of its patches, in pixels.
    image_width, image_heads, image_layers : int
        Image tower. `image_layers` are the blocks that exist: 11, because METER drops the last of CLIP's 12.
    text_width, text_heads, text_layers, text_mlp : int
        Text tower (RoBERTa); `text_mlp` is the number of neurons of a layer.
    vocabulary, text_positions, pad_id : int
        Size of the vocabulary, rows of the position table, and id of the padding token. Positions begin after
        `pad_id`, so a text has at most ``text_positions - pad_id - 1`` tokens.
    width, heads, layer_pairs, mlp_ratio : int
        Fusion: width of both streams, heads, pairs of co-attention layers, neurons of a layer per unit of width.
    tasks : tuple of str
        Which heads exist, out of `TASKS`.
    n_answers : int
        Answers that the VQA head tells apart.
    token_types : int
        Rows of the token-type table: text, image, and (NLVR2) second image.
    clip_text : tuple of int or None
        Context length and width of the text side of CLIP. It takes no part; the released files carry a few tensors
        of it, which a strict load needs. None for a model that carries none.
    dropout : float
        Probability of dropping an activation of the text tower and the fusion in training.

    Raises
    ------
    ValueError
        A size that is not positive, heads that do not divide a width, patches that do not fill the image, an unknown
        task, or a dropout outside [0, 1).

    References
    ----------
    Dou et al. 2022, arXiv:2111.02387, and its code release (zdou0830/METER, config.py).
    """

    image_size: int = 224
    patch_size: int = 16
    image_width: int = 768
    image_heads: int = 12
    image_layers: int = 11
    text_width: int = 768
    text_heads: int = 12
    text_layers: int = 12
    text_mlp: int = 3072
    vocabulary: int = 50265
    text_positions: int = 514
    pad_id: int = 1
    width: int = 768
    heads: int = 12
    layer_pairs: int = 6
    mlp_ratio: int = 4
    tasks: tuple[str, ...] = ("mlm", "itm")
    n_answers: int = 3129
    token_types: int = 2
    clip_text: tuple[int, int] | None = (77, 512)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < (0 if field.name == "pad_id" else 1):
                msg = f"{field.name} = {value} is too small; give a positive number."
                raise ValueError(msg)
        for heads, width in (("image_heads", "image_width"), ("text_heads", "text_width"), ("heads", "width")):
            _check_divides(heads, getattr(self, heads), width, getattr(self, width))
        _check_divides("patch_size", self.patch_size, "image_size", self.image_size)
        if unknown := set(self.tasks) - set(TASKS):
            msg = f"unknown tasks {sorted(unknown)}; METER has heads for: {', '.join(TASKS)}."
            raise ValueError(msg)
        if not 0 <= self.dropout < 1:
            msg = f"dropout = {self.dropout} is no probability below 1; give 0 for none."
            raise ValueError(msg)
        if self.max_text_length < 2:
            msg = (
                f"text_positions = {self.text_positions} leaves room for {self.max_text_length} tokens after pad_id "
                f"{self.pad_id}; give at least {self.pad_id + 3}."
            )
            raise ValueError(msg)

    @property
    def max_text_length(self) -> int:
        """Number of tokens of the longest text that the position table allows."""
        return self.text_positions - self.pad_id - 1

    @property
    def grid(self) -> int:
        """Patches along one side of the image."""
        return self.image_size // self.patch_size


def _check_divides(part: str, divisor: int, whole: str, value: int) -> None:
    if value % divisor:
        msg = f"{part} = {divisor} does not divide {whole} = {value}; choose a divisor."
        raise ValueError(msg)


def meter_config(
    state_dict: Mapping[str, Tensor],
    *,
    image_heads: int | None = None,
    text_heads: int | None = None,
    heads: int | None = None,
) -> MeterConfig:
    """The configuration that a file of METER weights was made with, read off its names and shapes.

    Parameters
    ----------
    state_dict : mapping of str to Tensor
        Names and tensors in the released layout; only shapes are looked at, so tensors on the meta device do.
    image_heads, text_heads, heads : int, optional
        Heads of the image tower, the text tower and the fusion. Shapes do not tell them; without them every head is
        taken to be 64 wide, as in all released files.

    Returns
    -------
    MeterConfig
        With the release's `pad_id` and `dropout`, which leave no trace in the shapes.

    Raises
    ------
    ValueError
        A tensor of the layout is missing, or the number of heads can not be told.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in state_dict.items()}
    patch = _shape(shapes, "vit_model.visual.conv1.weight")[-1]
    rows, image_width = _shape(shapes, "vit_model.visual.positional_embedding")
    vocabulary, text_width = _shape(shapes, "text_transformer.embeddings.word_embeddings.weight")
    width = _shape(shapes, "cross_modal_text_transform.weight")[0]
    return MeterConfig(
        image_size=_side_of_grid(rows) * patch,
        patch_size=patch,
        image_width=image_width,
        image_heads=image_heads or _released_heads("image_heads", image_width),
        image_layers=_count(shapes, r"vit_model\.visual\.transformer\.resblocks\.(\d+)\..*"),
        text_width=text_width,
        text_heads=text_heads or _released_heads("text_heads", text_width),
        text_layers=_count(shapes, r"text_transformer\.encoder\.layer\.(\d+)\..*"),
        text_mlp=_shape(shapes, "text_transformer.encoder.layer.0.intermediate.dense.weight")[0],
        vocabulary=vocabulary,
        text_positions=_shape(shapes, "text_transformer.embeddings.position_embeddings.weight")[0],
        width=width,
        heads=heads or _released_heads("heads", width),
        layer_pairs=_count(shapes, r"cross_modal_text_layers\.(\d+)\..*"),
        mlp_ratio=_shape(shapes, "cross_modal_text_layers.0.intermediate.dense.weight")[0] // width,
        tasks=tuple(task for task, name in _SIGNS_OF_TASKS.items() if name in shapes),
        n_answers=shapes.get(_SIGNS_OF_TASKS["vqa"], (MeterConfig.n_answers,))[0],
        token_types=_shape(shapes, "token_type_embeddings.weight")[0],
        clip_text=shapes.get("vit_model.positional_embedding"),
    )


def _shape(shapes: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    if name not in shapes:
        msg = (
            f"no tensor is named '{name}': these are no METER weights with a CLIP image tower and a RoBERTa text tower "
            f"(the Swin releases are not supported). A Lightning file keeps the weights under its key 'state_dict'. "
            f"Found: {', '.join(sorted(shapes)[:6]) or 'nothing'}."
        )
        raise ValueError(msg)
    return shapes[name]


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    return len({match[1] for name in shapes if (match := re.fullmatch(pattern, name))})


def _side_of_grid(rows: int) -> int:
    side = math.isqrt(rows - 1)
    if side * side != rows - 1:
        msg = f"the image positions have {rows} rows: one class token and {rows - 1} patches, which form no square."
        raise ValueError(msg)
    return side


def _released_heads(name: str, width: int) -> int:
    if width % _HEAD_DIM:
        msg = f"the number of heads does not follow from the width {width} (heads of 64 do not fit): give {name}."
        raise ValueError(msg)
    return width // _HEAD_DIM
