"""Time of the bootstrap of correlations between metrics, beside pandas on one table.

Run with `pytest benchmarks/test_agreement.py --benchmark-only`. Wall time, because threads are a gain; the least of
several rounds, because others who compute meanwhile disturb some of them.
"""

import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_less

from brainalign.agreement import ScoreTable, bootstrap_correlations, correlations

N_MODELS, N_METRICS, N_DRAWS = 1000, 200, 1000
ROUNDS = 3

MOST_SECONDS = 20.0


def score_table(share_missing):
    """Related columns with ties, and gaps at random: the slowest kind, because no two pairs have the same models."""
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(N_MODELS, 1)) + 2 * rng.normal(size=(N_MODELS, N_METRICS))).round(2)
    values[rng.random(values.shape) < share_missing] = np.nan
    scores = pd.DataFrame(values, columns=[f"metric {i}" for i in range(N_METRICS)]).rename(index=str)
    return ScoreTable(scores, pd.DataFrame({"category": "all", "parent": None}, index=scores.columns))


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("share_missing", [0.0, 0.1])
@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_bootstrap_of_all_correlations(benchmark, capsys, method, share_missing):
    table = score_table(share_missing)
    start = time.perf_counter()
    by_pandas = table.scores.corr(method)
    one_table = time.perf_counter() - start
    assert_allclose(correlations(table, method).matrix, by_pandas, atol=1e-9)

    processor = []

    def resample():
        begun = time.process_time()
        found = bootstrap_correlations(table, method, n_draws=N_DRAWS, generator=np.random.default_rng(0))
        processor.append(time.process_time() - begun)
        return found

    found = benchmark.pedantic(resample, rounds=ROUNDS)
    assert found.draws.shape == (N_METRICS * (N_METRICS - 1) // 2, N_DRAWS)
    seconds = benchmark.stats.stats.min
    with capsys.disabled():
        print(
            f"\n{method}, {share_missing:.0%} missing: {seconds:.1f} s for {N_DRAWS} draws of {N_MODELS} x {N_METRICS}"
            f", processor time {min(processor):.1f} s"
        )
        print(f"  pandas {one_table:.2f} s for one table, ratio {N_DRAWS * one_table / seconds:.0f}")
    assert_array_less(seconds, MOST_SECONDS)
