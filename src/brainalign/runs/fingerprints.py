"""Fingerprints of values and of functions: equal ones mean that a computation would give the same result."""

from __future__ import annotations

import dis
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from brainalign.runs.errors import UsageError
from brainalign.runs.sources import as_uses, source_behind

PACKAGE = "brainalign"


def fingerprint(value: Any) -> str:
    """sha256 of a value, with its type.

    Parameters
    ----------
    value : any
        None, numbers, text, arrays of numpy or torch, models of torch (the class and the weights), tables of pandas,
        data classes, and lists, tuples, sets and mappings of these.

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    UsageError
        For a source of random numbers, whose state a stage could not carry on, and for values of other types.

    Examples
    --------
    >>> fingerprint([1, 2]) == fingerprint([1, 2]), fingerprint(1) == fingerprint(1.0)
    (True, False)
    """
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(f"{len(piece)}:".encode() + piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    kind = type(value)
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray | np.generic):
        yield from _array(np.asarray(value))
    elif isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        yield from _table(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield fingerprint(name).encode() + fingerprint(item).encode()
    elif isinstance(value, set | frozenset):
        yield from sorted(fingerprint(item).encode() for item in value)
    elif isinstance(value, list | tuple):
        yield from (fingerprint(item).encode() for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (fingerprint(getattr(value, field.name)).encode() for field in fields(value))
    else:
        yield from _torch(value)


def _array(array: np.ndarray) -> Iterator[bytes]:
    if array.dtype.hasobject:
        msg = "an array of Python objects cannot be an input of a stage; convert it to numbers or to text of numpy."
        raise UsageError(msg)
    yield f"{array.dtype.str} {array.shape}".encode()
    yield np.ascontiguousarray(array).tobytes()


def _table(table: pd.DataFrame | pd.Series | pd.Index) -> Iterator[bytes]:
    frame = table.to_frame() if not isinstance(table, pd.DataFrame) else table
    yield repr([list(frame.columns), list(frame.dtypes), list(frame.index.names)]).encode()
    yield pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes()


def _torch(value: Any) -> Iterator[bytes]:
    # By what it can do: this room does not import torch.
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        yield from _array(value.detach().cpu().resolve_conj().resolve_neg().numpy())
    elif hasattr(value, "state_dict") and hasattr(value, "parameters"):
        yield repr(value).encode()  # classes and sizes of all layers
        yield fingerprint(dict(value.state_dict())).encode()
    elif type(value).__name__ == "Generator":
        msg = (
            "a source of random numbers cannot be an input of a stage: read from disk, the stage would not draw from "
            "it, and what comes after would change. Give a seed, and make the generator inside."
        )
        raise UsageError(msg)
    elif type(value).__module__ == "torch":  # a dtype, a device
        yield repr(value).encode()
    else:
        msg = (
            f"a {type(value).__name__} cannot be an input of a stage; give numbers, text, arrays, tables, models, or "
            "lists and mappings of them, and make everything else inside the stage."
        )
        raise UsageError(msg)


def fingerprint_function(function: Callable[..., Any], inputs: Mapping[str, Any], *, owner: str) -> dict[str, Any]:
    """What a function does: its code, that of functions defined beside it, and the source of this project it uses.

    Parameters
    ----------
    function : callable
        A function or lambda, of a notebook or of the project.
    inputs : mapping of str to any
        Values from outside that the function may read, by their names there.
    owner : str
        Whose function it is, for the error's text.

    Returns
    -------
    dict
        ``code``, the checksum of the code, and ``source``, those of all modules of `brainalign` behind it.

    Raises
    ------
    UsageError
        When the function reads a value that is not among the inputs: a change of it would go unnoticed.
    """
    reading = _Reading(owner, inputs)
    reading.follow(function)
    return {
        "code": hashlib.sha256(json.dumps(reading.code).encode()).hexdigest(),
        "source": source_behind(as_uses(reading.names)),
    }


class _Reading:
    """Follows the names that a function reads."""

    def __init__(self, owner: str, inputs: Mapping[str, Any]) -> None:
        self.code: list[str] = []
        self.names = {_full_name(kind) for value in inputs.values() for kind in _types(value)}
        self._owner, self._inputs, self._seen = owner, inputs, set()

    def follow(self, function: Any) -> None:
        """Add a function's code and all it reads."""
        if not isinstance(function, FunctionType):
            msg = f"the stage '{self._owner}' needs a function or lambda to call, not a {type(function).__name__}."
            raise UsageError(msg)
        if function in self._seen:
            return
        self._seen.add(function)
        self.names |= {_full_name(function), *_imported_inside(function)}
        if _is_of_package(function) and _is_importable(function):
            return  # the source of its module is hashed
        self.code.append(_code_text(function.__code__))
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        self.code += [fingerprint(value) for value in defaults]
        for name, value in _outer_values(function):
            if name not in self._inputs:
                self._look(name, value, function.__module__)

    def _look(self, name: str, value: Any, home: str) -> None:
        if isinstance(value, ModuleType):
            self.names.add(value.__name__)
        elif isinstance(value, FunctionType) and value.__module__ == home:
            self.follow(value)
        elif _is_importable(value) and value.__module__ != home:
            self.names.add(_full_name(value))
        else:
            msg = (
                f"the stage '{self._owner}' reads {name}, which its inputs do not name, so a change of it would go "
                f'unnoticed. Add "{name}": {name} to them.'
            )
            raise UsageError(msg)


def _types(value: Any) -> set[type]:
    """Class of a value and, of a model of torch, those of all its layers."""
    layers = value.modules() if hasattr(value, "state_dict") and hasattr(value, "modules") else ()
    return {type(value), *map(type, layers)}


def _full_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _is_of_package(value: Any) -> bool:
    return value.__module__.split(".")[0] == PACKAGE


def _is_importable(value: Any) -> bool:
    """Whether a name in a module means this very value, so that source and lock file settle what it does."""
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
    for part in (getattr(value, "__qualname__", None) or getattr(value, "__name__", "<none>")).split("."):
        found = getattr(found, part, None)
    return found is value


def _outer_values(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names that a function takes from around it, with what they mean now."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    if _is_of_package(function):
        return  # other names of its module are settled by the source
    for name in _read_names(function.__code__, ("LOAD_GLOBAL", "LOAD_NAME")):
        if name in function.__globals__ and not name.startswith("__"):
            yield name, function.__globals__[name]


def _imported_inside(function: FunctionType) -> set[str]:
    modules = _read_names(function.__code__, ("IMPORT_NAME",))
    members = _read_names(function.__code__, ("IMPORT_FROM",))
    return {*modules, *(f"{module}.{member}" for module in modules for member in members)}


def _read_names(code: CodeType, operations: tuple[str, ...]) -> list[str]:
    every = (instruction for part in _all_code(code) for instruction in dis.get_instructions(part))
    return sorted({instruction.argval for instruction in every if instruction.opname in operations})


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _code_text(code: CodeType) -> str:
    """What the code does, without where it stands."""
    parts = []
    for part in _all_code(code):
        # The order of a set of texts differs from process to process.
        constants = [
            sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)
            for constant in part.co_consts
            if not isinstance(constant, CodeType)
        ]
        parts.append([part.co_code.hex(), constants, part.co_names, part.co_varnames, part.co_freevars])
    return json.dumps(parts)
