"""What a chapter is: a text notebook, its executed pair, and its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from brainalign.catalogue.locations import project_root
from brainalign.runs.parameters import ChapterParameters


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book.

    Attributes
    ----------
    name : str
        Short name, used on the command line.
    stem : str
        File name without ending, in ``notebooks``.
    title : str
        What the chapter asks.
    part : str
        Part of the book.
    parameters : type of ChapterParameters
        Its parameters.
    """

    name: str
    stem: str
    title: str
    part: str
    parameters: type[ChapterParameters]

    @property
    def source_path(self) -> Path:
        """The text notebook, which is edited."""
        return project_root() / "notebooks" / f"{self.stem}.md"

    @property
    def pair_path(self) -> Path:
        """The executed pair, which is committed and read."""
        return project_root() / "notebooks" / f"{self.stem}.ipynb"

    @property
    def docname(self) -> str:
        """Name of the page in the book, without ending."""
        return f"notebooks/{self.stem}"

    def read_source(self) -> NotebookNode:
        """The text notebook as cells, without outputs."""
        return jupytext.read(self.source_path)

    def read_pair(self) -> NotebookNode | None:
        """The executed pair, or None when there is none."""
        return nbformat.read(self.pair_path, as_version=4) if self.pair_path.is_file() else None


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Code cells of a notebook, without the cell that papermill injects."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]
