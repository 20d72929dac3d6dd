"""Miniature files of CIFAR-10, in the layout that Python 2 gave the real ones."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def text(content: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(content)) + content


def numbers(values) -> bytes:
    return b"".join(b"J" + struct.pack("<i", int(value)) for value in values)


def batch_file(rows: np.ndarray, labels, *, dtype: bytes = b"u1") -> bytes:
    """A pickle of protocol 2 as Python 2 wrote it, made by hand: Python 3 writes texts and names otherwise."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + numbers([0]) + b"\x85" + text(b"b") + b"tR"
    kind = b"cnumpy\ndtype\n(" + text(dtype) + numbers([0, 1]) + b"tR"
    kind += b"(" + numbers([3]) + text(b"|") + b"NNN" + numbers([-1, -1, 0]) + b"tb"
    state = b"(" + numbers([1]) + b"(" + numbers(rows.shape) + b"t" + kind + b"\x89" + text(rows.tobytes()) + b"tb"
    listed = b"](" + numbers(labels) + b"e"
    entries = text(b"data") + array + state + text(b"labels") + listed + text(b"batch_label") + text(b"a batch")
    return b"\x80\x02}(" + entries + b"u."


def write_folder(folder: Path, n: int = 10, *, seed: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Six small batches in a folder; gives their rows and labels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    batches = {}
    for name in BATCHES:
        labels = rng.permutation(n) % 10
        batches[name] = rng.integers(0, 256, (n, 3072), dtype=np.uint8), labels
        (folder / name).write_bytes(batch_file(*batches[name]))
    return batches


def pack(folder: Path, archive: Path) -> Path:
    """The archive of a folder, with a file more, and batches in another order, as the real one has them."""
    with tarfile.open(archive, "w:gz") as packed:
        for name in reversed(BATCHES):
            packed.add(folder / name, f"cifar-10-batches-py/{name}")
        page = tarfile.TarInfo("cifar-10-batches-py/readme.html")
        page.size = 4
        packed.addfile(page, io.BytesIO(b"page"))
    return archive
