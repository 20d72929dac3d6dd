"""CKA against textbook formulas, brute force and closed forms, and across types and shapes."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist, squareform
from torch.testing import assert_close

from brainalign.similarity.kernels import debiased_linear_cka, linear_cka, neuron_corrected_linear_cka, rbf_cka
from tests.similarity.properties import assert_finite_gradient, assert_gradient, assert_triangle, normal, related

# Two formulas for one number differ by the round-off of double precision.
EXACT = 1e-10
# Wide (Gram matrices of samples are cheaper), narrow (of features), and one of each.
SHAPES = [(9, 30, 25), (40, 3, 5), (12, 40, 4), (12, 12, 11)]
every_shape = pytest.mark.parametrize(("n", "p", "q"), SHAPES)


def participation_ratio(X):
    spectrum = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    return spectrum.sum() ** 2 / (spectrum**2).sum()


# ---- slow textbook formulas


def textbook_cka(K, L):
    H = np.eye(len(K)) - 1 / len(K)
    K, L = H @ K @ H, H @ L @ H
    return (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())


def song_hsic(K, L):
    """Equation 5 of Song et al. 2012, term by term."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    ones = np.ones(n)
    return (
        np.trace(K @ L)
        + (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (ones @ K @ L @ ones)
    ) / (n * (n - 3))


def u_centered(K):
    n = len(K)
    K = K - np.diag(np.diag(K))
    rows = K.sum(axis=1) / (n - 2)
    K = K - rows[:, None] - rows[None, :] + K.sum() / ((n - 1) * (n - 2))
    return K - np.diag(np.diag(K))


def brute_force_hsic(K, L):
    """Mean over all four different samples of the kernel's own definition."""
    quadruples = list(itertools.permutations(range(len(K)), 4))
    return np.mean([K[i, j] * (L[i, j] + L[k, m] - 2 * L[i, k]) for i, j, k, m in quadruples])


@every_shape
def test_linear_cka_is_the_cosine_of_centered_gram_matrices(n, p, q):
    X, Y = related(n, p, q)
    expected = textbook_cka((X @ X.T).numpy(), (Y @ Y.T).numpy())
    assert_allclose(linear_cka(X, Y), expected, rtol=EXACT)


@every_shape
def test_debiased_cka_is_the_ratio_of_songs_estimators(n, p, q):
    X, Y = related(n, p, q)
    K, L = (X @ X.T).numpy(), (Y @ Y.T).numpy()
    expected = song_hsic(K, L) / np.sqrt(song_hsic(K, K) * song_hsic(L, L))
    assert_allclose(debiased_linear_cka(X, Y), expected, rtol=EXACT)


@every_shape
def test_debiased_cka_is_the_cosine_of_u_centered_gram_matrices(n, p, q):
    X, Y = related(n, p, q)
    K, L = u_centered((X @ X.T).numpy()), u_centered((Y @ Y.T).numpy())
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert_allclose(debiased_linear_cka(X, Y), expected, rtol=EXACT)


def test_debiased_cka_counts_no_sample_twice():
    X, Y = related(6, 3, 4)
    K, L = (X @ X.T).numpy(), (Y @ Y.T).numpy()
    norms = np.sqrt(brute_force_hsic(K, K) * brute_force_hsic(L, L))
    assert_allclose(debiased_linear_cka(X, Y), brute_force_hsic(K, L) / norms, rtol=EXACT)


@every_shape
def test_neuron_corrected_cka_counts_no_neuron_twice(n, p, q):
    X, Y = related(n, p, q, noise=0.2)

    def mean_over_neurons(A, B, same):
        grams_a, grams_b = ([np.outer(column, column) for column in array.numpy().T] for array in (A, B))
        pairs = itertools.product(range(len(grams_a)), range(len(grams_b)))
        return np.mean([song_hsic(grams_a[a], grams_b[b]) for a, b in pairs if not (same and a == b)])

    norms = np.sqrt(mean_over_neurons(X, X, True) * mean_over_neurons(Y, Y, True))
    expected = mean_over_neurons(X, Y, False) / norms
    assert_allclose(neuron_corrected_linear_cka(X, Y), expected, rtol=EXACT)


@every_shape
@pytest.mark.parametrize("bandwidth", [0.4, 1.0, 3.0])
def test_rbf_cka_is_the_textbook_formula(n, p, q, bandwidth):
    X, Y = related(n, p, q)
    kernels = []
    for array in (X, Y):
        distances = pdist(array.numpy())
        median = np.sort(distances)[(len(distances) - 1) // 2]
        kernels.append(np.exp(-(squareform(distances) ** 2) / (2 * (bandwidth * median) ** 2)))
    assert_allclose(rbf_cka(X, Y, bandwidth=bandwidth), textbook_cka(*kernels), rtol=EXACT)


def test_rbf_cka_with_a_wide_kernel_is_linear_cka():
    X, Y = related(30, 5, 6)
    gaps = [abs(float(rbf_cka(X, Y, bandwidth=width) - linear_cka(X, Y))) for width in (10, 20)]
    assert_allclose(gaps[0] / gaps[1], 4, rtol=0.05)
    assert gaps[1] < 1e-3


# ---- closed forms


@pytest.mark.parametrize("component", [0, 3, 7])
def test_a_component_weighs_with_the_square_of_its_variance(component):
    basis = torch.linalg.qr(normal(40, 9) - normal(40, 9).mean(dim=0)).Q
    basis = torch.linalg.qr(basis - basis.mean(dim=0)).Q
    variances = torch.linspace(0.2, 3, 8, dtype=torch.float64)
    X = basis[:, :8] * variances.sqrt()
    replaced, dropped = X.clone(), X.clone()
    replaced[:, component] = basis[:, 8] * variances[component].sqrt()
    dropped[:, component] = 0
    share = variances[component] ** 2 / (variances**2).sum()
    assert_close(linear_cka(X, replaced), 1 - share, rtol=EXACT, atol=0)
    assert_close(linear_cka(X, dropped), (1 - share).sqrt(), rtol=EXACT, atol=0)


def test_features_that_are_uncorrelated_give_zero():
    basis = torch.linalg.qr(torch.cat([torch.ones(20, 1, dtype=torch.float64), normal(20, 7)], dim=1)).Q[:, 1:]
    assert linear_cka(basis[:, :3], basis[:, 3:]) < 1e-20


def test_arc_cosine_of_cka_obeys_the_triangle_inequality_and_its_complement_does_not():
    assert_triangle(lambda X, Y: linear_cka(X, Y).arccos(), related(20, 4, 5, 3, 6))
    basis = torch.linalg.qr(torch.cat([torch.ones(8, 1, dtype=torch.float64), normal(8, 2)], dim=1)).Q[:, 1:]
    halfway = basis * torch.tensor([1.0, 1.0])
    with pytest.raises(AssertionError, match="by a detour"):
        assert_triangle(lambda X, Y: 1 - linear_cka(X, Y), [basis[:, :1], halfway, basis[:, 1:]])


@pytest.mark.parametrize(("n", "p", "q"), [(50, 100, 30), (100, 20, 20), (30, 300, 300)])
def test_biased_cka_of_independent_data_is_the_closed_form_and_debiased_cka_is_zero(n, p, q):
    X, Y = normal(200, n, p), normal(200, n, q, seed=1)
    m = n - 1
    assert_close(linear_cka(X, Y).mean().item(), math.sqrt(p * q / ((p + m + 1) * (q + m + 1))), rtol=0.01, atol=0)
    debiased = debiased_linear_cka(X, Y)
    assert abs(debiased.mean()) < 4 * debiased.std() / math.sqrt(200)


def test_cka_after_shuffling_is_the_product_of_dimensionalities():
    X, Y = related(30, 60, 12, noise=0.3)
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(30), (2000, 1)), axis=1)
    shuffled = linear_cka(X, Y[torch.as_tensor(orders)])
    expected = math.sqrt(participation_ratio(X.numpy()) * participation_ratio(Y.numpy())) / 29
    assert_allclose(shuffled.mean(), expected, atol=4 * float(shuffled.std()) / math.sqrt(2000))


