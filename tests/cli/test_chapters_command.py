"""Chapters as files: what is wrong in one is named with its line; a new one runs and is in the book at once."""

from __future__ import annotations

import re
import shutil

import papermill
import pytest
from bs4 import BeautifulSoup
from rich.console import Console

from brainalign.book.building import ChapterOutcome, build_book, pages_of_toc, run_chapters
from brainalign.book.generated import out_of_step
from brainalign.runs.chapter import Chapter
from brainalign.runs.declaration import declaration_of
from brainalign.runs.errors import UsageError
from brainalign.runs.front_matter import parse_front_matter
from brainalign.runs.parameter_models import parameters_of
from brainalign.runs.progress import chapter_progress
from brainalign.runs.registry import all_chapters, get_chapter
from tests.conftest import ROOT
from tests.runs.tiny import SOURCE

LEDGER = """\
studies:
  one: {title: One study, citation: Somebody 2024}
claims:
  - {id: a-claim, study: one, statement: It is two., published: "2.0", source: abstract, profile: smoke,
     criterion: {kind: equals, value: 2.0, tolerance: 0.1}}
"""
N = 'n: {type: int, default: 3, min: 1, max: 100, help: "how many rows are read"}'

MINUTES, DATA = "  minutes: 0.1\n", "    - tiny-table\n"


def more(line, *, after=MINUTES):
    """A line that is added."""
    return after, f"{after}{line}\n"


def other(old, new, *, of=N):
    """A part of a line that is replaced."""
    return of, of.replace(old, new)


# What is changed, what stands on the line that is named, and what is said.
FAULTS = {
    "an unknown key": (*more("  minuts: 2"), "minuts", ["unknown key", "Did you mean 'minutes'"]),
    "an unknown key of a parameter": (*other("max:", "mx:"), "n: {", ["unknown key of n", "Did you mean 'max'"]),
    "no help": (*other(N[N.index(", help") :], "}"), "n: {", ["n of parameters has no 'help'", "Write help:"]),
    "a default out of bounds": (*other("default: 3", "default: 0"), "n: {", ["default 0 of 'n'", ">= 1", "Change"]),
    "a default of another type": (*other("default: 3", 'default: "3"'), "n: {", ["default \"3\" of 'n'", "int"]),
    "a bound that does not fit": ("{type: bool,", "{type: bool, min: 1,", "loud:", ["bool", "no min"]),
    "a profile out of bounds": ("smoke: {n: 2,", "smoke: {n: 200,", "smoke:", ["profile smoke", "n = 200", "<= 100"]),
    "a profile of nothing": ("smoke: {n: 2,", "smoke: {nn: 2,", "smoke:", ["unknown parameter", "Did you mean 'n'"]),
    "data of no parameter": (*more('    - "zoo:{mood}"', after=DATA), "mood", ["unknown parameter of tiny: 'mood'"]),
    "a condition on nothing": (
        *more("    - {use: tiny-table, when: {kin: sum}}", after=DATA), "kin: sum", ["unknown parameter", "'kind'"],
    ),
    "a rule on nothing": (*more("  rules: [{disjoint: [sizes, size]}]"), "disjoint", ["unknown parameter", "'sizes'"]),
    "a condition that never holds": (
        *more("    - {use: tiny-table, when: {kind: summ}}", after=DATA), "kind: summ", ["is never", "mean | sum"],
    ),
    "choices of another type": ("choices: [mean, sum]", "choices: [1, 2]", "kind:", ["choices", "of the type str"]),
    "a name that has a meaning": ("    loud: {", "    data: {", "data: {", ["'data' cannot be", "Take another"]),
    "a name that Python has": ("    loud: {", "    lambda: {", "lambda: {", ["'lambda' cannot be the name"]),
    "the name of every chapter": ("    loud: {", "    device: {", "device: {", ["'device' cannot be the name"]),
    "data of a function that is not there": (
        *more("    - {call: brainalign.catalogue.model_sets:none}", after=DATA), "data:", ["cannot be told", "'none'"],
    ),
    "an unknown part": ("part: I. Tiny", "part: II. Tiny", "II. Tiny", ["unknown part", "Did you mean 'I. Tiny'"]),
    "an unknown chapter before": (*more("  before: [tinny]"), "tinny", ["unknown chapter: 'tinny'"]),
    "an unknown claim": ("[a-claim]", "[b-claim]", "b-claim", ["no claim 'b-claim'", "mean a-claim", "Mend"]),
    "an unknown study": (*more("  study: two"), "study: two", ["unknown study", "Known are: one"]),
    "no YAML": (MINUTES, "  minutes: [0.1\n", "parameters:", ["no YAML"]),
    "a key twice": (*more("  minutes: 0.2"), "minutes: 0.2", ["stands here twice"]),
    "no title": ("# Does it work at all?", "Does it work at all?", "", ["no title", "first heading"]),
    "no declaration": ("chapter:\n", "chapters:\n", "---", ["no 'chapter:'", "brainalign new"]),
}  # fmt: skip


