"""The commands `brainalign deposit`, `deposits` and `stages`."""

from __future__ import annotations

import json

import pytest

from brainalign.runs.stages import stage
from brainalign.runs.store import Run


@pytest.fixture
def paper(ran):
    """A run of the miniature chapter, as if with the profile paper."""
    run = ran.store.open("tiny")
    changed = run.manifest.model_copy(update={"profile": "paper"})
    (run.folder / "manifest.json").write_text(changed.to_json(), encoding="utf-8")
    return Run(run.folder, changed)


def test_a_run_is_deposited_listed_and_told_stale(brainalign, ran, paper):
    assert brainalign("deposits").lines == [
        "there are no deposits; make one of a run with: brainalign deposit RUN --by NAME"
    ]
    made = brainalign("deposit", paper.manifest.run_id[:6], "--by", "Marie [red]", "--note", "two nights")
    assert (made.code, made.err) == (0, "")
    assert made.lines == [f"{paper.name}: deposited, signed by Marie [red] (current)"]
    listed = brainalign("deposits")
    assert listed.lines[0] == "deposit profile signed by signed state"
    assert listed.lines[1].startswith(f"{paper.name} paper Marie [red] 20")
    assert listed.lines[1].endswith(" current")
    ran.edit("requirements.lock", "2.0.0", "3.0.0")
    assert brainalign("deposits").lines[1].endswith(" stale: lock: requirements.lock")
    (ran.root / "data" / "deposits" / paper.name / "results.json").write_text("{}", encoding="utf-8")
    assert brainalign("deposits").lines[1].endswith(" altered: results.json was changed")


@pytest.mark.usefixtures("ran")
def test_a_run_that_anybody_can_repeat_is_refused(brainalign):
    answer = brainalign("deposit", "tiny", "--by", "M")
    assert answer.code == 2
    assert "which anybody can repeat: brainalign run tiny. Deposit runs with the profile paper" in answer.err


@pytest.mark.usefixtures("paper")
@pytest.mark.parametrize("words", [["tiny"], ["tiny", "--by", ""], ["nothing", "--by", "M"]])
def test_a_deposit_without_a_name_or_a_run_is_refused(brainalign, words):
    answer = brainalign("deposit", *words)
    assert answer.code == 2
    assert answer.out == ""


# Stages


@pytest.fixture
def two_stages(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_STAGES", str(tmp_path / "stages"))
    for n in (1, 2):
        stage("squares", {"n": n}, lambda: n * n)  # noqa: B023  called at once
    return tmp_path / "stages"


def test_stages_are_listed_and_removed(brainalign, two_stages):
    listed = brainalign("stages", "list")
    assert listed.lines[0] == "stage key size seconds last used"
    assert [line.split()[0] for line in listed.lines[1:3]] == ["squares", "squares"]
    assert listed.lines[-1] == f"folder: {two_stages}"
    assert brainalign("stages", "clean", "--unused-days", "1").lines == ["0 B freed"]
    assert len(list(two_stages.iterdir())) == 4
    assert brainalign("stages", "clean").lines[0].endswith(" freed")
    assert list(two_stages.iterdir()) == []
    assert brainalign("stages", "list").lines[0] == "there are no finished stages"


# What is wrong with a store is a line of text


def test_runs_that_are_passed_over_are_said_without_the_place_in_the_code(brainalign, ran):
    path = ran.store.open("tiny").folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "schema_version": 99}), encoding="utf-8")
    answer = brainalign("list")
    assert answer.code == 0
    assert answer.err == (
        f"brainalign: 1 run was passed over and left alone (tiny/{path.parent.name}): it was written by a newer "
        "version (layout 99; this one reads 2).\n"
    )
    assert answer.lines[1].endswith("none yet")
    shown = brainalign("show", path.parent.name)
    assert shown.code == 2
    assert f"tiny/{path.parent.name} cannot be shown" in shown.err
    refused = brainalign("run", "tiny")
    assert refused.code == 1
    assert "Update the project, or set BRAINALIGN_RUNS elsewhere." in refused.err
