"""What a tap has recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

Key = tuple[str, int, str]


class Record(Mapping[Key, Tensor]):
    """Recorded activations, by (tower, layer, what).

    The first axis of every tensor counts samples, over all forward calls. After it come, where tokens were pooled,
    (width,) for "residual", (neurons,) for "neurons", (heads, head_dim) for "context" and (heads, n_keys) for
    "attention"; where they were not, a token axis stands before these, and maps are (heads, n_queries, n_keys).
    Of attention to another stream, context and maps go by "cross_context" and "cross_attention".
    """

    def __init__(self) -> None:
        self._parts: dict[Key, list[Tensor]] = {}

    def append(self, key: Key, values: Tensor) -> None:
        """Add the samples of one forward call."""
        self._parts.setdefault(key, []).append(values)

    def __getitem__(self, key: Key) -> Tensor:
        if key not in self._parts:
            raise KeyError(self._unknown(key))
        parts = self._parts[key]
        if len({part.shape[1:] for part in parts}) > 1:
            shapes = " and ".join(sorted({str(tuple(part.shape[1:])) for part in parts}))
            msg = (
                f"{key} was recorded with shapes {shapes} after the samples: the forward calls saw different numbers "
                f"of tokens. Pad all texts to one length, or pool."
            )
            raise ValueError(msg)
        if len(parts) > 1:
            parts[:] = [torch.cat(parts)]
        return parts[0]

    def __contains__(self, key: object) -> bool:
        return key in self._parts

    def __iter__(self) -> Iterator[Key]:
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        return len(self._parts)

    def names(self) -> list[str]:
        """Keys as text, for example "image.11.neurons"."""
        return [f"{tower}.{layer}.{what}" for tower, layer, what in self]

    def stack(self, what: str, tower: str | None = None) -> Tensor:
        """All layers of one tower.

        Parameters
        ----------
        what : str
            Which activations, for example "neurons".
        tower : str, optional
            Which tower; may be left out where only one was recorded.

        Returns
        -------
        Tensor of shape (n_samples, n_layers, ...)
            Layers in rising order.

        Raises
        ------
        ValueError
            Nothing was recorded under these names, or several towers were and none is named.
        """
        towers = sorted({key[0] for key in self._parts if key[2] == what})
        if not towers or tower not in (None, *towers):
            raise ValueError(self._unknown((tower or "...", 0, what)))
        if tower is None and len(towers) > 1:
            msg = f"'{what}' was recorded of several towers; name one of: {', '.join(towers)}."
            raise ValueError(msg)
        keys = [key for key in self if key[0] == (tower or towers[0]) and key[2] == what]
        return torch.stack([self[key] for key in keys], dim=1)

    def _unknown(self, key: Key) -> str:
        asked = ".".join(map(str, key))
        near = difflib.get_close_matches(asked, self.names(), n=3)
        towers, whats = (sorted({key[i] for key in self._parts}) for i in (0, 2))
        hint = f" Near: {', '.join(near)}." if near else ""
        return (
            f"nothing was recorded under {asked}.{hint} Recorded towers: {', '.join(towers) or 'none'}; "
            f"kinds: {', '.join(whats) or 'none'}. Was the model called inside the block?"
        )
