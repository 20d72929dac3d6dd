"""Deposits: what may be signed, what is kept, and how staleness and harm show."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from brainalign.book.directives import deposit_block
from brainalign.book.pages import assemble_page
from brainalign.runs import deposits
from brainalign.runs.deposits import deposit_run, list_deposits, read_deposit
from brainalign.runs.errors import UsageError
from brainalign.runs.manifest import checksum_of
from tests.runs.tiny import tiny_chapter


def made_of(run, **changes):
    """The run as if it had been made with other fields in its manifest."""
    changed = run.manifest.model_copy(update=changes)
    (run.folder / "manifest.json").write_text(changed.to_json(), encoding="utf-8")
    return type(run)(run.folder, changed)


@pytest.fixture
def paper(ran):
    """A run with the profile paper."""
    return made_of(ran.store.open("tiny"), profile="paper")


def test_a_deposit_holds_the_run_and_who_signed_it(ran, paper):
    made = deposit_run(paper, by="  Marie Curie ", note="two nights")
    assert made.folder == ran.root / "data" / "deposits" / paper.name
    files = {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("*") if path.is_file()}
    assert files == {"deposit.json", "manifest.json", "notebook.ipynb", "results.json", "tables/rows.parquet"}
    for name in files - {"deposit.json"}:
        assert (made.folder / name).read_bytes() == (paper.folder / name).read_bytes(), name
    assert (made.facts["signed_by"], made.facts["note"], made.facts["left_out"]) == ("Marie Curie", "two nights", {})
    assert set(made.facts["files"]) == files - {"deposit.json"}
    assert (made.state, made.reasons, made.manifest.profile) == ("current", [], "paper")
    assert made.scalars() == {"n_rows": 3, "total": 7.5, "note": "plain", "hash_seed": "0"}
    assert [one.name for one in list_deposits()] == [one.name for one in list_deposits("tiny")] == [paper.name]
    assert list_deposits("another") == []
    assert [path.name for path in made.folder.parent.iterdir()] == [made.folder.name]


def test_a_project_without_deposits_has_none(tiny):
    assert list_deposits() == []


def test_a_large_table_stays_behind_and_is_named(ran, paper, monkeypatch):
    monkeypatch.setattr(deposits, "LARGEST_TABLE", 10)
    made = deposit_run(paper, by="M")
    size = (paper.folder / "tables" / "rows.parquet").stat().st_size
    assert made.facts["left_out"] == {"tables/rows.parquet": size}
    assert not (made.folder / "tables").exists()
    assert made.state == "current"


CARD = {"used": "cuda:0", "name": "a card", "cuda": "12.8", "deterministic_algorithms": True}


@pytest.mark.parametrize(
    ("changes", "by", "text"),
    [
        ({"profile": "default"}, "M", "has the profile default and computed on the processor, which anybody can rep"),
        ({"profile": "default", "device": {**CARD, "used": "cpu"}}, "M", "which anybody can repeat"),
        ({"status": "failed"}, "M", "failed; only a good run can be deposited"),
        ({}, " ", "needs the name of who answers for it"),
        ({"outputs": {"results.json": "0" * 64}}, "M", r"results\.json changed after the run"),
        ({"outputs": {"gone.json": "0" * 64}}, "M", r"gone\.json changed after the run"),
    ],
)
def test_what_may_not_be_deposited_is_refused_and_leaves_nothing(ran, paper, changes, by, text):
    with pytest.raises(UsageError, match=text):
        deposit_run(made_of(paper, **changes), by=by)
    assert not (ran.root / "data" / "deposits").exists()


def test_a_run_on_a_card_may_be_deposited_at_any_profile(paper):
    assert deposit_run(made_of(paper, profile="default", device=CARD), by="M").state == "current"


def test_a_notebook_that_is_too_large_is_refused(paper, monkeypatch):
    monkeypatch.setattr(deposits, "LARGEST_FILE", 10)
    with pytest.raises(UsageError, match="bytes, more than the 10 that the"):
        deposit_run(paper, by="M")


def test_a_second_signature_is_refused(paper):
    deposit_run(paper, by="M")
    with pytest.raises(UsageError, match="is deposited already, in data/deposits"):
        deposit_run(paper, by="N")


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        ("notebooks/01_tiny.md", ".head(n)", ".tail(n)", "code: cell 2"),
        ("requirements.lock", "2.0.0", "3.0.0", "lock: requirements.lock"),
        ("data/tiny.csv", "a,1.5", "a,1.6", "data: tiny-table/data/tiny.csv"),
    ],
)
def test_a_deposit_whose_key_no_longer_fits_is_stale(ran, paper, path, old, new, reason):
    deposit_run(paper, by="M")
    ran.edit(path, old, new)
    (found,) = list_deposits()
    assert (found.state, found.reasons) == ("stale", [reason])


def test_prose_does_not_make_a_deposit_stale(ran, paper):
    deposit_run(paper, by="M")
    ran.edit("notebooks/01_tiny.md", "And some more prose.", "Other prose.")
    assert list_deposits()[0].state == "current"


def test_data_that_is_not_here_does_not_make_a_deposit_stale(ran, paper):
    deposit_run(paper, by="M")
    (ran.root / "data" / "tiny.csv").unlink()
    assert list_deposits()[0].state == "current"


def test_a_deposit_of_parameters_or_a_chapter_that_are_no_more_is_stale(paper):
    folder = deposit_run(made_of(paper, parameters={**paper.manifest.parameters, "old": 1}), by="M").folder
    assert "unknown parameter of tiny: 'old'" in read_deposit(folder).reasons[0]
    tiny_chapter().source_path.unlink()
    assert "unknown chapter: 'tiny'" in read_deposit(folder).reasons[0]


def rewrite(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


HARM = {
    "a number": (lambda f: rewrite(f / "results.json", lambda c: c.update(total=9.0)), "results.json was changed"),
    "a file gone": (lambda f: (f / "results.json").unlink(), "results.json is missing"),
    "a file more": (lambda f: (f / "more.txt").write_text("x"), "more.txt was added"),
    "the signature": (lambda f: rewrite(f / "deposit.json", lambda c: c.update(signed_by="N")), "its own checksum"),
    "no signature": (lambda f: (f / "deposit.json").write_text("{"), "deposit.json cannot be read"),
    "the manifest": (
        lambda f: rewrite(f / "manifest.json", lambda c: c.update(seconds=0)),
        "manifest.json was changed",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_deposit_whose_files_are_not_those_that_were_signed_is_altered(paper, harm):
    folder = deposit_run(paper, by="M").folder
    change, reason = HARM[harm]
    change(folder)
    found = read_deposit(folder)
    assert found.state == "altered"
    assert reason in "; ".join(found.reasons)


def test_an_altered_manifest_with_new_checksums_beside_it_is_seen(paper):
    folder = deposit_run(paper, by="M").folder
    rewrite(folder / "manifest.json", lambda content: content.update(seconds=0))

    def sign_again(content):
        content["files"]["manifest.json"] = deposits.sha256_of(folder / "manifest.json")
        content.pop("checksum")
        content["checksum"] = checksum_of(content)

    rewrite(folder / "deposit.json", sign_again)
    found = read_deposit(folder)
    assert found.state == "altered"
    assert "manifest.json: it does not fit its own checksum" in found.reasons[0]


# On the page


def test_the_page_shows_a_deposit_with_its_numbers(ran, paper):
    made = deposit_run(made_of(paper, device=CARD, notices=["batches halved"]), by="M. & <b>", note="a | b")
    text = "\n".join(deposit_block(made))
    assert ":::{dropdown} A deposited run with the profile paper, current" in text
    assert "| signed by | M. &amp; &lt;b&gt;, 20" in text
    assert "cuda:0 (a card, CUDA 12.8), deterministic algorithms; batches halved" in text
    assert "| repeat with | `brainalign run tiny` |" in text
    assert "| `total` | 7.5 |" in text
    assert "a \\| b" in text
    ran.edit("notebooks/01_tiny.md", ".head(n)", ".tail(n)")
    stale = "\n".join(deposit_block(list_deposits()[0]))
    assert "paper, stale" in stale
    assert "**stale**: made with other code, versions or data (code: cell 2)" in stale
    assert "| `total` | 7.5 |" in stale


def test_the_page_shows_no_number_of_an_altered_deposit(paper):
    folder = deposit_run(paper, by="M").folder
    HARM["a number"][0](folder)
    text = "\n".join(deposit_block(read_deposit(folder)))
    assert "A deposited run that was altered" in text
    assert "results.json was changed" in text
    assert "total" not in text


def test_a_removed_deposit_can_be_signed_again(paper):
    shutil.rmtree(deposit_run(paper, by="M").folder)
    assert deposit_run(paper, by="N").facts["signed_by"] == "N"


def test_the_built_page_shows_deposits_below_the_record_of_the_run(ran, paper, tmp_path):
    deposit_run(paper, by="Marie Curie")
    ran.edit("requirements.lock", "2.0.0", "3.0.0")
    ran.edit("notebooks/01_tiny.md", "And some more prose.", "```{run-record}\n```")
    source = tmp_path / "source"
    (source / "notebooks").mkdir(parents=True)
    page = assemble_page(ran.chapter, paper.notebook(), paper.manifest)
    nbformat.write(page, source / "notebooks" / "01_tiny.ipynb")
    settings = {
        "extensions": ["myst_nb", "sphinx_design", "brainalign.book.directives"],
        "nb_execution_mode": "off",
        "myst_enable_extensions": ["colon_fence"],
        "root_doc": "notebooks/01_tiny",
        "html_theme": "basic",
    }
    folders = (source, None, tmp_path / "html", tmp_path / "doctrees")
    with docutils_namespace():
        Sphinx(*folders, "html", confoverrides=settings, status=None, warning=None).build()
    html = BeautifulSoup((tmp_path / "html" / "notebooks" / "01_tiny.html").read_text(encoding="utf-8"), "html.parser")
    made, deposited = html.find_all("details")
    assert "How the numbers on this page were made" in made.get_text()
    cells = [[cell.get_text() for cell in row.find_all("td")] for row in deposited.find_all("tr")]
    rows = dict(row for row in cells if row)
    assert "A deposited run with the profile paper, stale" in deposited.get_text()
    assert rows["signed by"].startswith("Marie Curie, 20")
    assert rows["state"] == "stale: made with other code, versions or data (lock: requirements.lock)"
    assert rows["total"] == "7.5"
    assert rows["repeat with"] == "brainalign run tiny"
