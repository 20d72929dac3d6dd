"""Time and memory of encoding models, beside himalaya and scikit-learn in one run.

Run with `pytest benchmarks/test_encoding.py --benchmark-only`. Processor time, on as many threads for all, and the
least of several rounds, taken in turn, because wall time says little on a machine that is shared.
"""

import subprocess
import sys
import time

import numpy as np
import pytest
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from numpy.testing import assert_allclose, assert_array_less
from sklearn.linear_model import RidgeCV

from brainalign.encoding import fit_ridge, p_values

N_SAMPLES, N_FEATURES, N_TARGETS, N_FOLDS = 800, 2048, 10_000, 5
PENALTIES = np.logspace(0, 6, 10)
ROUNDS = 2

MOST_OF_HIMALAYA = 1.3
LEAST_OF_SCIKIT_LEARN = 2.5
MOST_SECONDS_OF_P_VALUES = 60.0
MOST_GIGABYTES = 8.0

WHOLE_BRAIN = """
import resource
import numpy as np
from brainalign.encoding import fit_encoding
rng = np.random.default_rng(0)
features = rng.standard_normal((800, 2048), dtype=np.float32)
responses = rng.standard_normal((800, 300_000), dtype=np.float32)
responses[:, :1000] += 0.1 * features[:, :1000]
found = fit_encoding(features, responses, penalties=np.logspace(2, 6, 5), n_folds=2, dtype="float32")
assert found.predictions.shape == responses.shape and found.weights.shape == (2048, 300_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N_SAMPLES, N_FEATURES))
    features = ((features - features.mean(axis=0)) / features.std(axis=0)).astype(np.float32)
    signal = features @ rng.normal(size=(N_FEATURES, N_TARGETS)).astype(np.float32) / N_FEATURES**0.5
    return features, signal + 2 * rng.normal(size=signal.shape).astype(np.float32)


def fit_by_himalaya(features, responses):
    before = get_backend().name
    set_backend("torch")
    try:
        return KernelRidgeCV(alphas=PENALTIES, cv=N_FOLDS, fit_intercept=True).fit(features, responses)
    finally:
        set_backend(before)


def fit_by_scikit_learn(features, responses):
    return RidgeCV(alphas=PENALTIES, alpha_per_target=True, fit_intercept=True).fit(features, responses)


@pytest.mark.benchmark(timer=time.process_time)
def test_ridge_beside_himalaya_and_scikit_learn(benchmark, capsys, problem):
    seconds = {"himalaya": [], "scikit-learn": []}
    peers = {"himalaya": fit_by_himalaya, "scikit-learn": fit_by_scikit_learn}
    fits = {}

    def time_peers():
        for name, fit in peers.items():
            start = time.process_time()
            fits[name] = fit(*problem)
            seconds[name].append(time.process_time() - start)

    def fit():
        return fit_ridge(*problem, penalties=PENALTIES, splits=N_FOLDS)

    found = benchmark.pedantic(fit, setup=time_peers, rounds=ROUNDS)
    best = fits["himalaya"].best_alphas_.numpy()
    assert np.isclose(found.penalties, best, rtol=1e-3).mean() > 0.99
    assert_allclose(np.median(np.log10(fits["scikit-learn"].alpha_)), np.median(np.log10(found.penalties)), atol=0.7)
    ours = benchmark.stats.stats.min
    with capsys.disabled():
        print(f"\nridge, {N_TARGETS} targets: {ours:.2f} s")
        for name, times in seconds.items():
            print(f"  {name} {min(times):.2f} s, {min(times) / ours:.2f} times")
    assert_array_less(ours, MOST_OF_HIMALAYA * min(seconds["himalaya"]))
    assert_array_less(LEAST_OF_SCIKIT_LEARN * ours, min(seconds["scikit-learn"]))


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("kind", ["blocks", "circular", "phase"])
def test_p_values_of_many_targets(benchmark, capsys, kind, problem):
    _, responses = problem
    predictions = responses[::-1] + 0.05 * responses

    def compute():
        return p_values(predictions, responses, kind, 1000, np.random.default_rng(0))

    p = benchmark.pedantic(compute, rounds=1)
    assert p.shape == (N_TARGETS,)
    with capsys.disabled():
        print(f"\np-values by {kind}, {N_TARGETS} targets, 1000 draws: {benchmark.stats.stats.min:.1f} s")
    assert_array_less(benchmark.stats.stats.min, MOST_SECONDS_OF_P_VALUES)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_memory_of_a_whole_brain(benchmark, capsys):
    """Responses, predictions and weights of 300 000 targets are 4.4 GB in float32; the rest is the work's."""

    def fit():
        done = subprocess.run([sys.executable, "-c", WHOLE_BRAIN], capture_output=True, text=True, check=True)
        return float(done.stdout)

    gigabytes = benchmark.pedantic(fit, rounds=1)
    with capsys.disabled():
        print(f"\n300 000 targets: {gigabytes:.1f} GB at most, {benchmark.stats.stats.min:.0f} s")
    assert_array_less(gigabytes, MOST_GIGABYTES)
