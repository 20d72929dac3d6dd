"""Statements that may change something outside their module when it is imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

# Calls of other packages at the top of a module whose value is kept, by how their names begin: these change something.
_SETTERS = re.compile(
    r"(set|seed|manual_seed|register|add|append|extend|insert|update|pop|clear|remove|install|enable|disable|use|"
    r"filterwarnings|simplefilter|patch)(_|$)"
)


def top_statements(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements that run when a module is imported, those in branches included; not those in functions and classes."""
    for statement in statements:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from top_statements(getattr(statement, part, []))


class Effects:
    """Finds statements that may change something outside their module when it is imported.

    Parameters
    ----------
    body : list of ast.AST
        Statements of the module.
    ours : collection of str
        Names that it imports from this package, whose calls may do anything.
    """

    def __init__(self, body: list[ast.AST], ours: Collection[str]) -> None:
        top = list(top_statements(body))
        self._functions = {n.name: n for n in top if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        self._classes = {n.name: n for n in top if isinstance(n, ast.ClassDef)}
        imports = [n for n in top if isinstance(n, ast.Import | ast.ImportFrom)]
        self._imported = {(a.asname or a.name).partition(".")[0] for n in imports for a in n.names}
        self._ours = ours
        aliases = {
            t.id for n in top if isinstance(n, ast.Assign) and isinstance(n.value, ast.Name | ast.Attribute)
            for t in n.targets if isinstance(t, ast.Name)
        }  # fmt: skip
        named = {p.id for n in top if isinstance(n, ast.Assign | ast.AnnAssign | ast.For) for p in targets_of(n)}
        self._own = named - aliases - self._imported
        self._open: set[int] = set()

    def found(self, node: ast.AST) -> bool:
        """Whether a statement at the top, or in a class, may have an effect."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            values = [*node.args.defaults, *(value for value in node.args.kw_defaults if value)]
            return any(map(self._decorates, node.decorator_list)) or any(map(self._calls, values))
        if isinstance(node, ast.ClassDef):
            inside = any(map(self.found, node.body)) or any(self._calls(k.value) for k in node.keywords)
            return inside or any(map(self._decorates, node.decorator_list))
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return self._changes(node, self._own) or (node.value is not None and self._calls(node.value))
        if isinstance(node, ast.Expr):
            return isinstance(node.value, ast.Call) and (self._calls(node.value) or not self._is_own(node.value.func))
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass | ast.Raise):
            return False
        if isinstance(node, ast.If | ast.Try | ast.ExceptHandler | ast.For | ast.With):
            inner = [s for part in ("body", "orelse", "finalbody", "handlers") for s in getattr(node, part, [])]
            heads = [getattr(node, "test", None), getattr(node, "iter", None)]
            heads += [item.context_expr for item in getattr(node, "items", [])]
            return any(map(self.found, inner)) or any(self._calls(head) for head in heads if head)
        return True

    def _changes(self, node: ast.AST, own: set[str]) -> bool:
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        whole = [part for target in targets for part in ast.walk(target)]
        return any(isinstance(p, ast.Attribute | ast.Subscript) and _root(p) not in own for p in whole)

    def _is_own(self, function: ast.AST) -> bool:
        root = _root(function)
        return root in self._own or root in self._functions

    def _decorates(self, node: ast.AST) -> bool:
        return self._calls(node) or self._call(node.func if isinstance(node, ast.Call) else node)

    def _calls(self, node: ast.AST) -> bool:
        return any(self._call(part.func) for part in ast.walk(node) if isinstance(part, ast.Call))

    def _call(self, function: ast.AST) -> bool:
        root = _root(function)
        if isinstance(function, ast.Name) and root in self._functions:
            return self._inside(self._functions[root])
        if isinstance(function, ast.Name) and root in self._classes:
            making = ("__init__", "__post_init__", "__new__")
            return any(self._inside(m) for m in self._classes[root].body if getattr(m, "name", "") in making)
        if root in self._ours:
            last = function.attr if isinstance(function, ast.Attribute) else root
            return not last.lstrip("_")[:1].isupper()  # making a value of a class of ours changes nothing else
        return isinstance(function, ast.Attribute) and root in self._imported and bool(_SETTERS.match(function.attr))

    def _inside(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether calling a function of the module may have an effect."""
        if id(function) in self._open:
            return False
        self._open.add(id(function))
        parts = list(ast.walk(function))
        own = self._own | {part.arg for part in parts if isinstance(part, ast.arg)}
        own |= {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        found = any(
            isinstance(part, ast.Global)
            or (isinstance(part, ast.Assign | ast.AugAssign | ast.Delete) and self._changes(part, own - self._imported))
            or (isinstance(part, ast.Call) and self._call(part.func))
            for part in parts
        )
        self._open.discard(id(function))
        return found


def targets_of(node: ast.Assign | ast.AnnAssign | ast.For) -> list[ast.Name]:
    """Names that an assignment or a loop gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def _root(node: ast.AST) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
