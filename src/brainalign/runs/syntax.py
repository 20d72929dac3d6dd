"""What the text of a module means: checksums that comments leave alone, what it imports, what it sets off.

Only the syntax tree is read; nothing is imported or run.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from brainalign.runs.effects import Effects, targets_of, top_statements

PACKAGE = "brainalign"

EVERYTHING, RUN, BELOW = "<everything>", "", "<below>"
"""Stand for a name where a module is needed with everything in it, is only run, or with every module below it."""

Use = tuple[str, str]
"""A module, and the name in it that is needed, perhaps with dots; or one of the words above."""


@dataclass(frozen=True)
class ModuleText:
    """What the text of a module says.

    Attributes
    ----------
    meaning : str
        Checksum of all its statements.
    own : str
        Checksum of its statements without imports at the top and without ``__all__``: what running it does itself.
    uses : frozenset of Use
        What it imports, anywhere in it.
    own_uses : frozenset of Use
        Of these, what its own statements need: not what is only passed on to those who import it, nor what its
        ``__getattr__`` looks up when it is asked.
    bindings : dict
        What its top gives names to by importing.
    stars : frozenset of str
        Modules that it imports with ``*`` at its top.
    lazy : frozenset of Use or None
        What its ``__getattr__`` imports; None without one.
    loads : frozenset of Use
        What is imported as soon as it is.
    defined : frozenset of str
        Names that its own statements give at its top.
    has_effects : bool
        Whether importing it can change anything outside it, for example add to a registry; in doubt it can.
    bases, hooked : frozenset of str
        Last names of the classes that its classes derive from, and its classes that hear of those derived from them.
    """

    meaning: str
    own: str
    uses: frozenset[Use]
    own_uses: frozenset[Use]
    bindings: dict[str, Use]
    stars: frozenset[str]
    lazy: frozenset[Use] | None
    loads: frozenset[Use]
    defined: frozenset[str]
    has_effects: bool
    bases: frozenset[str]
    hooked: frozenset[str]


@lru_cache(maxsize=4096)
def read_module(text: str, name: str, *, is_package: bool) -> ModuleText:
    """Read the text of a module.

    Parameters
    ----------
    text : str
        The source; with the same text the answer is the same, so that it is kept.
    name : str
        Full name of the module, from which relative imports start.
    is_package : bool
        Whether it is the ``__init__.py`` of a package.

    Returns
    -------
    ModuleText
        A text that is no Python imports nothing, and means what it is.
    """
    try:
        tree = _behaviour(ast.parse(text))
    except (SyntaxError, ValueError):
        tree = ast.Module([ast.Expr(ast.Constant(text))], [])
    home = name if is_package else name.rpartition(".")[0]
    top = list(top_statements(tree.body))
    imports = [node for node in top if isinstance(node, ast.Import | ast.ImportFrom)]
    own = [node for node in tree.body if node not in imports and not _sets_all(node)]
    ours = {name for node in imports for name in _bindings(node, home)}
    meaning, uses = _checksum(ast.dump(tree)), _uses([tree], home, {})
    passing = _Passing(own, imports, home) if is_package else None
    return ModuleText(
        meaning=meaning,
        uses=uses,
        own=passing.meaning if passing else meaning,
        own_uses=passing.uses if passing else uses,
        bindings=passing.bindings if passing else {},
        lazy=passing.lazy if passing else None,
        stars=frozenset(module for node in imports for module, name in _imported(node, home) if name == "*"),
        loads=frozenset(use for node in imports for use in _imported(node, home)),
        defined=frozenset(_defined(own)),
        has_effects=any(map(Effects(tree.body, ours).found, own)),
        **_classes(top),
    )


class _Passing:
    """What a package does itself, and what it passes on."""

    def __init__(self, own: list[ast.AST], imports: list[ast.AST], home: str) -> None:
        lazy = [node for node in own if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"]
        awake = [node for node in own if node not in lazy]
        needed = {part.id for node in awake for part in ast.walk(node) if isinstance(part, ast.Name)}
        self.bindings = {name: use for node in imports for name, use in _bindings(node, home).items()}
        self.meaning = _checksum(*(ast.dump(node) for node in own))
        self.uses = _uses(awake, home, {name: use for name, use in self.bindings.items() if name in needed})
        self.lazy = _uses(lazy, home, self.bindings) if lazy else None


def read_cells(cells: Iterable[str]) -> tuple[list[str], frozenset[Use]]:
    """Checksums of a notebook's cells, and what they import together.

    Parameters
    ----------
    cells : iterable of str
        Python, perhaps with lines that only notebooks know (``%`` or ``!``): then the text of the cell counts as it
        stands, and these lines import nothing.

    Returns
    -------
    checksums : list of str
        Without comments and layout. That a cell ends in a semicolon hides what it shows, and counts.
    uses : frozenset of Use
    """
    checksums, trees = [], []
    for text in cells:
        tree, is_plain = _parse_cell(text)
        for node in tree.body:  # not the cell itself: a text at its top is shown
            _behaviour(node)
        plain = "\n".join(line.rstrip() for line in text.splitlines())
        checksums.append(_checksum(ast.dump(tree), str(plain.endswith(";"))) if is_plain else _checksum(plain))
        trees.append(tree)
    return checksums, _uses(trees, "", {})


def _parse_cell(text: str) -> tuple[ast.Module, bool]:
    """The tree of a cell, and whether it is all of it."""
    # As it stands first: a line of plain Python may begin with % too.
    for tried in (text, re.sub(r"^([ \t]*)[%!].*$", r"\1pass", text, flags=re.MULTILINE)):
        try:
            return ast.parse(tried), tried == text
        except SyntaxError:
            continue
    return ast.Module([], []), False


def _behaviour(tree: ast.Module | ast.stmt) -> Any:
    """Remove what does nothing: texts that stand alone as a statement, and what only type checkers read."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for statement in body for s in _acting(statement)]
    return tree


