"""The front matter of a chapter's source, with the line on which everything stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainalign.catalogue.locations import project_root
from brainalign.runs.lined_yaml import LinedYaml, at_line, parse_lines, read_text

KEY = "chapter"
"""Key of the front matter below which a chapter declares itself, beside those of the notebook format."""

_FENCE = "---"


@dataclass(frozen=True)
class FrontMatter(LinedYaml):
    """What a chapter declares, as it was written: `values` and `lines` are those below `KEY`.

    Attributes
    ----------
    title : str
        First heading of the source.
    """

    title: str


def read_front_matter(path: Path) -> FrontMatter:
    """Read the front matter of a text notebook.

    Parameters
    ----------
    path : Path
        A file that begins with ``---``, YAML, and ``---``.

    Returns
    -------
    FrontMatter

    Raises
    ------
    UsageError
        There is no front matter, no heading, or the YAML cannot be read; the text names file and line.
    """
    return parse_front_matter(read_text(path), path)


def parse_front_matter(source: str, path: Path) -> FrontMatter:
    """The front matter of a text notebook whose text is at hand; see `read_front_matter`."""
    text = source.splitlines()
    if not text or text[0].rstrip() != _FENCE or _FENCE not in [line.rstrip() for line in text[1:]]:
        raise at_line(path, 1, "there is no front matter. A chapter begins with ---, its declaration in YAML, and ---.")
    end = [line.rstrip() for line in text[1:]].index(_FENCE) + 1
    # A comment in place of the fence, so that lines are counted as in the file.
    found = parse_lines("\n".join(["#", *text[1:end], ""]), path)
    title = next((line[2:].strip() for line in text[end:] if line.startswith("# ")), "")
    if not title:
        raise at_line(path, end + 1, "there is no title. Write it as the first heading: # What does the chapter ask?")
    values = found.values.get(KEY) if isinstance(found.values, dict) else None
    lines = {place[1:]: line for place, line in found.lines.items() if place[0] == KEY}
    return FrontMatter(path, values, lines, title)


def source_paths() -> list[Path]:
    """Text notebooks of the project, by name; each is a chapter."""
    return sorted((project_root() / "notebooks").glob("*.md"))
