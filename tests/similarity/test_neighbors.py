"""Neighbors and matchings against loops, brute force over permutations and closed forms."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import wasserstein_distance
from sklearn.neighbors import NearestNeighbors
from torch.testing import assert_close

from brainalign.similarity.neighbors import (
    CLOSENESS,
    _assign_shares,
    _solve_transport,
    expected_mutual_knn,
    mutual_knn,
    soft_matching,
    soft_matching_distance,
    soft_matching_plan,
)
from tests.similarity.properties import assert_finite_gradient, assert_gradient, assert_triangle, normal, related

# Two ways to one number differ by the round-off of double precision.
EXACT = 1e-10
every_closeness = pytest.mark.parametrize("closeness", CLOSENESS)


# ---- nearest samples


def slow_mutual_knn(X, Y, k, closeness):
    sets = []
    for Z in (X.numpy(), Y.numpy()):
        neighbors = NearestNeighbors(n_neighbors=k, metric=closeness, algorithm="brute").fit(Z)
        sets.append(neighbors.kneighbors(return_distance=False))  # without the sample itself
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(*sets, strict=True)])


@every_closeness
@pytest.mark.parametrize("k", [1, 3, 29])
def test_mutual_knn_is_the_mean_share_of_common_neighbors(k, closeness):
    X, Y = related(30, 6, 5)
    assert_allclose(mutual_knn(X, Y, k=k, closeness=closeness), slow_mutual_knn(X, Y, k, closeness), rtol=EXACT)


def test_mean_over_shuffles_is_k_of_n_minus_1():
    X = normal(5, 3)
    orders = torch.tensor(list(permutations(range(5))))
    assert_allclose(mutual_knn(X, normal(5, 4, seed=1)[orders], k=2).mean(), expected_mutual_knn(5, k=2), rtol=EXACT)


def test_all_neighbors_are_common_when_all_are_taken():
    assert mutual_knn(normal(6, 2), normal(6, 3, seed=1), k=5) == expected_mutual_knn(6, k=5) == 1


@every_closeness
def test_mutual_knn_of_a_batch_is_the_loop_over_its_pairs(closeness):
    X, Y = normal(2, 1, 12, 4), normal(3, 12, 5, seed=1)
    together = mutual_knn(X, Y, k=3, closeness=closeness)
    alone = [[mutual_knn(x[0], y, k=3, closeness=closeness) for y in Y] for x in X]
    assert_close(together, torch.stack([torch.stack(row) for row in alone]))


def test_closeness_by_angle_ignores_the_lengths_of_samples_and_by_distance_ignores_the_origin():
    X, Y = related(30, 6, 5)
    lengths = torch.linspace(0.1, 9, 30, dtype=X.dtype).unsqueeze(-1)
    changes = {"cosine": X * lengths, "euclidean": X + 3}
    for ignored_by, changed in changes.items():
        for closeness in CLOSENESS:
            same = mutual_knn(changed, Y, k=5, closeness=closeness) == mutual_knn(X, Y, k=5, closeness=closeness)
            assert same == (closeness == ignored_by)


def test_neighbors_far_from_the_origin_are_found_by_distance():
    X, Y = related(30, 6, 5)
    far = mutual_knn(X + 1e6, Y, k=5, closeness="euclidean")
    assert_close(far, mutual_knn(X, Y, k=5, closeness="euclidean"))


# ---- matching features


def unit_features(X):
    X = X - X.mean(dim=0)
    return X / X.norm(dim=0)


def test_equal_widths_are_matched_one_to_one():
    X, Y = related(20, 5, 5)
    correlations = (unit_features(X).T @ unit_features(Y)).numpy()
    best = max(np.mean([correlations[i, j] for i, j in enumerate(order)]) for order in permutations(range(5)))
    assert_allclose(soft_matching(X, Y), best, rtol=EXACT)
    X, Y = X - X.mean(dim=0), Y - Y.mean(dim=0)
    squares = torch.cdist(X.T, Y.T).square().numpy()
    best = min(np.mean([squares[i, j] for i, j in enumerate(order)]) for order in permutations(range(5)))
    assert_allclose(soft_matching_distance(X, Y), math.sqrt(best), rtol=EXACT)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_both_solvers_find_the_same_cost_and_a_proper_plan(p, q, seed):
    cost = normal(p, q, seed=seed).numpy()
    plans = _assign_shares(cost, math.lcm(p, q)), _solve_transport(cost)
    assert_allclose((plans[0] * cost).sum(), (plans[1] * cost).sum(), rtol=EXACT, atol=1e-12)
    for plan in (*plans, soft_matching_plan(torch.from_numpy(cost)).numpy()):
        assert plan.min() >= -1e-12
        assert_allclose(plan.sum(axis=1), 1 / p, rtol=EXACT)
        assert_allclose(plan.sum(axis=0), 1 / q, rtol=EXACT)


@pytest.mark.parametrize(("p", "q"), [(4, 4), (3, 8), (31, 30)])
def test_the_plan_is_optimal_transport_on_a_line(p, q):
    x, y = normal(p), normal(q, seed=1)
    cost = (x.unsqueeze(-1) - y).abs()
    assert_allclose((soft_matching_plan(cost) * cost).sum(), wasserstein_distance(x, y), rtol=EXACT)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_copies_shifts_and_orders_of_features_change_nothing(copies):
    X = normal(20, 4)
    Y = X.repeat(1, copies)[:, torch.randperm(4 * copies, generator=torch.Generator().manual_seed(0))] + 5
    assert_allclose(soft_matching(X, Y), 1, rtol=EXACT)
    assert_allclose(soft_matching_distance(X, Y), 0, atol=1e-13)
    assert_allclose(soft_matching(X, Y * normal(Y.shape[1]).abs()), 1, rtol=EXACT)


def test_the_distance_of_unit_features_follows_from_the_correlation():
    X, Y = (unit_features(Z) for Z in related(20, 5, 7))
    assert_close(soft_matching_distance(X, Y).square(), 2 - 2 * soft_matching(X, Y))


@pytest.mark.parametrize("seed", range(3))
def test_the_distance_is_a_metric_across_widths(seed):
    assert_triangle(soft_matching_distance, related(10, 2, 3, 4, 6, seed=seed, noise=1.0))


@pytest.mark.parametrize("function", [soft_matching, soft_matching_distance])
@pytest.mark.parametrize("widths", [(4, 4), (3, 4), (2, 6)])
def test_matchings_of_a_batch_are_the_loop_over_its_pairs(function, widths):
    X, Y = normal(2, 1, 12, widths[0]), normal(3, 12, widths[1], seed=1)
    together = function(X, Y)
    alone = [[function(x[0], y) for y in Y] for x in X]
    assert_close(together, torch.stack([torch.stack(row) for row in alone]))


@pytest.mark.parametrize("function", [soft_matching, soft_matching_distance])
@pytest.mark.parametrize("widths", [(4, 4), (3, 4), (2, 6)])
def test_gradients_of_matchings_are_those_of_finite_differences(function, widths):
    assert_gradient(function, *related(10, *widths))


def test_the_gradient_is_finite_at_distance_0():
    X = normal(10, 4)
    assert_finite_gradient(soft_matching_distance, X, X[:, [2, 0, 1, 3]])


@pytest.mark.parametrize("function", [soft_matching, soft_matching_distance])
def test_single_precision_is_close_to_double(function):
    X, Y = related(300, 20, 30)
    single = function(X.float(), Y.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), function(X, Y), rtol=1e-5, atol=0)


# ---- bad input

X = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 1.0, 2.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mutual_knn(X, X, k=4), r"mutual_knn: 4 samples have 1 to 3 neighbors each: got k = 4"),
        (lambda: mutual_knn(X, X, k=0), r"got k = 0"),
        (lambda: mutual_knn(X, X), r"got k = 10"),
        (lambda: expected_mutual_knn(1, k=1), r"expected_mutual_knn: 1 samples have 1 to 0 neighbors"),
        (lambda: mutual_knn(X, X, k=1, closeness="dot"), r"closeness = 'dot' is unknown; choose one of cosine, euclid"),
        (lambda: mutual_knn(X, X, k=1), r"mutual_knn: 1 samples are zero in all features, the first at \[2\]"),
        (
            lambda: soft_matching(X, X[:, [0, 1, 1]] * torch.tensor([1.0, 1.0, 0.0])),
            r"soft_matching: 1 features of Y are constant, the first at \[2\], and have no correlation; drop them",
        ),
        (lambda: soft_matching_plan(X / 0), r"12 costs are not finite"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(call, message):
    with pytest.raises(ValueError, match=message):
        call()
