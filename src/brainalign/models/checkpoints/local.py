"""Checkpoints that lie on this machine: in an installed package, in the zoo, in a folder or file of the user's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainalign.catalogue.entries import (
    FILE_REFERENCE,
    ZOO_REFERENCE,
    ChecksumError,
    MissingDataError,
    entry,
    locate,
    zoo_file_name,
)
from brainalign.catalogue.locations import project_root
from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.gguf import GgufFile
from brainalign.models.checkpoints.kinds import JSON, is_gguf, is_onnx, is_safetensors, other_kind, refuse_other_kinds
from brainalign.models.checkpoints.legacy import LegacyPickleFile
from brainalign.models.checkpoints.onnx import OnnxFile
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

EXPORTED = (".gguf", ".onnx")
"""Ends of the names of files that hold a model whole, its configuration too."""

CONFIGS = ("config.json", "open_clip_config.json")
"""Names that a model's configuration has in a folder."""

_ADAPTERS = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "pytorch_lora_weights.safetensors",
)
_SHARD = re.compile(r"-(?P<number>\d+)-of-(?P<of>\d+)\.\w+$")


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
        path, *_ = packaged_files(reference.name)
    else:
        path = _zoo_file(reference) if reference.hub == "zoo" else _own_file(reference)
    tensors = open_tensors(path)
    return StoredCheckpoint(str(reference), config_of(path.parent, tensors), tensors)


def packaged_files(name: str) -> list[Path]:
    """Files of a model that an installed package brings: the weights, then what lies beside them.

    Raises
    ------
    MissingDataError
        The package is not installed.
    ChecksumError
        A file is not the one that the catalogue pins.
    """
    return [locate(name, file.path) for file in entry(name).files]


def own_path(reference: Reference) -> Path:
    """Folder or file that a ``file:`` reference names; relative ones start from the project."""
    path = Path(reference.name).expanduser()
    return path if path.is_absolute() else project_root() / path


def weights_in(reference: Reference) -> Path:
    """File of the weights that a ``file:`` reference names, or that its folder holds."""
    return _own_file(reference)


def open_tensors(path: Path) -> TensorFile:
    """Open a file with tensors, of whatever kind: safetensors, an index of shards, what torch.save wrote, GGUF or ONNX.

    Raises
    ------
    MissingDataError
        A shard that the index names is not there.
    ChecksumError
        The file is empty, truncated or altered.
    ValueError
        It is of another kind; the text says of which.
    """
    if path.name.endswith(".index.json"):
        return Shards(read_json(path), lambda name: open_tensors(_shard(path, name)))
    if path.stat().st_size == 0:
        msg = f"{path} is empty. Fetch it again."
        raise ChecksumError(msg)
    if is_gguf(path):
        return GgufFile(path)
    if is_onnx(path):
        return OnnxFile(path)
    refuse_other_kinds(path)
    if is_safetensors(path):
        return SafetensorsFile(path)
    try:
        return PickleFile(LocalBytes(path))
    except LegacyPickleError:
        return LegacyPickleFile(path)


def config_of(folder: Path, tensors: TensorFile) -> Mapping[str, Any]:
    """Configuration that the weights carry in their metadata, or the one that lies beside them, or an empty one."""
    if "config" in tensors.metadata:
        try:
            return json.loads(tensors.metadata["config"])
        except ValueError as error:
            msg = f"the weights in {folder} carry a configuration that is no JSON ({error}). Save them again."
            raise ChecksumError(msg) from None
    return next((read_json(folder / name) for name in CONFIGS if (folder / name).is_file()), {})


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file.

    Raises
    ------
    ChecksumError
        The file is no JSON, or no object with named fields.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        kind = other_kind(path)
        known = kind is not None and kind[0] != JSON
        what = f"{path} is {kind[0]}, no JSON" if known else f"{path} is no JSON ({error}): it was truncated or altered"
        msg = f"{what}. {kind[1] if known else 'Fetch it again.'}"
        raise ChecksumError(msg) from None
    if not isinstance(content, dict):
        msg = f"{path} holds {type(content).__name__} instead of an object with named fields. Fetch it again."
        raise ChecksumError(msg)
    return content


def _shard(index: Path, name: str) -> Path:
    path = index.parent / name
    if not path.is_file():
        present = sorted(found.name for found in index.parent.iterdir() if _SHARD.search(found.name))
        msg = (
            f"{index} names the shard '{name}', which is not there; of its shards are there: "
            f"{', '.join(present) or 'none'}. Fetch the missing ones."
        )
        raise MissingDataError(msg)
    return path


def _zoo_file(reference: Reference) -> Path:
    named = f"{ZOO_REFERENCE}{reference.name}"
    return locate(named, zoo_file_name(named))


def _own_file(reference: Reference) -> Path:
    path = own_path(reference)
    folder = path if path.is_dir() else path.parent
    if path.is_file() and (shard := _SHARD.search(path.name)) and int(shard["of"]) > 1:
        msg = (
            f"'{reference}' is one of {int(shard['of'])} shards: the model is incomplete in it. Give the folder, or "
            "its index (.index.json), which says what lies where."
        )
        raise ValueError(msg)
    # By way of `locate`, which notes what a run has read, and says what a folder holds when nothing fits. Under the
    # name that was given, with ~ and all: it is the one that the run declares.
    if path.is_file():
        return locate(f"{FILE_REFERENCE}{Path(reference.name).parent}", path.name)
    present = [name for name in WEIGHTS if (path / name).is_file()]
    if not present and len(exported := sorted(file.name for file in path.glob("*") if file.suffix in EXPORTED)) == 1:
        present = exported
    _refuse_adapter(reference, folder, alone=not present)
    return locate(f"{FILE_REFERENCE}{reference.name}", present[0] if present else WEIGHTS[0])


def _refuse_adapter(reference: Reference, folder: Path, *, alone: bool) -> None:
    adapter = next((name for name in _ADAPTERS if (folder / name).is_file()), None)
    if adapter is None:
        return
    lack = "no weights of the model itself" if alone else "an adapter beside the weights, which changes them"
    msg = (
        f"'{reference}' holds {lack} ({adapter}). Merge the adapter into its model (peft: merge_and_unload), save the "
        "result in a folder of its own, and give that."
    )
    raise ValueError(msg)
