"""Time and memory of similarity measures, beside bare matrix products and loops that compare pair by pair.

Run with `pytest benchmarks/test_similarity.py --benchmark-only`. Where the packages ckatorch, torch-cka and rsatoolbox
can be imported, they run side by side; the loops written here do the same work plainly. The least wall time of several
rounds counts, ours and theirs in turn: others who compute meanwhile disturb some rounds only, and threads count as a
gain.
"""

import importlib.util
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less

from brainalign.similarity import angular_procrustes_distance, debiased_linear_cka, linear_cka, pairwise, rsa

N_REPRESENTATIONS = 50
N_PAIRS = N_REPRESENTATIONS * (N_REPRESENTATIONS - 1) // 2
ROUNDS = 5

MOST_OVER_BARE_PRODUCTS = 1.5
LEAST_RATIO_CKA = 100
LEAST_RATIO_DEBIASED = 50
LEAST_RATIO_PROCRUSTES = 8
LEAST_RATIO_RSA = 40  # in float32 with 4096 features; less in double precision and with fewer features
MOST_MEGABYTES_DEBIASED = 100


def representations(n, n_samples, n_features, common=0.3):
    """Random representations that share a tenth of their dimensions."""
    generator = torch.Generator().manual_seed(0)
    signals = torch.randn(n_samples, n_features // 10, generator=generator)
    weights = torch.randn(n, n_features // 10, n_features, generator=generator)
    return torch.randn(n, n_samples, n_features, generator=generator) + common * signals @ weights


def least_seconds(*functions, rounds=ROUNDS):
    """Least wall time of each function, called in turn after one call that does not count."""
    times = np.empty((rounds, len(functions)))
    for function in functions:
        function()
    for row in times:
        for index, function in enumerate(functions):
            start = time.perf_counter()
            function()
            row[index] = time.perf_counter() - start
    return times.min(axis=0)


def plain_cka(X, Y):
    """Linear CKA from centered Gram matrices in double precision, as one would write it for one pair."""
    n = len(X)
    centering = torch.eye(n, dtype=torch.float64) - 1 / n
    K, L = (centering @ (array.double() @ array.double().T) @ centering for array in (X, Y))
    return (K * L).sum() / ((K * K).sum() * (L * L).sum()).sqrt()


def plain_debiased_cka(X, Y):
    """Debiased CKA term by term from Gram matrices, as one would write it for one pair."""
    K, L = ((array @ array.T).fill_diagonal_(0) for array in (X, Y))
    return plain_hsic(K, L) / (plain_hsic(K, K) * plain_hsic(L, L)).sqrt()


def plain_hsic(K, L):
    n, ones = len(K), torch.ones(len(K), dtype=K.dtype)
    product = K @ L
    sums = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
    return product.trace() + sums - 2 / (n - 2) * (ones @ product @ ones)


def plain_procrustes(X, Y):
    """Procrustes angle from a full singular value decomposition with its rotation, as the shape-metric packages do."""
    X, Y = (array - array.mean(axis=0) for array in (X, Y))
    X, Y = X / np.linalg.norm(X), Y / np.linalg.norm(Y)
    U, _, Vh = np.linalg.svd(X.T @ Y)
    return np.arccos((X @ U * (Y @ Vh.T)).sum())


def plain_rsa(X, Y):
    """Pearson correlation of correlation distances as rsatoolbox computes them: in double, by einsum without BLAS."""
    rdms = []
    for array in (X, Y):
        patterns = array.double().numpy()
        patterns = patterns - patterns.mean(axis=1, keepdims=True)
        patterns /= np.sqrt(np.einsum("ij,ij->i", patterns, patterns))[:, None]
        rdms.append((1 - np.einsum("ik,jk", patterns, patterns))[np.triu_indices(len(patterns), k=1)])
    return np.corrcoef(rdms)[0, 1]


def peers_of(name):
    """Functions of other packages for one pair, by name; empty where they are not installed."""
    found = {}
    if importlib.util.find_spec("ckatorch"):
        from ckatorch.core import cka_base

        found["ckatorch"] = lambda X, Y: cka_base(X, Y, unbiased=name == "debiased")
    if name == "rsa" and importlib.util.find_spec("rsatoolbox"):
        from rsatoolbox.data import Dataset
        from rsatoolbox.rdm import calc_rdm, compare

        def toolbox_rsa(X, Y):
            rdms = [calc_rdm(Dataset(array.double().numpy()), method="correlation") for array in (X, Y)]
            return compare(*rdms, method="corr").item()

        return {"rsatoolbox": toolbox_rsa}
    if name == "debiased" and importlib.util.find_spec("torch_cka"):
        from torch_cka import CKA

        def minibatch_cka(X, Y):
            K, L = ((array @ array.T).fill_diagonal_(0) for array in (X, Y))
            hsic = [CKA._HSIC(SimpleNamespace(device="cpu"), *pair) for pair in ((K, L), (K, K), (L, L))]
            return hsic[0] / (hsic[1] * hsic[2]) ** 0.5

        found["torch-cka"] = minibatch_cka
    return found


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("name", ["linear_cka", "debiased_linear_cka"])
def test_all_pairs_by_cka(benchmark, capsys, name):
    X = representations(N_REPRESENTATIONS, 1000, 1024)

    def bare_products():
        grams = (X @ X.mT).flatten(1)
        return grams @ grams.T

    values = benchmark.pedantic(lambda: pairwise(X, name), rounds=ROUNDS, warmup_rounds=1)
    ours, bare = least_seconds(lambda: pairwise(X, name), bare_products)
    plain = plain_cka if name == "linear_cka" else plain_debiased_cka
    others = {"plain loop": plain, **peers_of("biased" if name == "linear_cka" else "debiased")}
    theirs = {}
    for other, function in others.items():
        assert_allclose(values[0, 1], float(function(X[0], X[1])), rtol=1e-3, err_msg=other)
        theirs[other] = N_PAIRS * least_seconds(lambda function=function: function(X[0], X[1]))[0]
    benchmark.extra_info.update(ours=ours, bare_products=bare, **theirs)
    with capsys.disabled():
        print(f"\n{name}, {N_PAIRS} pairs, 1000 x 1024, float32; seconds:")
        print(f"  {ours:.2f}; bare products {bare:.2f}, ratio {ours / bare:.2f}")
        for other, seconds in theirs.items():
            print(f"  {other} {seconds:.0f} (from one pair), ratio {seconds / ours:.0f}")
    assert_array_less(ours / bare, MOST_OVER_BARE_PRODUCTS)
    if name == "linear_cka":
        assert_array_less(LEAST_RATIO_CKA, theirs.get("ckatorch", theirs["plain loop"]) / ours)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_one_pair_by_debiased_cka(benchmark, capsys):
    X, Y = representations(2, 5000, 512)
    value = benchmark.pedantic(lambda: debiased_linear_cka(X, Y), rounds=ROUNDS, warmup_rounds=1)
    (ours,) = least_seconds(lambda: debiased_linear_cka(X, Y), rounds=3 * ROUNDS)
    theirs = {}
    for other, function in {"plain": plain_debiased_cka, **peers_of("debiased")}.items():
        assert_allclose(value, float(function(X, Y)), rtol=2e-2, err_msg=other)  # float32 norms of Gram matrices
        theirs[other] = least_seconds(lambda function=function: function(X, Y), rounds=2)[0]
    exact = debiased_linear_cka(X.double(), Y.double())
    assert_allclose(value, exact, rtol=1e-5)
    added = megabytes_added()
    benchmark.extra_info.update(ours=ours, megabytes=added, **theirs)
    with capsys.disabled():
        print("\ndebiased_linear_cka, one pair, 5000 x 512, float32; seconds:")
        print(f"  {ours:.3f}, {added:.0f} MB above the inputs, relative error {abs(value / exact - 1):.0e}")
        for other, seconds in theirs.items():
            print(f"  {other} {seconds:.2f}, ratio {seconds / ours:.0f}")
    for other, seconds in theirs.items():
        assert_array_less(LEAST_RATIO_DEBIASED, seconds / ours, err_msg=other)
    assert_array_less(added, MOST_MEGABYTES_DEBIASED)


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("n_features", [1024, 4096])
def test_one_pair_by_rsa(benchmark, capsys, n_features):
    X, Y = representations(2, 1000, n_features)
    value = benchmark.pedantic(lambda: rsa(X, Y), rounds=ROUNDS, warmup_rounds=1)
    double_X, double_Y = X.double(), Y.double()
    ours, ours_double = least_seconds(lambda: rsa(X, Y), lambda: rsa(double_X, double_Y))
    theirs = {}
    for other, function in {"plain": plain_rsa, **peers_of("rsa")}.items():
        assert_allclose(value, function(X, Y), rtol=1e-4, err_msg=other)
        theirs[other] = least_seconds(lambda function=function: function(X, Y), rounds=1)[0]
    benchmark.extra_info.update(ours=ours, ours_double=ours_double, **theirs)
    with capsys.disabled():
        print(f"\nrsa, one pair, 1000 x {n_features}; seconds:")
        print(f"  {ours:.3f} in float32, {ours_double:.3f} in double precision")
        for other, seconds in theirs.items():
            print(
                f"  {other} {seconds:.2f}, ratio {seconds / ours:.0f} in float32, {seconds / ours_double:.0f} in double"
            )
    if n_features == 4096:
        assert_array_less(LEAST_RATIO_RSA, theirs.get("rsatoolbox", theirs["plain"]) / ours)


def megabytes_added():
    """Growth of the memory of a fresh process by one comparison, up to its peak, with all libraries loaded before."""
    script = """
import re, torch
from pathlib import Path
from brainalign.similarity import debiased_linear_cka

def kilobytes(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))

debiased_linear_cka(torch.randn(600, 512), torch.randn(600, 512))
X, Y = torch.randn(5000, 512), torch.randn(5000, 512)
Path("/proc/self/clear_refs").write_text("5")  # forgets the peak that loading the libraries left
before = kilobytes("VmRSS")
debiased_linear_cka(X, Y)
print(kilobytes("VmHWM") - before)
"""
    if not sys.platform.startswith("linux"):
        return 0.0
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(done.stdout) / 2**10


@pytest.mark.benchmark(timer=time.perf_counter)
def test_all_pairs_by_procrustes(benchmark, capsys):
    # The steeper the spectra, the more pairs need double precision; both cases are shown, the first one is bounded.
    X = representations(10, 1000, 1024, common=0.03)
    steep = X[:3] * torch.arange(1, 1025) ** -0.5
    n_pairs = 10 * 9 // 2
    first, second = (array.double().numpy() for array in X[:2])
    values = benchmark.pedantic(lambda: pairwise(X, "angular_procrustes_distance"), rounds=2, warmup_rounds=1)
    assert_allclose(values[0, 1], plain_procrustes(first, second), rtol=1e-5)
    ours, ours_steep, double, single = least_seconds(
        lambda: pairwise(X, "angular_procrustes_distance"),
        lambda: pairwise(steep, "angular_procrustes_distance"),
        lambda: plain_procrustes(first, second),
        lambda: torch.linalg.svd(X[0].T @ X[1]),
        rounds=3,
    )
    ours, ours_steep = ours / n_pairs, ours_steep / 3
    benchmark.extra_info.update(
        ours_per_pair=ours, ours_per_steep_pair=ours_steep, double_svd=double, single_svd=single
    )
    with capsys.disabled():
        print(f"\nangular_procrustes_distance, {n_pairs} pairs, 1000 x 1024, float32; seconds per pair:")
        print(f"  {ours:.3f}; with steep spectra {ours_steep:.3f}")
        print(f"  full SVD in double precision {double:.2f}, ratio {double / ours:.1f}")
        print(f"  bare full SVD in float32 {single:.2f}, ratio {single / ours:.1f}")
    assert_array_less(LEAST_RATIO_PROCRUSTES, double / ours)


def test_pairs_of_the_loops_are_those_of_the_measures():
    X, Y = representations(2, 50, 60).double()
    assert_allclose(plain_cka(X, Y), linear_cka(X, Y))
    assert_allclose(plain_debiased_cka(X, Y), debiased_linear_cka(X, Y))
    assert_allclose(plain_rsa(X, Y), rsa(X, Y))
    assert_allclose(plain_procrustes(X.numpy(), Y.numpy()), angular_procrustes_distance(X, Y))
