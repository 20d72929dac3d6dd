"""YAML that people write, with the line on which everything stands, so that an error can name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import UsageError

Place = tuple[str | int, ...]
"""The way to a key or to an entry of a list, from the outside in."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class LinedYaml:
    """What stands in a file, and where.

    Attributes
    ----------
    path : Path
        The file.
    values : Any
        What stands in it.
    lines : mapping of tuple to int
        Line in the file of every key and every entry of a list, by the way that leads to it.
    """

    path: Path
    values: Any
    lines: Mapping[Place, int]

    def error(self, place: Place, text: str) -> UsageError:
        """An error that names the file and the line of what is nearest to a place. Not raised yet."""
        while place and place not in self.lines:
            place = place[:-1]
        return at_line(self.path, self.lines.get(place, 1), text)


def read_lines(path: Path) -> LinedYaml:
    """Read a file of YAML; see `parse_lines`."""
    return parse_lines(read_text(path), path)


def read_text(path: Path) -> str:
    """The text of a file that somebody wrote.

    Raises
    ------
    UsageError
        It is not UTF-8.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise at_line(path, line, f"byte {error.start} is no UTF-8. Save the file as UTF-8.") from None


def parse_lines(text: str, path: Path) -> LinedYaml:
    """Read YAML with the lines on which it stands.

    Parameters
    ----------
    text : str
        The YAML.
    path : Path
        The file it is from, for errors.

    Returns
    -------
    LinedYaml

    Raises
    ------
    UsageError
        It cannot be read, or a key stands in it twice; the text names file and line.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        values = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise at_line(path, mark.line + 1 if mark else 1, f"this is no YAML that can be read: {reason}.") from None
    finally:
        loader.dispose()
    return LinedYaml(path, values, dict(_lines(path, node, ())) if node else {})


def at_line(path: Path, line: int, text: str) -> UsageError:
    """An error in a file that somebody wrote, with its line. Not raised yet."""
    shown = path.relative_to(project_root()) if path.is_relative_to(project_root()) else path
    return UsageError(f"{shown}, line {line}: {text}")


def _lines(path: Path, node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise at_line(path, line, f"the key '{key.value}' stands here twice; keep one.")
            seen.add(key.value)
            yield (*place, key.value), line
            yield from _lines(path, value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield (*place, number), value.start_mark.line + 1
            yield from _lines(path, value, (*place, number))
