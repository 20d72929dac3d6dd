"""The run key: everything a chapter's numbers depend on, and which part of it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from brainalign.runs.chapter import Chapter, code_cells
from brainalign.runs.declared import look_up
from brainalign.runs.parameters import ChapterParameters
from brainalign.runs.sources import lock_checksum, source_behind
from brainalign.runs.syntax import read_cells


@dataclass(frozen=True)
class RunKey:
    """The parts of a run's key. Two runs with equal keys have equal results.

    Attributes
    ----------
    code : dict
        Checksum of every code cell with its tags, by its number. Prose, comments and layout do not count.
    parameters : dict
        Validated parameters.
    source : dict
        Checksum of what every `brainalign` module means that the chapter needs, see `sources.source_behind`.
    lock : dict
        Checksum of the lock file.
    data : dict
        Checksum of every file that the chapter reads; "absent" for optional data that is not on this machine.
    """

    code: dict[str, str]
    parameters: dict[str, Any]
    source: dict[str, str]
    lock: dict[str, str]
    data: dict[str, str]

    @property
    def digest(self) -> str:
        """sha256 over all parts, as hexadecimal."""
        return _sha256(json.dumps(asdict(self), sort_keys=True).encode())

    def differences(self, earlier: RunKey) -> list[str]:
        """What changed since an earlier key, one line a part, empty when nothing did."""
        lines = []
        for field in fields(self):
            then, now = getattr(earlier, field.name), getattr(self, field.name)
            if then != now:
                lines.append(f"{field.name}: {_changes(then, now, show_values=field.name == 'parameters')}")
        return lines


@dataclass(frozen=True)
class ChapterCode:
    """The parts of a key that all runs of a chapter share; see `RunKey`."""

    code: dict[str, str]
    source: dict[str, str]
    lock: dict[str, str]

    def key(self, parameters: ChapterParameters, *, data: Mapping[str, str] | None = None) -> RunKey:
        """The key of a run with these parameters; see `compute_key`."""
        if data is None:
            data = look_up(parameters).checksums
        values = parameters.model_dump(mode="json")
        return RunKey(code=self.code, parameters=values, source=self.source, lock=self.lock, data=dict(data))


def read_code(chapter: Chapter) -> ChapterCode:
    """Read a chapter's text notebook and the source behind it, as they are now; for the keys of many runs."""
    cells = code_cells(chapter.read_source())
    checksums, uses = read_cells(cell.source for cell in cells)
    marks = [",".join(sorted(cell.metadata.get("tags", []))) for cell in cells]  # one makes a cell that of parameters
    return ChapterCode(
        code={
            f"cell {i}": _sha256(f"{c} {m}".encode()) for i, (c, m) in enumerate(zip(checksums, marks, strict=True), 1)
        },
        source=source_behind(uses),
        lock=lock_checksum(),
    )


def compute_key(chapter: Chapter, parameters: ChapterParameters, *, data: Mapping[str, str] | None = None) -> RunKey:
    """The key of a chapter as it is now, with these parameters.

    Parameters
    ----------
    chapter : Chapter
        Its text notebook is read.
    parameters : ChapterParameters
        Validated values.
    data : mapping of str to str, optional
        Checksums of the files to take as given, where the files are not on this machine; by default they are read.

    Returns
    -------
    RunKey

    Raises
    ------
    MissingDataError, ChecksumError
        When a file that the chapter reads is not there or is not the right one.
    """
    return read_code(chapter).key(parameters, data=data)


def _changes(then: Mapping[str, Any], now: Mapping[str, Any], *, show_values: bool) -> str:
    changed = []
    for name in {**now, **then}:
        if name not in now:
            changed.append(f"{name} (gone)")
        elif name not in then:
            changed.append(f"{name} (new)")
        elif then[name] != now[name]:
            changed.append(f"{name} {then[name]} -> {now[name]}" if show_values else name)
    shown = ", ".join(changed[:6])
    return shown if len(changed) <= 6 else f"{shown} and {len(changed) - 6} more"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
