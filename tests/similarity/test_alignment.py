"""Procrustes and its kin against full decompositions and closed forms; gradients where singular values coincide."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from brainalign.similarity.alignment import (
    angular_procrustes_distance,
    normalized_bures_similarity,
    nuclear_norm_of_product,
    procrustes_distance,
    shape_distance,
)
from brainalign.similarity.kernels import linear_cka
from tests.similarity.properties import assert_finite_gradient, assert_gradient, assert_triangle, normal, related

# Two formulas for one number differ by the round-off of double precision.
EXACT = 1e-10
# Wider than the samples on both sides, on one, on none, and equal.
SHAPES = [(9, 30, 25), (12, 40, 4), (40, 3, 5), (12, 12, 11)]
every_shape = pytest.mark.parametrize(("n", "p", "q"), SHAPES)
SMOOTH = (normalized_bures_similarity, angular_procrustes_distance, procrustes_distance, shape_distance)


def centered(X):
    return X - X.mean(dim=0)


def padded(X, Y):
    width = max(X.shape[1], Y.shape[1])
    return [np.pad(centered(array).numpy(), ((0, 0), (0, width - array.shape[1]))) for array in (X, Y)]


# ---- slow textbook formulas


@every_shape
def test_procrustes_distance_is_what_the_best_rotation_leaves(n, p, q):
    X, Y = related(n, p, q)
    wide_x, wide_y = padded(X, Y)
    rotation, _ = scipy.linalg.orthogonal_procrustes(wide_y, wide_x)
    assert_allclose(procrustes_distance(X, Y), np.linalg.norm(wide_x - wide_y @ rotation), rtol=EXACT)


@every_shape
def test_angle_is_between_the_best_rotated_ones(n, p, q):
    X, Y = related(n, p, q)
    wide_x, wide_y = padded(X, Y)
    rotation, _ = scipy.linalg.orthogonal_procrustes(wide_y, wide_x)
    cosine = (wide_x * (wide_y @ rotation)).sum() / (np.linalg.norm(wide_x) * np.linalg.norm(wide_y))
    assert_allclose(normalized_bures_similarity(X, Y), cosine, rtol=EXACT)
    assert_allclose(angular_procrustes_distance(X, Y), np.arccos(cosine), rtol=EXACT)


@every_shape
def test_bures_similarity_is_the_fidelity_of_gram_matrices(n, p, q):
    X, Y = (centered(array).numpy() for array in related(n, p, q))
    K, L = X @ X.T, Y @ Y.T
    values, vectors = np.linalg.eigh(K)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    fidelity = np.sqrt(np.linalg.eigvalsh(root @ L @ root).clip(0)).sum()
    expected = fidelity / np.sqrt(np.trace(K) * np.trace(L))
    # Roots of eigenvalues that should be 0 leave the square root of the round-off.
    assert_allclose(normalized_bures_similarity(*map(torch.as_tensor, (X, Y))), expected, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9])
@pytest.mark.parametrize(("n", "p", "q"), [(40, 3, 5), (30, 6, 6)])
def test_shape_distance_whitens_with_the_inverse_root_of_the_covariance(alpha, n, p, q):
    X, Y = related(n, p, q)
    white = []
    for array in (X, Y):
        array = centered(array).numpy()
        array = array / np.linalg.norm(array)
        root = np.linalg.inv(scipy.linalg.sqrtm(array.T @ array))
        white.append(torch.as_tensor(array @ (alpha * np.eye(array.shape[1]) + (1 - alpha) * root)))
    assert_close(shape_distance(X, Y, alpha=alpha), angular_procrustes_distance(*white), rtol=EXACT, atol=0)


@every_shape
def test_shape_distance_without_whitening_is_the_procrustes_angle(n, p, q):
    X, Y = related(n, p, q)
    assert_close(shape_distance(X, Y, alpha=1), angular_procrustes_distance(X, Y), rtol=EXACT, atol=0)


def test_fully_whitened_shape_distance_is_the_sum_of_canonical_correlations():
    X, Y = related(40, 3, 5)
    bases = [scipy.linalg.orth(centered(array).numpy()) for array in (X, Y)]
    correlations = np.cos(scipy.linalg.subspace_angles(*bases))
    assert_allclose(shape_distance(X, Y, alpha=0), np.arccos(correlations.sum() / math.sqrt(15)), rtol=EXACT)


def test_only_full_whitening_forgets_linear_maps():
    X, Y = related(40, 4, 5)
    stretch = torch.tensor([1.0, 2.0, 5.0, 0.3], dtype=X.dtype)
    assert_close(shape_distance(X * stretch, Y, alpha=0), shape_distance(X, Y, alpha=0), rtol=1e-9, atol=0)
    assert abs(shape_distance(X * stretch, Y, alpha=0.5) - shape_distance(X, Y, alpha=0.5)) > 1e-3


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_shape_distance_is_a_metric_at_each_alpha(alpha):
    assert_triangle(lambda X, Y: shape_distance(X, Y, alpha=alpha), related(30, 5, 4, 6, 5, noise=0.3))


# ---- closed forms and bounds


@pytest.mark.parametrize("component", [0, 3, 7])
def test_a_component_weighs_with_its_variance(component):
    basis = torch.linalg.qr(torch.cat([torch.ones(40, 1, dtype=torch.float64), normal(40, 9)], dim=1)).Q[:, 1:]
    variances = torch.linspace(0.2, 3, 8, dtype=torch.float64)
    X = basis[:, :8] * variances.sqrt()
    replaced, dropped = X.clone(), X.clone()
    replaced[:, component] = basis[:, 8] * variances[component].sqrt()
    dropped[:, component] = 0
    share = variances[component] / variances.sum()
    assert_close(normalized_bures_similarity(X, replaced), 1 - share, rtol=EXACT, atol=0)
    assert_close(normalized_bures_similarity(X, dropped), (1 - share).sqrt(), rtol=EXACT, atol=0)
    assert_close(procrustes_distance(X, replaced), (2 * variances[component]).sqrt(), rtol=EXACT, atol=0)
    assert_close(procrustes_distance(X, dropped), variances[component].sqrt(), rtol=EXACT, atol=0)


def test_columns_of_zeros_change_nothing():
    X, Y = related(20, 4, 6)
    wide = torch.nn.functional.pad(X, (0, 9))
    for measure in SMOOTH:
        assert_close(measure(wide, Y), measure(X, Y), rtol=EXACT, atol=0)


def test_cka_and_bures_similarity_bound_each_other():
    for seed in range(50):
        X, Y = related(12, 5, 4, seed=seed, noise=0.2 + seed / 20)
        cka, bures = linear_cka(X, Y), normalized_bures_similarity(X, Y)
        ratios = []
        for array in (X, Y):
            spectrum = torch.linalg.svdvals(centered(array)) ** 2
            ratios.append(spectrum.sum() / spectrum.square().sum().sqrt())
        upper = min(5, 4) * cka
        assert cka / math.sqrt(5 * 4) <= bures**2 <= upper
        # A high Bures similarity implies a high CKA.
        assert 1 - cka <= 8 * (1 - bures) / (1 / ratios[0] + 1 / ratios[1])


# ---- gradients


@every_shape
@pytest.mark.parametrize("measure", SMOOTH)
def test_gradients_are_exact_for_every_shape(measure, n, p, q):
    X, Y = related(n, p, q)
    assert_gradient(measure, X, Y)
    assert_gradient(measure, Y, X)


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_gradients_of_whitening_are_exact(alpha):
    X, Y = related(20, 3, 5)
    assert_gradient(lambda X, Y: shape_distance(X, Y, alpha=alpha), X, Y)


def test_gradient_is_exact_for_repeated_singular_values():
    X = torch.linalg.qr(torch.cat([torch.ones(12, 1, dtype=torch.float64), normal(12, 4)], dim=1)).Q[:, 1:]
    Y = X @ torch.linalg.qr(normal(4, 4, seed=1)).Q
    assert_close(torch.linalg.svdvals(X.mT @ Y), torch.ones(4, dtype=X.dtype))
    assert_gradient(nuclear_norm_of_product, X, Y)
    assert_gradient(normalized_bures_similarity, X, Y)
    assert_gradient(lambda X: X.mul(2).sum() + nuclear_norm_of_product(X, Y), X)


@pytest.mark.parametrize("measure", SMOOTH)
def test_gradient_is_finite_at_zero_and_repeated_singular_values(measure):
    X, Y = related(12, 6, 5)
    narrow = X.clone()
    narrow[:, 2:] = 0
    twice = torch.cat([X, X], dim=1)
    for first, second in ((X, X), (X, -3 * X), (narrow, Y), (narrow, narrow), (twice, Y), (twice, twice)):
        assert_finite_gradient(measure, first, second)
    wide = related(5, 9)[0]
    assert_finite_gradient(measure, wide, wide)


def test_gradient_at_zero_singular_values_is_the_shortest_subgradient():
    X, Y = related(12, 4, 3)
    X[:, 2:] = 0
    X.requires_grad_()
    (gradient,) = torch.autograd.grad(nuclear_norm_of_product(X, Y), X)
    trimmed = X[:, :2].detach().requires_grad_()
    (expected,) = torch.autograd.grad(nuclear_norm_of_product(trimmed, Y), trimmed)
    assert_close(gradient[:, :2], expected, rtol=EXACT, atol=EXACT)
    assert_close(gradient[:, 2:], torch.zeros(12, 2, dtype=X.dtype), rtol=0, atol=1e-12)


@pytest.mark.parametrize("measure", [angular_procrustes_distance, procrustes_distance, shape_distance])
def test_gradient_of_a_distance_vanishes_where_the_two_are_the_same(measure):
    X = related(12, 4)[0].requires_grad_()
    (gradient,) = torch.autograd.grad(measure(X, X.detach().clone()), X)
    # Round-off of the value, divided by the distance that it leaves.
    assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-6)


def test_gradient_is_the_published_closed_form():
    X, Y = (centered(array) for array in related(20, 5, 6))
    Y.requires_grad_()
    value = normalized_bures_similarity(X, Y)
    (gradient,) = torch.autograd.grad(value, Y)
    with torch.no_grad():
        U, _, Vh = torch.linalg.svd(X.mT @ Y, full_matrices=False)
        expected = X @ U @ Vh / (X.norm() * Y.norm()) - value * Y / Y.norm() ** 2
    assert_close(gradient, expected - expected.mean(dim=0), rtol=EXACT, atol=EXACT)


def test_gradients_of_a_broadcast_batch_are_summed():
    X = related(12, 4)[0].requires_grad_()
    Y = torch.stack([related(12, 3, seed=seed)[0] for seed in range(5)]).requires_grad_()
    together = torch.autograd.grad(normalized_bures_similarity(X, Y).sum(), (X, Y))
    alone = torch.autograd.grad(sum(normalized_bures_similarity(X, y) for y in Y), (X, Y))
    assert_close(together, alone, rtol=EXACT, atol=EXACT)


def test_value_does_not_depend_on_whether_a_gradient_is_asked_for():
    for n, p, q in SHAPES:
        X, Y = related(n, p, q)
        plain = nuclear_norm_of_product(X, Y)
        assert_close(nuclear_norm_of_product(X.requires_grad_(), Y).detach(), plain, rtol=EXACT, atol=0)


def test_steps_along_the_gradient_reach_the_reference():
    X, Y = related(15, 4, 4, noise=2.0)
    for _ in range(300):
        Y.requires_grad_()
        (gradient,) = torch.autograd.grad(normalized_bures_similarity(X, Y), Y)
        Y = (Y + 0.5 * Y.norm() ** 2 * gradient).detach()
    assert normalized_bures_similarity(X, Y) > 1 - 1e-9


# ---- precision


@pytest.mark.parametrize("width", [16, 64])
@pytest.mark.parametrize("measure", SMOOTH)
def test_float32_is_float64_at_5000_samples(measure, width):
    X, Y = related(5000, width, width, noise=1.0)
    assert_close(measure(X.float(), Y.float()).double(), measure(X, Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("measure", SMOOTH)
def test_float32_is_float64_with_more_features_than_samples(measure):
    X, Y = related(200, 300, 250, noise=1.0)
    assert_close(measure(X.float(), Y.float()).double(), measure(X, Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("measure", SMOOTH)
def test_no_unit_is_too_small_or_too_large_for_float32(measure, unit):
    X, Y = related(20, 5, 6, dtype=torch.float32)
    if measure is procrustes_distance:
        assert_close(measure(X * unit, Y * unit), measure(X, Y) * unit, rtol=1e-5, atol=0)
    else:
        assert_close(measure(X * unit, Y), measure(X, Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_are_zero_up_to_the_root_of_the_precision(dtype):
    X = related(40, 5, dtype=dtype)[0]
    resolution = 4 * math.sqrt(torch.finfo(dtype).eps)
    assert angular_procrustes_distance(X, X) < resolution
    assert procrustes_distance(X, X) < resolution * X.norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("measure", SMOOTH)
def test_a_gpu_gives_the_same_values_and_gradients(measure):
    X, Y = related(20, 5, 6)
    results = []
    for device in ("cpu", "cuda"):
        first, second = X.to(device).requires_grad_(), Y.to(device).requires_grad_()
        value = measure(first, second)
        results.append([array.cpu() for array in (value, *torch.autograd.grad(value, (first, second)))])
    assert_close(results[1], results[0], rtol=1e-8, atol=1e-10)


# ---- errors


@pytest.mark.parametrize("alpha", [-0.1, 1.5, math.nan])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=rf"shape_distance: alpha must lie in \[0, 1\]: got {alpha}"):
        shape_distance(*related(20, 3, 4), alpha=alpha)


@pytest.mark.parametrize(("p", "q"), [(9, 3), (3, 12)])
def test_full_whitening_of_too_many_features_is_refused(p, q):
    with pytest.raises(ValueError, match=rf"with alpha=0 and {max(p, q)} features for 10 samples all whitened"):
        shape_distance(*related(10, p, q), alpha=0)
