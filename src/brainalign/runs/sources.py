"""The source that numbers depend on: which modules of the project some code imports, and their checksums."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

import brainalign
from brainalign.catalogue.locations import project_root

LOCK_FILE = "requirements.lock"


def lock_checksum() -> dict[str, str]:
    """sha256 of the lock file, by its name."""
    return {LOCK_FILE: hashlib.sha256((project_root() / LOCK_FILE).read_bytes()).hexdigest()}


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
    return modules_behind(name for cell in cells for name in _imported_names(cell))


def modules_behind(names: Iterable[str]) -> set[str]:
    """Modules of `brainalign` that names are from, and those that these import, directly or through others.

    Parameters
    ----------
    names : iterable of str
        Full names of modules, or of what is in them; others count for nothing.

    Returns
    -------
    set of str
        Full module names, with the packages they lie in.
    """
    graph = _import_graph()
    wanted: set[str] = set()
    for name in set(names):
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


def source_checksums(modules: Iterable[str]) -> dict[str, str]:
    """sha256 of the source of modules of `brainalign`, by their full names."""
    package = Path(brainalign.__file__).parent
    checksums = {}
    for module in sorted(modules):
        parts = module.split(".")[1:]
        path = package.joinpath(*parts)
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        checksums[module] = hashlib.sha256(path.read_bytes()).hexdigest()
    return checksums
