"""Grids: which parameters a sweep varies, counted without being written out."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import UsageError, unknown
from brainalign.runs.parameters import DEFAULT_PROFILE, ChapterParameters

SECTIONS = ("profile", "values", "product", "zip")
MOST_RUNS = 1_000_000
"""Most runs of a grid; each is written down before the first is started."""

_RANGE = ("from", "to", "step")


@dataclass(frozen=True)
class Axis:
    """Parameters that vary together, side by side.

    Attributes
    ----------
    names : tuple of str
        The parameters, one or more.
    columns : tuple of sequence
        Their values, all of one length.
    """

    names: tuple[str, ...]
    columns: tuple[Sequence[Any], ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def values(self, index: int) -> dict[str, Any]:
        """Values at one place of the axis."""
        return {name: column[index] for name, column in zip(self.names, self.columns, strict=True)}


@dataclass(frozen=True)
class Grid:
    """Every combination of the places of some axes.

    Attributes
    ----------
    profile : str
        Named set of parameters that everything is put on top of.
    values : mapping
        Parameters that are the same in every run.
    axes : tuple of Axis
        What varies.
    """

    profile: str
    values: Mapping[str, Any]
    axes: tuple[Axis, ...]

    @property
    def names(self) -> list[str]:
        """Every parameter that the grid sets."""
        return [*self.values, *self.varied]

    @property
    def varied(self) -> list[str]:
        """Every parameter that varies, in the order of the grid."""
        return [name for axis in self.axes for name in axis.names]

    @property
    def n_runs(self) -> int:
        """Number of runs, from the lengths of the axes alone."""
        return math.prod(len(axis) for axis in self.axes)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Values of one run after the other, the last axis fastest."""
        for places in itertools.product(*(range(len(axis)) for axis in self.axes)):
            varied = (axis.values(place) for axis, place in zip(self.axes, places, strict=True))
            yield {**self.values, **{name: value for part in varied for name, value in part.items()}}

    def digest(self, chapter: str) -> str:
        """Twelve digits that name a chapter with this grid; a sweep is found by them."""
        axes = [{"names": axis.names, "columns": [_described(column) for column in axis.columns]} for axis in self.axes]
        content = {"chapter": chapter, "profile": self.profile, "values": self.values, "axes": axes}
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]

    def check(self, chapter: Chapter) -> None:
        """Refuse names that the chapter does not have, and a first run that is not allowed.

        Raises
        ------
        UsageError
            Unknown profile or parameter (the nearest one is given), or a value that is not allowed.
        """
        for name in self.names:
            if name not in chapter.parameters.model_fields:
                raise unknown(kind="parameter", given=name, known=chapter.parameters.model_fields, owner=chapter.name)
        self.validated(chapter, next(iter(self)))

    def parameters(self, chapter: Chapter) -> list[ChapterParameters]:
        """Validated parameters of every run.

        Raises
        ------
        UsageError
            As `check`, for any of the runs.
        """
        self.check(chapter)
        return [self.validated(chapter, values) for values in self]

    def validated(self, chapter: Chapter, values: Mapping[str, Any]) -> ChapterParameters:
        """Parameters of one run, from its values.

        Raises
        ------
        UsageError
            For a value that is not allowed.
        """
        return chapter.parameters.from_values(chapter.name, values, profile=self.profile)


