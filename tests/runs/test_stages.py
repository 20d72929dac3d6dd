"""Stages: what was finished is not computed again, and what is half or stale is not believed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import brainalign
from brainalign.runs import stages
from brainalign.runs.errors import StoreWarning, UsageError
from brainalign.runs.fingerprints import fingerprint
from brainalign.runs.stages import list_stages, remove_stages, stage
from brainalign.topology import graph_metrics

pytestmark = pytest.mark.processes

CALLS = []


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of stages of its own."""
    monkeypatch.setenv("BRAINALIGN_STAGES", str(tmp_path / "stages"))
    for name in ("BRAINALIGN_RECOMPUTE", "BRAINALIGN_STAGE_LOG", "BRAINALIGN_USE_LOG"):
        monkeypatch.delenv(name, raising=False)
    CALLS.clear()
    return tmp_path / "stages"


def noted(value):
    """Count the computation, and give its result."""
    CALLS.append(1)
    return value


def doubled(n):
    return stage("doubled", {"n": n, "CALLS": 0}, lambda: noted(2 * n))


# Killed at any moment

SCRIPT = """
import os, signal, sys, time
from pathlib import Path

from brainalign.runs.stages import stage

count, moment, parent = Path(sys.argv[1]), sys.argv[2], os.getpid()
whole, written = os.fsync, []


def die_while_writing(descriptor):
    written.append(descriptor)
    # Stage a writes its result and its receipt; b dies at its result ("result") or its receipt ("receipt").
    if len(written) == {"result": 3, "receipt": 4}.get(moment):
        os.kill(parent, signal.SIGKILL)
    whole(descriptor)


os.fsync = die_while_writing


def note(name):
    with open(count, "a") as stream:
        stream.write(name)


def compute(name, moment):
    note(name)
    if name == "b" and moment == "middle":
        time.sleep(60)
    return {"name": name, "values": [1.5, None]}


for name in "abc":
    print(stage(name, {"name": name, "moment": 0, "count": 0}, lambda: compute(name, moment)))
"""


def process(script, count, moment):
    command = [sys.executable, str(script), str(count), moment]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("moment", ["middle", "result", "receipt"])
def test_a_killed_process_goes_on_where_it_was(tmp_path, folder, moment):
    script, count = tmp_path / "work.py", tmp_path / "count"
    script.write_text(SCRIPT, encoding="utf-8")
    killed = process(script, count, moment)
    deadline = time.monotonic() + 60
    while moment == "middle" and not (count.exists() and count.read_text() == "ab"):
        assert killed.poll() is None, killed.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if moment == "middle":
        killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert count.read_text() == "ab"
    assert [one.name for one in list_stages()] == ["a"]
    assert len(list(folder.glob(".partial-*"))) == (moment != "middle")

    again = process(script, count, "never")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert out.splitlines() == [str({"name": name, "values": [1.5, None]}) for name in "abc"]
    assert count.read_text() == "ab" + "bc"  # a was not computed again


# What is kept


