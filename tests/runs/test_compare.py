"""Two runs side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.runs.compare import compare_runs
from brainalign.runs.errors import UsageError
from brainalign.runs.keys import RunKey
from tests.runs.tiny import manifest, put


@pytest.fixture
def pair(tiny):
    """Makes two runs from what is in the first, and what is changed in the second."""

    def make(results=({}, {}), parts=None, second=None):
        runs = []
        for index in (0, 1):
            key = {
                "code": {"cell 1": "a"},
                "parameters": {"n": index, "k": 2},
                "source": {"m": "a"},
                "lock": {},
                "data": {},
            }
            key = RunKey(**(key | (parts or {}) if index else key))
            written = manifest(key, **((second or {}) if index else {}))
            chapter = written.chapter
            folder = put(tiny.store, written, chapter=chapter)
            (folder / "results.json").write_text(json.dumps(results[index]), encoding="utf-8")
            runs.append(tiny.store.open(f"{chapter}/{written.run_id}"))
        return runs

    return make


def rows(table):
    return [tuple(row) for row in table.itertuples(index=False)]


def test_parameters_that_differ_are_listed_and_those_that_do_not_are_not(pair):
    found = compare_runs(*pair())
    assert rows(found.parameters) == [("n", 0, 1)]
    assert found.key_parts == []


def test_key_parts_say_what_else_the_numbers_depend_on(pair):
    found = compare_runs(*pair(parts={"code": {"cell 1": "b"}, "source": {"m": "a", "x": "c"}}))
    assert found.key_parts == ["code: cell 1", "source: x (new)"]


def test_versions_and_hardware_that_differ_are_listed(pair):
    hardware = {"processor": "a cloud", "cores": 1, "gpus": []}
    found = compare_runs(*pair(second={"versions": {"numpy": "2.1"}, "hardware": hardware}))
    assert rows(found.circumstances) == [("processor", "an abacus", "a cloud"), ("numpy", None, "2.1")]


def test_numbers_have_their_difference_and_its_size(pair):
    first = {"r": 0.5, "same": 1, "of": {"a": -2.0, "b": 3}, "word": "yes", "gone": 1, "zero": 0, "is": True}
    second = {"r": 0.25, "same": 1, "of": {"a": -1.0, "b": 3}, "word": "no", "new": 2, "zero": 1, "is": False}
    found = compare_runs(*pair(results=(first, second)))
    table = found.numbers.set_index("name")
    assert found.n_equal == 2
    assert set(table.index) == {"r", "of.a", "word", "gone", "new", "zero", "is"}
    assert_allclose(table.loc[["r", "of.a", "zero"], "difference"].astype(float), [-0.25, 1, 1])
    assert_allclose(table.loc[["r", "of.a"], "relative"].astype(float), [0.5, 0.5])
    assert np.isnan(table.loc[["word", "gone", "new", "is"], "difference"].astype(float)).all()
    assert np.isnan(table.loc["zero", "relative"])
    assert (table.loc["gone", "second"], table.loc["new", "first"]) == (None, None)


def test_lists_differ_by_their_largest_difference(pair):
    first = {
        "draws": [1.0, None, 3.0],
        "grid": [[1, 2], [3, 4]],
        "short": [1],
        "ragged": [[1], [1, 2]],
        "gap": [1, None],
    }
    second = {
        "draws": [1.5, None, 1.0],
        "grid": [[1, 2], [3, 4]],
        "short": [1, 2],
        "ragged": [[2], [1, 2]],
        "gap": [1, 2],
    }
    found = compare_runs(*pair(results=(first, second)))
    table = found.numbers.set_index("name")
    assert list(table.index) == ["draws", "short", "ragged", "gap"]
    assert table.loc["draws", "difference"] == -2.0
    assert np.isnan(table.loc[["short", "ragged", "gap"], "difference"].astype(float)).all()


def test_a_run_equals_itself(pair):
    one, _ = pair(results=({"r": 1}, {"r": 1}))
    found = compare_runs(one, one)
    assert (len(found.parameters), len(found.numbers), len(found.circumstances), found.n_equal) == (0, 0, 0, 1)


def test_runs_of_different_chapters_are_refused(pair):
    with pytest.raises(UsageError, match="are of different chapters"):
        compare_runs(*pair(second={"chapter": "another"}))
