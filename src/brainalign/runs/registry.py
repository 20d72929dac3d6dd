"""All chapters, in the order of the book: the files in ``notebooks``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import Chapter, read_chapter
from brainalign.runs.errors import unknown
from brainalign.runs.front_matter import source_paths

CONTENTS = "_toc.yml"


def all_chapters() -> tuple[Chapter, ...]:
    """Every chapter of the project, part by part and by the name of its file.

    Raises
    ------
    UsageError
        A chapter does not declare itself as it should; the text names file and line and says how to mend it.
    """
    found = [read_chapter(path) for path in source_paths()]
    names = [chapter.name for chapter in found]
    parts = parts_of_the_book(project_root() / CONTENTS)
    for number, chapter in enumerate(found):
        if chapter.name in names[:number]:
            other = found[names.index(chapter.name)].source_path.name
            text = f"the name '{chapter.name}' is that of {other} as well. Give one of the two another name."
            raise chapter.front_matter.error(("name",), text)
        if chapter.part not in parts:
            raise chapter.front_matter.error(("part",), str(unknown("part", chapter.part, parts, owner=CONTENTS)))
        for place, name in enumerate(chapter.declaration.before):
            if name not in names or name == chapter.name:
                raise chapter.front_matter.error(("before", place), str(unknown("chapter", name, names)))
    return tuple(sorted(found, key=lambda chapter: parts.index(chapter.part)))


def get_chapter(name: str) -> Chapter:
    """A chapter by its short name.

    Raises
    ------
    UsageError
        For an unknown name; the text gives the nearest one.
    """
    found = all_chapters()
    for chapter in found:
        if chapter.name == name:
            return chapter
    raise unknown(kind="chapter", given=name, known=[chapter.name for chapter in found])


def parts_of_the_book(path: Path) -> Sequence[str]:
    """Captions of the parts that hold chapters, in order: those of a `_toc.yml` that are numbered."""
    contents = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [part["caption"] for part in contents.get("parts", []) if part.get("numbered")]
