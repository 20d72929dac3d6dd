"""What is kept of models of a hub: in which folder, of which version, and what a run has read when it read it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from brainalign.catalogue.files import ChecksumError, DataFile, MissingDataError, sha256_of
from brainalign.catalogue.home import data_home
from brainalign.catalogue.locations import project_root
from brainalign.catalogue.model_list import model_rows
from brainalign.catalogue.references import PACKAGED, Reference, parse_reference, rows_of

EXTRACT = "extract.safetensors"
"""Name of the file with the parts of a checkpoint that are kept."""

HUBS = ("timm", "hf", "open_clip", "meter")
"""Where models come from whose weights are fetched."""

WHOLE = "whole"
"""What stands among the fetched towers of a model that lies whole in the hub's cache, so that it can be run."""

_NOTE = "extract.json"
_ARCHITECTURES = "data/architectures.yml"

ARCHITECTURES = "architectures"
"""Entry of the catalogue with the dimensions of models of transformers."""


class Note(BaseModel):
    """What is known of a checkpoint of which parts are kept.

    Attributes
    ----------
    reference : str
        The model, without tower and revision.
    revisions : tuple of str
        Revisions under which it was asked for; an empty text stands for "the newest".
    repository, file, commit, etag : str or None
        Where it came from, and its version there.
    size : int
        Bytes of the whole checkpoint.
    config : dict
        Content of its ``config.json``.
    names : tuple of str
        Names of all tensors.
    shapes : dict
        Shapes of those tensors whose shape was read.
    sha256 : str
        Checksum of the extract; empty as long as there is none.
    stamp : tuple of int or None
        Bytes and time of change (ns) of the extract when it was written.
    fetched : tuple of str
        Towers of which everything is kept that spatial attention needs; an empty text stands for all. See
        also `WHOLE`.
    lenders : tuple of str
        Models whose positions are read along with it, since it has none of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    reference: str
    revisions: tuple[str, ...]
    repository: str
    file: str
    commit: str | None
    etag: str | None
    size: int
    config: dict[str, Any]
    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = {}
    sha256: str = ""
    stamp: tuple[int, int] | None = None
    fetched: tuple[str, ...] = ()
    lenders: tuple[str, ...] = ()


LENDERS_AT_HAND = {"text": "minilm"}
"""Models whose positions stand in for those of a rotary model that is on this machine: nothing has to be fetched."""


def is_at_hand(reference: str) -> bool:
    """Whether a reference names a model of an installed package or of the user's own, which may be a rotary one."""
    # By its beginning: a dataset is no model, and the list of models need not be there to say so.
    return reference.startswith("file:") or re.split("[#@]", reference)[0] in PACKAGED


def models_home() -> Path:
    """Folder of everything that is kept of models."""
    return data_home() / "models"


def folder_for(model: str, version: str) -> Path:
    """Folder in which a version of a model is kept; the name tells both.

    Examples
    --------
    >>> folder_for("hf:org/name", "0123456789abcdef").name
    'hf--org--name@0123456789ab'
    """
    return models_home() / f"{_slug(model)}@{re.sub(r'[^0-9A-Za-z]', '', version)[:12]}"


def find_kept(reference: Reference) -> tuple[Path, Note] | None:
    """What is kept of a model under its revision; without one, the version that was the newest when it was read.

    Raises
    ------
    ChecksumError
        The note beside the extract was altered.
    """
    model, revision = f"{reference.hub}:{reference.name}", reference.revision
    for folder in sorted(models_home().glob(f"{_slug(model)}@*")):
        note = read_note(folder)
        if note and note.reference == model and ((revision or "") in note.revisions or revision == note.commit):
            return folder, note
    return None


def is_fetched(reference: Reference, *, whole: bool = False) -> bool:
    """Whether a model was fetched; nothing is verified.

    Parameters
    ----------
    reference : Reference
        The model. Of a tower that it names everything must be there that spatial attention needs, else of any tower.
    whole : bool
        Whether the whole checkpoint must be there instead.
    """
    found = find_kept(reference)
    fetched = set(found[1].fetched) if found else set()
    if whole:
        return WHOLE in fetched
    return not fetched.isdisjoint({"", reference.tower}) if reference.tower else bool(fetched)


