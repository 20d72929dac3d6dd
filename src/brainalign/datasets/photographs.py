"""Photographs of the classes of CIFAR-10 that a user brings: an archive of JPEG, folders, or the original archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError

from brainalign.catalogue.entries import folder_of, locate, state_of
from brainalign.catalogue.files import note_use
from brainalign.datasets.cifar import Cifar10, read_cifar10

OWN_PHOTOGRAPHS = "own-photographs"
"""Entry of the catalogue."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Names of the classes, in the order of their numbers in CIFAR-10."""

_SIDE = 32
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_PARTS = ("train", "test")


def has_own_photographs() -> bool:
    """Whether the folder for them holds something."""
    return state_of(OWN_PHOTOGRAPHS) == "here"


def load_own_photographs(n_train: int, n_test: int) -> Cifar10:
    """Some of the photographs in the folder of the catalogue's entry.

    Parameters
    ----------
    n_train, n_test : int
        How many are read at most; they are taken at equal distances from all, so that every class has its share.

    Returns
    -------
    Cifar10
        Of folders without division into train and test, all pictures are for the test.

    Raises
    ------
    MissingDataError
        When there are none.
    ValueError
        When what is there cannot be read; see `read_photographs`.
    """
    if not has_own_photographs():
        locate(OWN_PHOTOGRAPHS, "photographs.npz")  # says how to obtain them
    note_use(OWN_PHOTOGRAPHS)
    return read_photographs(folder_of(OWN_PHOTOGRAPHS), n_train, n_test)


def read_photographs(folder: Path, n_train: int, n_test: int) -> Cifar10:
    """Photographs of ten classes from a folder.

    Parameters
    ----------
    folder : Path
        It holds one of these: an ``.npz`` file with ``train_jpeg`` and ``test_jpeg`` (all pictures as JPEG, one after
        the other, as bytes), ``train_sizes`` (bytes of each), ``train_labels``, the same for the test, and ``classes``
        (names in the order of the labels); folders named as `CLASSES`, or ``train`` and ``test`` with such folders;
        ``cifar-10-python.tar.gz`` or the folder that it unpacks to.
    n_train, n_test : int
        As for `load_own_photographs`.

    Returns
    -------
    Cifar10
        In 32 x 32 pixels; each pixel of a larger picture is the mean of the area that it covers.

    Raises
    ------
    ValueError
        When there is nothing of this kind, a class has another name, or a file cannot be read.
    """
    archives, jpegs = sorted(folder.glob("cifar-10-*")), sorted(folder.glob("*.npz"))
    if jpegs:
        return _read_jpegs(jpegs[0], n_train, n_test)
    if archives:
        found = read_cifar10(archives[0])
        chosen = _spread(len(found.train_labels), n_train), _spread(len(found.test_labels), n_test)
        return Cifar10(
            found.train_images[chosen[0]],
            found.train_labels[chosen[0]],
            found.test_images[chosen[1]],
            found.test_labels[chosen[1]],
        )
    return _read_folders(folder, n_train, n_test)


def _read_jpegs(path: Path, n_train: int, n_test: int) -> Cifar10:
    fields = _arrays(path)
    try:
        numbers = [_class_number(str(name), path.name) for name in fields["classes"]]
        parts = [_unpacked(fields, part, n, numbers) for part, n in zip(_PARTS, (n_train, n_test), strict=True)]
    except (KeyError, IndexError) as error:
        msg = f"{path.name} lacks {error}; it needs classes, and _jpeg, _sizes and _labels of train and test."
        raise ValueError(msg) from error
    return Cifar10(*parts[0], *parts[1])


def _arrays(path: Path) -> dict[str, NDArray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        msg = (
            f"{path.name} is no archive of numpy with arrays of numbers and texts ({error}); save it with numpy.savez."
        )
        raise ValueError(msg) from error


def _unpacked(
    fields: dict[str, NDArray], part: str, n: int, numbers: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    packed, sizes, labels = (fields[f"{part}_{name}"] for name in ("jpeg", "sizes", "labels"))
    ends = np.cumsum(sizes.astype(np.int64))
    if len(sizes) != len(labels) or (ends[-1] if len(ends) else 0) != len(packed):
        msg = (
            f"{part}: {len(sizes)} sizes, {len(labels)} labels and {len(packed)} bytes do not fit each other; give a "
            "size and a label for each picture, sizes that add up to the bytes."
        )
        raise ValueError(msg)
    chosen = _spread(len(sizes), n)
    pictures = [io.BytesIO(packed[ends[i] - int(sizes[i]) : ends[i]].tobytes()) for i in chosen]
    images = _stacked(pictures, [f"{part} {i}" for i in chosen])
    return images, np.array([numbers[labels[i]] for i in chosen], dtype=np.int64)


def _read_folders(folder: Path, n_train: int, n_test: int) -> Cifar10:
    divided = (folder / "test").is_dir()
    train = _listed(folder / "train") if divided and (folder / "train").is_dir() else []
    test = _listed(folder / "test" if divided else folder)
    if not test:
        msg = (
            f"{folder} has no photographs; give an .npz file of JPEG, cifar-10-python.tar.gz, or folders named "
            f"{', '.join(CLASSES)} with {', '.join(_ENDINGS)} in them."
        )
        raise ValueError(msg)
    parts: list[ArrayLike] = []
    for files, n in ((train, n_train), (test, n_test)):
        chosen = [files[i] for i in _spread(len(files), n)]
        parts += [_stacked([path for path, _ in chosen], [path.name for path, _ in chosen])]
        parts += [np.array([number for _, number in chosen], dtype=np.int64)]
    return Cifar10(*parts)


def _listed(folder: Path) -> list[tuple[Path, int]]:
    """Pictures of every class with its number."""
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [
        (path, _class_number(one.name, str(folder)))
        for one in below
        for path in sorted(one.iterdir())
        if path.suffix.lower() in _ENDINGS
    ]


def _class_number(name: str, where: str) -> int:
    if name.lower() in CLASSES:
        return CLASSES.index(name.lower())
    msg = f"{where}: '{name}' is no class of CIFAR-10; its classes are {', '.join(CLASSES)}."
    raise ValueError(msg)


def _spread(n_there: int, n_wanted: int) -> NDArray[np.int64]:
    """Places at equal distances: files of a class lie together in many archives."""
    n = min(n_there, n_wanted)
    return (np.arange(n) * n_there) // max(n, 1)


def _stacked(sources: Sequence[io.BytesIO | Path], names: Sequence[str]) -> NDArray[np.uint8]:
    images = np.empty((len(sources), 3, _SIDE, _SIDE), dtype=np.uint8)
    for place, (source, name) in enumerate(zip(sources, names, strict=True)):
        try:
            with Image.open(source) as picture:
                images[place] = small_picture(picture)
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            msg = f"the picture {name} cannot be read ({error}); remove or replace it."
            raise ValueError(msg) from error
    return images


def small_picture(picture: Image.Image) -> NDArray[np.uint8]:
    """A picture as colours of shape (3, 32, 32); each pixel is the mean of the area that it covers.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of any size and mode.

    Returns
    -------
    ndarray of shape (3, 32, 32)
        Red, green and blue from 0 to 255.
    """
    colours = picture.convert("RGB")
    if colours.size != (_SIDE, _SIDE):
        colours = colours.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(colours).transpose(2, 0, 1)
