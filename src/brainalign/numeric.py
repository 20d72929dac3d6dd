"""What people hand over as numbers, brought to plain arrays or refused. Nothing is dropped or filled in silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

__all__ = ["as_doubles", "as_labels", "as_mask", "as_numbers", "check_seconds"]

FILL_VALUES = (9.969209968386869e36, 1e20)
"""What netCDF and its users write where there is no value."""

LONGEST_TR = 60.0
"""Seconds: no scanner takes longer for a volume, so that a larger number is one of milliseconds."""


def as_numbers(values: Any, *, name: str) -> np.ndarray:
    """Bring numbers of any container to an ordinary floating-point array.

    Parameters
    ----------
    values : array_like
        An array, list, table or tensor of real numbers, of any shape.
    name : str
        What the error calls it.

    Returns
    -------
    ndarray
        The same numbers: float32 and float64 stay, half precision becomes float32, all else float64. A missing value
        of a table becomes NaN.

    Raises
    ------
    ValueError
        For a sparse matrix, masked values, fill values, complex numbers, text, dates, fields with names, rows of
        unlike length, or a tensor without values; the text says what to do.

    Examples
    --------
    >>> as_numbers([[1, 2], [3, 4]], name="responses").dtype
    dtype('float64')
    """
    _refuse_hidden_gaps(values, name)
    array = _to_array(values, name)
    if array.dtype == object:
        array = _from_objects(array, name)
    if array.dtype.kind not in "biuf":
        msg = f"{name} must hold real numbers: got {_KINDS.get(array.dtype.kind, str(array.dtype))}."
        raise ValueError(msg)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    if array.size and np.fmax.reduce(array, axis=None) >= min(FILL_VALUES):
        filled = np.isin(array, np.asarray(FILL_VALUES, dtype=array.dtype))
        if filled.any():
            _refuse_fill(name, int(filled.sum()), array[filled][0])
    return array


def as_doubles(values: Any, *, name: str) -> np.ndarray:
    """Bring numbers to an ordinary array in double precision, where sums of narrow types neither wrap nor round.

    Parameters
    ----------
    values, name
        As `as_numbers` takes them.

    Returns
    -------
    float64 ndarray
        The same numbers; the array itself where it is one already.

    Raises
    ------
    ValueError
        What `as_numbers` refuses.

    Examples
    --------
    >>> as_doubles(np.array([100, 100], dtype=np.int8), name="counts").sum()
    np.float64(200.0)
    """
    return as_numbers(values, name=name).astype(np.float64, copy=False)


def as_mask(values: Any, *, name: str) -> np.ndarray:
    """Bring a choice of members to an array of True and False.

    Parameters
    ----------
    values : array_like
        True and False, or 1 and 0. Numbers of the members are no mask.
    name : str
        What the error calls it.

    Returns
    -------
    boolean ndarray

    Raises
    ------
    ValueError
        For other numbers, missing values, or what `as_numbers` refuses.

    Examples
    --------
    >>> as_mask([1, 0], name="is_left").tolist()
    [True, False]
    """
    if type(values) is np.ndarray and values.dtype == bool:
        return values
    array = as_numbers(values, name=name)
    known = np.isin(array, (0, 1))
    if not known.all():
        msg = f"{name} must hold True and False, or 1 and 0: got {array[~known].flat[0]:g}. Make a mask of it first."
        raise ValueError(msg)
    return array.astype(bool)


def as_labels(values: Any, *, name: str) -> np.ndarray:
    """Bring names or numbers of groups to an array, unless one is missing.

    Parameters
    ----------
    values : array_like
        Text or numbers.
    name : str
        What the error calls it.

    Returns
    -------
    ndarray
        The same labels.

    Raises
    ------
    ValueError
        For labels that are masked, NaN or None.

    Examples
    --------
    >>> as_labels(["b", "a"], name="runs").tolist()
    ['b', 'a']
    """
    array = np.asarray(values)
    n_missing = int((pd.isna(array) | np.ma.getmaskarray(values)).sum())
    if n_missing:
        msg = f"{name} must be complete: {n_missing} of {array.size} labels are missing. Drop what they belong to."
        raise ValueError(msg)
    return array


def check_seconds(tr: Any) -> float:
    """The repetition time as a number, unless it is missing, out of range or in milliseconds.

    Parameters
    ----------
    tr : float
        Seconds from one volume to the next.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is no number above 0, or above a minute.

    Examples
    --------
    >>> check_seconds(2)
    2.0
    """
    is_number = isinstance(tr, (int, float, np.integer, np.floating)) and not isinstance(tr, bool)
    if not is_number or not 0 < tr < np.inf:
        msg = (
            f"tr must be above 0 s, the time from one volume to the next: got {tr!r}. It stands in the header of the "
            "images and in RepetitionTime of their .json file."
        )
        raise ValueError(msg)
    if tr > LONGEST_TR:
        msg = f"tr must be in seconds: got {tr:g}, which would be {tr / 1000:g} s if it is in milliseconds."
        raise ValueError(msg)
    return float(tr)


_KINDS = {
    "c": "complex numbers; give their magnitudes, or real and imaginary parts side by side",
    "U": "text; read missing values such as n/a as NaN and drop or impute them",
    "S": "text; read missing values such as n/a as NaN and drop or impute them",
    "T": "text; read missing values such as n/a as NaN and drop or impute them",
    "M": "dates; give seconds since the first one",
    "m": "durations with a unit; give them in seconds",
    "V": "records with named fields; choose one field, or stack them as columns",
}


def _refuse_hidden_gaps(values: Any, name: str) -> None:
    """Missing values that a plain array would show as numbers."""
    if values is None:
        msg = f"{name} must hold real numbers: got None."
        raise ValueError(msg)
    if issparse(values):
        msg = f"{name} is a sparse matrix; convert it with .toarray()."
        raise ValueError(msg)
    parts = values if isinstance(values, (list, tuple)) else [values]
    n_masked = sum(int(np.ma.getmaskarray(part).sum()) for part in parts if np.ma.isMaskedArray(part))
    if n_masked:
        msg = (
            f"{name} has {n_masked} masked values, whose numbers mean nothing; drop those rows or columns, or impute "
            "them with .filled()."
        )
        raise ValueError(msg)
    attributes = getattr(values, "attrs", None) or {}
    for key in ("_FillValue", "missing_value"):
        if key in attributes:
            n_filled = int((np.asarray(values) == np.asarray(attributes[key]).ravel()[0]).sum())
            if n_filled:
                _refuse_fill(name, n_filled, attributes[key])


def _refuse_fill(name: str, n_filled: int, fill: Any) -> None:
    msg = (
        f"{name} has {n_filled} fill values ({np.asarray(fill).ravel()[0]:.6g}), which stand for missing data; turn "
        "them into NaN and drop or impute them."
    )
    raise ValueError(msg)


def _to_array(values: Any, name: str) -> np.ndarray:
    if hasattr(values, "is_meta"):
        values = _from_tensor(values, name)
    if isinstance(values, (pd.DataFrame, pd.Series)):
        kinds = values.dtypes if isinstance(values, pd.DataFrame) else pd.Series([values.dtype])
        if any(pd.api.types.is_extension_array_dtype(kind) and pd.api.types.is_numeric_dtype(kind) for kind in kinds):
            values = values.astype(float)
    try:
        return np.asarray(values)
    except ValueError:
        msg = f"{name} must have rows of one length: got rows of unlike lengths. Cut or pad them yourself."
        raise ValueError(msg) from None


def _from_tensor(values: Any, name: str) -> np.ndarray:
    """A torch tensor, recognised without importing torch."""
    if values.is_meta:
        msg = f"{name} is a tensor on the meta device, which holds no values; load the weights or data first."
        raise ValueError(msg)
    if "strided" not in str(values.layout):
        msg = f"{name} is a sparse tensor; convert it with .to_dense()."
        raise ValueError(msg)
    values = values.detach().cpu()
    return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    numbers = np.empty(array.size)
    for index, value in enumerate(array.ravel()):
        if value is None or value is pd.NA:
            numbers[index] = np.nan
        elif isinstance(value, (int, float, np.number)) and not isinstance(value, (complex, np.complexfloating)):
            numbers[index] = value
        else:
            msg = (
                f"{name} must hold real numbers: got {value!r} among them. Leave such columns out; read missing values "
                "such as n/a as NaN."
            )
            raise ValueError(msg)
    return numbers.reshape(array.shape)