def read_note(folder: Path) -> Note | None:
    """The note in a folder, if there is one; errors as in `find_kept`."""
    try:
        return Note.model_validate_json((folder / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError:
        hub, _, name = folder.name.rpartition("@")[0].partition("--")
        raise spoilt(folder, f"{hub}:{name.replace('--', '/', 1)}") from None


def write_note(folder: Path, note: Note) -> None:
    """Write the note into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{_NOTE}.{os.getpid()}"
    beside.write_text(note.model_dump_json(), encoding="utf-8")
    beside.replace(folder / _NOTE)


def check_extract(folder: Path, note: Note) -> Path:
    """The extract, when its sha256 is the one in the note.

    Raises
    ------
    ChecksumError
        It is gone, or was truncated or altered.
    """
    path = folder / EXTRACT
    if not path.is_file() or sha256_of(path) != note.sha256:
        raise spoilt(folder, note.reference)
    return path


def check_kept(folder: Path, note: Note) -> None:
    """Check what is kept of a model as every run does; errors as in `check_extract`.

    Of many models that is many gigabytes: a file with the size and time that it was written with is taken as it is.
    """
    path = folder / EXTRACT
    if note.sha256 and (not path.is_file() or _stamp(path) != note.stamp):
        check_extract(folder, note)


def altered_models() -> tuple[int, list[str]]:
    """Number of models of which something is kept, and what is wrong with those that were altered."""
    folders, problems = sorted(path for path in models_home().glob("*@*") if path.is_dir()), []
    for folder in folders:
        try:
            note = read_note(folder)
            if note is not None:
                check_kept(folder, note)
        except ChecksumError as error:
            problems.append(str(error))
    return len(folders), problems


def spoilt(folder: Path, model: str) -> ChecksumError:
    """The error for an extract, or its note, that was truncated or altered; not raised yet."""
    return ChecksumError(
        f"{folder / EXTRACT} was truncated or altered. Delete the folder {folder}, "
        f"then fetch it again with: brainalign models fetch {model}"
    )


def lenders_of(reference: str) -> tuple[str, ...]:
    """Other models that are read along with this one, or may be.

    Of a kept model of a hub, those that were fetched with it; of a model on this machine, `LENDERS_AT_HAND`.
    """
    here = parse_reference(reference) if is_at_hand(reference) else None
    if here is not None:
        return () if here.name in LENDERS_AT_HAND.values() else tuple(LENDERS_AT_HAND.values())
    parsed = _of_hub(reference)
    found = find_kept(parsed) if parsed else None
    return found[1].lenders if found else ()


def files_of_model(reference: Reference) -> list[DataFile]:
    """What a run reads of a model of a hub: the kept parts of its checkpoint, and those of its lenders.

    Parameters
    ----------
    reference : Reference
        With ``random`` nothing was fetched; of models of transformers the listed dimensions count then.

    Returns
    -------
    list of DataFile
        Each `sha256` is that of the *version* of the checkpoint (repository, commit or ETag, file), not that of the
        extract: the extract grows when more tensors are asked for, also by somebody else, while every tensor in it,
        the configuration and the tokenizer are settled by the version. So what was kept already leaves the key of a
        run as it was. That the extract is what was written is verified beside, here and whenever it is read.

    Raises
    ------
    MissingDataError
        The model was not fetched; the text has the command.
    ChecksumError
        What is kept was altered.
    """
    if reference.random:
        path = project_root() / _ARCHITECTURES
        label = f"{reference.files}/{_ARCHITECTURES}"
        return [DataFile(label, path, sha256_of(path), "this project's")] if reference.hub == "hf" else []
    found = find_kept(reference)
    if found is None or not found[1].fetched:
        raise MissingDataError(not_fetched(reference))
    folder, note = found
    check_kept(folder, note)
    own = DataFile(
        f"{reference.files}/{note.file}", folder / EXTRACT, _version(note), "see the page of the model on its hub"
    )
    return [own, *(file for lender in note.lenders for file in files_of_model(parse_reference(lender)))]


def stamped(path: Path) -> dict[str, Any]:
    """Fields of a note that describe an extract."""
    return {"sha256": sha256_of(path), "stamp": _stamp(path)}


def bytes_to_fetch(reference: str) -> int | None:
    """Bytes that would be fetched of a model, as listed; 0 when it is kept or has no hub, None when not known."""
    parsed = _of_hub(reference)
    if parsed is None or parsed.random or is_fetched(parsed):
        return 0
    sizes = [row["topology_bytes"] for row in rows_of(parsed, is_noted=False)]
    return sum(map(int, sizes)) if sizes and all(sizes) else None


def bytes_kept(reference: str) -> int:
    """Bytes on the disk of what is kept of a model; 0 when nothing is, or it has no hub."""
    parsed = _of_hub(reference)
    found = find_kept(parsed) if parsed and not parsed.random else None
    path = found[0] / EXTRACT if found else None
    return path.stat().st_size if path and path.is_file() else 0


def is_of_hub(reference: str) -> bool:
    """Whether a reference names a model whose weights are fetched from a hub."""
    return reference.partition(":")[0] in HUBS


def _of_hub(reference: str) -> Reference | None:
    return parse_reference(reference) if is_of_hub(reference) else None


def _version(note: Note) -> str:
    # A commit settles all files of a repository, also shards and tokenizers. Plain addresses have ETags only.
    version = {"commit": note.commit} if note.commit else {"etag": note.etag, "size": note.size}
    named = {"repository": note.repository, "file": note.file, **version}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def not_fetched(reference: Reference) -> str:
    """Text for a model that a run cannot read, with the command that fetches it."""
    hint = ""
    if not rows_of(reference, is_noted=False):
        listed = {str(parse_reference(row["reference"]).files) for row in model_rows(is_noted=False).values()}
        near = get_close_matches(str(reference.files), sorted(listed), n=2, cutoff=0.8)
        hint = f" (It is not in the list of models; like it are: {', '.join(near)}.)" if near else ""
    return (
        f"'{reference}' was not fetched, so nothing of it is on this machine that a run may read.{hint} "
        f"Run: brainalign models fetch {reference.files}"
    )


def _slug(model: str) -> str:
    return re.sub(r"[:/]", "--", model)
