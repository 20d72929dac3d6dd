"""What a sweep costs beyond its runs, and how long reading many manifests takes.

Run with `pytest benchmarks/test_sweeps.py --benchmark-only -s`. The ideal time of a sweep is that of its runs, from
their manifests, shared among the workers: so other work on the machine, which slows the runs too, does not count
against the sweep. Starting the workers and importing everything in them counts.
"""

import json
import os
import time

import pytest
from numpy.testing import assert_array_less
from tests.runs.tiny import TINY, manifest, put

from brainalign.runs.collect import collect_runs
from brainalign.runs.grids import make_grid
from brainalign.runs.keys import RunKey
from brainalign.runs.sweeps.clusters import local_client
from brainalign.runs.sweeps.driver import prepare, run_sweep

N_RUNS, N_WORKERS = 40, 2
N_MANIFESTS = 2000
N_MODULES = 135  # that a chapter of this book imports

MOST_OVER_IDEAL = 1.25
MOST_SECONDS = 2.0


@pytest.mark.benchmark(timer=time.perf_counter)
def test_a_sweep_costs_little_more_than_its_runs(benchmark, capsys, tiny):
    # A kernel starts and imports in a second or more; with this rest a run takes two.
    tiny.edit(
        "notebooks/01_tiny.md", 'behaviour = os.environ.get("TINY_BEHAVIOUR", "")', 'time.sleep(1)\nbehaviour = ""'
    )
    grid = make_grid({"product": {"n": {"from": 1, "to": N_RUNS}}})

    def sweep():
        prepared = prepare(TINY, grid)
        with local_client(N_WORKERS) as client:
            return run_sweep(prepared, client)

    record = benchmark.pedantic(sweep, rounds=1)
    assert record.count("done") == N_RUNS
    ideal = sum(run.seconds for run in record.runs.values()) / N_WORKERS
    seconds = benchmark.stats.stats.min
    with capsys.disabled():
        print(f"\nsweep of {N_RUNS} runs on {N_WORKERS} workers, {os.cpu_count()} cores: {seconds:.1f} s")
        print(f"  ideal {ideal:.1f} s ({2 * ideal / N_RUNS:.1f} s a run), ratio {seconds / ideal:.2f}")
    assert_array_less(seconds / ideal, MOST_OVER_IDEAL)


@pytest.mark.benchmark(timer=time.process_time)
def test_reading_many_manifests_into_a_table(benchmark, capsys, tiny):
    checksum = 64 * "a"
    for number in range(N_MANIFESTS):
        source = {f"brainalign.room.module_{index}": checksum for index in range(N_MODULES)}
        parameters = {f"parameter_{index}": index + number for index in range(8)}
        key = RunKey({f"cell {n}": checksum for n in range(20)}, parameters, source, {"lock": checksum}, {})
        folder = put(tiny.store, manifest(key, outputs={f"tables/{n}.parquet": checksum for n in range(6)}))
        results = {f"result {index}": index / 7 for index in range(40)}
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    table = benchmark.pedantic(lambda: collect_runs(tiny.store), rounds=3)
    assert table.shape == (N_MANIFESTS, 9 + 8 + 40)
    seconds = benchmark.stats.stats.min
    with capsys.disabled():
        print(f"\n{N_MANIFESTS} manifests into a table: {seconds:.2f} s of processor time")
    assert_array_less(seconds, MOST_SECONDS)
