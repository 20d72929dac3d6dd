"""What is made from the declarations of all chapters: parameter cells, the table of contents, tables of chapters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import yaml

from brainalign.book.claims import read_ledger
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import Chapter, read_chapter
from brainalign.runs.deposits import list_deposits
from brainalign.runs.errors import UsageError, unknown
from brainalign.runs.front_matter import source_paths
from brainalign.runs.registry import CONTENTS, all_chapters, parts_of_the_book

README = "README.md"
BEGIN, END = "<!-- chapters, made by: brainalign chapters --write -->", "<!-- end of chapters -->"
_TEMPLATE = "new_chapter.md"
_PARAMETER_CELL = re.compile(
    r"(^```\{code-cell\}[^\n]*\n"
    r"(?:---\n(?:(?!---\n).*\n)*?tags: \[parameters\b[^\n]*\n---\n|:tags: \[parameters\b[^\n]*\n\n))"
    r"((?:(?!```).*\n)*?)(^```$)",
    re.MULTILINE,
)
"""Head, code and end of the cell tagged ``parameters``, with its options as YAML or as one line."""


def parameter_cell(chapter: Chapter) -> str:
    """Code of a chapter's parameter cell: one line per parameter with type, default and, as a comment, its help."""
    rows = zip(chapter.parameters.describe(), chapter.parameters.model_fields.values(), strict=True)
    return "\n".join(
        f"{info.name}: {_annotation(info.type)} = {_literal(f.default)}  # {info.help}" for info, f in rows
    )


def with_parameter_cell(chapter: Chapter) -> str:
    """The text of a chapter's source with the parameter cell that follows from its front matter.

    Raises
    ------
    UsageError
        The source has not exactly one code cell tagged ``parameters``.
    """
    text = chapter.source_path.read_text(encoding="utf-8")
    if len(_PARAMETER_CELL.findall(text)) != 1:
        reason = "the chapter needs exactly one code cell with the tag 'parameters'; see: brainalign new chapter"
        raise chapter.front_matter.error(("parameters",), reason)
    return _PARAMETER_CELL.sub(lambda found: f"{found[1]}{parameter_cell(chapter)}\n{found[3]}", text)


def contents(text: str, chapters: Iterable[Chapter]) -> dict[str, Any]:
    """The table of contents with these chapters in its numbered parts.

    Parameters
    ----------
    text : str
        A `_toc.yml`. What it says of other pages stays.
    chapters : iterable of Chapter
        In the order of the book.

    Returns
    -------
    dict
    """
    found, chapters = yaml.safe_load(text), list(chapters)
    for part in found.get("parts", []):
        if part.get("numbered"):
            part["chapters"] = [{"file": one.docname} for one in chapters if one.part == part["caption"]]
    return found


def chapter_rows(chapters: Sequence[Chapter], *, link: str) -> list[tuple[str, ...]]:
    """Rows of a table of chapters, for the columns of `CHAPTER_HEAD`.

    Parameters
    ----------
    chapters : sequence of Chapter
        In the order of the book.
    link : str
        What leads to a chapter, with ``{}`` for its page, such as ``{}.md``.
    """
    rows, part, here = (
        [],
        "",
        {chapter.name: f"[{chapter.name}]({link.format(chapter.docname)})" for chapter in chapters},
    )
    for one in chapters:
        rows.append(
            (
                one.part if one.part != part else "",
                f"[{one.title}]({link.format(one.docname)})",
                _study(one),
                f"{one.declaration.minutes:g}",
                ", ".join(here[name] for name in one.declaration.before if name in here),
                _full_size(one),
            )
        )
        part = one.part
    return rows


def _study(chapter: Chapter) -> str:
    if chapter.declaration.study is None:
        return ""
    citation = read_ledger().studies[chapter.declaration.study].citation
    arxiv = re.search(r"arXiv (\S+)", citation)
    return f"[{citation.partition(',')[0]}](https://arxiv.org/abs/{arxiv[1]})" if arxiv else citation


def _full_size(chapter: Chapter) -> str:
    if "paper" not in chapter.parameters.profiles:
        return ""
    run = any(one.manifest and one.manifest.profile == "paper" for one in list_deposits(chapter.name))
    return "deposited" if run else "not run"


CHAPTER_HEAD = ("part", "chapter", "study", "minutes", "read before", "profile `paper`")


def out_of_step(*, write: bool = False) -> list[str]:
    """Files that do not say what follows from the chapters' front matter.

    Parameters
    ----------
    write : bool
        Whether to mend them.

    Returns
    -------
    list of str
        Their names within the project.
    """
    chapters, root, found = all_chapters(), project_root(), []
    wanted = {one.source_path: with_parameter_cell(one) for one in chapters}
    toc = root / CONTENTS
    before = toc.read_text(encoding="utf-8")
    if contents(before, chapters) != yaml.safe_load(before):
        wanted[toc] = yaml.safe_dump(contents(before, chapters), sort_keys=False, allow_unicode=True, width=120)
    readme = root / README
    if readme.is_file() and BEGIN in (text := readme.read_text(encoding="utf-8")):
        wanted[readme] = with_chapter_table(text, chapters)
    for path, text in wanted.items():
        if path.read_text(encoding="utf-8") != text:
            found.append(str(path.relative_to(root)))
            if write:
                path.write_text(text, encoding="utf-8")
    return found


def with_chapter_table(text: str, chapters: Sequence[Chapter]) -> str:
    """A text in Markdown with the table of chapters between its two marks."""
    rows = [CHAPTER_HEAD, ("---",) * len(CHAPTER_HEAD), *chapter_rows(chapters, link="{}.md")]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def new_chapter(name: str, *, part: str | None = None) -> Chapter:
    """Write the source of a new chapter, a working example to be replaced cell by cell.

    Parameters
    ----------
    name : str
        Short name: small letters, digits and underscores.
    part : str, optional
        Part of the book; by default the last one.

    Returns
    -------
    Chapter

    Raises
    ------
    UsageError
        The name is taken or not allowed, or there is no such part.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        msg = f"'{name}' is no name of a chapter; allowed are small letters, digits and _, a letter first."
        raise UsageError(msg)
    if name in [chapter.name for chapter in all_chapters()]:
        msg = f"there is a chapter '{name}' already; see: brainalign list"
        raise UsageError(msg)
    parts = parts_of_the_book(project_root() / CONTENTS)
    if part is not None and part not in parts:
        raise unknown(kind="part", given=part, known=parts, owner=CONTENTS)
    numbers = [int(number) for one in source_paths() if (number := one.stem.partition("_")[0]).isdecimal()]
    path = project_root() / "notebooks" / f"{max(numbers, default=0) + 1:02d}_{name}.md"
    filled = {"name": name, "part": json.dumps(part or parts[-1], ensure_ascii=False), "slug": name.replace("_", "-")}
    text = files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    path.write_text(re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], text), encoding="utf-8")
    path.write_text(with_parameter_cell(read_chapter(path)), encoding="utf-8")
    return read_chapter(path)


def _annotation(shown: str) -> str:
    return f"list[{shown.removeprefix('list of ')}]" if shown.startswith("list of ") else shown


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
