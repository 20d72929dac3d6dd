"""Results as bytes: tables as parquet, arrays as npz, everything else as JSON; never as pickle."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd

from brainalign.runs.errors import UsageError

_ONE_ARRAY = "__array__"


def encode(value: Any, *, owner: str) -> tuple[str, bytes]:
    """A result as bytes.

    Parameters
    ----------
    value : DataFrame, ndarray, dict of str to ndarray, or what JSON can hold
        The result.
    owner : str
        Name of the stage, for the error's text.

    Returns
    -------
    kind : {"parquet", "npz", "json"}
        Ending of the file.
    content : bytes
        Content of the file.

    Raises
    ------
    UsageError
        For a result of another type.
    """
    if isinstance(value, pd.DataFrame):
        stream = io.BytesIO()
        value.to_parquet(stream)
        return "parquet", stream.getvalue()
    arrays = _named_arrays(value)
    if arrays is not None and not any(array.dtype.hasobject for array in arrays.values()):
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        return "npz", stream.getvalue()
    try:
        return "json", json.dumps(value).encode()
    except TypeError as error:
        msg = (
            f"the stage '{owner}' returned what cannot be kept ({error}). Return a table of pandas, an array of numpy, "
            "a dict of such arrays, or numbers, text and lists of them; of a tensor, its .numpy()."
        )
        raise UsageError(msg) from error


def decode(kind: str, content: bytes) -> Any:
    """The result that `encode` made bytes of."""
    if kind == "parquet":
        return pd.read_parquet(io.BytesIO(content))
    if kind == "npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays.get(_ONE_ARRAY, arrays)
    return json.loads(content)


def _named_arrays(value: Any) -> dict[str, np.ndarray] | None:
    if isinstance(value, np.ndarray):
        return {_ONE_ARRAY: value}
    if isinstance(value, dict) and value and all(isinstance(array, np.ndarray) for array in value.values()):
        return value
    return None
