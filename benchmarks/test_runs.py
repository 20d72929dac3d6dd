"""What a run costs beyond its notebook, what a stage costs beyond its computation, and reading many runs.

Run with `pytest benchmarks/test_runs.py`. Processor time of this process and its kernels, because wall time depends on
who else computes.
"""

import json
import resource
import time

import numpy as np
import pytest
from tests.runs.tiny import manifest

from brainalign.runs.execution import run_chapter
from brainalign.runs.keys import compute_key
from brainalign.runs.registry import get_chapter
from brainalign.runs.stages import stage
from brainalign.runs.store import RunStore

MOST_OVERHEAD = 4.0
MOST_FOR_READING = 2.0
MOST_FOR_A_STAGE = 1.0
N_RUNS = 2000
N_RESULTS = 40


def processor_seconds():
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def test_overhead_of_a_run(benchmark, capsys, tiny):
    tiny.edit("notebooks/01_tiny.md", "import os\n", "import time as clock\nBEGAN = clock.process_time()\nimport os\n")
    tiny.edit("notebooks/01_tiny.md", "Path.cwd() /", 'record("in_cells", clock.process_time() - BEGAN)\nPath.cwd() /')
    found = []

    def beyond_the_notebook():
        began, clock = processor_seconds(), time.perf_counter()
        run = run_chapter(tiny.chapter, force=True).run
        waited = time.perf_counter() - clock - sum(run.manifest.cell_seconds)
        found.append((processor_seconds() - began - run.results()["in_cells"], waited))

    # The first round pays for imports and for the graph of imports.
    benchmark.pedantic(beyond_the_notebook, rounds=3, warmup_rounds=1)
    overhead, waited = min(found)
    benchmark.extra_info.update(processor_seconds=overhead, seconds=waited)
    with capsys.disabled():
        print(f"\nbeyond the notebook: {overhead:.2f} s of the processor, {waited:.2f} s of time")
    assert overhead < MOST_OVERHEAD


@pytest.fixture
def many_runs(tmp_path, monkeypatch):
    """A store of runs of a real chapter, whose key has many modules."""
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    chapter = get_chapter("topology")
    key = compute_key(chapter, chapter.parameters())
    results = json.dumps({f"result_{i}": i / 7 for i in range(N_RESULTS)})
    for number in range(N_RUNS):
        folder = tmp_path / "topology" / f"{number:012x}"
        folder.mkdir(parents=True)
        made = manifest(key, chapter="topology", run_id=folder.name)
        (folder / "manifest.json").write_text(made.to_json(), encoding="utf-8")
        (folder / "results.json").write_text(results, encoding="utf-8")
    return RunStore(tmp_path)


@pytest.mark.benchmark(timer=time.process_time)
def test_reading_many_runs(benchmark, capsys, many_runs):
    read = benchmark.pedantic(lambda: [run.results() for run in many_runs.good_runs("topology")], rounds=3)
    seconds = benchmark.stats.stats.min
    with capsys.disabled():
        print(f"\n{len(read)} manifests and their results: {seconds:.2f} s of the processor")
    assert len(read) == N_RUNS
    assert seconds < MOST_FOR_READING


@pytest.mark.benchmark(timer=time.process_time)
def test_reading_a_stage(benchmark, capsys, tiny, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_STAGES", str(tiny.base / "stages"))
    inputs = np.random.default_rng(0).normal(size=(1000, 1000))
    benchmark.pedantic(lambda: stage("large", {"inputs": inputs}, lambda: inputs @ inputs), rounds=5, warmup_rounds=1)
    seconds = benchmark.stats.stats.min
    with capsys.disabled():
        print(f"\na finished stage of {inputs.nbytes / 1e6:.0f} MB in and out: {seconds:.3f} s of the processor")
    assert seconds < MOST_FOR_A_STAGE
