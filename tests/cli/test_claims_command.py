"""The command `brainalign claims`: verdicts by the latest run, or by the committed notebook."""

from __future__ import annotations

import json

import nbformat
import pytest

from brainalign.book.claims import read_ledger
from brainalign.book.pages import assemble_page
from tests.runs.tiny import manifest, put

LEDGER = """\
studies:
  one: {title: One study, citation: Somebody 2024}
  two: {title: Another study, citation: Nobody 2025}
claims:
  - {id: a-claim, study: one, statement: It is two., published: "2.0", source: abstract, profile: smoke,
     criterion: {kind: equals, value: 2.0, tolerance: 0.1}}
  - {id: large, study: two, statement: It is large., published: large, source: abstract,
     reason: there is no time, criterion: {kind: within, low: 5}}
"""


@pytest.fixture
def project(tiny, monkeypatch):
    """The miniature project with a ledger."""
    (tiny.root / "data" / "claims.yml").write_text(LEDGER, encoding="utf-8")
    tiny.edit("notebooks/01_tiny.md", "    - tiny-table\n", "    - tiny-table\n  claims: [a-claim]\n")
    return tiny


def put_run(project, results, **changes):
    folder = put(project.store, manifest(project.key(), **changes))
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def commit_notebook(project, value):
    executed = project.chapter.read_source()
    label = {"scrapbook": {"name": "claim:a-claim", "mime_prefix": "application/papermill.record/"}}
    data = {"application/papermill.record/text/plain": json.dumps({"value": value, "null": None})}
    code = next(cell for cell in executed.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("display_data", data, metadata=label)]
    page = assemble_page(project.chapter, executed, manifest(project.key(), run_id="cccccccccccc"))
    nbformat.write(page, project.chapter.pair_path)


def test_claims_are_listed_by_study_with_verdict_and_run(brainalign, project):
    put_run(project, {"claim:a-claim": {"value": 2.04, "null": None}, "other": 1}, run_id="aaaaaaaaaaaa")
    answer = brainalign("claims")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines == [
        "one: One study (Somebody 2024)",
        "claim published holds if measured here verdict by",
        "a-claim 2.0 within 0.1 2.04 reproduced profile default, run aaaaaaaaaaaa",
        "1 reproduced",
        "",
        "two: Another study (Nobody 2025)",
        "claim published holds if measured here verdict by",
        "large large at least 5 - not yet tested (there is no time) -",
        "1 not yet tested",
        "",
    ]


def test_claims_for_programs_tell_verdict_and_statement(brainalign, project):
    claims = json.loads(brainalign("claims", "--json").out)
    assert {"id", "statement", "verdict", "measured", "chapter"} <= claims[0].keys()


def test_one_study_can_be_asked_for(brainalign, project):
    put_run(project, {})
    assert [line for line in brainalign("claims", "--study", "two").lines if line.startswith("one")] == []
    answer = brainalign("claims", "--study", "too")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "brainalign: unknown study: 'too'. Did you mean 'two'? Known are: one, two.\n"


def test_the_committed_notebook_counts_where_there_is_no_run_or_when_asked_for(brainalign, project):
    lines = brainalign("claims", "--study", "one").lines
    assert lines[2] == "a-claim 2.0 within 0.1 - not yet tested (the chapter tiny has no run) -"
    commit_notebook(project, 3.0)
    committed = "a-claim 2.0 within 0.1 3.00 not reproduced profile default, run cccccccccccc"
    assert brainalign("claims", "--study", "one").lines[2] == committed
    put_run(project, {"claim:a-claim": {"value": 2.04, "null": None}}, run_id="aaaaaaaaaaaa")
    assert "2.04 reproduced" in brainalign("claims", "--study", "one").lines[2]
    assert brainalign("claims", "--study", "one", "--committed").lines[2] == committed


def test_evidence_on_an_unknown_claim_is_refused(brainalign, project):
    put_run(project, {"claim:a-clam": {"value": 2.04, "null": None}}, run_id="aaaaaaaaaaaa")
    answer = brainalign("claims")
    assert (answer.code, answer.out) == (2, "")
    assert "unknown claim of the chapter tiny (run aaaaaaaaaaaa): 'a-clam'. Did you mean 'a-claim'?" in answer.err


def test_all_claims_of_the_book_are_listed(brainalign, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_RUNS", str(tmp_path))
    answer = brainalign("claims")
    assert (answer.code, answer.err) == (0, "")
    words = {line.split()[0] for line in answer.lines if line}
    assert {claim.id for claim in read_ledger().claims} <= words
