"""Checkpoints that lie on this machine: in an installed package, in the zoo, in a folder or file of the user's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainalign.catalogue.entries import FILE_REFERENCE, ZOO_REFERENCE, ChecksumError, locate, zoo_file_name
from brainalign.catalogue.locations import project_root
from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.legacy import LegacyPickleFile
from brainalign.models.checkpoints.pickles import LegacyPickleError, PickleFile
from brainalign.models.checkpoints.sources import LocalBytes
from brainalign.models.checkpoints.tensor_files import SafetensorsFile, Shards, StoredCheckpoint, TensorFile

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_pytorch_model.bin",
)
"""Names that a model's weights have in a folder, in the order in which they are tried."""

CONFIGS = ("config.json", "open_clip_config.json")
"""Names that a model's configuration has in a folder."""

_PACKAGED = {"minilm": ("model/model.safetensors", "model/config.json")}


def open_local(reference: Reference) -> StoredCheckpoint:
    """Open a checkpoint of a ``file:``, ``zoo:`` or packaged reference.

    Raises
    ------
    MissingDataError
        There is no such file; the text says what is there.
    ChecksumError
        The file was truncated or altered.
    """
    if reference.hub == "package":
        weights, config = (locate(reference.name, name) for name in _PACKAGED[reference.name])
        return StoredCheckpoint(str(reference), read_json(config), SafetensorsFile(weights))
    path = _zoo_file(reference) if reference.hub == "zoo" else _own_file(reference)
    tensors = open_tensors(path)
    return StoredCheckpoint(str(reference), config_of(path.parent, tensors), tensors)


def own_path(reference: Reference) -> Path:
    """Folder or file that a ``file:`` reference names; relative ones start from the project."""
    path = Path(reference.name).expanduser()
    return path if path.is_absolute() else project_root() / path


def open_tensors(path: Path) -> TensorFile:
    """Open a file with tensors, of whatever kind: safetensors, an index of shards, or what torch.save wrote.

    Raises
    ------
    ChecksumError
        The file is empty, truncated or altered.
    """
    if path.name.endswith(".index.json"):
        return Shards(read_json(path), lambda name: open_tensors(path.parent / name))
    if path.stat().st_size == 0:
        msg = f"{path} is empty. Fetch it again."
        raise ChecksumError(msg)
    if path.suffix == ".safetensors":
        return SafetensorsFile(path)
    try:
        return PickleFile(LocalBytes(path))
    except LegacyPickleError:
        return LegacyPickleFile(path)


def config_of(folder: Path, tensors: TensorFile) -> Mapping[str, Any]:
    """Configuration that the weights carry in their metadata, or the one that lies beside them, or an empty one."""
    if "config" in tensors.metadata:
        return json.loads(tensors.metadata["config"])
    return next((read_json(folder / name) for name in CONFIGS if (folder / name).is_file()), {})


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file.

    Raises
    ------
    ChecksumError
        The file is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} is no JSON ({error}): it was truncated or altered. Fetch it again."
        raise ChecksumError(msg) from None


def _zoo_file(reference: Reference) -> Path:
    named = f"{ZOO_REFERENCE}{reference.name}"
    return locate(named, zoo_file_name(named))


def _own_file(reference: Reference) -> Path:
    path = own_path(reference)
    # By way of `locate`, which notes what a run has read, and says what a folder holds when nothing fits. Under the
    # name that was given, with ~ and all: it is the one that the run declares.
    if path.is_file():
        return locate(f"{FILE_REFERENCE}{Path(reference.name).parent}", path.name)
    present = [name for name in WEIGHTS if (path / name).is_file()]
    return locate(f"{FILE_REFERENCE}{reference.name}", present[0] if present else WEIGHTS[0])
