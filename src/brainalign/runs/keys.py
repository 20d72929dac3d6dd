"""The run key: everything a chapter's numbers depend on, and which part of it changed."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import grimp

import brainalign
from brainalign.datasets.catalogue import files_of
from brainalign.datasets.locations import project_root
from brainalign.runs.chapter import Chapter, code_cells
from brainalign.runs.parameters import ChapterParameters

LOCK_FILE = "requirements.lock"


@dataclass(frozen=True)
class RunKey:
    """The parts of a run's key. Two runs with equal keys have equal results.

    Attributes
    ----------
    code : dict
        Checksum of every code cell, by its number. Prose does not count.
    parameters : dict
        Validated parameters.
    source : dict
        Checksum of every `brainalign` module that the chapter imports, directly or through others.
    lock : dict
        Checksum of the lock file.
    data : dict
        Checksum of every file that the chapter reads.
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


def compute_key(chapter: Chapter, parameters: ChapterParameters) -> RunKey:
    """The key of a chapter as it is now, with these parameters.

    Parameters
    ----------
    chapter : Chapter
        Its text notebook is read.
    parameters : ChapterParameters
        Validated values.

    Returns
    -------
    RunKey

    Raises
    ------
    MissingDataError, ChecksumError
        When a file that the chapter reads is not there or is not the right one.
    """
    cells = ["\n".join(line.rstrip() for line in c.source.splitlines()) for c in code_cells(chapter.read_source())]
    files = [file for reference in parameters.data() for file in files_of(reference)]
    return RunKey(
        code={f"cell {number}": _sha256(cell.encode()) for number, cell in enumerate(cells, 1)},
        parameters=parameters.model_dump(mode="json"),
        source=_source_checksums(imported_modules(cells)),
        lock={LOCK_FILE: _sha256((project_root() / LOCK_FILE).read_bytes())},
        data={file.label: file.sha256 for file in files},
    )


def imported_modules(cells: Iterable[str]) -> set[str]:
    """Modules of `brainalign` that code imports, directly or through other modules of `brainalign`.

    Parameters
    ----------
    cells : iterable of str
        Python code. Lines with a command that only notebooks know (``%`` or ``!``) count as importing nothing.

    Returns
    -------
    set of str
        Full module names, with the packages they lie in.
    """
    graph = _import_graph()
    wanted: set[str] = set()
    for name in {name for cell in cells for name in _imported_names(cell)}:
        module = name if name in graph.modules else name.rpartition(".")[0]
        if module in graph.modules:
            wanted |= {module} | graph.find_upstream_modules(module)
    while True:
        # Importing a.b.c runs a and a.b as well, and what these import runs the packages that it lies in.
        packages = {name.rsplit(".", depth)[0] for name in wanted for depth in range(1, name.count(".") + 1)} - wanted
        if not packages:
            return wanted
        wanted |= packages.union(*(graph.find_upstream_modules(package) for package in packages))


@cache
def _import_graph() -> grimp.ImportGraph:
    return grimp.build_graph("brainalign", cache_dir=None, exclude_type_checking_imports=True)


def _imported_names(cell: str) -> list[str]:
    names = []
    for node in ast.walk(_parse(cell)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".")[0] == "brainalign"]


def _parse(cell: str) -> ast.Module:
    # As it stands first: a line of plain Python may begin with % too.
    for text in (cell, re.sub(r"^([ \t]*)[%!].*$", r"\1pass", cell, flags=re.MULTILINE)):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return ast.Module([], [])


def _source_checksums(modules: Iterable[str]) -> dict[str, str]:
    package = Path(brainalign.__file__).parent
    checksums = {}
    for module in sorted(modules):
        parts = module.split(".")[1:]
        path = package.joinpath(*parts)
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        checksums[module] = _sha256(path.read_bytes())
    return checksums


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