@pytest.mark.parametrize(
    "value",
    [
        1, 0.1, float("inf"), None, True, "text Ω", [1, [2.5, None]], {"a": {"b": [1]}}, {}, [],
        np.arange(6.0).reshape(2, 3), np.float32([1, np.nan]), np.array(["a", "bc"]), np.zeros((0, 3)),
        {"x": np.arange(3), "y": np.array(2.5)},
        pd.DataFrame({"name": ["a", "b"], "value": [0.1, np.nan], "n": [1, 2]}),
        pd.DataFrame({"value": [1.0, 2.0]}, index=pd.Index(["r", "s"], name="row")),
    ],
    ids=repr,
)  # fmt: skip
def test_a_result_is_the_same_whether_computed_or_read(value):
    found = [stage("any", {"value": value, "CALLS": 0}, lambda: noted(value)) for _ in range(2)]
    assert len(CALLS) == 1
    for result in found:
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(result, value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(result, value, strict=True)
        elif isinstance(value, dict) and "x" in value:
            assert list(result) == ["x", "y"]
            for name in value:
                np.testing.assert_array_equal(result[name], value[name], strict=True)
        else:
            assert result == value
            assert type(result) is type(value)


def test_a_tuple_comes_as_a_list_the_first_time_too():
    assert [stage("pair", {}, lambda: (1, (2, 3))) for _ in range(2)] == [[1, [2, 3]]] * 2


@pytest.mark.parametrize("value", [{1, 2}, object(), torch.zeros(2), np.array([object()]), pd.Series([1.0])])
def test_a_result_that_cannot_be_kept_is_refused(value, monkeypatch):
    monkeypatch.setattr(stages, "fingerprint", lambda _: "same")
    with pytest.raises(UsageError, match="the stage 'odd' returned what cannot be kept"):
        stage("odd", {"value": value}, lambda: value)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 81, "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(UsageError, match="cannot name a stage"):
        stage(name, {}, lambda: 1)


# What the key holds


def test_another_input_or_name_is_another_stage():
    assert (doubled(1), doubled(2), doubled(1)) == (2, 4, 2)
    assert len(CALLS) == 2
    assert stage("other", {"CALLS": 0}, lambda: noted(1)) == 1
    assert len(CALLS) == 3


def test_another_computation_is_another_stage():
    n = 3
    assert stage("same", {"n": n}, lambda: n + 1) == 4
    assert stage("same", {"n": n}, lambda: n + 2) == 5
    assert stage("same", {"n": n}, lambda: n - 1) == 2


def test_another_code_of_a_function_beside_it_is_another_stage(monkeypatch):
    def first():
        return stage("helped", {}, lambda: helper())

    assert first() == 1
    monkeypatch.setitem(globals(), "helper", lambda: 2)
    assert first() == 2


def helper():
    return 1


def test_a_line_in_a_module_behind_it_is_another_stage(tmp_path, monkeypatch):
    package = tmp_path / "brainalign"
    shutil.copytree(Path(brainalign.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(brainalign, "__file__", str(package / "__init__.py"))

    def shapes():
        return stage("shapes", {"CALLS": 0}, lambda: noted([graph_metrics.__name__]))

    assert shapes() == shapes() == ["graph_metrics"]
    assert len(CALLS) == 1
    for module, n_calls in (("similarity/kernels.py", 1), ("topology/paths.py", 2)):
        (package / module).write_text("# another line", encoding="utf-8")
        shapes()
        assert len(CALLS) == n_calls, module


def test_another_lock_file_is_another_stage(monkeypatch):
    doubled(1)
    monkeypatch.setattr(stages, "lock_checksum", lambda: {"requirements.lock": "0"})
    doubled(1)
    assert len(CALLS) == 2


def test_what_is_read_but_not_named_is_refused():
    n, unnamed = 1, 2
    with pytest.raises(UsageError, match="reads unnamed, which its inputs do not"):
        stage("incomplete", {"n": n}, lambda: n + unnamed)
    with pytest.raises(UsageError, match="reads CALLS, which"):
        stage("deeper", {}, lambda: noted(1))
    objective = torch.nn.Linear(2, 2).forward
    with pytest.raises(UsageError, match="reads objective, which"):
        stage("a method holds data", {}, lambda: objective(1))


@pytest.mark.parametrize("generator", [np.random.default_rng(0), torch.Generator()])
def test_a_source_of_random_numbers_is_refused(generator):
    with pytest.raises(UsageError, match="Give a seed, and make the generator inside"):
        stage("random", {"generator": generator}, lambda: 1)


def test_fingerprints_tell_values_apart_and_equal_ones_not():
    def model(fill):
        network = torch.nn.Linear(2, 2)
        torch.nn.init.constant_(network.weight, fill)
        torch.nn.init.zeros_(network.bias)
        return network

    different = [
        None, 0, 0.0, False, "0", b"0", [0], (0,), {"a": 0}, {"a": 1}, {0}, ["ab", "c"], ["a", "bc"],
        np.zeros(2), np.zeros((2, 1)), np.zeros(2, dtype=int), np.float32(0), torch.zeros(2), torch.zeros(2).double(),
        pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1]}, index=[5]), pd.Series([1]),
        model(0.0), model(1.0), torch.float32, torch.device("cpu"),
    ]  # fmt: skip
    prints = [fingerprint(value) for value in different]
    assert len(set(prints)) == len(different)
    assert fingerprint(model(1.0)) == fingerprint(model(1.0))
    assert fingerprint(np.arange(6).reshape(2, 3).T) == fingerprint(np.arange(6).reshape(2, 3).T.copy())
    with pytest.raises(UsageError, match="a object cannot be an input of a stage"):
        fingerprint(object())