def test_neuron_correction_removes_the_bias_of_few_neurons():
    """Two populations that share 6 of 10 equally strong signals, which their neurons weigh at random."""
    n_draws, n, n_neurons, truth = 200, 100, 30, 0.6
    signals = normal(n_draws, n, 14)
    X = signals[..., :10] @ normal(n_draws, 10, n_neurons, seed=1)
    Y = signals[..., 4:] @ normal(n_draws, 10, n_neurons, seed=2)
    corrected, debiased = neuron_corrected_linear_cka(X, Y), debiased_linear_cka(X, Y)
    assert abs(corrected.mean() - truth) < 0.02
    # A neuron's own product is 12 times that of two neurons: (w'w)^2 against (w'v)^2, weights w and v of 10 signals.
    assert abs(debiased.mean() - truth / (1 + 11 / n_neurons)) < 0.02


def test_neurons_that_the_two_share_make_the_corrected_value_too_high():
    X = related(40, 10, noise=1.0)[0]
    assert neuron_corrected_linear_cka(X, X) > 1.1
    assert debiased_linear_cka(X, X) == pytest.approx(1)


# ---- gradients


@every_shape
@pytest.mark.parametrize("measure", [linear_cka, debiased_linear_cka, neuron_corrected_linear_cka, rbf_cka])
def test_gradients_are_exact_on_both_sides_of_the_choice(measure, n, p, q):
    X, Y = related(n, p, q, noise=0.2)
    assert_gradient(measure, X, Y)


