"""A graphics card that is not there: the processor computes, and mixing devices is refused as CUDA refuses it.

Torch's device without storage, ``meta``, stands for the card. Tensors "on" it carry their values in a tensor of the
processor, so that programs give numbers; an operation on one tensor from here and one from there raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = torch.device("meta")
_CPU = torch.device("cpu")
# With a card, too, these take positions from the processor.
_TAKE_INDICES = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class OnCard(torch.Tensor):
    """A tensor that says it is on the card; its values are in `values`."""

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> OnCard:
        return torch.Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=CARD, layout=values.layout
        )

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"OnCard({self.values})"

    def numpy(self, *_: Any, **__: Any) -> Any:
        msg = "can't convert a tensor of the card to numpy; use .cpu() first"
        raise TypeError(msg)

    __array__ = numpy
    is_meta = False  # it has values

    def tolist(self) -> Any:
        return self.values.tolist()

    def __getitem__(self, index: Any) -> Any:
        # Torch would make positions out of a list on the device itself, where there is no storage.
        parts = index if isinstance(index, tuple) else (index,)
        return super().__getitem__(tuple(torch.tensor(part) if isinstance(part, list) else part for part in parts))

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _compute(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _compute(function, args, kwargs or {})


def _compute(function: Any, args: tuple, kwargs: dict) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, OnCard)]
    name = function._schema.name
    asked = kwargs.get("device")
    is_copy = name in ("aten::_to_copy", "aten::copy_")
    if there and not is_copy and name not in _TAKE_INDICES:
        here = [tensor for tensor in tensors if not isinstance(tensor, OnCard) and tensor.ndim]
        if here:
            msg = f"{name}: expected all tensors on one device, found the card and the processor"
            raise RuntimeError(msg)
    plain_args, plain_kwargs = tree_map(_values, (args, kwargs))
    if asked is not None:
        plain_kwargs["device"] = _CPU
    result = function(*plain_args, **plain_kwargs)
    if name == "aten::copy_":
        return args[0]
    if function._schema.is_mutable and tensors and result is _values(tensors[0]):
        return tensors[0]
    goes = torch.device(asked) == CARD if asked is not None else bool(there)
    return tree_map(lambda leaf: OnCard(leaf) if isinstance(leaf, torch.Tensor) else leaf, result) if goes else result


def _values(leaf: Any) -> Any:
    return leaf.values if isinstance(leaf, OnCard) else leaf


@contextmanager
def simulated_card() -> Iterator[torch.device]:
    """The card, for the duration of a block."""
    # A module would else change the type of a parameter in place, behind the back of its values.
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _Mode():
            yield CARD
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
