"""Sphinx directives of the book: where a page's numbers come from, the status of all chapters, parameter tables."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from brainalign.book.generated import CHAPTER_HEAD, chapter_rows
from brainalign.book.pages import page_record
from brainalign.catalogue.entries import MissingDataError
from brainalign.runs.chapter import Chapter
from brainalign.runs.deposits import Deposit, list_deposits
from brainalign.runs.keys import compute_key
from brainalign.runs.manifest import hardware_line
from brainalign.runs.registry import all_chapters

_ORIGINS = {
    "fresh": "executed for this build",
    "reused": "reused: nothing it depends on had changed",
    "committed": "as committed, not executed for this build",
}


class MarkdownDirective(SphinxDirective):
    """A directive whose content is Markdown made by `lines`."""

    def lines(self) -> list[str]:
        """Markdown of the content, one line per entry."""
        raise AttributeError  # every subclass has its own

    def run(self) -> list[nodes.Node]:
        """Parse the Markdown in place."""
        container = nodes.container()
        self.state.nested_parse(StringList(self.lines(), self.get_source_info()[0]), self.content_offset, container)
        return container.children

    def record(self, docname: str) -> dict[str, Any]:
        """Record of a page's run; the page is rebuilt when its notebook changes."""
        path = Path(self.env.srcdir) / f"{docname}.ipynb"
        self.env.note_dependency(str(path))
        found = page_record(nbformat.read(path, as_version=4)) if path.is_file() else None
        if found is None:
            msg = f"{docname}.ipynb was not made by a run; make it with: brainalign book --save-pairs"
            raise self.error(msg)
        return found


class RunRecord(MarkdownDirective):
    """``{run-record}``: at the end of a chapter, how its outputs came about."""

    def lines(self) -> list[str]:
        """Two columns: what, and its value."""
        record = self.record(self.env.docname)
        rows = [
            ("executed", f"{_day(record)}, in {record['seconds']:.0f} s; {_origin(record)}"),
            ("parameters", _parameters(record)),
            ("repeat with", f"`{record['command']}`"),
            ("on", hardware_line(record["hardware"])),
            ("device", _device(record)),
            ("stages", _stages(record)),
            ("with", _versions(record)),
            ("data", _data(record)),
            *([("not on this machine", _few(record["absent"]))] if record["absent"] else []),
            ("run", f"`{record['run_id']}`, source {record['commit'] or 'unknown'}"),
        ]
        made = [":::{dropdown} How the numbers on this page were made", *markdown_table(("", ""), rows), ":::"]
        return made + [line for one in list_deposits(record["chapter"]) for line in deposit_block(one)]


class BookStatus(MarkdownDirective):
    """``{book-status}``: all chapters, when and how each was executed."""

    def lines(self) -> list[str]:
        """One row per chapter."""
        rows = []
        for chapter in all_chapters():
            record = self.record(chapter.docname)
            memory = f"{record['peak_memory_bytes'] / 2**20:.0f} MiB"
            rows.append(
                (
                    f"[{chapter.name}](/{chapter.docname}.ipynb)",
                    _day(record),
                    f"{record['seconds']:.0f} s, {memory}",
                    record["profile"],
                    _origin(record),
                    _freshness(chapter, record),
                    hardware_line(record["hardware"]),
                )
            )
        head = ("chapter", "executed", "time, memory", "parameters", "in this book", "against the code", "hardware")
        versions = {name: number for c in all_chapters() for name, number in self.record(c.docname)["versions"].items()}
        return [
            *markdown_table(head, rows),
            "",
            "## Versions",
            "",
            *markdown_table(("package", "version"), versions.items()),
        ]


class ChapterTable(MarkdownDirective):
    """``{chapter-table}``: all chapters of this book, how long each takes and what to read before."""

    def lines(self) -> list[str]:
        """One row per chapter."""
        here = [one for one in all_chapters() if one.docname in self.env.found_docs]
        return markdown_table(CHAPTER_HEAD, chapter_rows(here, link="/{}.ipynb"))


class ParameterTables(MarkdownDirective):
    """``{parameter-tables}``: name, type, default, bounds and help of the parameters of every chapter of this book."""

    def lines(self) -> list[str]:
        """A section per chapter with one row per parameter."""
        return [line for one in all_chapters() if one.docname in self.env.found_docs for line in _parameters_of(one)]


