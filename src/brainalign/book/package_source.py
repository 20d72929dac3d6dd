"""The package's public functions and classes as its source states them; nothing is imported for it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import brainalign

__all__ = ["ROOMS", "Definition", "Module", "canonical_name", "read_modules"]

_PACKAGE = Path(brainalign.__file__).parent

ROOMS = tuple(sorted(path.stem for path in _PACKAGE.iterdir() if path.stem[0].isalpha() and path.suffix in ("", ".py")))
"""Names of the rooms: the folders of the package, and the two modules beside them."""


@dataclass(frozen=True)
class Definition:
    """A public function, class, method or property.

    Attributes
    ----------
    name : str
        Full dotted name, that of the place of definition.
    kind : str
        "function", "class", "method" or "property".
    signature : str
        Names and defaults of the parameters in brackets; empty where nothing is called.
    docstring : str
        Cleaned of its indentation.
    line : int
        Line of the definition in its file.
    members : tuple of Definition
        Public methods and properties of a class.
    """

    name: str
    kind: str
    signature: str
    docstring: str
    line: int
    members: tuple[Definition, ...] = ()


@dataclass(frozen=True)
class Module:
    """A module with what it defines, and what it takes from other modules of the package.

    Attributes
    ----------
    name : str
        Full dotted name.
    docstring : str
        Cleaned of its indentation.
    definitions : tuple of Definition
        In the order of the source.
    imported : dict from str to str
        Full dotted name behind every name that is imported from the package.
    """

    name: str
    docstring: str
    definitions: tuple[Definition, ...]
    imported: dict[str, str]


@cache
def read_modules() -> dict[str, Module]:
    """All modules of the package by their dotted names, rooms before what is inside them."""
    modules = {}
    for path in sorted(
        _PACKAGE.rglob("*.py"), key=lambda path: path.with_name(path.name.replace("__init__", "")).parts
    ):
        parts = ("brainalign", *path.relative_to(_PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = _read_module(name, ast.parse(path.read_text(encoding="utf-8")))
    return modules


def canonical_name(name: str) -> str | None:
    """Where what goes by this dotted name is defined, through any number of imports; None for what is not public.

    Examples
    --------
    >>> canonical_name("brainalign.similarity.linear_cka")
    'brainalign.similarity.kernels.linear_cka'
    """
    modules, seen = read_modules(), set()
    while name not in seen:
        seen.add(name)
        if name in _definitions():
            return name
        place, _, last = name.rpartition(".")
        # An import hides a module of the same name, as it does in Python.
        taken = modules[place].imported.get(last) if place in modules else None
        if taken in (None, name):
            return name if name in modules else None
        name = taken
    return None


@cache
def _definitions() -> frozenset[str]:
    found = [one for module in read_modules().values() for one in module.definitions]
    return frozenset(each.name for one in found for each in (one, *one.members))


def _read_module(name: str, tree: ast.Module) -> Module:
    definitions = tuple(_read_definitions(name, tree.body))
    return Module(name, ast.get_docstring(tree) or "", definitions, _imported(tree))


def _read_definitions(place: str, body: list[ast.stmt], *, in_class: bool = False) -> Iterator[Definition]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        docstring = ast.get_docstring(node)
        if not docstring:
            continue
        name = f"{place}.{node.name}"
        if isinstance(node, ast.ClassDef):
            members = tuple(_read_definitions(name, node.body, in_class=True))
            yield Definition(name, "class", "", docstring, node.lineno, members)
            continue
        marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
        is_property = bool(marks & {"property", "cached_property", "computed_field"})
        kind = "property" if is_property else "method" if in_class else "function"
        is_bound = in_class and "staticmethod" not in marks
        yield Definition(name, kind, "" if is_property else _signature(node.args, is_bound), docstring, node.lineno)


def _signature(arguments: ast.arguments, is_bound: bool) -> str:
    """Names and defaults: the types stand in the docstring, with shapes and units."""
    bare = copy.deepcopy(arguments)
    for one in (*bare.posonlyargs, *bare.args, *bare.kwonlyargs, bare.vararg, bare.kwarg):
        if one is not None:
            one.annotation = None
    if is_bound:
        (bare.posonlyargs or bare.args).pop(0)
    return f"({ast.unparse(bare)})"


def _imported(tree: ast.Module) -> dict[str, str]:
    """Imports from the package, those for type checkers and those inside functions counted."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "brainalign"
        for alias in node.names
    }
