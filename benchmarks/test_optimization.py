"""Time of one step of optimisation, beside autograd through the decompositions that the published code uses.

Run with `pytest benchmarks/test_optimization.py --benchmark-only -s`. The peers are written here plainly: CKA from the
eigenvectors of both Gram matrices, Procrustes from the singular vectors of X'Y, regression from those of the data or
through a QR decomposition. The least processor time of several rounds counts, ours and theirs in turn, on one thread,
so that other work on the machine does not count.

CKA must be 5 times faster. The others cannot be on a processor. Under Procrustes a fifth of the peer's step is 76 ms:
X'Y and the product of X with the polar factor take 49, centering and Adam 14, and the rest is less than one more
product of 700 x 700 matrices (18), where the polar factor takes an eigendecomposition (77) and three such products.
The factor of the step before is no help: corrected by Newton's method, in the eigenvectors of the step before, it is
still wrong by 1e-5 or more after eight rounds of eight products, because weak directions turn far in a step.
Regression is four products with X (24 each) and one more, and a fifth of the peer's step 82 ms; normal equations in
place of the QR decomposition save an eighth of a step and lose half of the digits. The limits keep what is reached.
"""

import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less

from brainalign.similarity.optimization import score_towards

N_SAMPLES, N_FEATURES = 1000, 700
ROUNDS = 3


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


def angle_through_singular_vectors(X, Y):
    return 1 - bures_through_singular_vectors(X, Y).arccos() * (2 / torch.pi)


def predictivity_through_qr(X, Y):
    A = centered(X)
    Q, _ = torch.linalg.qr(centered(Y))
    return (Q.mT @ A).square().sum() / A.square().sum()


def predictivity_through_singular_vectors(X, Y):
    A = centered(X)
    U, _, _ = torch.linalg.svd(centered(Y), full_matrices=False)
    return (U.mT @ A).square().sum() / A.square().sum()


PEERS = [
    # measure, peer, least ratio of its time to ours
    ("linear_cka", cka_through_eigenvectors, 5),
    ("normalized_bures_similarity", bures_through_singular_vectors, 1.5),
    ("angular_procrustes", angle_through_singular_vectors, 1.5),
    ("linear_predictivity", predictivity_through_singular_vectors, 2),
    ("linear_predictivity", predictivity_through_qr, 0.8),
]


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


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("measure", "peer", "least_ratio"), PEERS)
def test_one_step(benchmark, measure, peer, least_ratio):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N_SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    X = X * torch.linspace(1, 0.05, N_FEATURES, dtype=torch.float64)
    start = torch.randn(N_SAMPLES, N_FEATURES, generator=generator, dtype=torch.float64)
    ours, theirs = step_in_closed_form(measure, X, start), step_through_autograd(peer, X, start)
    assert_allclose(ours(), theirs(), rtol=1e-9)
    times = np.empty((ROUNDS, 2))
    for row in times:
        for column, step in enumerate((ours, theirs)):
            began = time.process_time()
            step()
            row[column] = time.process_time() - began
    benchmark.pedantic(ours, rounds=1)
    mine, other = times.min(axis=0)
    benchmark.extra_info.update(ours=mine, theirs=other, ratio=other / mine)
    print(f"{measure}: {mine:.3f} s a step; {peer.__name__}: {other:.3f} s, ratio {other / mine:.1f}")
    assert_array_less(least_ratio, other / mine)
