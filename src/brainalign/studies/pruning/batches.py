"""What a network is looked at with: pictures or tokenized texts, and their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

Inputs = Tensor | Mapping[str, Tensor]
"""Pictures, or the named arguments that a tokenizer makes."""


@dataclass(frozen=True)
class Batch:
    """Samples that go through a network together.

    Attributes
    ----------
    inputs : Tensor of shape (n_samples, ...), or mapping of str to such
        What the model is called with; a mapping is given as named arguments.
    labels : Tensor of shape (n_samples, ...), optional
        What the loss compares with.

    Raises
    ------
    ValueError
        When there are no samples, or the parts have different numbers of them.
    """

    inputs: Inputs
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        named = dict(self.inputs) if isinstance(self.inputs, Mapping) else {"inputs": self.inputs}
        if self.labels is not None:
            named["labels"] = self.labels
        lengths = {name: len(part) for name, part in named.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            counts = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "nothing"
            msg = f"a batch needs the same number of samples in every part, at least 1: got {counts}."
            raise ValueError(msg)

    def __len__(self) -> int:
        first = next(iter(self.inputs.values())) if isinstance(self.inputs, Mapping) else self.inputs
        return len(first)

    def parts(self, size: int) -> Iterator[Inputs]:
        """The inputs, at most `size` samples at a time."""
        for start in range(0, len(self), size):
            if isinstance(self.inputs, Mapping):
                yield {name: part[start : start + size] for name, part in self.inputs.items()}
            else:
                yield self.inputs[start : start + size]
