"""Under which names checkpoints keep positions and query/key weights.

Names are those on disk: the names inside a loaded module differ between versions of a library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """How one family of checkpoints stores what spatial attention needs.

    Attributes
    ----------
    positions : str
        Regular expression of the position table's name.
    query, key : str
        Regular expressions of the weights' names; the group ``layer`` is the layer's number.
    head_count : str
        Field of ``config.json`` that holds the number of heads.
    first_position : int
        Row of the position table that belongs to the first token.
    caps_positions : bool
        Whether only the first positions are read (text); pictures use their whole grid.
    split : callable
        Turns a stored weight into (query or key) of shape (d, d); the second argument is 0 for query, 1 for key.
    """

    positions: str
    query: str
    key: str
    head_count: str = "num_attention_heads"
    first_position: int = 0
    caps_positions: bool = True
    split: Callable[[Array, int], Array] = lambda weight, _: weight.T  # torch Linear keeps (out, in)


def _split_conv1d(weight: Array, part: int) -> Array:
    # GPT-2 keeps query, key and value side by side as columns, and (in, out) rather than (out, in).
    return np.split(weight, 3, axis=1)[part]


_BERT = Layout(
    positions=r"(?:\w+\.)?embeddings\.position_embeddings\.weight",
    query=r"(?:\w+\.)?encoder\.layer\.(?P<layer>\d+)\.attention\.self\.query\.weight",
    key=r"(?:\w+\.)?encoder\.layer\.(?P<layer>\d+)\.attention\.self\.key\.weight",
)
# RoBERTa's table begins with two rows (padding) that no token ever gets.
_ROBERTA = Layout(_BERT.positions, _BERT.query, _BERT.key, first_position=2)
_VIT = Layout(
    positions=r"(?:\w+\.)?embeddings\.position_embeddings",
    query=r"(?:\w+\.)?encoder\.layer\.(?P<layer>\d+)\.attention\.attention\.query\.weight",
    key=r"(?:\w+\.)?encoder\.layer\.(?P<layer>\d+)\.attention\.attention\.key\.weight",
    caps_positions=False,
)
_GPT2_QKV = r"(?:\w+\.)?h\.(?P<layer>\d+)\.attn\.c_attn\.weight"
_GPT2 = Layout(r"(?:\w+\.)?wpe\.weight", _GPT2_QKV, _GPT2_QKV, head_count="n_head", split=_split_conv1d)

LAYOUTS: dict[str, Layout] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "gpt2": _GPT2,
    "vit": _VIT,
    "deit": _VIT,
    "vit_mae": _VIT,
}
"""Layout by the ``model_type`` of a checkpoint's ``config.json``."""


def match_layers(pattern: str, names: Sequence[str]) -> list[str]:
    """Names that fit the pattern, in the order of their layers.

    Raises
    ------
    ValueError
        When none fits; the text says what was looked for and what is there.
    """
    found = {int(m["layer"]): name for name in names if (m := re.fullmatch(pattern, name))}
    if not found:
        raise ValueError(_nothing_fits(pattern, names))
    return [found[layer] for layer in sorted(found)]


def match_one(pattern: str, names: Sequence[str]) -> str:
    """The one name that fits the pattern; errors as in `match_layers`."""
    found = [name for name in names if re.fullmatch(pattern, name)]
    if len(found) != 1:
        raise ValueError(_nothing_fits(pattern, names))
    return found[0]


def _nothing_fits(pattern: str, names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:8])
    return f"no tensor is named like {pattern!r}; the file holds {len(names)} tensors, among them: {shown}."
