"""One table of all runs: its rows, its columns, and both formats."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from brainalign.runs.collect import collect_runs, write_table
from brainalign.runs.errors import StoreWarning, UsageError
from brainalign.runs.keys import RunKey
from tests.runs.tiny import manifest, put

RESULTS = {"n_rows": 3, "r": 0.25, "by model": {"a": 1.5, "b": None}, "draws": [1, 2], "note": "good", "is": True}


def keep(tiny, *, results=RESULTS, name=None, chapter="tiny", values=None, **changes):
    """Put a run into the store that was never executed."""
    parts = {"code": {}, "parameters": values or {"n": 3}, "source": {}, "lock": {}, "data": {}}
    written = manifest(RunKey(**parts), chapter=chapter, **changes)
    folder = put(tiny.store, written, chapter=chapter, name=name)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return written


def test_a_run_is_a_row_with_its_parameters_and_results(tiny):
    written = keep(tiny, values={"n": 3, "sizes": [100, 200]})
    (row,) = collect_runs(tiny.store).to_dict("records")
    facts = {"chapter": "tiny", "run_id": written.run_id, "status": "ok", "profile": "default", "seconds": 1.0}
    assert facts.items() <= row.items()
    assert {name: value for name, value in row.items() if name.startswith("parameters.")} == {
        "parameters.n": 3,
        "parameters.sizes": "[100, 200]",
    }
    results = {name: value for name, value in row.items() if name.startswith("results.")}
    assert results == {
        "results.n_rows": 3,
        "results.r": 0.25,
        "results.by model.a": 1.5,
        "results.by model.b": None,
        "results.note": "good",
        "results.is": True,
    }


def test_lists_are_kept_when_asked(tiny):
    keep(tiny)
    assert collect_runs(tiny.store, with_lists=True)["results.draws"].tolist() == ["[1, 2]"]


def test_failed_runs_are_rows_with_their_error(tiny):
    error = {"kind": "ValueError", "text": "no luck", "cell": 3, "source": "", "traceback": ""}
    keep(tiny, status="failed", error=error, results={}, name="abc-failed")
    (row,) = collect_runs(tiny.store).to_dict("records")
    assert (row["status"], row["error"]) == ("failed", "ValueError: no luck")


def test_chapters_and_runs_can_be_chosen_and_share_columns(tiny):
    first = keep(tiny, values={"n": 1}, started="2026-01-02T00:00:00+00:00")
    keep(tiny, values={"n": 2}, started="2026-01-01T00:00:00+00:00")
    keep(tiny, values={"seed": 4}, chapter="another", results={"x": 1})
    every = collect_runs(tiny.store)
    assert every["chapter"].tolist() == ["another", "tiny", "tiny"]
    assert every["parameters.n"].tolist()[1:] == [2, 1]  # by time
    assert every.columns.get_loc("parameters.seed") < every.columns.get_loc("results.x")
    assert len(collect_runs(tiny.store, ["tiny"])) == 2
    assert collect_runs(tiny.store, run_ids={first.run_id})["parameters.n"].tolist() == [1]


def test_what_is_no_run_is_passed_over(tiny):
    keep(tiny)
    for name in (".half-1", "strange", "strange2"):
        (tiny.runs / "tiny" / name).mkdir()
        (tiny.runs / "tiny" / name / "manifest.json").write_text("{", encoding="utf-8")
    (tiny.runs / "sweeps").mkdir()
    (tiny.runs / "sweeps" / "abc.json").write_text("{}", encoding="utf-8")
    with pytest.warns(StoreWarning, match=r"^2 runs were left out \(tiny/strange") as warned:
        assert len(collect_runs(tiny.store)) == 1
    assert len(warned) == 1


def test_a_store_without_runs_is_an_empty_table(tiny):
    table = collect_runs(tiny.store)
    assert (len(table), table.columns[0]) == (0, "chapter")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_both_formats_hold_the_same(tiny, tmp_path, ending):
    keep(tiny, values={"n": 1, "layer": "all"}, results={"r": 0.1, "x": 1, "odd": "none"})
    keep(tiny, values={"n": 2, "layer": 3}, results={"r": None, "odd": 2}, started="2026-01-05T00:00:00+00:00")
    table = collect_runs(tiny.store)
    path = tmp_path / f"runs.{ending}"
    write_table(table, path)
    back = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert back["parameters.layer"].tolist() == ["all", "3"]  # one type per column
    assert back["results.odd"].tolist() == ["none", "2"]
    numbers = ["parameters.n", "results.r", "results.x"]
    assert_frame_equal(back[numbers], table[numbers].astype(back[numbers].dtypes))
    assert [file.name for file in tmp_path.iterdir() if "partial" in file.name] == []


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1, 2**63, 2**64 + 1, -(2**70)])
@pytest.mark.parametrize("others", [[{}], [{"seed": 1}], [{"seed": 0.5}], []])
def test_long_numbers_keep_all_digits(tiny, tmp_path, seed, others):
    """Also beside runs without such a number, where a table would make floats of them."""
    keep(tiny, values={"seed": seed}, results={"drawn": seed, "x": 1})
    for number, values in enumerate(others):
        keep(tiny, values={"n": 1, **values}, results={"x": 2}, started=f"2027-01-0{number + 1}T00:00:00+00:00")
    table = collect_runs(tiny.store)
    assert (table["parameters.seed"][0], table["results.drawn"][0]) == (seed, seed)
    for ending in ("parquet", "csv"):
        path = tmp_path / f"runs.{ending}"
        write_table(table, path)
        back = pd.read_parquet(path) if ending == "parquet" else pd.read_csv(path, dtype=str)
        assert back["parameters.seed"][0] == back["results.drawn"][0] == str(seed)
        assert back["results.x"].astype(float).tolist() == [1, 2][: len(table)]


def test_another_format_or_a_missing_folder_is_refused(tiny, tmp_path):
    table = collect_runs(tiny.store)
    with pytest.raises(UsageError, match=r"^runs\.xlsx ends neither in \.parquet nor"):
        write_table(table, tmp_path / "runs.xlsx")
    with pytest.raises(UsageError, match=r"^there is no folder .*nowhere; make it"):
        write_table(table, tmp_path / "nowhere" / "runs.csv")


def test_many_manifests_are_read_quickly(tiny):
    written = keep(tiny)
    folder = tiny.runs / "tiny" / written.run_id
    text, results = (folder / "manifest.json").read_bytes(), (folder / "results.json").read_bytes()
    for number in range(200):
        copied = tiny.runs / "tiny" / f"copy{number}"
        copied.mkdir()
        (copied / "manifest.json").write_bytes(text)
        (copied / "results.json").write_bytes(results)
    start = time.process_time()
    assert len(collect_runs(tiny.store)) == 201
    assert time.process_time() - start < 1
