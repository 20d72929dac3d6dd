import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from sklearn.decomposition import PCA

from brainalign.topology import alignment_scores, fit_space, icn_profiles, icn_similarity

# Two algorithms for the same singular vectors, whose values are well apart.
PARITY = 1e-10


def random_similarities(n_heads, seed=0):
    """Similarities of random profiles to the published networks, as heads have them."""
    profiles = np.random.default_rng(seed).uniform(0, 3, size=(n_heads, 5))
    return icn_similarity(profiles, icn_profiles())


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("weights", [None, np.ones(60), np.full(60, 0.3)], ids=["none", "ones", "thirds"])
def test_equal_weights_give_the_principal_components_of_scikit_learn(n_components, weights):
    table = random_similarities(60)
    space = fit_space(table, weights=weights, n_components=n_components)
    oracle = PCA(n_components=n_components, svd_solver="full").fit(table)
    signs = np.where(oracle.components_.sum(axis=1, keepdims=True) < 0, -1, 1)
    assert_allclose(space.mean, oracle.mean_, rtol=0, atol=PARITY)
    assert_allclose(space.axes, oracle.components_ * signs, rtol=0, atol=PARITY)
    assert_allclose(space.explained, oracle.explained_variance_ratio_, rtol=0, atol=PARITY)
    assert_allclose(space.project(table), oracle.transform(table) * signs.T, rtol=0, atol=PARITY)


@given(st.lists(st.integers(0, 5), min_size=12, max_size=12).filter(lambda w: np.count_nonzero(w) > 4))
@settings(max_examples=50, deadline=None)
def test_whole_weights_are_repeated_heads(weights):
    table = random_similarities(12)
    weighted, repeated = fit_space(table, weights=weights), fit_space(np.repeat(table, weights, axis=0))
    assert_allclose(weighted.mean, repeated.mean, rtol=0, atol=PARITY)
    assert_allclose(weighted.explained, repeated.explained, rtol=0, atol=PARITY)
    # The axes themselves may differ by the sign where loadings sum to nearly 0; the plane may not.
    cosines = np.abs(np.sum(weighted.axes * repeated.axes, axis=1))
    assert_allclose(cosines, 1, rtol=0, atol=1e-8)


def test_weights_matter():
    table = random_similarities(60)
    tilted = fit_space(table, weights=np.arange(60) ** 4)
    assert_array_less(0.01, np.abs(tilted.axes - fit_space(table).axes).max())


@pytest.mark.parametrize("seed", range(10))
def test_axes_are_orthonormal_and_turned_to_the_networks(seed):
    table = random_similarities(40, seed)
    space = fit_space(table, n_components=3)
    assert_allclose(space.axes @ space.axes.T, np.eye(3), rtol=0, atol=PARITY)
    assert_array_less(0, space.axes.sum(axis=1))
    # To the right means more similar to the networks.
    correlation = np.corrcoef(space.project(table)[:, 0], table.mean(axis=1))[0, 1]
    assert_array_less(0.9, correlation)


def test_the_sign_does_not_depend_on_the_input():
    table = random_similarities(40)
    axes = fit_space(table).axes
    # The singular vectors of the mirrored table may have any sign; ours have the same.
    assert_allclose(fit_space(-table).axes, axes, rtol=0, atol=PARITY)
    assert_allclose(fit_space(table[::-1]).axes, axes, rtol=0, atol=PARITY)


@pytest.mark.parametrize("weights", [None, np.random.default_rng(0).uniform(size=40)], ids=["equal", "random"])
def test_projections_are_centred(weights):
    table = random_similarities(40)
    coordinates = fit_space(table, weights=weights).project(table)
    assert_allclose(np.average(coordinates, axis=0, weights=weights), 0, rtol=0, atol=PARITY)


def test_shares_of_variance():
    table = random_similarities(40)
    space = fit_space(table, n_components=7)
    assert_allclose(space.explained.sum(), 1)
    assert_array_equal(space.explained, np.sort(space.explained)[::-1])
    assert_array_less(-1e-300, space.explained)
    variances = space.project(table).var(axis=0)
    assert_allclose(space.explained, variances / variances.sum(), rtol=0, atol=PARITY)
    # Five metrics less mean and norm leave a sphere in four dimensions.
    assert_allclose(space.explained[4:], 0, rtol=0, atol=PARITY)


def test_leading_dimensions():
    table, weights = random_similarities(24), np.arange(24.0)
    flat, nested = (
        fit_space(table, weights=weights),
        fit_space(table.reshape(2, 3, 4, 7), weights=weights.reshape(2, 3, 4)),
    )
    assert_array_equal(nested.axes, flat.axes)
    nested = fit_space(table.reshape(2, 12, 7), weights=weights.reshape(2, 12))
    assert_array_equal(nested.axes, flat.axes)
    assert_array_equal(flat.project(table.reshape(2, 3, 4, 7)), flat.project(table).reshape(2, 3, 4, 2))
    assert_allclose(flat.project(table[5]), flat.project(table)[5], rtol=0, atol=1e-14)


def test_scores_by_hand():
    coordinates = [[[1.0, 50.0], [2.0, -50.0]], [[-4.0, 7.0], [0.5, 7.0]]]
    scores = alignment_scores(coordinates)
    assert_array_equal(list(scores.index), ["sum", "mean", "median"])
    assert_array_equal(scores, [-0.5, -0.125, 0.75])
    assert_array_equal(alignment_scores(np.reshape(coordinates, (4, 2))), scores)


def test_only_the_sum_grows_with_the_number_of_heads():
    coordinates = np.random.default_rng(0).normal(1, 1, size=(9, 2))
    once, twice = alignment_scores(coordinates), alignment_scores(np.tile(coordinates, (2, 1)))
    assert_allclose(twice, once * [2, 1, 1])


def test_scores_of_all_models_that_span_the_space_sum_to_zero():
    table = random_similarities(60)
    coordinates = fit_space(table).project(table)
    total = sum(alignment_scores(model)["sum"] for model in np.split(coordinates, [10, 25]))
    assert_allclose(total, 0, atol=1e-10)


TABLE = random_similarities(6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarities": TABLE[:2]}, r"2 axes need at least 3 heads: got 2\."),
        ({"similarities": TABLE[:3], "n_components": 4}, r"4 axes need at least 5 heads: got 3\."),
        (
            {"similarities": TABLE, "weights": np.ones(5)},
            r"one per head, of shape \(6,\), and not all zero: got shape \(5,\), sum 5\.",
        ),
        (
            {"similarities": TABLE, "weights": np.zeros(6)},
            r"of shape \(6,\), and not all zero: got shape \(6,\), sum 0\.",
        ),
        ({"similarities": TABLE, "weights": [1, 1, 1, 1, 1, -1]}, r"weights must be finite non-negative numbers"),
    ],
)
def test_what_spans_no_space_is_refused_with_its_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_space(**arguments)
