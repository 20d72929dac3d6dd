"""Planning, sweeping, collecting and comparing from a shell."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from distributed import Client, LocalCluster

from brainalign import devices
from brainalign.cli import sweeps
from brainalign.runs import plan as plans
from brainalign.runs.sweeps.driver import SweepInterruptedError
from tests.runs.sweeps.conftest import executed  # noqa: F401  fixture
from tests.runs.tiny import manifest, put

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
GRID = "product:\n  n: {from: 1, to: 3}\n"


@pytest.fixture
def here(monkeypatch):
    """Workers in this process, and the options that they were asked for with."""
    asked = []

    @contextmanager
    def client(*options):
        asked.append(options)
        quiet = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
        with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **quiet) as cluster, Client(cluster) as c:
            yield c

    monkeypatch.setattr(sweeps, "_client", client)
    return asked


@pytest.fixture
def grid(tiny):
    path = tiny.home / "grid.yml"
    path.write_text(GRID, encoding="utf-8")
    return path


def test_a_sweep_runs_what_is_missing_and_tells_every_run(brainalign, tiny, grid, here, executed):  # noqa: F811
    executed.broken = frozenset({2})
    answer = brainalign("sweep", "tiny", "--grid", str(grid), "--workers", "2", "--threads", "3")
    assert here == [(None, False, 2, 3, 3)]
    assert (answer.code, answer.err) == (1, "")
    sweep = re.fullmatch(r"sweep (\w{12}) of tiny: 3 runs \(0 done, 0 failed, 3 pending\)", answer.lines[0]).group(1)
    told = sorted(re.sub(r"^\[\d/3\] \w{12} |;.*| in [\d.]+ s", "", line) for line in answer.lines[1:4])
    assert told == ["(n = 1) done", "(n = 2) failed: RuntimeError: no luck with 2", "(n = 3) done"]
    assert answer.lines[4].startswith("failed: ")
    assert answer.lines[5:] == [
        "Try again with: --retry-failed",
        "2 of 3 runs are done. As a table:",
        f"brainalign collect --sweep {sweep}",
    ]

    again = brainalign("sweep", "tiny", "--grid", str(grid))
    assert again.code == 1
    assert again.lines[0].endswith("(2 done, 1 failed, 0 pending)")
    assert len(here) == 1  # nobody is asked for nothing

    executed.broken = frozenset()
    mended = brainalign("sweep", "tiny", "--grid", str(grid), "--retry-failed")
    assert (mended.code, mended.lines[-2]) == (0, "3 of 3 runs are done. As a table:")
    assert sorted(executed) == [1, 2, 2, 3]


@pytest.mark.parametrize("is_grid", [False, True])
def test_a_plan_with_a_model_that_is_not_there_is_refused(brainalign, tmp_path, is_grid):
    words = ("-p", "model", "file:/nonexist")
    if is_grid:
        (tmp_path / "grid.yml").write_text('product: {model: [minilm, "file:/nonexist"]}\n', encoding="utf-8")
        words = ("--grid", str(tmp_path / "grid.yml"))
    answer = brainalign("plan", "topology", *words)
    assert (answer.code, answer.out) == (2, "")
    assert "/nonexist" in answer.err


def test_a_device_that_is_not_there_starts_no_sweep_on_this_machine(brainalign, tiny, grid, here, monkeypatch):
    monkeypatch.setattr(devices, "_devices_here", lambda: ["cpu"])
    grid.write_text(f"values: {{device: cuda}}\n{GRID}", encoding="utf-8")
    answer = brainalign("sweep", "tiny", "--grid", str(grid))
    assert (answer.code, here) == (2, [])
    assert "device = 'cuda' is not on this machine" in answer.err
    assert not tiny.runs.exists()


def test_a_sweep_of_which_all_is_there_can_be_collected(brainalign, tiny, grid, here, monkeypatch):
    monkeypatch.chdir(tiny.home)
    for n in (1, 2, 3):
        put(tiny.store, manifest(tiny.key(n=n)))
    answer = brainalign("sweep", "tiny", "--grid", str(grid))
    assert (answer.code, answer.lines[1], here) == (0, "3 of 3 runs are done. As a table:", [])
    assert brainalign(*answer.lines[2].split()[1:]).lines[0].startswith("runs.parquet: 3 runs")


@pytest.mark.parametrize(
    ("words", "content", "text"),
    [
        ([], "product: {nn: [1]}", "unknown parameter of tiny: 'nn'. Did you mean 'n'?"),
        ([], "prodct: {n: [1]}", "grid.yml: unknown section of the grid: 'prodct'. Did you mean 'product'?"),
        ([], "product: {n: [1, 101]}", "tiny: n = 101 is not allowed; allowed is int >= 1, <= 100."),
        (["--scheduler", "tcp://127.0.0.1:9", "--slurm"], GRID, "--scheduler has workers of its own;"),
        (["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], GRID, "--scheduler has workers of its own;"),
        (["--slurm"], GRID, "--slurm needs --workers, the number of jobs."),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(brainalign, tiny, grid, words, content, text):
    grid.write_text(content, encoding="utf-8")
    answer = brainalign("sweep", "tiny", "--grid", str(grid), *words)
    assert answer.code == 2
    assert answer.err.startswith(f"brainalign: {text}")
    assert not (tiny.runs / "tiny").exists()


def test_a_million_runs_are_asked_about_before_they_start(brainalign, tiny, grid, here, monkeypatch):
    grid.write_text("product: {n: {from: 1, to: 100}, scale: {from: 0.0009, to: 9, step: 0.0009}}", encoding="utf-8")
    monkeypatch.setattr(plans, "MOST_LOOKED_UP", 5)
    put(tiny.store, manifest(tiny.key(n=1), seconds=3600.0))
    before = tiny.bytes_of_runs()
    answer = brainalign("sweep", "tiny", "--grid", str(grid))
    assert answer.code == 2
    assert answer.err.startswith(
        "brainalign: The grid asks for 1000000 runs, together about 41666 d 16 h of work. Start them? Nobody can be "
        "asked here: give --yes, or vary less."
    )
    monkeypatch.setattr(sweeps, "_is_asked", lambda: True)
    monkeypatch.setattr(sweeps.typer, "confirm", lambda *_, **__: (_ for _ in ()).throw(sweeps.typer.Abort))
    assert brainalign("sweep", "tiny", "--grid", str(grid)).code == 1
    assert (here, tiny.bytes_of_runs()) == ([], before)


def test_a_large_sweep_starts_when_asked_to(brainalign, grid, here, executed, monkeypatch):  # noqa: F811
    monkeypatch.setattr(sweeps, "ASK_ABOVE", 2)
    assert brainalign("sweep", "tiny", "--grid", str(grid)).code == 2
    assert brainalign("sweep", "tiny", "--grid", str(grid), "--yes").code == 0
    assert len(executed) == 3


def test_without_room_on_the_disk_nothing_starts(brainalign, tiny, grid, here, monkeypatch):
    put(tiny.store, manifest(tiny.key(n=7)))
    monkeypatch.setattr(plans.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1}))
    for words in (("sweep", "tiny", "--grid", str(grid)), ("plan", "tiny", "--grid", str(grid)), ("plan", "tiny")):
        answer = brainalign(*words)
        assert answer.code == 2
        assert "are needed, and the disk of" in answer.err
    assert here == []


def test_a_lost_scheduler_is_told_with_what_to_do(brainalign, grid, here, monkeypatch):
    def lose(*_, **__):
        msg = "the scheduler was lost with 3 runs to do. Start the same sweep again: it does what is missing."
        raise SweepInterruptedError(msg)

    monkeypatch.setattr("brainalign.runs.sweeps.driver.run_sweep", lose)
    answer = brainalign("sweep", "tiny", "--grid", str(grid))
    assert (answer.code, answer.err.split(".")[0]) == (1, "brainalign: the scheduler was lost with 3 runs to do")


def test_a_plan_tells_runs_bytes_room_and_time(brainalign, tiny, grid):
    put(tiny.store, manifest(tiny.key(n=1), seconds=30.0))
    put(tiny.store, manifest(tiny.key(n=9), seconds=30.0))
    answer = brainalign("plan", "tiny", "--grid", str(grid), "--workers", "2")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0] == "chapter profile runs already there download disk one run in all"
    assert re.fullmatch(r"tiny default 3 1 0 B [\d.]+ kB 30 s \(of 2\) 30 s", answer.lines[1])


def test_a_plan_tells_what_to_download_and_what_to_ask_for(brainalign, tiny, monkeypatch):
    monkeypatch.setattr(plans, "_bytes_of_data", lambda _: 2500)
    monkeypatch.setattr(plans, "state_of", lambda _: "by hand")
    assert brainalign("plan", "tiny").lines[2:4] == [
        "to download, 2.50 kB: brainalign data get tiny-table",
        "to obtain by hand: brainalign data get tiny-table says how",
    ]


def test_a_plan_of_the_book_has_a_line_for_every_chapter_with_the_profile(brainalign, tiny):
    answer = brainalign("plan", "--profile", "smoke")
    assert answer.lines[1:] == [
        "tiny smoke 1 0 0 B unknown unknown unknown",
        "No time and size can be told without an earlier run of: tiny",
    ]
    assert brainalign("plan", "--profile", "smok").err.startswith("brainalign: unknown profile: 'smok'. Did you mean")
    assert brainalign("plan", "--grid", "x").err.startswith("brainalign: --grid plans a sweep of one chapter")
    assert brainalign("plan", "-p", "n", "2").err.startswith("brainalign: -p sets a parameter of one")


def test_a_plan_with_parameters_knows_their_run(brainalign, tiny, executed):  # noqa: F811
    values = ("-p", "n", "7")
    assert brainalign("run", "tiny", *values).code == 0
    assert brainalign("plan", "tiny", *values).lines[1].split()[2:4] == ["1", "1"]
    assert brainalign("plan", "tiny", "-p", "n", "6").lines[1].split()[2:4] == ["1", "0"]
    assert brainalign("plan", "tiny", "-p", "m", "6").code == 2


def test_runs_are_collected_into_a_table(brainalign, tiny, grid, here, executed, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tiny.home)
    put(tiny.store, manifest(tiny.key(n=50)))
    sweep = brainalign("sweep", "tiny", "--grid", str(grid)).lines[-1].split()[-1]
    answer = brainalign("collect")
    assert (answer.code, answer.lines[0].split(",")[0]) == (0, "runs.parquet: 4 runs (0 failed)")
    assert sorted(pd.read_parquet(tiny.home / "runs.parquet")["parameters.n"]) == [1, 2, 3, 50]
    assert brainalign("collect", "tiny", "--sweep", sweep[:5], "-o", "some.csv").code == 0
    assert sorted(pd.read_csv(tiny.home / "some.csv")["parameters.n"]) == [1, 2, 3]
    assert brainalign("collect", "tinny").code == 2
    assert brainalign("collect", "--sweep", "zzz").err.startswith("brainalign: 'zzz' is no sweep. Sweeps here are: ")


def test_two_runs_are_compared(brainalign, tiny):
    for n, rows in ((1, 3), (2, 4)):
        folder = put(tiny.store, manifest(tiny.key(n=n), parameters={"n": n, "scale": 1.0}))
        (folder / "results.json").write_text(f'{{"n_rows": {rows}, "same": 1}}', encoding="utf-8")
    first, second = (f"tiny/{tiny.key(n=n).digest[:12]}" for n in (1, 2))
    answer = brainalign("compare", first, second)
    assert answer.code == 0
    assert answer.lines[1:] == [
        f"parameter {first} {second}",
        "n 1 2",
        f"result {first} {second} difference relative",
        "n_rows 3 4 1 0.333",
        "1 results differ, 1 are the same.",
    ]
    assert brainalign("compare", first, "zzz").err.startswith("brainalign: there is no run 'zzz'.")


def test_an_interrupted_command_says_how_to_go_on(tiny, grid):
    """As from a shell, with a local cluster of its own, and control-C while the first run is on its way."""
    tiny.edit("notebooks/01_tiny.md", 'behaviour = os.environ.get("TINY_BEHAVIOUR", "")', MARK)
    words = [sys.executable, "-m", "brainalign.cli", "sweep", "tiny", "--grid", str(grid), "--workers", "1"]
    out, err = tiny.base / "out.txt", tiny.base / "err.txt"  # no pipes: the kernel has them open a little longer
    with out.open("w") as out_stream, err.open("w") as err_stream:
        command = subprocess.Popen(words, stdout=out_stream, stderr=err_stream)
    deadline = time.monotonic() + 60
    while not list(tiny.home.glob("*.mark")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=60) == 130
    assert err.read_text() == "brainalign: stopped. What was finished is kept; the same command continues.\n"
    assert "3 runs (0 done, 0 failed, 3 pending)" in out.read_text()
    assert tiny.store.good_runs("tiny") == []


MARK = '(Path.home() / f"{n}.mark").touch()\ntime.sleep(60)\nbehaviour = ""'
