"""Files of MATLAB and HDF5, opened or refused in a sentence with their name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

__all__ = ["open_hdf5", "read_matlab"]

# What scipy raises, depending on where in the file it loses the thread.
_UNREADABLE = (
    MatReadError,
    NotImplementedError,
    ValueError,
    TypeError,
    LookupError,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
)


def read_matlab(found: Path, name: str, **options: Any) -> dict[str, Any]:
    """Variables of a MATLAB file up to version 7.

    Parameters
    ----------
    found : Path
        Where it is.
    name : str
        What the error calls it.
    **options
        Passed on to `scipy.io.loadmat`.

    Returns
    -------
    dict of str to array

    Raises
    ------
    ValueError
        For a file of version 7.3, which is HDF5, or one that is no MATLAB file or was cut off.
    """
    if h5py.is_hdf5(found):
        msg = f"{name} is a MATLAB file of version 7.3; save it in MATLAB with save(..., '-v7')."
        raise ValueError(msg)
    try:
        return loadmat(found, **options)
    except _UNREADABLE as error:
        msg = f"{name} is no MATLAB file, or was cut off ({type(error).__name__}). Obtain it anew."
        raise ValueError(msg) from error


@contextmanager
def open_hdf5(found: Path, name: str) -> Iterator[h5py.File]:
    """An HDF5 file (also netCDF 4, or MATLAB 7.3), open for reading.

    Parameters
    ----------
    found : Path
        Where it is.
    name : str
        What the error calls it.

    Yields
    ------
    h5py.File

    Raises
    ------
    ValueError
        For a file of another kind, or one that was cut off.
    """
    if not h5py.is_hdf5(found):
        size = found.stat().st_size
        hint = "perhaps only the pointer that git or DataLad keeps for it" if size < 1000 else "or it was cut off"
        msg = f"{name} ({size} bytes) is no HDF5 file, {hint}. Obtain it anew; a pointer of DataLad with: datalad get"
        raise ValueError(msg)
    try:
        file = h5py.File(found, "r")
    except OSError as error:
        msg = f"{name} is an HDF5 file that cannot be read, perhaps cut off: {error}. Obtain it anew."
        raise ValueError(msg) from error
    with file:
        yield file