def _parameters_of(chapter: Chapter) -> list[str]:
    infos = chapter.parameters.describe()
    rows = [(f"`{i.name}`", i.type, f"`{i.default}`", escape(i.bounds), escape(i.help)) for i in infos]
    table = markdown_table(("name", "type", "default", "bounds", "meaning"), rows)
    return [f"## {chapter.name}", "", f"[](/{chapter.docname}.ipynb)", "", *table, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives with Sphinx."""
    app.add_directive("run-record", RunRecord)
    app.add_directive("book-status", BookStatus)
    app.add_directive("chapter-table", ChapterTable)
    app.add_directive("parameter-tables", ParameterTables)
    app.setup_extension("brainalign.book.scorecard")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def escape(text: str) -> str:
    """Text for a cell of a table in Markdown."""
    return html.escape(text).replace("|", "\\|")


def deposit_block(deposit: Deposit) -> list[str]:
    """Lines in Markdown that show a deposit: hardware, date, who signed it, whether it still fits, its numbers."""
    facts, manifest = deposit.facts, deposit.manifest
    signed = f"{escape(facts.get('signed_by', 'unknown'))}, {facts.get('signed', 'unknown')[:10]}"
    rows = [("signed by", signed), ("state", _state(deposit))]
    title = "A deposited run that was altered"
    if manifest is not None:
        record = {"device": manifest.device, "notices": manifest.notices}
        title = f"A deposited run with the profile {manifest.profile}, {deposit.state}"
        rows += [
            ("executed", f"{manifest.started[:10]}, in {manifest.seconds:.0f} s"),
            ("on", f"{hardware_line(manifest.hardware)}; {_device(record)}"),
            ("repeat with", f"`{manifest.command}`"),
            ("note", escape(facts["note"]) or "none"),
        ]
        numbers = [(f"`{name}`", escape(_readable(value))) for name, value in deposit.scalars().items()]
        tables = [*markdown_table(("", ""), rows), "", *markdown_table(("recorded", "value"), numbers)]
    else:
        tables = markdown_table(("", ""), rows)
    return ["", f":::{{dropdown}} {title}", *tables, ":::"]


def _state(deposit: Deposit) -> str:
    means = {
        "current": "current: code, versions and data are those of the run",
        "stale": "**stale**: made with other code, versions or data",
        "altered": "**altered**: the files are not those that were signed, so no numbers are shown",
    }
    reasons = escape("; ".join(deposit.reasons))
    return f"{means[deposit.state]}{f' ({reasons})' if reasons else ''}"


def _readable(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else " ".join(str(value).split())


def _device(record: dict[str, Any]) -> str:
    used = record.get("device")
    if used is None:
        return "the processor"
    name = f" ({used['name']}, CUDA {used['cuda']})" if used["name"] else ""
    flags = "deterministic algorithms" if used["deterministic_algorithms"] else "no deterministic algorithms"
    return "; ".join([f"{used['used']}{name}, {flags}", *map(escape, record.get("notices", []))])


def _stages(record: dict[str, Any]) -> str:
    origins = [stage["origin"] for stage in record.get("stages", [])]
    counts = (
        f"{origins.count(origin)} {word}" for origin, word in (("computed", "computed"), ("read", "read from disk"))
    )
    return ", ".join(counts) if origins else "none"


def _day(record: dict[str, Any]) -> str:
    return record["started"].replace("T", " ").replace("+00:00", " UTC")


def _origin(record: dict[str, Any]) -> str:
    return _ORIGINS[record.get("origin", "committed")]


def _parameters(record: dict[str, Any]) -> str:
    changed = ", ".join(f"`{name} = {json.dumps(value)}`" for name, value in record["changed_parameters"].items())
    return f"profile {record['profile']}: {changed or 'all at their defaults'}"


def _versions(record: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in record["versions"].items())


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"`{name}`" for name in names[:5]) + more


def _data(record: dict[str, Any]) -> str:
    files = {item["file"].split("/")[0]: item["licence"] for item in record["data"]}
    return "; ".join(f"{name} ({licence})" for name, licence in files.items())


def _freshness(chapter: Chapter, record: dict[str, Any]) -> str:
    parameters = chapter.parameters.from_values(chapter.name, record["parameters"])
    try:
        key = compute_key(chapter, parameters)
    except MissingDataError:
        return "not known where this was built: its data is not there"
    return "up to date" if key.digest == record["key"] else "made with earlier code, data or versions"
