"""Claims: criteria on evidence, the ledger, verdicts from records, and the page that shows them."""

from __future__ import annotations

import json
import re
import string

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from pydantic import TypeAdapter, ValidationError
from sphinx.application import Sphinx

from brainalign.book.claims import NO_CHAPTER, PROFILES, Claim, Ledger, read_ledger
from brainalign.book.criteria import Criterion, Evidence
from brainalign.book.pages import assemble_page
from brainalign.book.verdicts import Record, Verdict, counts, judge, judge_all, record_of_page, record_of_run
from brainalign.runs.errors import UsageError
from brainalign.runs.recording import RUN_FOLDER, record, record_claim
from brainalign.runs.registry import all_chapters
from tests.runs.tiny import manifest

CLAIM = {
    "id": "a-claim", "study": "one", "statement": "It is two.", "published": "2.0", "source": "abstract",
    "criterion": {"kind": "equals", "value": 2.0, "tolerance": 0.1}, "chapter": "tiny", "profile": "default",
}  # fmt: skip
UNTESTED = {**CLAIM, "id": "untested", "chapter": NO_CHAPTER, "profile": None, "reason": "there is no time"}


def claim(**changes):
    return Claim(**{**CLAIM, **changes})


def ledger(*claims):
    return Ledger(studies={"one": {"title": "One", "citation": "Somebody 2024"}}, claims=list(claims))


def made(value, *, null=None, profile="default", name="a-claim"):
    return Record("tiny", "0123456789ab", profile, False, {name: Evidence(value, null)})


def parts(criterion, value, null=None):
    return TypeAdapter(Criterion).validate_python(criterion).parts(Evidence(value, null))


# Criteria


@pytest.mark.parametrize(
    ("criterion", "value", "expected"),
    [
        ({"kind": "equals", "value": 0.2, "tolerance": 0.1}, 0.3, [True]),  # at the border, in binary fractions beyond
        ({"kind": "equals", "value": 0.2, "tolerance": 0.1}, 0.301, [False]),
        ({"kind": "equals", "value": 0.2, "tolerance": 0.1}, None, [False]),
        ({"kind": "equals", "value": {"a": 1, "b": 2}, "tolerance": 0}, {"a": 1, "b": 2.5, "c": 9}, [True, False]),
        ({"kind": "equals", "value": {"a": 1, "b": 2}, "tolerance": 0}, {"a": 1}, [True, False]),
        ({"kind": "equals", "value": {"a": 1, "b": 2}, "tolerance": 0, "joint": True}, {"a": 1, "b": 2.5}, [False]),
        ({"kind": "equals", "value": {"a": 1, "b": 2}, "tolerance": 0, "joint": True}, {"a": 1, "b": 2}, [True]),
        ({"kind": "within", "low": 0}, {"a": 0.0, "b": -0.1, "c": 7}, [True, False, True]),
        ({"kind": "within", "high": 1.5}, -100, [True]),
        ({"kind": "within", "low": -1, "high": 1}, {"a": 1.01, "b": None}, [False, False]),
        ({"kind": "ordering", "names": ["a", "b", "c"]}, {"c": 3, "a": 1, "b": 2}, [True, True]),
        ({"kind": "ordering", "names": ["a", "b", "c"]}, {"c": 3, "a": 1, "b": 3}, [True, False]),  # a tie is no order
        ({"kind": "ordering", "names": ["a", "b"]}, {"a": 1}, [False]),
        ({"kind": "ordering", "names": ["a", "b"]}, {"a": None, "b": 1}, [False]),
        ({"kind": "sign", "sign": "negative"}, {"a": -1e-9, "b": 0.0}, [True, False]),
        ({"kind": "sign", "sign": "positive"}, {"a": 2, "b": None}, [True, False]),
    ],
)
def test_a_criterion_says_which_of_its_parts_hold(criterion, value, expected):
    assert parts(criterion, value) == expected


@pytest.mark.parametrize(("value", "holds"), [(95.01, True), (95.0, False), (None, False)])
def test_a_value_must_exceed_the_quantile_of_the_null_model(value, holds):
    assert parts({"kind": "greater_than_null", "quantile": 0.95}, value, range(101)) == [holds]


