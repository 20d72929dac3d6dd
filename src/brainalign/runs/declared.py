"""The data that a chapter declares: what of it is on this machine, and in which state."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from brainalign.catalogue.entries import DataFile, MissingDataError, catalogue, files_of
from brainalign.catalogue.kept_models import ARCHITECTURES, lenders_of
from brainalign.catalogue.model_list import MODEL_LIST, model_rows
from brainalign.runs.chapter import Chapter
from brainalign.runs.model_files import files_reference
from brainalign.runs.parameters import ChapterParameters

ABSENT = "absent"
"""What stands in a key instead of a checksum, for optional data that is not on this machine."""


@dataclass(frozen=True)
class Declared:
    """The state of everything that a run may read.

    Attributes
    ----------
    files : tuple of DataFile
        Files that are there.
    absent : tuple of str
        References of optional data that is not.
    """

    files: tuple[DataFile, ...]
    absent: tuple[str, ...]

    @property
    def checksums(self) -> dict[str, str]:
        """Checksum of every file by its label, and `ABSENT` by reference."""
        return {file.label: file.sha256 for file in self.files} | dict.fromkeys(self.absent, ABSENT)


def look_up(parameters: ChapterParameters) -> Declared:
    """Look up what is declared by these parameters.

    Raises
    ------
    MissingDataError
        Something that is not optional is not there.
    ChecksumError
        A file, optional or not, is not the one it should be.
    """
    files, absent = [file for reference in needed_references(parameters) for file in files_of(reference)], []
    for reference in optional_references(parameters):
        try:
            files += files_of(reference)
        except MissingDataError:
            absent.append(reference)
    return Declared(tuple(dict.fromkeys(files)), tuple(absent))


def needed_references(parameters: ChapterParameters) -> list[str]:
    """What is declared, and the lists of this project that what is declared leads to."""
    declared = parameters.data()
    values = [v for value in vars(parameters).values() for v in (value if isinstance(value, list) else [value])]
    ids = {re.split("[#@]", value)[0] for value in values if isinstance(value, str)}
    ids -= catalogue().keys()  # a model that comes in a package needs no list
    is_listed = MODEL_LIST in catalogue() and not ids.isdisjoint(model_rows(is_noted=False))
    lists = [MODEL_LIST] if is_listed else []
    # Of a model of transformers a twin with random weights may be made.
    every = (*declared, *parameters.optional_data(), *values)
    lists += [ARCHITECTURES] if lists or any(str(name).startswith("hf:") for name in every) else []
    return list(dict.fromkeys([*declared, *(name for name in lists if name in catalogue())]))


def optional_references(parameters: ChapterParameters) -> list[str]:
    """Optional data by the names of its files, each once, without what is needed anyway."""
    named = (name if name in catalogue() else files_reference(name) for name in parameters.optional_data())
    return [reference for reference in dict.fromkeys(named) if reference not in parameters.data()]


def fetchable_data(chapters: Iterable[Chapter], profile: str) -> list[str]:
    """Entries of the catalogue that chapters read with a profile, needed or optional, and that can be fetched."""
    names: list[str] = []
    for chapter in chapters:
        parameters = chapter.parameters.from_values(chapter.name, {}, profile=profile)
        names += [*needed_references(parameters), *optional_references(parameters)]
    known = catalogue()
    return [name for name in dict.fromkeys(names) if name in known and known[name].url is not None]


def declared_references(parameters: ChapterParameters) -> set[str]:
    """Everything that a run may read, the models that lend positions to others included."""
    references = {*needed_references(parameters), *optional_references(parameters)}
    return references | {lender for reference in references for lender in lenders_of(reference)}