@pytest.fixture
def claimed(tiny):
    """The miniature project with a claim that its chapter tests."""
    (tiny.root / "data" / "claims.yml").write_text(LEDGER, encoding="utf-8")
    tiny.edit(SOURCE, DATA, f"{DATA}  claims: [a-claim]\n")
    return tiny


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", [["list"], ["book"]], ids=" ".join)
def test_a_fault_in_a_front_matter_is_named_with_file_and_line(brainalign, claimed, fault, command):
    old, new, where, words = FAULTS[fault]
    claimed.edit(SOURCE, old, new)
    answer = brainalign(*command)
    assert answer.code == 2
    lines = claimed.source.read_text(encoding="utf-8").splitlines()
    number = int(answer.err.partition(", line ")[2].partition(":")[0])
    assert answer.err.startswith(f"brainalign: {SOURCE}, line {number}: ")
    assert where in lines[number - 1]
    for word in words:
        assert word in " ".join(answer.err.split())


def test_a_file_that_is_no_utf_8_is_refused(brainalign, tiny):
    tiny.source.write_bytes(tiny.source.read_bytes().replace(b"how many rows", b"how m\xe4ny rows", 1))
    answer = brainalign("list")
    assert answer.code == 2
    assert re.match(rf"brainalign: {SOURCE}, line 15: byte \d+ is no UTF-8", answer.err)


def test_two_chapters_of_one_name_are_refused(brainalign, tiny):
    shutil.copy(tiny.source, tiny.source.with_name("02_again.md"))
    answer = brainalign("list")
    assert (answer.code, answer.out) == (2, "")
    line = 1 + tiny.source.read_text(encoding="utf-8").splitlines().index("  name: tiny")
    assert f"notebooks/02_again.md, line {line}: the name 'tiny' is that of 01_tiny.md as well." in answer.err
    assert "another name" in answer.err


def test_a_claim_that_nobody_tests_and_one_that_names_its_chapter_are_refused(brainalign, claimed):
    claimed.edit(SOURCE, "  claims: [a-claim]\n", "")
    answer = brainalign("list")
    assert answer.code == 2
    assert "data/claims.yml, line 4: claim 'a-claim' is listed by no chapter." in answer.err
    assert "give a reason" in answer.err
    claimed.edit(SOURCE, "    - tiny-table\n", "    - tiny-table\n  claims: [a-claim, a-claim]\n")
    assert "'a-claim' is listed by the chapter tiny as well" in brainalign("list").err
    claimed.edit(SOURCE, "[a-claim, a-claim]", "[a-claim]")
    assert brainalign("list").code == 0
    claimed.edit("data/claims.yml", "study: one,", "study: one, chapter: tiny,")
    assert "leave 'chapter' out of the ledger" in brainalign("list").err


def test_what_is_out_of_step_is_named_and_mended(brainalign, tiny):
    assert brainalign("chapters").out == "Everything agrees with the front matter of the chapters.\n"
    tiny.edit(SOURCE, "n: {type: int, default: 3, min: 1", "n: {type: int, default: 4, min: 1")
    tiny.edit("_toc.yml", "      - file: notebooks/01_tiny\n", "      - file: notebooks/00_tiny\n")
    answer = brainalign("chapters")
    assert answer.code == 1
    assert answer.lines[:2] == [f"out of step: {SOURCE}", "out of step: _toc.yml"]
    before = tiny.source.read_text(encoding="utf-8")
    assert brainalign("chapters", "--write").code == 0
    assert tiny.source.read_text(encoding="utf-8") == before.replace("n: int = 3", "n: int = 4")
    assert pages_of_toc(tiny.root / "_toc.yml") == ["book/intro", "notebooks/01_tiny"]
    assert brainalign("chapters").code == 0


def test_the_project_is_in_step_with_its_chapters(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    assert out_of_step() == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["tiny"], "there is a chapter 'tiny' already"),
        (["Tiny Two"], "'Tiny Two' is no name of a chapter; allowed are small letters"),
        (["two", "--part", "II. Tiny"], "Did you mean 'I. Tiny'"),
    ],
)
def test_a_new_chapter_has_a_name_of_its_own_and_a_part_that_exists(brainalign, tiny, words, text):
    answer = brainalign("new", "chapter", *words)
    assert answer.code == 2
    assert text in answer.err
    assert [path.name for path in tiny.source.parent.iterdir()] == ["01_tiny.md"]


