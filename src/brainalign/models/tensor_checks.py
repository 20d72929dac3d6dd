"""Whether tensors that were read can be the weights or positions that they are named as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def check_matrix(reference: str, name: str, tensor: Tensor) -> None:
    """Refuse what is no matrix of finite numbers.

    Raises
    ------
    ValueError
        The text names model and tensor, and says what was found.
    """
    if tensor.ndim != 2:
        msg = (
            f"'{name}' of '{reference}' has shape {tuple(tensor.shape)}, but a matrix (two axes) is needed: this model "
            "lays its weights or positions out otherwise, which is not read."
        )
        raise ValueError(msg)
    if not torch.isfinite(tensor.sum(dtype=torch.float64)):
        n_bad = int((~torch.isfinite(tensor)).sum())
        msg = (
            f"'{name}' of '{reference}' holds {n_bad} numbers that are not finite (NaN or infinite): the weights are "
            "damaged, or overflowed when they were converted. Give another copy."
        )
        raise ValueError(msg)


def check_width(reference: str, name: str, found: int, width: int) -> None:
    """Refuse a tensor of another width than the model's.

    Raises
    ------
    ValueError
        Layers of several widths, or positions that pass a projection before the first layer.
    """
    if found != width:
        msg = (
            f"'{name}' of '{reference}' has width {found}, but the first layer takes in {width}: models whose layers "
            "differ in width, or that project their positions first, are not read. positions='none' reads W_Q and W_K "
            "only, where all layers are of one width."
        )
        raise ValueError(msg)


def check_distinct(reference: str, positions: Tensor | None, bias: Tensor | None) -> None:
    """Refuse positions that are all the same, and nothing added for pairs of them either.

    Raises
    ------
    ValueError
        Every graph would have the same weight on every edge, as before training where positions begin at zero.
    """
    same = positions is None or bool((positions == positions[..., :1, :]).all())
    flat = bias is None or bool((bias == bias[..., :1, :1]).all())
    if same and flat and not (positions is None and bias is None):
        msg = (
            f"in '{reference}' all positions are equal (as before training, where they begin at zero), so that its "
            "heads cannot tell one place from another: there is no graph to compare. Give the trained model, or "
            "another untrained one."
        )
        raise ValueError(msg)


@contextmanager
def named(reference: str, name: str) -> Iterator[None]:
    """Put model and tensor before the text of an error.

    Raises
    ------
    ValueError
        As raised inside.
    """
    try:
        yield
    except ValueError as error:
        msg = f"'{name}' of '{reference}': {error}"
        raise ValueError(msg) from error