def test_more_than_by_chance_can_be_too_much():
    limited = {"kind": "greater_than_null", "quantile": 0.95, "high": 120}
    assert [parts(limited, value, range(101))[0] for value in (94, 110, 121)] == [False, True, False]


def predicted(published, draws, **settings):
    criterion = {"kind": "predicted", "value": {"a": published}, **settings}
    return TypeAdapter(Criterion).validate_python(criterion).parts(Evidence({"a": 0.0}, draws={"a": draws}))[0]


def test_a_published_run_lies_in_the_prediction_interval_of_ours():
    draws = [9.0, 10.0, 11.0, 12.0]  # mean 10.5, sd 1.291; t of 3 degrees of freedom 3.182: half-width 4.594
    assert [predicted(value, draws) for value in (5.9, 5.91, 15.09, 15.1)] == [False, True, True, False]
    assert predicted(5.6, draws, unit=1)
    assert [predicted(value, [5.0, 5.0, 5.0], unit=1) for value in (5.5, 6)] == [True, False]
    assert not predicted(1.0, [])
    assert not predicted(1.0, [1.0, None, 1.0])


def test_a_prediction_interval_holds_its_share_of_further_draws():
    rng = np.random.default_rng(0)
    held = [predicted(float(rng.normal()), list(rng.normal(size=5))) for _ in range(1000)]
    assert 0.93 < np.mean(held) < 0.97


@pytest.mark.parametrize(
    ("evidence", "word"), [(Evidence(1.0), "draws"), (Evidence(1.0, draws={"a": [1.0, 2.0]}), "3")]
)
def test_a_prediction_needs_single_draws(evidence, word):
    criterion = TypeAdapter(Criterion).validate_python({"kind": "predicted", "value": {"a": 1.0}})
    with pytest.raises(ValueError, match=word):
        criterion.parts(evidence)


def test_without_a_null_model_it_says_how_to_record_one():
    with pytest.raises(ValueError, match=r"record the evidence with null=\.\.\."):
        parts({"kind": "greater_than_null", "quantile": 0.95}, 1.0)


@pytest.mark.parametrize(
    "criterion",
    [
        {"kind": "within"},
        {"kind": "within", "low": 1, "high": 0},
        {"kind": "ordering", "names": ["a"]},
        {"kind": "equals", "value": 1, "tolerance": -1},
        {"kind": "equals", "value": 1},
        {"kind": "greater_than_null", "quantile": 95},
        {"kind": "sign", "sign": "up"},
        {"kind": "bigger", "value": 1},
    ],
)
def test_a_criterion_that_decides_nothing_is_refused(criterion):
    with pytest.raises(ValidationError):
        TypeAdapter(Criterion).validate_python(criterion)


# The ledger


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"profile": None}, "claim 'a-claim' is listed by the chapter tiny, so"),
        ({"chapter": NO_CHAPTER, "profile": None}, "claim 'a-claim' is listed by no chapter.*give a reason"),
        ({"chapter": NO_CHAPTER, "reason": "so"}, "claim 'a-claim' is listed by no chapter.*no profile"),
        ({"id": "A claim"}, "should match pattern"),
        ({"verdict": "reproduced"}, "Extra inputs are not permitted"),
    ],
)
def test_a_claim_says_who_tests_it_or_why_nobody_does(changes, text):
    with pytest.raises(ValidationError, match=text):
        claim(**changes)


def test_an_id_is_given_once_and_a_study_is_known():
    with pytest.raises(ValidationError, match="more than one claim has the id a-claim"):
        ledger(CLAIM, CLAIM)
    with pytest.raises(ValidationError, match=r"'a-claim'.*'one'"):
        ledger({**CLAIM, "study": "ones"})


def test_every_claim_of_the_book_names_a_chapter_of_the_book_or_none():
    names = {chapter.name for chapter in all_chapters()} | {NO_CHAPTER}
    assert {one.chapter for one in read_ledger().claims} <= names


def test_every_study_has_claims():
    assert {one.study for one in read_ledger().claims} == set(read_ledger().studies)


