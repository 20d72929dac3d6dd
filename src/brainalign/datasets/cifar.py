"""CIFAR-10: small colour photographs of ten kinds of objects, read from the files for Python."""

from __future__ import annotations

import io
import pickle
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainalign.catalogue.entries import locate

CIFAR10 = "cifar-10"
"""Entry of the catalogue."""

_ARCHIVE, _FOLDER = "cifar-10-python.tar.gz", "cifar-10-batches-py"
_TRAINING, _TEST = [f"data_batch_{number}" for number in range(1, 6)], "test_batch"
_SHAPE, _N_CLASSES = (3, 32, 32), 10


@dataclass(frozen=True)
class Cifar10:
    """Pictures and their classes, as the authors divided them.

    Attributes
    ----------
    train_images : ndarray of shape (n_train, 3, 32, 32)
        Red, green and blue from 0 to 255; 50000 pictures.
    train_labels : ndarray of shape (n_train,)
        Classes, 0 to 9.
    test_images : ndarray of shape (n_test, 3, 32, 32)
        Pictures for the test; 10000.
    test_labels : ndarray of shape (n_test,)
        Their classes.
    """

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]


def load_cifar10() -> Cifar10:
    """All pictures of CIFAR-10.

    Returns
    -------
    Cifar10

    Raises
    ------
    MissingDataError, ChecksumError
        When the archive is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Krizhevsky (2009). Learning multiple layers of features from tiny images. University of Toronto.
    """
    return read_cifar10(locate(CIFAR10, _ARCHIVE))


def read_cifar10(path: Path) -> Cifar10:
    """Pictures of the archive for Python, or of the folder that it unpacks to.

    Parameters
    ----------
    path : Path
        ``cifar-10-python.tar.gz``, or the folder ``cifar-10-batches-py`` with the files ``data_batch_1`` to
        ``data_batch_5`` and ``test_batch``.

    Returns
    -------
    Cifar10
        As many pictures as the files hold, in their order.

    Raises
    ------
    ValueError
        When a file is missing, is no batch of pictures, or holds anything but arrays of bytes, lists and texts.

    Notes
    -----
    The files are pickles, which can run any program when Python reads them the usual way. Here they are read with
    stand-ins for the three names of numpy that they need; every other name is refused.
    """
    found = _read_folder(path) if path.is_dir() else _read_archive(path)
    if missing := [name for name in (*_TRAINING, _TEST) if name not in found]:
        msg = f"{path.name} has no {', '.join(missing)}; give {_ARCHIVE} or the folder {_FOLDER} that it unpacks to."
        raise ValueError(msg)
    batches = {name: _decode(name, found[name]) for name in (*_TRAINING, _TEST)}
    images, labels = zip(*(batches[name] for name in _TRAINING), strict=True)
    return Cifar10(np.concatenate(images), np.concatenate(labels), *batches[_TEST])


def _read_folder(folder: Path) -> dict[str, bytes]:
    files = [folder / name for name in (*_TRAINING, _TEST)]
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _read_archive(path: Path) -> dict[str, bytes]:
    """The batches in memory: nothing is unpacked to the disk, so no path can lead anywhere."""
    wanted = {f"{_FOLDER}/{name}": name for name in (*_TRAINING, _TEST)}
    with tarfile.open(path, "r:gz") as archive:
        # One pass in the order of the archive: going back would unpack it from the start again.
        return {
            wanted[member.name]: archive.extractfile(member).read()
            for member in archive
            if member.name in wanted and member.isfile()
        }


def _decode(name: str, content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of shape (n, 3, 32, 32) and labels of shape (n,) of one batch."""
    try:
        batch = _BatchReader(io.BytesIO(content), encoding="bytes").load()
        rows, labels = batch[b"data"].values, np.asarray(batch[b"labels"], dtype=np.int64)
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
    ) as err:
        msg = f"{name} is no batch of CIFAR-10 ({err}); fetch the archive again."
        raise ValueError(msg) from err
    of_pictures = rows.ndim == 2 and rows.shape[1] == np.prod(_SHAPE) and labels.shape == rows.shape[:1]
    if not of_pictures or not np.isin(labels, np.arange(_N_CLASSES)).all():
        msg = (
            f"{name} has data of shape {rows.shape} and labels of shape {labels.shape}; a batch of CIFAR-10 has n rows "
            f"of {np.prod(_SHAPE)} bytes and n labels from 0 to {_N_CLASSES - 1}. Fetch the archive again."
        )
        raise ValueError(msg)
    return rows.reshape(-1, *_SHAPE), labels


class _ByteType:
    """Stands for a numpy type; the only one in the files is the unsigned byte."""

    def __init__(self, name: bytes, *_: object) -> None:
        if name != b"u1":
            msg = f"an array of the type {name!r} where unsigned bytes were expected"
            raise pickle.UnpicklingError(msg)

    def __setstate__(self, state: object) -> None:
        """Order of bytes and flags, which mean nothing for single bytes."""


class _ByteArray:
    """Stands for a numpy array and keeps its values, without giving what the file says to numpy's own functions."""

    values: NDArray[np.uint8]

    def __init__(self, *_: object) -> None:
        """Takes what numpy's function takes; the array itself comes with the state."""

    def __setstate__(self, state: tuple[int, tuple[int, ...], _ByteType, bool, bytes]) -> None:
        _, shape, _, by_columns, values = state
        self.values = np.frombuffer(values, dtype=np.uint8).reshape(shape, order="F" if by_columns else "C")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _ByteArray,
    ("numpy", "ndarray"): None,  # what _reconstruct is called with, and the stand-in has no use for
    ("numpy", "dtype"): _ByteType,
}


class _BatchReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name that the file asks for."""
        try:
            return _STAND_INS[module, name]
        except KeyError:
            msg = f"it asks for {module}.{name}, which a batch of pictures does not need"
            raise pickle.UnpicklingError(msg) from None