# Data that the computation reads


def test_data_read_inside_is_part_of_it_and_told_each_time(tiny, tmp_path, monkeypatch):
    from brainalign.catalogue.entries import locate

    log = tmp_path / "used"
    monkeypatch.setenv("BRAINALIGN_USE_LOG", str(log))

    def rows():
        return stage(
            "rows", {"CALLS": 0}, lambda: noted(locate("tiny-table", "data/tiny.csv").read_text(encoding="utf-8"))
        )

    first = rows()
    assert (rows(), len(CALLS)) == (first, 1)
    assert set(log.read_text().split()) == {"tiny-table"}
    log.unlink()
    rows()
    assert set(log.read_text().split()) == {"tiny-table"}  # also when it was not computed
    tiny.edit("data/tiny.csv", "a,1.5", "a,1.6")
    assert "a,1.6" in rows()
    assert len(CALLS) == 2


# Harm


def test_a_result_that_was_changed_is_computed_again_and_said(folder):
    doubled(4)
    (result,) = folder.glob("doubled-*[!e].json")
    result.write_text("9", encoding="utf-8")
    with pytest.warns(StoreWarning, match="the result of the stage 'doubled' does not"):
        assert doubled(4) == 8
    assert len(CALLS) == 2
    assert doubled(4) == 8
    assert len(CALLS) == 2


@pytest.mark.parametrize("harm", ["", "{", "[]", '{"layout": 2}'])
def test_a_receipt_that_cannot_be_read_counts_for_nothing(folder, harm):
    doubled(4)
    (receipt,) = folder.glob("*.stage.json")
    receipt.write_text(harm, encoding="utf-8")
    assert doubled(4) == 8
    assert len(CALLS) == 2


def test_a_full_disk_costs_the_copy_and_not_the_result(folder, monkeypatch):
    def full(_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(StoreWarning, match="'doubled' was computed but cannot be kept"):
        assert doubled(4) == 8
    assert list(folder.iterdir()) == []


def test_asked_to_recompute_it_does(monkeypatch):
    doubled(4)
    monkeypatch.setenv("BRAINALIGN_RECOMPUTE", "1")
    doubled(4)
    assert len(CALLS) == 2


# Listing and cleaning


def test_stages_are_listed_with_the_last_used_first_and_removed_when_unused(folder):
    doubled(1), doubled(2)
    old = next(one for one in list_stages() if one.files[1].read_text() == "2")
    os.utime(old.files[0], (time.time() - 10 * 24 * 3600,) * 2)
    abandoned = folder / ".partial-x"
    abandoned.write_text("half")
    assert [one.files[1].read_text() for one in list_stages()] == ["4", "2"]
    assert remove_stages(unused_days=5) > 1
    assert [one.files[1].read_text() for one in list_stages()] == ["4"]
    os.utime(abandoned, (time.time() - 2 * 24 * 3600,) * 2)
    remove_stages(unused_days=5)
    assert not abandoned.exists()
    assert doubled(2) == 4
    assert len(CALLS) == 2
    remove_stages()
    assert list(folder.iterdir()) == []
    with pytest.raises(UsageError, match="-1 days cannot be"):
        remove_stages(unused_days=-1)


def test_an_empty_folder_has_no_stages():
    assert list_stages() == []
    assert remove_stages() == 0


def test_a_receipt_tells_what_it_is(folder):
    doubled(4)
    facts = json.loads(next(folder.glob("*.stage.json")).read_text())
    assert facts["name"] == "doubled"
    assert facts["data"] == {}
    assert str(Path.home()) not in json.dumps(facts)
