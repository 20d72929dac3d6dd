"""Where torch computes: the processor, a graphics card, or an Apple chip; and what to do when its memory is full."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

__all__ = ["DEVICE_LOG", "MemoryWarning", "in_batches", "resolve_device", "use_device"]

DEVICE_LOG = "BRAINALIGN_DEVICE_LOG"
"""Environment variable with a file to which the device in use and notices are added, a line of JSON each."""

_NAME = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

Result = TypeVar("Result")


class MemoryWarning(UserWarning):
    """A device had too little memory for a batch; the text says which and what was done."""


def resolve_device(name: str) -> torch.device:
    """The device that a name means on this machine.

    Parameters
    ----------
    name : str
        ``auto`` (the first graphics card if there is one, else the processor), ``cpu``, ``cuda``, ``cuda:N``, or
        ``mps`` (an Apple chip, which has no float64).

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        For another name, or a device that is not there; the text says which are.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if not _NAME.fullmatch(name):
        msg = f"device = {name!r} is unknown; give auto, cpu, cuda, cuda:N, or mps."
        raise ValueError(msg)
    there = _devices_here()
    if name == "auto":
        # Not mps: it has no float64, in which the references are computed.
        return torch.device(next(device for device in there if device != "mps"))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        msg = f"device = {name!r} is not on this machine; there are: {', '.join(there)}."
        raise ValueError(msg)
    return torch.device(wanted)


def use_device(name: str) -> torch.device:
    """Choose the device of a chapter, ask torch for repeatable numbers, and record both with the run.

    Parameters
    ----------
    name : str
        See `resolve_device`.

    Returns
    -------
    torch.device
        To be given to tensors and models.

    Raises
    ------
    ValueError
        See `resolve_device`.

    Notes
    -----
    Deterministic algorithms where torch has them (it warns where it has none), no search for the fastest convolution,
    and no TF32: matrix products in float32 keep all their digits. These settings hold for the whole process. Numbers
    may still differ between kinds of graphics cards and versions of CUDA, which the record names.
    """
    device = resolve_device(name)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else every new tensor is filled with NaN first; only a program that reads what it never wrote would gain by it.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    _log({"device": _describe(name, device)})
    return device


def in_batches(
    function: Callable[[Any], Result],
    items: Sequence[Any] | Tensor,
    batch_size: int,
    device: torch.device,
) -> list[Result]:
    """Apply a function to batches of items, with smaller ones when the device's memory is full.

    Parameters
    ----------
    function : callable
        Takes a slice of `items`. It must be safe to call again with part of a slice on which it failed.
    items : sequence or Tensor
        What is cut into batches, along the first dimension.
    batch_size : int
        Items in a batch, 1 or more. Halved whenever memory does not suffice, with a `MemoryWarning`, and kept so.
    device : torch.device
        Device on which the function computes.

    Returns
    -------
    list
        What the function returned for each batch, in order; empty without items.

    Raises
    ------
    ValueError
        For a batch size below 1.
    MemoryError
        When even one item does not fit.
    """
    if batch_size < 1:
        msg = f"batch_size = {batch_size} holds no item; give 1 or more."
        raise ValueError(msg)
    results, begin = [], 0
    while begin < len(items):
        try:
            results.append(function(items[begin : begin + batch_size]))
            begin += batch_size
            continue
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if batch_size == 1:
                msg = f"{device} has too little memory for a single item. Use a smaller model, or another device."
                raise MemoryError(msg) from error
        # After the except block: its traceback kept the tensors of the failed batch alive.
        batch_size = _halve(batch_size, device)
    return results


def _halve(batch_size: int, device: torch.device) -> int:
    smaller = batch_size // 2
    text = f"{device} had too little memory for batches of {batch_size}; they have {smaller} from here on"
    warnings.warn(text, MemoryWarning, stacklevel=3)
    _log({"notice": text})
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
    return smaller


def _is_out_of_memory(error: RuntimeError) -> bool:
    # MPS and the processor's allocator raise a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in ("MPS backend out of memory", "DefaultCPUAllocator: can't allocate memory")
    )


def _devices_here() -> list[str]:
    cards = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cards, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def _describe(asked: str, device: torch.device) -> dict[str, Any]:
    is_cuda = device.type == "cuda"
    return {
        "asked": asked,
        "used": str(device),
        "name": torch.cuda.get_device_name(device) if is_cuda else None,
        "cuda": torch.version.cuda if is_cuda else None,
        "cudnn": torch.backends.cudnn.version() if is_cuda else None,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "threads": torch.get_num_threads(),
    }


def _log(entry: dict[str, Any]) -> None:
    log = os.environ.get(DEVICE_LOG)
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(entry)}\n")