def test_gradient_is_the_published_closed_form():
    X, Y = (array - array.mean(dim=0) for array in related(20, 5, 6))
    Y.requires_grad_()
    value = linear_cka(X, Y)
    (gradient,) = torch.autograd.grad(value, Y)
    with torch.no_grad():
        K, L = X @ X.T, Y @ Y.T
        expected = 2 * (K / (K.norm() * L.norm()) - value * L / L.norm() ** 2) @ Y
    assert_close(gradient, expected - expected.mean(dim=0), rtol=EXACT, atol=EXACT)


def test_second_derivatives_exist():
    X, Y = related(10, 3, 2)
    assert torch.autograd.gradgradcheck(linear_cka, (X.requires_grad_(), Y.requires_grad_()))


def test_gradient_is_finite_for_repeated_samples():
    X, Y = related(10, 3, 2)
    X[5:] = X[:5]
    for measure in (linear_cka, debiased_linear_cka, rbf_cka):
        assert_finite_gradient(measure, X, Y)


# ---- precision


@pytest.mark.parametrize("width", [16, 256])
@pytest.mark.parametrize("measure", [linear_cka, debiased_linear_cka, neuron_corrected_linear_cka])
def test_float32_is_float64_at_5000_samples(measure, width):
    X, Y = related(5000, width, width, noise=1.0)
    assert_close(measure(X.float(), Y.float()).double(), measure(X, Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("measure", [linear_cka, debiased_linear_cka, rbf_cka])
def test_float32_is_float64_with_large_gram_matrices(measure):
    X, Y = related(2000, *((10, 10) if measure is rbf_cka else (1600, 1500)), noise=1.0)
    assert_close(measure(X.float(), Y.float()).double(), measure(X, Y), rtol=1e-5, atol=0)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("measure", [linear_cka, debiased_linear_cka, neuron_corrected_linear_cka, rbf_cka])
def test_no_unit_is_too_small_or_too_large_for_float32(measure, unit):
    X, Y = related(20, 5, 6, noise=0.2, dtype=torch.float32)
    assert_close(measure(X * unit, Y), measure(X, Y), rtol=1e-5, atol=0)


def test_a_large_common_offset_does_not_matter_in_float32():
    X, Y = related(500, 20, 20)
    shifted = (X + 100).float()
    assert_close(linear_cka(shifted, Y.float()).double(), linear_cka(X, Y), rtol=1e-5, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("measure", [linear_cka, debiased_linear_cka, neuron_corrected_linear_cka, rbf_cka])
def test_a_gpu_gives_the_same_values(measure):
    X, Y = related(50, 5, 6, noise=0.2)
    assert_close(measure(X.cuda(), Y.cuda()).cpu(), measure(X, Y), rtol=EXACT, atol=0)


def test_debiased_cka_needs_no_matrix_of_samples():
    """60,000 samples: their Gram matrix would take 14 GB."""
    X = normal(60_000, 4, dtype=torch.float32)
    assert_close(debiased_linear_cka(X, X[:, [1, 0, 3, 2]] * 2 + 1), torch.tensor(1.0))


# ---- errors


@pytest.mark.parametrize("measure", [debiased_linear_cka, neuron_corrected_linear_cka])
def test_fewer_than_four_samples_are_refused(measure):
    X, Y = related(3, 5, 6)
    with pytest.raises(ValueError, match=rf"{measure.__name__} needs at least 4 samples \(rows\): got 3"):
        measure(X, Y)


@pytest.mark.parametrize("measure", [debiased_linear_cka, neuron_corrected_linear_cka])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_representation_without_a_debiased_norm_is_refused(measure, dtype):
    X, Y = related(6, 3, 3, dtype=dtype)
    Y[1:] = Y[0] + 1  # all samples but the first are equal
    with pytest.raises(ValueError, match=rf"{measure.__name__} is not defined: .* of Y .*all but one of its samples"):
        measure(X, Y)


def test_a_single_neuron_is_refused():
    X, Y = related(6, 3, 1)
    with pytest.raises(ValueError, match=r"at least 2 neurons \(columns\) in Y: got 1"):
        neuron_corrected_linear_cka(X, Y)


def test_neurons_that_share_nothing_are_refused():
    Y = related(40, 3)[0]
    unrelated = torch.linalg.qr(normal(40, 3)).Q
    with pytest.raises(ValueError, match="of X is not above 0; its neurons share too"):
        neuron_corrected_linear_cka(unrelated - unrelated.mean(dim=0), Y)


@pytest.mark.parametrize("bandwidth", [0, -1.0, math.nan])
def test_a_bandwidth_that_is_none_is_refused(bandwidth):
    X, Y = related(6, 3, 3)
    with pytest.raises(ValueError, match=rf"rbf_cka: bandwidth must be above 0.*got {bandwidth}"):
        rbf_cka(X, Y, bandwidth=bandwidth)


def test_mostly_repeated_samples_have_no_median_distance():
    X, Y = related(10, 3, 3)
    Y[:8] = Y[0]
    with pytest.raises(ValueError, match="rbf_cka: half of the pairs of samples of Y"):
        rbf_cka(X, Y)
