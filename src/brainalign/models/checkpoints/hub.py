"""Checkpoints on hubs: kept parts first, then the hub's local cache, then ranges of bytes from the server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import get_token

from brainalign.catalogue.files import ChecksumError, MissingDataError, is_use_noted, note_use
from brainalign.catalogue.kept_models import Note, find_kept, folder_for, not_fetched
from brainalign.catalogue.references import Reference, rows_of
from brainalign.catalogue.web import GatedError, NoSuchFileError, UnreachableError, get_small
from brainalign.models.checkpoints.cached import open_cached
from brainalign.models.checkpoints.kept import KeptTensors, keep_note, new_note
from brainalign.models.checkpoints.local import open_tensors
from brainalign.models.checkpoints.pickles import LegacyPickleError, PickleFile
from brainalign.models.checkpoints.ranges import RemoteBytes
from brainalign.models.checkpoints.remote_safetensors import RemoteSafetensors
from brainalign.models.checkpoints.repositories import Repository, repository_of
from brainalign.models.checkpoints.tensor_files import Shards, StoredCheckpoint, TensorFile


def open_hub(reference: Reference, *, full_download: bool = False) -> StoredCheckpoint:
    """Open a checkpoint of a ``hf:``, ``timm:``, ``open_clip:`` or ``meter:`` reference.

    Parameters
    ----------
    reference : Reference
        The model.
    full_download : bool
        Whether a file that cannot be read by parts (written before torch 1.6) may be fetched whole.

    Raises
    ------
    MissingDataError
        Neither kept, nor cached, nor to be had from the server.
    ChecksumError
        What is kept or cached was altered.
    """
    found = kept_for_use(reference)
    if found:
        folder, note = found
        connect = partial(_reconnect, reference, folder, note, full_download)
        return StoredCheckpoint(str(reference), note.config, KeptTensors(folder, note, connect))
    repository = repository_of(reference)
    far = open_cached(reference, repository, reference.revision)
    if far is None:
        far = _connect(reference, repository, reference.revision, full_download=full_download)
    note = keep_note(far.folder, far.note(reference))
    kept = KeptTensors(far.folder, note, lambda: far.tensors)
    return StoredCheckpoint(str(reference), note.config, kept)


def kept_for_use(reference: Reference) -> tuple[Path, Note] | None:
    """What is kept of a model that is about to be read; that it is read is noted.

    Raises
    ------
    MissingDataError
        A run, or a stage, asks for a model that was not fetched before: its key knows nothing of the model.
    """
    found = find_kept(reference)
    if not is_use_noted():
        return found
    if found is None or not found[1].fetched:
        raise MissingDataError(not_fetched(reference))
    note_use(str(reference.files))
    return found


class _Remote:
    """A checkpoint on a server, connected: its tensors, and which version of which file it is."""

    def __init__(self, model: str, repository: Repository, revision: str | None, *, full_download: bool) -> None:
        self._model, self._repository = model, repository
        self._full_download = full_download
        self._token = get_token() if repository.is_hub else None
        self._revision = revision
        self._first: RemoteBytes | None = None
        self.file, self.tensors = self._open_first_of(repository.weights)
        self.config = self._read_config()

    @property
    def folder(self) -> Path:
        """Where bytes of this version are kept."""
        return self._first.folder

    def note(self, reference: Reference) -> Note:
        """What is kept beside the extract."""
        version = {"file": self.file, "commit": self._first.commit, "etag": self._first.etag}
        return new_note(reference, self._repository, self.tensors, self.config, version)

    def _open_first_of(self, names: tuple[str, ...]) -> tuple[str, TensorFile]:
        for name in names:
            try:
                return name, self._open(name)
            except NoSuchFileError as error:
                absent = error
        msg = f"{self._repository.name} has none of {', '.join(names)} (the last answer: {absent})"
        raise NoSuchFileError(msg)

    def _open(self, name: str) -> TensorFile:
        if self._first is not None and (self.folder / name).is_file():
            return open_tensors(self.folder / name)  # a server without ranges has sent all of it before
        source = RemoteBytes(
            self._repository.url(name, self._revision), partial(folder_for, self._model), token=self._token
        )
        if self._first is None:
            self._first = source
            # From here on the commit that was served, so that all files are of one version.
            self._revision = source.commit or self._revision
        if name.endswith(".index.json"):
            (text,) = source.read_spans([(0, source.size)])
            return Shards(json.loads(bytes(text)), self._open)
        if name.endswith(".safetensors"):
            return RemoteSafetensors(source)
        try:
            return PickleFile(source)
        except LegacyPickleError:
            if not self._full_download:
                raise _legacy(self._model, source) from None
            return open_tensors(source.whole())

    def _read_config(self) -> Mapping[str, Any]:
        if self._repository.config is None:
            return {}
        try:
            return json.loads(get_small(self._repository.url(self._repository.config, self._revision), self._token))
        except NoSuchFileError:
            return json.loads(self.tensors.metadata.get("config", "{}"))


def _connect(
    reference: Reference,
    repository: Repository,
    revision: str | None,
    *,
    full_download: bool,
    size: int | None = None,
    option: str = "",
) -> _Remote:
    advice = (
        f"Only the parts that are needed travel. With a connection, run: brainalign models fetch {reference}{option}"
    )
    with explain_refusals(reference, repository, revision, advice=advice, size=size):
        refuse_in_runs()
        return _Remote(f"{reference.hub}:{reference.name}", repository, revision, full_download=full_download)


def _reconnect(reference: Reference, folder: Path, note: Note, full_download: bool) -> TensorFile:
    whole = folder / note.file
    if whole.is_file() and not note.file.endswith(".index.json"):
        return open_tensors(whole)  # a server without ranges has sent all of it before
    repository = Repository(note.repository, (note.file,), None, is_hub="://" not in note.repository)
    cached = open_cached(reference, repository, note.commit)
    if cached:
        return cached.tensors
    # What fetching keeps is not enough for this; the whole is.
    option = " --full" if note.fetched else ""
    remote = _connect(reference, repository, note.commit, full_download=full_download, size=note.size, option=option)
    if remote.folder != folder:
        msg = (
            f"'{reference}' is not the file any more of which parts are kept in {folder}. Delete that folder, "
            f"then run: brainalign models fetch {reference}"
        )
        raise ChecksumError(msg)
    return remote.tensors


@contextmanager
def explain_refusals(
    reference: Reference, repository: Repository, revision: str | None, *, advice: str, size: int | None = None
) -> Iterator[None]:
    """Say of a refused request which model it was for, which file, how large it is, and what to do.

    Parameters
    ----------
    reference : Reference
        What the user asked for.
    repository : Repository
        Where its files are.
    revision : str or None
        What is asked for there.
    advice : str
        What to do about a server that cannot be reached.
    size : int, optional
        Bytes of the file; without it what the list of models knows.

    Raises
    ------
    GatedError, NoSuchFileError, UnreachableError
        The same errors, with a text that stands for itself.
    """
    try:
        yield
    except GatedError as error:
        msg = f"'{reference}' is gated. {error}"
        raise GatedError(msg) from error
    except NoSuchFileError as error:
        at = f" at revision {revision}" if revision else ""
        msg = f"'{reference}'{at}: {error} Check the name and the revision."
        raise NoSuchFileError(msg) from error
    except UnreachableError as error:
        size = size or _registered_size(reference)
        known = f"{size / 1e6:,.0f} MB" if size else "its size is not known yet"
        msg = (
            f"'{reference}': {repository.weights[0]} of {repository.name} ({known}) is not on this machine. {error} "
            f"{advice}"
        )
        raise UnreachableError(msg) from error


def refuse_in_runs() -> None:
    """Let no run, and no stage, ask a server: what it reads is what its key knows.

    Raises
    ------
    UnreachableError
        When what is read is noted.
    """
    if is_use_noted():
        msg = "A run reads what was fetched before it began, and asks no server."
        raise UnreachableError(msg)


def _registered_size(reference: Reference) -> int | None:
    return next((int(row["full_bytes"]) for row in rows_of(reference, is_noted=False) if row["full_bytes"]), None)


def _legacy(model: str, source: RemoteBytes) -> LegacyPickleError:
    return LegacyPickleError(
        f"'{model}': {source.label} was written before torch 1.6, so that its tensors cannot be fetched one by one. "
        f"All {source.size / 1e6:,.1f} MB must be fetched: brainalign models fetch {model} --full"
    )