@pytest.fixture
def scratch(tiny):
    """A copy of the project without its chapters: the settings of the book, a first page, no chapter."""
    tiny.source.unlink()
    shutil.copy(ROOT / "_config.yml", tiny.root / "_config.yml")
    shutil.copytree(ROOT / "book" / "_static", tiny.root / "book" / "_static")
    shutil.copy(ROOT / "book" / "references.bib", tiny.root / "book" / "references.bib")
    shutil.copy(ROOT / "book" / "parameters.md", tiny.root / "book" / "parameters.md")
    (tiny.root / "book" / "intro.md").write_text("# Scratch\n\n```{chapter-table}\n```\n", encoding="utf-8")
    tiny.edit("_toc.yml", "parts:\n", "parts:\n  - caption: Reference\n    chapters:\n      - file: book/parameters\n")
    return tiny


@pytest.mark.processes
def test_a_new_chapter_is_one_file_that_runs_and_is_in_the_book(brainalign, scratch):
    before = {path for path in scratch.root.rglob("*") if path.is_file()}
    assert brainalign("new", "chapter", "two_views").code == 0
    (source,) = {path for path in scratch.root.rglob("*") if path.is_file()} - before
    assert source.name == "01_two_views.md"

    assert [line.split()[0] for line in brainalign("list").lines] == ["chapter", "two_views"]
    refused = brainalign("run", "two_views", "-p", "n_samples", "3")
    assert refused.code == 2
    assert "two_views: n_samples = '3' is not allowed; allowed is int >= 20, <= 5000." in refused.err
    assert brainalign("run", "two_views", "-p", "sample", "3").code == 2
    answer = brainalign("run", "two_views", "--profile", "smoke")
    assert answer.code == 0
    results = scratch.store.open("two_views").results()
    assert 0 < results["highest_null"] < results["value"] < 1

    scratch.edit("notebooks/01_two_views.md", "  minutes: 0.2\n", "  minutes: 0.2\n  formerly: [09_views]\n")
    pages = build_book(outcomes_of(get_chapter("two_views")), scratch.base / "html").parent
    page = (pages / "notebooks" / "01_two_views.html").read_text(encoding="utf-8")
    assert "What does two_views ask?" in page
    assert "How the numbers on this page were made" in page
    assert "notebooks/01_two_views.html" in (pages / "book" / "intro.html").read_text(encoding="utf-8")
    parameters = (pages / "book" / "parameters.html").read_text(encoding="utf-8")
    assert "samples that both representations describe" in parameters
    moved = BeautifulSoup((pages / "notebooks" / "09_views.html").read_text(encoding="utf-8"), "html.parser")
    assert moved.find("meta", {"http-equiv": "refresh"})["content"] == "0; url=01_two_views.html"
    assert moved.find("link", rel="canonical")["href"] == moved.find("a")["href"] == "01_two_views.html"


def outcomes_of(chapter: Chapter) -> list[ChapterOutcome]:
    with chapter_progress(Console(quiet=True), 1) as progress:
        return run_chapters([chapter], profile="smoke", progress=progress)


def test_a_new_chapter_is_seen_whole_by_papermill_and_keeps_its_declaration_as_a_notebook(brainalign, scratch):
    import jupytext

    assert brainalign("new", "chapter", "two_views").code == 0
    (chapter,) = all_chapters()
    pair = scratch.base / "pair.ipynb"
    jupytext.write(jupytext.read(chapter.source_path), pair)
    seen = papermill.inspect_notebook(str(pair))
    assert {name: one["help"] for name, one in seen.items()} == {
        name: field.description for name, field in chapter.parameters.model_fields.items()
    }
    jupytext.write(jupytext.read(pair), chapter.source_path, fmt="md:myst")
    assert get_chapter("two_views").declaration == chapter.declaration
    # Jupytext writes the parameters by name, and the cell follows.
    assert "notebooks/01_two_views.md" in out_of_step(write=True)
    assert out_of_step() == []
    described = get_chapter("two_views").parameters.describe()
    assert sorted(described, key=str) == sorted(chapter.parameters.describe(), key=str)


def test_the_declaration_that_the_book_explains_is_one(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    page = ROOT / "book" / "chapters.md"
    (block,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = parse_front_matter(f"---\n{block}---\n\n# Explained\n", page)
    declared = declaration_of(found)
    parameters = parameters_of(found, declared)
    assert parameters.from_values("rhythm", {"sizes": "xs"}).data()[:2] == ("minilm", "icn-published")
    with pytest.raises(UsageError, match="n_twins = 2000 is not allowed with model ="):
        parameters.from_values("rhythm", {"n_twins": 2000})
