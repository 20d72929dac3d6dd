"""Checkpoints in the local cache of the hub's own client."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from brainalign.catalogue.files import ChecksumError, sha256_of
from brainalign.catalogue.kept_models import Note, folder_for
from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.kept import new_note
from brainalign.models.checkpoints.local import open_tensors, read_json
from brainalign.models.checkpoints.repositories import Repository
from brainalign.models.checkpoints.tensor_files import Shards, TensorFile


@dataclass(frozen=True)
class CachedCheckpoint:
    """A checkpoint in the hub's local cache: the file of its weights, its tensors and its configuration."""

    repository: Repository
    path: Path
    tensors: TensorFile
    config: Mapping[str, Any]
    folder: Path

    def note(self, reference: Reference) -> Note:
        """What is kept beside the extract."""
        # The cache names a snapshot by its commit, and its files by their ETags.
        version = {"file": self.path.name, "commit": self.path.parent.name, "etag": self.path.resolve().name}
        return new_note(reference, self.repository, self.tensors, self.config, version)


def open_cached(reference: Reference, repository: Repository, revision: str | None) -> CachedCheckpoint | None:
    """Open a checkpoint from the local cache, if all its weights are there.

    Raises
    ------
    ChecksumError
        A file was truncated or altered.
    """
    if not repository.is_hub:
        return None
    paths = cached_weights(repository, revision)
    if not paths:
        return None
    first, *shards = paths
    if shards:
        by_name = {path.name: path for path in shards}
        tensors: TensorFile = Shards(read_json(first), lambda name: open_tensors(_verified(by_name[name])))
    else:
        tensors = open_tensors(_verified(first))
    config = cached_file(repository.name, revision, repository.config) if repository.config else None
    folder = folder_for(f"{reference.hub}:{reference.name}", first.parent.name)
    return CachedCheckpoint(repository, first, tensors, read_json(config) if config else {}, folder)


def cached_weights(repository: Repository, revision: str | None) -> list[Path]:
    """Files of the weights in the hub's local cache (an index comes before its shards), or none if one is missing."""
    find = partial(cached_file, repository.name, revision)
    first = next(filter(None, map(find, repository.weights)), None)
    if first is None or not first.name.endswith(".index.json"):
        return [first] if first else []
    shards = [find(name) for name in sorted(set(read_json(first)["weight_map"].values()))]
    return [first, *shards] if all(shards) else []


def cached_file(repository: str, revision: str | None, file: str) -> Path | None:
    """A file of a repository in the hub's local cache, if it is there."""
    found = try_to_load_from_cache(repository, file, cache_dir=hub_cache(), revision=revision)
    return Path(found) if isinstance(found, str) else None


def hub_cache() -> str | None:
    """Folder of the hub's local cache as the environment has it now; None for the one of the hub's client."""
    home = os.environ.get("HF_HOME")
    return os.environ.get("HF_HUB_CACHE") or (os.path.join(home, "hub") if home else None)


def _verified(path: Path) -> Path:
    # The cache names large files by their sha256.
    expected = path.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", expected) and sha256_of(path) != expected:
        msg = f"{path} was truncated or altered: its sha256 is not {expected[:12]}... Delete it, then fetch it again."
        raise ChecksumError(msg)
    return path