def test_published_numbers_stand_in_the_text_and_in_the_criterion_alike():
    checked = 0
    for one in read_ledger().claims:
        if one.criterion.kind not in ("equals", "predicted"):
            continue
        numbers = [float(word) for word in re.findall(r"[-+]?\d+(?:\.\d+)?", one.published)]
        for value in one.criterion.published.values():
            assert value in numbers, (one.id, value)
            checked += 1
    assert checked > 200


def test_profiles_of_all_chapters_are_ranked():
    assert {profile for chapter in all_chapters() for profile in chapter.parameters.profiles} <= set(PROFILES)


def recorded_ids(chapter):
    """Ids of claims in a chapter's code, as patterns where a part of the id is filled in."""
    code = chapter.source_path.read_text(encoding="utf-8")
    ids = re.findall(r"record_claim\(\s*f?\"([^\"]+)\"", code)
    assert len(ids) == code.count("record_claim("), f"{chapter.name}: write the id of a claim as a literal"
    return ["".join(re.escape(text) + (".+" if field else "") for text, field, _, _ in string.Formatter().parse(name))
            for name in ids]  # fmt: skip


@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_a_chapter_records_its_own_claims_and_all_of_them(chapter):
    own = [one.id for one in read_ledger().claims if one.chapter == chapter.name]
    patterns = recorded_ids(chapter)
    for pattern in patterns:
        assert [name for name in own if re.fullmatch(pattern, name)], f"{pattern} is no claim of {chapter.name}"
    if patterns:  # a chapter that records nothing is shown so on the scorecard
        assert [name for name in own if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []


# Verdicts


@pytest.mark.parametrize(
    ("changes", "value", "verdict", "note"),
    [
        ({}, 2.05, Verdict.REPRODUCED, ""),
        ({}, 2.5, Verdict.NOT_REPRODUCED, ""),
        ({"stand_in": "other data"}, 2.05, Verdict.PARTLY, "on other data"),
        ({"stand_in": "other data"}, 2.5, Verdict.NOT_REPRODUCED, "on other data"),
        ({"criterion": {"kind": "sign", "sign": "positive"}}, {"a": 1, "b": -1}, Verdict.PARTLY, "1 of 2 hold"),
    ],
)
def test_a_verdict_follows_from_the_parts_that_hold(changes, value, verdict, note):
    judgement = judge(claim(**changes), made(value))
    assert (judgement.verdict, judgement.note) == (verdict, note)
    assert judgement.origin == "profile default, run 0123456789ab"


@pytest.mark.parametrize(
    ("profile", "demanded", "verdict"),
    [
        ("smoke", "default", Verdict.NOT_TESTABLE),
        ("default", "paper", Verdict.NOT_TESTABLE),
        ("default", "smoke", Verdict.REPRODUCED),
        ("paper", "default", Verdict.REPRODUCED),
    ],
)
def test_a_run_that_is_too_small_decides_nothing(profile, demanded, verdict):
    judgement = judge(claim(profile=demanded), made(2.0, profile=profile))
    assert judgement.verdict is verdict
    assert (f"needs the profile {demanded}" in judgement.note) == (verdict is Verdict.NOT_TESTABLE)


def test_without_chapter_run_or_record_a_claim_is_not_yet_tested():
    reasons = {
        "there is no time": judge(Claim(**UNTESTED), None),
        "the chapter tiny has no run": judge(claim(), None),
        "this run recorded nothing about it": judge(claim(id="other"), made(2.0)),
    }
    assert {note: one.note for note, one in reasons.items()} == {note: note for note in reasons}
    assert {one.verdict for one in reasons.values()} == {Verdict.NOT_TESTED}


def test_what_was_measured_is_told_with_the_decimals_of_the_tolerance_and_the_null_model():
    assert judge(claim(), made(2.04)).measured == "2.04"
    several = claim(criterion={"kind": "equals", "value": {"a": 1, "b": 2}, "tolerance": 5e-6})
    assert judge(several, made({"b": 2.0, "x": 7, "a": None})).measured == "a none; b 2.0000000"
    ranked = claim(criterion={"kind": "ordering", "names": ["b_c", "a"]})
    assert ranked.criterion.text == "b c < a"
    assert judge(ranked, made({"a": 1234.5, "b_c": 0.012345})).measured == "b c 0.0123; a 1234"
    against = claim(criterion={"kind": "greater_than_null", "quantile": 0.5}, null_model="shuffled")
    assert judge(against, made(5, null=range(41))).measured == "5; null model 1 to 39"


def test_a_number_of_our_own_is_recomputed_and_not_reproduced():
    own = claim(recomputed=True)
    assert judge(own, made(2.0)).verdict is Verdict.RECOMPUTED
    assert judge(own, made(3.0)).verdict is Verdict.NOT_REPRODUCED
    assert own.audit.startswith("compared with our own recomputation; two-sided")


@pytest.mark.parametrize(
    ("twins", "words"), [(2.05, "untrained twins meet it"), (3.0, "untrained twins do not meet it")]
)
def test_twins_get_a_verdict_of_their_own(twins, words):
    record = Record("tiny", "0123456789ab", "default", False, {"a-claim": Evidence(2.0, twins=twins)})
    found = judge(claim(), record)
    assert found.verdict is Verdict.REPRODUCED
    assert words in found.note


def test_a_null_model_is_explained_where_there_is_one_and_only_there():
    with pytest.raises(ValidationError, match="null_model"):
        claim(criterion={"kind": "greater_than_null", "quantile": 0.5})
    with pytest.raises(ValidationError, match="null_model"):
        claim(null_model="shuffled")


@pytest.mark.parametrize(
    ("criterion", "sides"),
    [
        ({"kind": "within", "low": 0}, "one-sided"),
        ({"kind": "within", "low": 0, "high": 1}, "two-sided"),
        ({"kind": "sign", "sign": "positive"}, "one-sided"),
        ({"kind": "ordering", "names": ["a", "b"]}, "one-sided"),
        ({"kind": "predicted", "value": {"a": 1}}, "two-sided"),
    ],
)
def test_a_criterion_says_on_how_many_sides_it_can_fail(criterion, sides):
    assert f"; {sides};" in claim(criterion=criterion).audit


def test_evidence_on_a_claim_that_is_not_the_chapters_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"unknown claim of the chapter tiny \(run"):
        judge_all(ledger(CLAIM), [made(2.0, name="a-claimm")])
    with pytest.raises(UsageError, match="'untested'"):
        judge_all(ledger(CLAIM, UNTESTED), [made(2.0, name="untested")])


