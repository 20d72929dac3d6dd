"""Checks and conversions that every room shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brainalign.numeric import as_numbers

# Whether the numbers are complex -> what to do. Their real part alone would be another representation.
_REMEDIES = {False: "convert it with .double()", True: "compare torch.view_as_real(...).flatten(-2), or the magnitudes"}


def as_tensor(values: Any, *, name: str, measure: str) -> Tensor:
    """Bring a representation of any container to a tensor of single or double precision.

    Parameters
    ----------
    values : Tensor or array_like
        Real numbers: a tensor, array, table or list, of any shape.
    name, measure : str
        Which argument it is, and of what, for the error's text.

    Returns
    -------
    Tensor
        The same numbers: single and double precision stay, with their graph of gradients and their device; half
        precision becomes single, whole numbers double.

    Raises
    ------
    ValueError
        For logical or complex numbers, sparse, masked or ragged arrays, a tensor without values, text, and what else
        `brainalign.numeric.as_numbers` refuses.

    Examples
    --------
    >>> as_tensor([[1, 2], [3, 4]], name="X", measure="linear_cka").dtype
    torch.float64
    """
    if not isinstance(values, Tensor) or values.is_meta or values.layout != torch.strided or values.is_quantized:
        values = torch.from_numpy(_own_numbers(values, f"{measure}: {name}"))
    if values.dtype in (torch.float16, torch.bfloat16):
        return values.float()
    is_whole = not values.dtype.is_floating_point and not values.is_complex() and values.dtype != torch.bool
    return values.double() if is_whole else values


def _own_numbers(values: Any, name: str) -> np.ndarray:
    if isinstance(values, Tensor) and values.is_quantized:
        msg = f"{name} is a quantised tensor; convert it with .dequantize()."
        raise ValueError(msg)
    if str(getattr(values, "dtype", "")) == "bool":
        msg = f"{name} must hold real numbers: got logical ones. Is it a mask? Else convert it with .astype(float)."
        raise ValueError(msg)
    array = as_numbers(values, name=name)
    # torch takes no reversed strides, and would share memory with the caller's array.
    return np.array(array, order="C", dtype=array.dtype.newbyteorder("="))


def check_paired(X: Tensor, Y: Tensor, *, measure: str, min_samples: int = 2) -> tuple[Tensor, Tensor]:
    """Check that two representations can be compared, and bring them to one type.

    Parameters
    ----------
    X, Y : Tensor or array_like of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, as `as_tensor` takes them. Leading dimensions must broadcast.
    measure : str
        Name of the measure, for the error's text.
    min_samples : int
        Fewest samples that the measure allows.

    Returns
    -------
    X, Y : Tensor
        The same values in one floating type on one device; the graph of gradients is kept.

    Raises
    ------
    ValueError
        What `as_tensor` refuses, different numbers of samples, too few samples, no features,
        leading dimensions that do not broadcast, values that are not finite, or a representation that does not vary
        over the samples.
    """
    X, Y = as_tensor(X, name="X", measure=measure), as_tensor(Y, name="Y", measure=measure)
    check_representation(X, name="X", measure=measure)
    check_representation(Y, name="Y", measure=measure)
    if X.shape[-2] != Y.shape[-2]:
        msg = (
            f"{measure}: X and Y must have the same samples (rows): got {X.shape[-2]} and {Y.shape[-2]}. Align them by "
            "sample first."
        )
        raise ValueError(msg)
    if X.shape[-2] < min_samples:
        msg = f"{measure} needs at least {min_samples} samples (rows): got {X.shape[-2]}. Give more samples."
        raise ValueError(msg)
    try:
        torch.broadcast_shapes(X.shape[:-2], Y.shape[:-2])
    except RuntimeError as error:
        msg = (
            f"{measure}: the leading dimensions of X and Y must broadcast: got {tuple(X.shape[:-2])} and "
            f"{tuple(Y.shape[:-2])}; insert dimensions of size 1."
        )
        raise ValueError(msg) from error
    if X.device != Y.device:
        msg = f"{measure}: X is on {X.device} and Y on {Y.device}; move one with .to()."
        raise ValueError(msg)
    dtype = torch.promote_types(X.dtype, Y.dtype)
    return X.to(dtype), Y.to(dtype)


def check_representation(X: Tensor, *, name: str, measure: str) -> None:
    """Refuse one representation by itself: its type, shape and values; see `check_paired`."""
    check_floating(X, name=name, measure=measure)
    if X.ndim < 2 or X.shape[-1] == 0 or X.numel() == 0:
        msg = (
            f"{measure}: {name} must have shape (..., n_samples, n_features) and hold values, got "
            f"{tuple(X.shape)}; drop the empty dimension or give at least one feature."
        )
        raise ValueError(msg)
    values = X.detach()
    ranges = values.amax(dim=-2) - values.amin(dim=-2)
    if not torch.isfinite(ranges).all():
        n_bad = int((~torch.isfinite(values)).sum())
        if n_bad:
            msg = f"{measure}: {name} holds {n_bad} values that are not finite; remove or impute them."
        else:
            msg = f"{measure}: the values of {name} are too far apart for {X.dtype}; divide them by a constant."
        raise ValueError(msg)
    if (ranges == 0).all(dim=-1).any():
        msg = f"{measure}: {name} does not vary over its samples (all rows are equal); there is nothing to compare."
        raise ValueError(msg)


def check_floating(array: Tensor, *, name: str, measure: str) -> None:
    """Refuse anything but real floating-point numbers of single or double precision.

    Parameters
    ----------
    array : Tensor of shape (...)
        What was given.
    name, measure : str
        Which argument it is, and of what, for the error's text.

    Raises
    ------
    TypeError
        For what is not a tensor.
    ValueError
        For a tensor of whole, logical, complex or half-precision numbers.
    """
    if not isinstance(array, Tensor):
        msg = (
            f"{measure}: {name} must be a tensor of real floating-point numbers (float32 or float64), got "
            f"{type(array).__name__}; convert it with torch.as_tensor()."
        )
        raise TypeError(msg)
    if array.dtype not in (torch.float32, torch.float64):
        msg = (
            f"{measure}: {name} must be a tensor of real floating-point numbers (float32 or float64), got a tensor of "
            f"{array.dtype}; {_REMEDIES[array.is_complex()]}."
        )
        raise ValueError(msg)


def center_columns(X: Tensor) -> Tensor:
    """Subtract from every feature its mean over the samples (the second-last dimension)."""
    return X - X.mean(dim=-2, keepdim=True, dtype=torch.float64).to(X.dtype)


def center_to_unit_scale(X: Tensor) -> Tensor:
    """Center the columns and divide by the widest range of a column, so that squares neither overflow nor vanish.

    The divisor is a constant to the gradient: right for whatever does not depend on the scale of `X`.
    """
    return center_columns(X).div_(widest_range(X))  # in place: no second array of that size


def unit_of(size: Tensor) -> Tensor:
    """The power of two next above a size, 1 for 0: to divide by it changes no digit.

    Parameters
    ----------
    size : Tensor of shape (...)
        0 or more, for example a `widest_range`.

    Returns
    -------
    Tensor of shape (...)
        Of the same type, without gradient; inside the range of the type's ordinary numbers, so that it has an inverse.
    """
    limits = torch.finfo(size.dtype)
    _, exponents = torch.frexp(torch.where(size > 0, size.detach(), 1.0))
    lowest, highest = math.frexp(limits.tiny)[1] + 2, math.frexp(limits.max)[1] - 2
    return torch.ldexp(torch.ones_like(size), exponents.clamp(lowest, highest))


def to_unit_range(X: Tensor) -> Tensor:
    """Divide by a power of two near the widest range of a column, so that squares neither overflow nor vanish.

    No digit changes. The divisor is a constant to the gradient, as in `center_to_unit_scale`.
    """
    return X / unit_of(widest_range(X))


def sum_of_squares(array: Tensor, *, precision: torch.dtype) -> Tensor:
    """Squared Frobenius norm over the last two dimensions.

    Parameters
    ----------
    array : Tensor of shape (..., rows, columns)
        Real numbers, whose squares do not overflow.
    precision : torch.dtype
        Type in which the squares are added up, and of the result. Each square is rounded to the array's own type.

    Returns
    -------
    Tensor of shape (...)
        0 or more.
    """
    return array.square().sum(dim=(-2, -1), dtype=precision)


def widest_range(X: Tensor) -> Tensor:
    """Largest minus smallest value of the column where that is most, of shape (..., 1, 1); without gradient."""
    values = X.detach()
    return (values.amax(dim=-2, keepdim=True) - values.amin(dim=-2, keepdim=True)).amax(dim=-1, keepdim=True)