def read_grid(path: Path) -> Grid:
    """Read a grid from a YAML file.

    The file has the sections ``profile`` (a name), ``values`` (the same in every run), ``product`` (every combination)
    and ``zip`` (side by side, combined with the product; several as a list). A parameter's values are a list, or a
    range ``{from: 1, to: 9, step: 2}`` that holds both ends.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Grid

    Raises
    ------
    UsageError
        When the file is missing or not a grid; the text says what is wrong and how to write it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"the grid {path} cannot be read: {error.strerror}."
        raise UsageError(msg) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        msg = f"the grid {path} is not YAML: {error}"
        raise UsageError(msg) from None
    try:
        return make_grid(content)
    except UsageError as error:
        msg = f"{path.name}: {error}"
        raise UsageError(msg) from None


def make_grid(content: Any) -> Grid:
    """A grid from the content of a grid file; see `read_grid`.

    Raises
    ------
    UsageError
        When the content is not a grid.

    Examples
    --------
    >>> grid = make_grid({"product": {"seed": {"from": 0, "to": 99}, "layer": [1, 3]}})
    >>> grid.n_runs, next(iter(grid))
    (200, {'seed': 0, 'layer': 1})
    """
    content = _mapping(content, "a grid")
    for name in content:
        if name not in SECTIONS:
            raise unknown(kind="section", given=str(name), known=SECTIONS, owner="the grid")
    products = _mapping(content.get("product"), "product")
    zips = content.get("zip") or []
    axes = [Axis((name,), (_once(_values(name, given)),)) for name, given in products.items()]
    axes += [_zipped(_mapping(one, "zip")) for one in (zips if isinstance(zips, list) else [zips])]
    grid = Grid(str(content.get("profile", DEFAULT_PROFILE)), _mapping(content.get("values"), "values"), tuple(axes))
    if not axes:
        msg = "the grid varies nothing; list values of at least one parameter under product or zip."
        raise UsageError(msg)
    if grid.n_runs > MOST_RUNS:
        msg = f"the grid asks for {grid.n_runs:,} runs, and at most {MOST_RUNS:,} can be; vary less."
        raise UsageError(msg)
    twice = sorted({name for name in grid.names if grid.names.count(name) > 1})
    if twice:
        msg = f"the grid sets {', '.join(twice)} more than once; keep one place for every parameter."
        raise UsageError(msg)
    return grid


class _Steps(Sequence[float]):
    """Equal steps between two numbers, reckoned in decimals: 0.1, 0.2, 0.3 and not 0.30000000000000004."""

    def __init__(self, first: Decimal, last: Decimal, step: Decimal) -> None:
        self._first, self._step = first, step
        self._length = int((last - first) / step) + 1

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> float:
        return float(self._first + range(self._length)[index] * self._step)

    def __repr__(self) -> str:
        return f"{self._length} steps of {self._step} from {self._first}"


def _zipped(columns: Mapping[str, Any]) -> Axis:
    if not columns:
        msg = "zip needs at least one parameter."
        raise UsageError(msg)
    axis = Axis(tuple(columns), tuple(_values(name, given) for name, given in columns.items()))
    lengths = {name: len(column) for name, column in zip(axis.names, axis.columns, strict=True)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        msg = f"what stands under zip is taken side by side, so it needs equally many values; {listed}."
        raise UsageError(msg)
    return axis


def _values(name: str, given: Any) -> Sequence[Any]:
    if isinstance(given, Mapping):
        return _range(name, given)
    if not isinstance(given, list):
        msg = f"{name}: {given!r} is one value; write a list [{given}], or set it under values."
        raise UsageError(msg)
    if not given:
        msg = f"{name}: the list is empty; give at least one value."
        raise UsageError(msg)
    return tuple(given)


def _range(name: str, given: Mapping[str, Any]) -> Sequence[Any]:
    for key in given:
        if key not in _RANGE:
            raise unknown(kind="part", given=str(key), known=_RANGE, owner=f"the range of {name}")
    numbers = {key: _number(name, key, given.get(key, 1 if key == "step" else None)) for key in _RANGE}
    first, last, step = (numbers[key] for key in _RANGE)
    if step == 0 or (last - first) / step < 0:
        msg = f"{name}: steps of {step} never lead from {first} to {last}; change the sign or the size of the step."
        raise UsageError(msg)
    n_values = int((last - first) / step) + 1
    if n_values > MOST_RUNS:
        msg = f"{name}: the range holds {n_values:,} values, and a grid at most {MOST_RUNS:,} runs; take larger steps."
        raise UsageError(msg)
    if all(isinstance(given.get(key, 1), int) for key in _RANGE):
        return range(int(first), int(last) + (1 if step > 0 else -1), int(step))
    return _Steps(first, last, step)


def _number(name: str, key: str, value: Any) -> Decimal:
    # A text too: YAML reads 1e-3, without a dot, as one.
    try:
        number = None if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite():
        msg = f"{name}: '{key}' of a range must be a number; got {value!r}. Write {{from: 1, to: 9, step: 2}}."
        raise UsageError(msg)
    return number


def _once(values: Sequence[Any]) -> Sequence[Any]:
    """Values without repetitions: the same run twice is one run."""
    if not isinstance(values, tuple):
        return values
    return tuple({json.dumps(value, sort_keys=True, default=str): value for value in values}.values())


def _mapping(content: Any, what: str) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        msg = f"{what} must map names to values; got {type(content).__name__}."
        raise UsageError(msg)
    return content


def _described(column: Sequence[Any]) -> Any:
    # A range is named by its ends: its numbers are not written out.
    return list(column) if isinstance(column, tuple) else repr(column)
