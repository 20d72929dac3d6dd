"""Time of one step of optimisation, beside autograd through the decompositions that the published code uses.

Run with `pytest benchmarks/test_optimization.py --benchmark-only -s`. The peers are written here plainly: CKA from the
eigenvectors of both Gram matrices, Procrustes from the singular vectors of X'Y, regression through a QR decomposition.
The least wall time of several rounds counts, ours and theirs in turn. The limit holds for CKA; the other two are only
printed: the Procrustes gradient still needs one decomposition of X'Y, and the QR decomposition has a cheap derivative.
"""

import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less

from brainalign.similarity.optimization import score_towards

N_SAMPLES, N_FEATURES = 1000, 700
ROUNDS = 3
LEAST_RATIO = 5


def centered(X):
    return X - X.mean(dim=0)


def cka_through_eigenvectors(X, Y):
    (a, U), (b, V) = (torch.linalg.eigh(centered(Z) @ centered(Z).mT) for Z in (X, Y))
    overlap = (U.mT @ V).square()
    return (a @ overlap @ b) / (a.square().sum() * b.square().sum()).sqrt()


def bures_through_singular_vectors(X, Y):
    A, B = centered(X), centered(Y)
    U, _, Vh = torch.linalg.svd(A.mT @ B)
    A, B = A @ U, B @ Vh.mT
    return (A * B).sum() / (A.norm() * B.norm())


def predictivity_through_qr(X, Y):
    A = centered(X)
    Q, _ = torch.linalg.qr(centered(Y))
    return (Q.mT @ A).square().sum() / A.square().sum()


PEERS = {
    "linear_cka": cka_through_eigenvectors,
    "normalized_bures_similarity": bures_through_singular_vectors,
    "linear_predictivity": predictivity_through_qr,
}


def step_through_autograd(function, X, start):
    Y = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([Y], lr=0.1, maximize=True)

    def step():
        optimizer.zero_grad()
        score = function(X, Y)
        score.backward()
        optimizer.step()
        return float(score.detach())

    return step


def step_in_closed_form(measure, X, start):
    objective = score_towards(X, measure)
    Y = torch.nn.Parameter(start[None].clone())
    optimizer = torch.optim.Adam([Y], lr=0.1, maximize=True)

    def step():
        score, Y.grad = objective(Y.detach())
        optimizer.step()
        return float(score)

    return step


@pytest.mark.parametrize("measure", PEERS)
def test_one_step(benchmark, measure):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N_SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    X = X * torch.linspace(1, 0.05, N_FEATURES, dtype=torch.float64)
    start = torch.randn(N_SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    ours = step_in_closed_form(measure, X, start)
    theirs = step_through_autograd(PEERS[measure], X, start)
    assert_allclose(ours(), theirs(), rtol=1e-9)
    times = np.empty((ROUNDS, 2))
    for row in times:
        for column, step in enumerate((ours, theirs)):
            began = time.perf_counter()
            step()
            row[column] = time.perf_counter() - began
    benchmark.pedantic(ours, rounds=1)
    least = times.min(axis=0)
    benchmark.extra_info.update(ours=least[0], theirs=least[1], ratio=least[1] / least[0])
    print(f"{measure}: {least[0]:.3f} s a step, {least[1]:.3f} s through autograd, ratio {least[1] / least[0]:.1f}")
    if measure == "linear_cka":
        assert_array_less(LEAST_RATIO, least[1] / least[0])
