"""What measures promise, as assertions. Each one raises; none returns a bool."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch.testing import assert_close

# Scores agree to the round-off of double precision; distances that should be 0 to its square root.
EXACT = 1e-9
ROOT_EXACT = 1e-6
# An undeclared invariance must be broken by more than this, so that no round-off passes for a difference.
NOTICEABLE = 1e-4


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def related(n_samples, *widths, seed=0, noise=0.5, dtype=torch.float64):
    """Representations with three common directions and private noise."""
    common = normal(n_samples, 3, seed=seed)
    return [
        (common @ normal(3, width, seed=seed + 100 + index) + noise * normal(n_samples, width, seed=seed + 200 + index))
        .add(0.3)
        .to(dtype)
        for index, width in enumerate(widths)
    ]


def covariance_of(width, seed=0):
    factor = normal(width, width + 5, seed=seed)
    return factor @ factor.mT / width


def entries(rdm):
    """Dissimilarities of all pairs of samples, each pair once, as an array of shape (..., n_pairs)."""
    rows, columns = np.triu_indices(rdm.shape[-1], k=1)
    return np.asarray(rdm)[..., rows, columns]


def _turn(width, seed):
    return torch.linalg.qr(normal(width, width, seed=seed)).Q


TRANSFORMS = {
    "orthogonal": lambda X, seed: X @ _turn(X.shape[-1], seed),
    "isotropic_scaling": lambda X, seed: X * (3.7 + seed),
    "translation": lambda X, seed: X + 2 * normal(X.shape[-1], seed=seed),
    "invertible_linear": lambda X, seed: (
        X @ _turn(X.shape[-1], seed) @ torch.diag(torch.linspace(0.2, 5, X.shape[-1], dtype=X.dtype))
        @ _turn(X.shape[-1], seed + 1)
    ),
    "permutation": lambda X, seed: X.roll(1 + seed % (X.shape[-1] - 1), dims=-1),
}  # fmt: skip


def assert_bounded(measure, X, Y):
    value, (low, high) = measure(X, Y), measure.bounds
    assert low - EXACT <= value <= high + EXACT, f"{measure.name} is {value}, outside {measure.bounds}"


def assert_identity(measure, X):
    tolerance = EXACT if measure.kind == "score" else ROOT_EXACT * float(X.norm())
    assert_close(measure(X, X.clone()), X.new_tensor(measure.identity), rtol=0, atol=tolerance)


def assert_identity_depends_on_data(measure, X, Y):
    gap = (measure(X, X) - measure(Y, Y)).abs()
    assert gap > NOTICEABLE, f"{measure.name} gives {measure(X, X)} for X with X and for Y with Y: declare it"


def assert_invariant(measure, X, Y, name, *, sides=("first", "second")):
    transform, value = TRANSFORMS[name], measure(X, Y)
    if "first" in sides:
        assert_close(measure(transform(X, 1), Y), value, rtol=EXACT, atol=EXACT, msg=f"{measure.name}: {name} of first")
    if "second" in sides:
        assert_close(
            measure(X, transform(Y, 2)), value, rtol=EXACT, atol=EXACT, msg=f"{measure.name}: {name} of second"
        )


def assert_sensitive(measure, X, Y, name, *, sides=("first", "second")):
    """The transform changes the value when done to one of `sides`."""
    transform, value = TRANSFORMS[name], measure(X, Y)
    changed = {"first": lambda: measure(transform(X, 1), Y), "second": lambda: measure(X, transform(Y, 2))}
    gaps = [float((changed[side]() - value).abs()) for side in sides]
    assert max(gaps) > NOTICEABLE, f"{measure.name} does not notice {name}: changes {gaps}"


def assert_symmetric(measure, X, Y):
    assert_close(measure(Y, X), measure(X, Y), rtol=EXACT, atol=EXACT)


def assert_directed(measure, X, Y):
    gap = (measure(Y, X) - measure(X, Y)).abs()
    assert gap > NOTICEABLE, f"{measure.name} gives {measure(X, Y)} in both directions"


def assert_triangle(distance, representations):
    between = {}
    for i, j in itertools.combinations(range(len(representations)), 2):
        between[i, j] = between[j, i] = distance(representations[i], representations[j])
    for i, j, k in itertools.permutations(range(len(representations)), 3):
        direct, detour = between[i, k], between[i, j] + between[j, k]
        assert direct <= detour + EXACT, f"{direct} directly, {detour} by a detour"


def assert_gradient(function, *inputs, tolerance=1e-8):
    """The gradient is that of central differences, up to `tolerance` relative to the largest entry."""
    inputs = [X.detach().clone().requires_grad_() for X in inputs]
    gradients = torch.autograd.grad(function(*inputs), inputs)
    step = 1e-5
    for index, gradient in enumerate(gradients):
        direction = normal(*gradient.shape, seed=index)
        ahead, behind = ([X.detach() for X in inputs] for _ in range(2))
        far, back = list(ahead), list(behind)
        ahead[index] = ahead[index] + step * direction
        behind[index] = behind[index] - step * direction
        far[index] = far[index] + 2 * step * direction
        back[index] = back[index] - 2 * step * direction
        # Fourth order: its error stays below 1e-9 at this step.
        slope = (8 * (function(*ahead) - function(*behind)) - (function(*far) - function(*back))) / (12 * step)
        atol = tolerance * max(1.0, float(gradient.abs().max()))
        assert_close((gradient * direction).sum(), slope, rtol=tolerance, atol=atol)


def assert_finite_gradient(function, *inputs):
    inputs = [X.detach().clone().requires_grad_() for X in inputs]
    for gradient in torch.autograd.grad(function(*inputs), inputs):
        assert torch.isfinite(gradient).all(), f"{int((~torch.isfinite(gradient)).sum())} entries are not finite"


def assert_batched(measure, X, Y):
    """A batch (2, 1, ...) with a batch (3, ...) gives the loop over its pairs."""
    assert X.shape[:-2] == (2, 1)
    assert Y.shape[:-2] == (3,)
    together = measure(X, Y)
    alone = torch.stack([torch.stack([measure(x[0], y) for y in Y]) for x in X])
    assert_close(together, alone, rtol=EXACT, atol=EXACT)