def _acting(statement: ast.AST) -> list[ast.AST]:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return []
    if isinstance(statement, ast.If) and ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return list(statement.orelse)
    return [statement]


def _defined(nodes: list[ast.AST]) -> set[str]:
    top = list(top_statements(nodes))
    definitions = {n.name for n in top if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    values = (n for n in top if isinstance(n, ast.Assign | ast.AnnAssign | ast.For))
    return definitions | {target.id for node in values for target in targets_of(node)}


def _classes(top: list[ast.AST]) -> dict[str, frozenset[str]]:
    classes = [node for node in top if isinstance(node, ast.ClassDef)]
    bases = {b.id if isinstance(b, ast.Name) else getattr(b, "attr", "") for node in classes for b in node.bases}
    hooks = ("__init_subclass__", "__pydantic_init_subclass__", "__set_name__")
    hooked = {c.name for c in classes if any(getattr(member, "name", "") in hooks for member in c.body)}
    return {"bases": frozenset(bases), "hooked": frozenset(hooked | {c.name for c in classes if hooked and c.bases})}


def _sets_all(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _checksum(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


# Imports


def _source_of(node: ast.ImportFrom, home: str) -> str:
    if not node.level:
        return node.module or ""
    parts = home.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _imported(node: ast.Import | ast.ImportFrom, home: str) -> list[Use]:
    if isinstance(node, ast.Import):
        return [(alias.name, EVERYTHING) for alias in node.names if _is_ours(alias.name)]
    module = _source_of(node, home)
    return [(module, alias.name) for alias in node.names] if _is_ours(module) else []


def _bindings(node: ast.Import | ast.ImportFrom, home: str) -> dict[str, Use]:
    """What an import statement gives names to."""
    if isinstance(node, ast.ImportFrom):
        module = _source_of(node, home)
        named = {alias.asname or alias.name: (module, alias.name) for alias in node.names if alias.name != "*"}
        return named if _is_ours(module) else {}
    named = {alias.asname or alias.name.partition(".")[0]: alias for alias in node.names if _is_ours(alias.name)}
    return {name: (alias.name if alias.asname else name, RUN) for name, alias in named.items()}


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _uses(nodes: list[ast.AST], home: str, known: dict[str, Use]) -> frozenset[Use]:
    """What some statements use of the package, by their imports and the names that are bound around them."""
    parts = [part for node in nodes for part in ast.walk(node)]
    imports = [part for part in parts if isinstance(part, ast.Import | ast.ImportFrom)]
    bound, uses = dict(known), set(_dynamic(parts, home))
    for node in imports:
        bound |= _bindings(node, home)
        uses |= {(module, RUN) for module, _ in _imported(node, home)}
        uses |= {(module, name) for module, name in _imported(node, home) if name == "*"}
    chains, bare = _chains(parts)
    for name, (module, member) in bound.items():
        start = [member] if member else []
        uses |= {(module, ".".join([*start, *chain])) for chain in chains.get(name, ())}
        if name in bare or (member and name not in chains):
            uses.add((module, member or EVERYTHING))
        elif name not in chains:  # a module that others may take from here
            uses |= {use for node in imports if isinstance(node, ast.Import) for use in _imported(node, home)}
    return frozenset(uses)


def _chains(parts: list[ast.AST]) -> tuple[dict[str, list[list[str]]], set[str]]:
    """Names with the attributes that are read of them (``a.b.c``), and names that are read without."""
    inner = {id(part.value) for part in parts if isinstance(part, ast.Attribute)}
    chains: dict[str, list[list[str]]] = {}
    for part in parts:
        names, node = [], part
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if names and isinstance(node, ast.Name) and id(part) not in inner:
            chains.setdefault(node.id, []).append(names)
    return chains, {part.id for part in parts if isinstance(part, ast.Name) and id(part) not in inner}


def _dynamic(parts: list[ast.AST], home: str) -> Iterator[Use]:
    """Imports by a name that is a value; where it is not known, every module that it may be."""
    loaders = {"import_module", "__import__", "exec_module", "run_module", "run_path", "load_module"}
    loaders |= {
        alias.asname or alias.name
        for part in parts if isinstance(part, ast.ImportFrom) for alias in part.names if alias.name in loaders
    }  # fmt: skip
    calls = {id(part.func): part for part in parts if isinstance(part, ast.Call)}
    for part in parts:
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else None
        if name not in loaders:
            continue
        call = calls.get(id(part))
        start, is_all = _known_start(call.args[0]) if call and call.args else ("", False)
        start = f"{home}{start}" if start.startswith(".") else start
        if is_all and _is_ours(start):
            yield start, EVERYTHING
        elif not is_all and (PACKAGE.startswith(start) or _is_ours(start)):
            yield start.rpartition(".")[0] or PACKAGE, BELOW


def _known_start(node: ast.AST) -> tuple[str, bool]:
    """What is known of a text, and whether that is all of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    if isinstance(node, ast.JoinedStr):
        start = node.values[0] if node.values else None
        return (start.value if isinstance(start, ast.Constant) else ""), False
    if isinstance(node, ast.BinOp):
        return _known_start(node.left)[0], False
    return "", False
