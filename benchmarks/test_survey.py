"""Time and memory of a survey: 50,000 heads of 197 nodes, and the study's 151 models at their own sizes.

Run with `pytest benchmarks/test_survey.py`. Weights are drawn in the true shapes, so nothing is downloaded, and random
heads cost what trained ones do. Processor time, because wall time depends on who else computes.
"""

import resource
import sys
import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_less

from brainalign.models.drawn import drawn_attention, head_counts, n_nodes
from brainalign.models.registry import models
from brainalign.topology import head_metrics

N_HEADS = 50_000
N_MEASURED = 2016  # 14 models of 144 heads
N_CORES = 2
STARTS = 8

MOST_MINUTES = 5.0
MOST_GROWTH_MEGABYTES = 150.0  # a batch of graphs is 64 MiB
SAMPLED = {50: ("bert-base-uncased", 144), 197: ("deit-base", 48), 257: ("mae-huge", 32), 785: ("dino-base-8", 4)}
SAMPLED[1370] = ("dinov2-base", 2)


def peak_megabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measured(model, n_heads, seed=0):
    """Processor time of the metrics of a head, without drawing its weights."""
    weights = drawn_attention(model, generator=np.random.default_rng(seed), max_heads=n_heads)
    start = time.process_time()
    table = head_metrics(weights, starts=STARTS)
    return (time.process_time() - start) / len(table), len(table)


@pytest.mark.benchmark(timer=time.process_time)
def test_fifty_thousand_heads(benchmark, capsys):
    measured("deit-base", 24)  # compile
    measured("deit-base", 144)
    before = peak_megabytes()

    def survey():
        found = [measured("deit-base", 144, seed) for seed in range(N_MEASURED // 144)]
        assert sum(n for _, n in found) == N_MEASURED
        return np.mean([seconds for seconds, _ in found])

    a_head = benchmark.pedantic(survey, rounds=1)
    growth = peak_megabytes() - before
    minutes = a_head * N_HEADS / N_CORES / 60
    benchmark.extra_info.update(milliseconds_per_head=1e3 * a_head, minutes=minutes, growth_megabytes=growth)
    with capsys.disabled():
        print(f"\n{N_MEASURED} heads of 197 nodes, five metrics, best of {STARTS} starts: {1e3 * a_head:.2f} ms a head")
        print(f"{N_HEADS} heads on {N_CORES} cores: {minutes:.1f} minutes, if both work on nothing else")
        print(f"memory grows by {growth:.0f} MB from the second model to the last")
    assert_array_less(minutes, MOST_MINUTES)
    assert_array_less(growth, MOST_GROWTH_MEGABYTES)


@pytest.mark.benchmark(timer=time.process_time)
def test_the_models_of_the_study(benchmark, capsys):
    """Heads, bytes and time of the whole survey, from what a head costs at every number of nodes."""
    measured("deit-base", 24)  # compile
    costs = benchmark.pedantic(lambda: {n: measured(*sample)[0] for n, sample in SAMPLED.items()}, rounds=1)
    cost = pd.Series(costs)
    rows = []
    for entry in models(study="topology"):
        if entry.topology_bytes is None:
            continue  # the three whose shape is not known
        n, heads = n_nodes(entry.id), int(np.prod(head_counts(entry.id)))
        # Between the measured sizes the cost grows as a power of n.
        seconds = heads * np.exp(np.interp(np.log(n), np.log(cost.index), np.log(cost)))
        rows.append(
            {"nodes": n, "models": 1, "heads": heads, "GB": entry.topology_bytes / 1e9, "hours": seconds / 3600}
        )
    plan = pd.DataFrame(rows).groupby("nodes").sum()
    plan.loc["all"] = plan.sum()
    with capsys.disabled():
        print("\nprocessor milliseconds a head:", (1e3 * cost).round(2).to_dict())
        print(plan.round(3).astype({"models": int, "heads": int}).to_string())
    assert plan.loc["all", "models"] == 148
    assert plan.loc["all", "heads"] == 76_144
    assert_array_less(plan.loc[50, "hours"], 0.1 * plan.loc["all", "hours"])  # the large pictures take the time