def test_counts_name_every_verdict_that_occurs():
    judgements = judge_all(ledger(CLAIM, UNTESTED, {**CLAIM, "id": "b"}), [made(2.0)])
    assert counts(judgements) == "1 reproduced, 2 not yet tested"


# From the call in a chapter to the page


@pytest.fixture
def in_run(tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    return lambda: json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))


def test_evidence_is_kept_with_the_results(in_run):
    record_claim("one", 0.5)
    record_claim("two", {"a": float("nan"), 10: 1}, null=[[0.0, float("inf")]])
    assert in_run() == {
        "claim:one": {"value": 0.5, "null": None},
        "claim:two": {"value": {"a": None, "10": 1}, "null": [0.0, None]},
    }


@pytest.mark.usefixtures("in_run")
def test_what_is_no_evidence_is_refused():
    for value in ("0.5", True, [0.5], None, {"a": "b"}):
        with pytest.raises(TypeError, match="evidence on 'one' must be a number"):
            record_claim("one", value)
    with pytest.raises(ValueError, match="evidence on 'one' names no quantity"):
        record_claim("one", {})
    record_claim("one", 1)
    with pytest.raises(ValueError, match="'claim:one' was recorded before in this run"):
        record_claim("one", 2)
    with pytest.raises(ValueError, match="record evidence on a claim with record_claim"):
        record("claim:one", 2)


LEDGER = """\
studies:
  one: {title: One study, citation: Somebody 2024}
claims:
  - {id: a-claim, study: one, statement: "It is | < 2.", published: "2.0", source: abstract,
     profile: smoke, criterion: {kind: equals, value: 2.0, tolerance: 0.1}}
  - {id: untested, study: one, statement: It is large., published: large, source: abstract,
     reason: there is no time, criterion: {kind: within, low: 5}}
"""


