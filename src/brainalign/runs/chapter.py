"""What a chapter is: a text notebook that declares itself, and its executed pair."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from brainalign.runs.declaration import Declaration, declaration_of
from brainalign.runs.front_matter import KEY, FrontMatter, read_front_matter
from brainalign.runs.parameter_models import parameters_of
from brainalign.runs.parameters import ChapterParameters

RECORD = "brainalign"
"""Key of a page's metadata under which it keeps which run its outputs come from."""


@dataclass(frozen=True, eq=False)
class Chapter:
    """A chapter of the book; made by `read_chapter`.

    Attributes
    ----------
    source_path : Path
        The text notebook, which is edited and declares everything else.
    front_matter : FrontMatter
        What it declares, as it was written.
    declaration : Declaration
        The same, checked.
    parameters : type of ChapterParameters
        The model that checks values of its parameters.
    """

    source_path: Path
    front_matter: FrontMatter
    declaration: Declaration
    parameters: type[ChapterParameters]

    @property
    def name(self) -> str:
        """Short name, used on the command line."""
        return self.declaration.name

    @property
    def title(self) -> str:
        """What the chapter asks, its first heading."""
        return self.front_matter.title

    @property
    def part(self) -> str:
        """Part of the book."""
        return self.declaration.part

    @property
    def stem(self) -> str:
        """File name without ending, in ``notebooks``."""
        return self.source_path.stem

    @property
    def pair_path(self) -> Path:
        """The executed pair, which is committed and read."""
        return self.source_path.with_suffix(".ipynb")

    @property
    def docname(self) -> str:
        """Name of the page in the book, without ending."""
        return f"notebooks/{self.stem}"

    def read_source(self) -> NotebookNode:
        """The text notebook as cells, without outputs and without the declaration."""
        notebook = jupytext.read(self.source_path)
        notebook.metadata.pop(KEY, None)
        return notebook

    def read_pair(self) -> NotebookNode | None:
        """The executed pair, or None when there is none."""
        return nbformat.read(self.pair_path, as_version=4) if self.pair_path.is_file() else None

    def read_record(self) -> dict[str, Any] | None:
        """What the executed pair keeps of its run; None when there is none, or it cannot be read."""
        try:
            found = json.loads(self.pair_path.read_bytes())["metadata"][RECORD]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, dict) else None

    def __reduce__(self) -> tuple[Any, ...]:
        # The model of the parameters is made where it is used, and cannot be sent to another process.
        return read_chapter, (self.source_path,)


def read_chapter(path: Path) -> Chapter:
    """A chapter from its source; understood again only when its text has changed.

    Raises
    ------
    UsageError
        Something in the front matter is not as it should be; the text names file and line.
    """
    return _read(path, path.read_bytes())  # not by time and size, which an edit can leave as they were


@lru_cache(maxsize=256)
def _read(path: Path, _content: bytes) -> Chapter:
    found = read_front_matter(path)
    declared = declaration_of(found)
    return Chapter(path, found, declared, parameters_of(found, declared))


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Code cells of a notebook, without the cell that papermill injects."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
