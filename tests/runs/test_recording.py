"""Recording: what stands in the run's files, and what is pasted into the page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from IPython.utils.capture import capture_output

from brainalign.runs.recording import RUN_FOLDER, record, record_table


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def displayed(monkeypatch):
    shown = []

    def display(data, *, raw, metadata):
        assert raw
        shown.append((data, metadata))

    monkeypatch.setattr("brainalign.runs.recording.display", display)
    return shown


def results(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("displayed")
def test_results_are_added_by_name(folder):
    record("first", 1)
    record("second", "zwei ü {x}")
    assert results(folder) == {"first": 1, "second": "zwei ü {x}"}
    assert [path.name for path in folder.iterdir()] == ["results.json"]


@pytest.mark.usefixtures("displayed")
def test_a_name_recorded_twice_is_refused_and_the_first_value_stays(folder):
    record("first", 1)
    with pytest.raises(ValueError, match="'first' was recorded before in this run"):
        record("first", 3)
    assert results(folder) == {"first": 1}


@pytest.mark.usefixtures("displayed")
def test_what_is_not_finite_becomes_null_in_the_file(folder):
    record("z", float("nan"))
    record("nested", {"a": [np.inf, 1.0]})
    text = (folder / "results.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"z": None, "nested": {"a": [None, 1.0]}}
    assert "NaN" not in text


@pytest.mark.usefixtures("displayed")
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.array(2.5), 2.5),
        ((1, np.int8(2)), [1, 2]),
        ({"a": np.float64(1.5), 2: [np.array([1])]}, {"a": 1.5, "2": [[1]]}),
        (None, None),
        (True, True),
    ],
)
def test_values_of_numpy_become_plain(folder, value, kept):
    record("value", value)
    assert results(folder) == {"value": kept}
    assert type(results(folder)["value"]) is type(kept)


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, b"bytes", np.array([1j]), [pd.Timestamp("2026-01-01")]])
def test_what_json_cannot_hold_is_refused_at_the_call(folder, displayed, value):
    with pytest.raises(TypeError):
        record("value", value)
    assert displayed == []
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_the_page_gets_what_the_run_keeps(displayed):
    record("share", np.float64(0.25))
    record("name", "it's")
    prefix = "application/papermill.record/"
    assert displayed == [
        ({f"{prefix}text/plain": "0.25"}, {"scrapbook": {"name": "share", "mime_prefix": prefix}}),
        ({f"{prefix}text/plain": '"it\'s"'}, {"scrapbook": {"name": "name", "mime_prefix": prefix}}),
    ]


def test_a_table_is_kept_as_parquet_without_its_index(folder):
    table = pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan], "count": [1, 2]}, index=[7, 9])
    record_table("rows", table)
    assert [str(path.relative_to(folder)) for path in folder.rglob("*.parquet")] == ["tables/rows.parquet"]
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "tables" / "rows.parquet"), table.reset_index(drop=True))
    record_table("more", table)
    assert len(list((folder / "tables").iterdir())) == 2


def test_opened_by_hand_nothing_is_written_but_the_page_gets_its_number(tmp_path, monkeypatch, displayed):
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    record("share", 0.25)
    record_table("rows", pd.DataFrame({"a": [1]}))
    assert list(tmp_path.iterdir()) == []
    assert displayed[0][0] == {"application/papermill.record/text/plain": "0.25"}


def test_recording_in_plain_python_prints_nothing_wrong(monkeypatch):
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    with capture_output() as captured:
        record("share", 0.25)
    assert captured.stderr == ""