@pytest.fixture
def measured(tiny):
    """The miniature project with a ledger, a chapter that records evidence, and an executed notebook made by hand."""
    (tiny.root / "data" / "claims.yml").write_text(LEDGER, encoding="utf-8")
    tiny.edit("notebooks/01_tiny.md", "    - tiny-table\n", "    - tiny-table\n  claims: [a-claim]\n")
    tiny.edit("notebooks/01_tiny.md", 'record("note", note)', 'record_claim("a-claim", 2.04)')
    executed = tiny.chapter.read_source()
    evidence = {"application/papermill.record/text/plain": '{"value": 2.04, "null": null}'}
    label = {"scrapbook": {"name": "claim:a-claim", "mime_prefix": "application/papermill.record/"}}
    cell = next(cell for cell in executed.cells if "record_claim" in cell.source)
    cell.outputs = [nbformat.v4.new_output("display_data", evidence, metadata=label)]
    page = assemble_page(tiny.chapter, executed, manifest(tiny.key()))
    nbformat.write(page, tiny.chapter.pair_path)
    return tiny


def test_evidence_on_a_page_is_that_of_the_run(measured):
    found = record_of_page(measured.chapter, measured.chapter.read_pair())
    assert found.evidence == {"a-claim": Evidence(2.04)}
    assert (found.chapter, found.profile, found.is_changed) == ("tiny", "default", False)


def test_a_page_that_no_run_made_has_no_evidence(measured):
    with pytest.raises(ValueError, match="no run made the notebook of tiny"):
        record_of_page(measured.chapter, measured.chapter.read_source())


def test_changed_parameters_are_told_with_the_verdict(measured):
    page = measured.chapter.read_pair()
    page.metadata["brainalign"]["changed_parameters"] = {"n": 4}
    assert record_of_page(measured.chapter, page).origin.startswith("profile default, with changes, run ")


def test_an_executed_chapter_keeps_its_evidence_in_results_and_outputs(tiny):
    from brainalign.runs.execution import run_chapter

    tiny.edit("notebooks/01_tiny.md", "import record, record_table", "import record, record_claim, record_table")
    tiny.edit("notebooks/01_tiny.md", 'record("note", note)', 'record_claim("a-claim", 2.04, null=[1, 2])')
    run = run_chapter(tiny.chapter).run
    page = assemble_page(tiny.chapter, run.notebook(), run.manifest)
    assert record_of_run(tiny.chapter, run) == record_of_page(tiny.chapter, page)
    assert record_of_run(tiny.chapter, run).evidence == {"a-claim": Evidence(2.04, [1.0, 2.0])}


def test_the_scorecard_links_each_verdict_to_the_cell_that_measured_it(measured, tmp_path):
    source, html = tmp_path / "source", tmp_path / "html"
    (source / "notebooks").mkdir(parents=True)
    (source / "conf.py").write_text(
        "extensions = ['myst_nb', 'sphinx_design', 'brainalign.book.directives']\nnb_execution_mode = 'off'\n"
        "root_doc = 'card'\nmyst_enable_extensions = ['colon_fence']\n",
        encoding="utf-8",
    )
    (source / "card.md").write_text(
        "# Card\n\n```{scorecard}\n```\n\n```{toctree}\nnotebooks/01_tiny\n```\n", encoding="utf-8"
    )
    nbformat.write(measured.chapter.read_pair(), source / "notebooks" / "01_tiny.ipynb")
    app = Sphinx(source, source, html, html / "trees", "html", status=None, warningiserror=True)
    app.build()
    card, page = (
        BeautifulSoup((html / name).read_text(encoding="utf-8"), "html.parser")
        for name in ("card.html", "notebooks/01_tiny.html")
    )
    link = card.find("a", href="notebooks/01_tiny.html#claim-a-claim")
    row = [cell.get_text() for cell in link.find_parent("tr").find_all("td")]
    run = measured.key().digest[:12]
    assert row == [
        "reproduced",
        "It is | < 2.",
        "2.0 (abstract)holds if: within 0.1test: compared with the study; two-sided; no null model",
        f"2.04 (in tiny)profile default, run {run}",
    ]
    assert "Of 2 claims: 1 reproduced, 1 not yet tested." in card.get_text()
    assert "there is no time" in card.find("details").get_text()
    assert 'record_claim("a-claim", 2.04)' in page.find(id="claim-a-claim").get_text()
    assert '"null": null' not in page.get_text()
