"""Linear prediction against scikit-learn, closed forms and published values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold
from torch.testing import assert_close

from brainalign.similarity.prediction import (
    fold_ranges,
    linear_predictivity,
    linear_predictivity_cv,
    pls_predictivity,
    ridge_predictivity,
)
from tests.similarity.properties import TRANSFORMS, assert_finite_gradient, assert_gradient, normal, related

# Two solvers of one well-conditioned problem differ by the round-off of double precision.
EXACT = 1e-9


def oracle(estimator, source, target, folds):
    """R2 pooled over features, against training means, averaged over contiguous folds."""
    source, target = source.numpy(), target.numpy()
    everything = np.arange(len(source))
    splits = KFold(folds).split(source) if folds else [(everything, everything)]
    scores = []
    for train, test in splits:
        predicted = estimator.fit(source[train], target[train]).predict(source[test]).reshape(len(test), -1)
        deviation = target[test] - target[train].mean(axis=0)
        scores.append(1 - ((target[test] - predicted) ** 2).sum() / (deviation**2).sum())
    return np.mean(scores)


# ---- against scikit-learn


@pytest.mark.parametrize(("p", "q"), [(6, 5), (1, 4), (12, 1)])
def test_linear_predictivity_is_ordinary_least_squares(p, q):
    source, target = related(30, p, q)
    expected = oracle(LinearRegression(), source, target, None)
    assert_allclose(linear_predictivity(source=source, target=target), expected, rtol=EXACT)


@pytest.mark.parametrize("folds", [2, 5, 7, 30])
def test_cross_validated_linear_predictivity_is_that_of_scikit_learn(folds):
    source, target = related(30, 6, 5)
    expected = oracle(LinearRegression(), source, target, folds)
    assert_allclose(linear_predictivity_cv(source=source, target=target, folds=folds), expected, rtol=EXACT)


@pytest.mark.parametrize("folds", [None, 5])
@pytest.mark.parametrize("alpha", [0.01, 1.0, 300.0])
@pytest.mark.parametrize("p", [6, 30, 80])  # both ways to solve it
def test_ridge_predictivity_is_that_of_scikit_learn(p, alpha, folds):
    source, target = related(30, p, 5)
    expected = oracle(Ridge(alpha=alpha, solver="svd"), source, target, folds)
    value = ridge_predictivity(source=source, target=target, alpha=alpha, folds=folds)
    assert_allclose(value, expected, rtol=EXACT)


@pytest.mark.parametrize("folds", [None, 5])
@pytest.mark.parametrize(("p", "q"), [(6, 5), (4, 9), (40, 3), (5, 1)])
@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_pls_predictivity_is_that_of_scikit_learn(p, q, n_components, folds):
    source, target = related(30, p, q)
    estimator = PLSRegression(n_components, scale=False, tol=1e-14, max_iter=20_000)
    expected = oracle(estimator, source, target, folds)
    value = pls_predictivity(source=source, target=target, n_components=n_components, folds=folds)
    assert_allclose(value, expected, rtol=1e-6)  # its directions come from an iteration that stops early


# ---- limits and closed forms


def test_pls_with_all_components_is_least_squares():
    source, target = related(30, 6, 5)
    value = pls_predictivity(source=source, target=target, n_components=6, folds=5)
    assert_close(value, linear_predictivity_cv(source=source, target=target), rtol=EXACT, atol=0)


def test_ridge_goes_from_least_squares_to_nothing():
    source, target = related(30, 6, 5)
    weak, strong = (ridge_predictivity(source=source, target=target, alpha=a, folds=None) for a in (1e-9, 1e12))
    assert_close(weak, linear_predictivity(source=source, target=target), rtol=EXACT, atol=0)
    assert_allclose(strong, 0, atol=1e-9)
    value = ridge_predictivity(source=source, target=target, alpha=1e-9)
    assert_close(value, linear_predictivity_cv(source=source, target=target), rtol=EXACT, atol=0)


def test_ridge_notices_the_scale_of_the_source_only():
    source, target = related(30, 6, 5)
    value = ridge_predictivity(source=source, target=target)
    assert_close(ridge_predictivity(source=source, target=7 * target), value)
    assert (ridge_predictivity(source=7 * source, target=target) - value).abs() > 1e-3
    assert_close(ridge_predictivity(source=7 * source, target=target, alpha=4900.0), value)


def test_a_source_explains_its_linear_map_and_not_what_is_orthogonal_to_it():
    basis = torch.linalg.qr(normal(30, 9) - normal(30, 9).mean(dim=0)).Q
    source, other = basis[:, :4] @ normal(4, 4), basis[:, 4:]
    assert_allclose(linear_predictivity(source=source, target=source @ normal(4, 6) + 3), 1, rtol=EXACT)
    assert_allclose(linear_predictivity(source=source, target=other), 0, atol=EXACT)
    # Half of the variance.
    assert_allclose(linear_predictivity(source=source, target=basis[:, 2:6]), 0.5, rtol=EXACT)


def test_random_sources_explain_p_of_n_minus_1():
    source, target = normal(2000, 20, 7), normal(20, 4, seed=1)
    values = linear_predictivity(source=source, target=target)
    assert_allclose(values.mean(), 7 / 19, atol=4 * float(values.std()) / math.sqrt(2000))


# Scores that Gaussian noise of these shapes starts from (Cloos et al. 2024, arXiv 2407.07059, published curves; single
# runs towards targets of few dimensions, good to a few per cent).
@pytest.mark.parametrize(
    ("n", "p", "linear", "ridge"),
    [
        pytest.param(1080, 727, 0.6746, -0.8944, id="Mante2013"),
        pytest.param(3950, 141, 0.0357, -0.0421, id="Hatsopoulos2007"),
        pytest.param(3200, 168, 0.0537, -0.0678, id="MajajHong2015"),
        pytest.param(270, 205, 0.7571, -0.3245, id="FreemanZiemba2013"),
    ],
)
def test_chance_values_are_those_published(n, p, linear, ridge):
    source, target = normal(n, p, dtype=torch.float32), normal(n, 60, seed=1, dtype=torch.float32)
    assert_allclose(ridge_predictivity(source=source, target=target, alpha=100.0), ridge, rtol=0.05, atol=0.02)
    assert_allclose(linear_predictivity(source=source, target=target), linear, rtol=0.05)


# ---- dependent features


@pytest.mark.parametrize("folds", [None, 5])
def test_dependent_source_features_add_nothing(folds):
    source, target = related(30, 4, 5)
    spoiled = torch.cat(
        [source, source[:, :1] + source[:, 1:2], torch.full((30, 1), 1e3), source[:, 2:3] * 1e-6], dim=1
    )

    def predictivity(source):
        if folds is None:
            return linear_predictivity(source=source, target=target)
        return linear_predictivity_cv(source=source, target=target, folds=folds)

    assert_close(predictivity(spoiled), predictivity(source), rtol=1e-8, atol=0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("component", range(6))
def test_rank_after_a_component_is_gone_is_that_of_numpy(component, seed):
    """All features stay, one direction is missing: no feature alone gives it away, and short ones carry much noise."""
    X = (normal(40, 6, seed=seed) * torch.linspace(3, 0.2, 6, dtype=torch.float64)).numpy()
    X = X - X.mean(axis=0)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    source = X - s[component] * np.outer(U[:, component], Vt[component])
    assert np.linalg.matrix_rank(source) == 5
    error = X - source @ np.linalg.lstsq(source, X, rcond=None)[0]
    source, target = torch.from_numpy(source), torch.from_numpy(X)
    value = linear_predictivity(source=source, target=target)
    assert_allclose(value, 1 - (error**2).sum() / (X**2).sum(), rtol=EXACT)
    assert_allclose(value, 1 - s[component] ** 2 / (s**2).sum(), rtol=EXACT)
    expected = oracle(LinearRegression(), source, target, 5)
    assert_allclose(linear_predictivity_cv(source=source, target=target), expected, rtol=1e-6)


def test_a_nearly_dependent_feature_still_counts():
    source, target = related(30, 4, 5)
    nearly = torch.cat([source, source[:, :1] + 1e-9 * normal(30, 1)], dim=1)
    expected = oracle(LinearRegression(), torch.linalg.qr(nearly - nearly.mean(dim=0)).Q, target, None)
    assert_allclose(linear_predictivity(source=nearly, target=target), expected, rtol=1e-6)


def test_gradients_with_dependent_features_are_those_along_changes_that_keep_the_dependence():
    source, target = related(14, 3, 4)
    copies = torch.tensor([[1.0, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]], dtype=source.dtype)  # a sum and zeros

    def value(source, target):
        return linear_predictivity(source=source @ copies, target=target)

    assert_gradient(value, source, target)


def test_features_of_any_unit_count_alike():
    source, target = related(30, 4, 5)
    units = torch.tensor([1e-8, 1.0, 1e8, 1e3], dtype=source.dtype)
    for function in (linear_predictivity, linear_predictivity_cv):
        assert_close(function(source=source * units, target=target), function(source=source, target=target))


# ---- folds


@given(st.integers(2, 60), st.integers(2, 60))
def test_folds_are_those_of_scikit_learn(n_samples, folds):
    if folds > n_samples:
        with pytest.raises(
            ValueError, match=rf"{n_samples} samples can be cut into 2 to {n_samples} .* folds = {folds}"
        ):
            fold_ranges(n_samples, folds)
        return
    held_out = [list(test) for _, test in KFold(folds).split(np.zeros(n_samples))]
    assert [list(fold) for fold in fold_ranges(n_samples, folds)] == held_out


# ---- batches, types, gradients

CASES = {
    "linear": linear_predictivity,
    "linear, folds": linear_predictivity_cv,
    "ridge": lambda **pair: ridge_predictivity(**pair, folds=None, alpha=2.0),
    "ridge, folds": lambda **pair: ridge_predictivity(**pair, folds=3),
    "pls": lambda **pair: pls_predictivity(**pair, folds=None),
    "pls, folds": lambda **pair: pls_predictivity(**pair, n_components=3),
}
every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_a_batch_is_the_loop_over_its_pairs(case):
    source, target = normal(2, 3, 15, 4), normal(3, 15, 5, seed=1)
    source[1, 2, :, 3] = 0  # one problem of the batch has a feature that is constant
    together = CASES[case](source=source, target=target)
    alone = [[CASES[case](source=source[i, j], target=target[j]) for j in range(3)] for i in range(2)]
    assert_close(together, torch.stack([torch.stack(row) for row in alone]), rtol=EXACT, atol=EXACT)


@every_case
@pytest.mark.parametrize(("p", "q"), [(3, 4), (5, 2), (3, 1)])
def test_gradients_are_those_of_finite_differences(case, p, q):
    source, target = related(14, p, q)
    assert_gradient(lambda source, target: CASES[case](source=source, target=target), source, target)


def test_gradient_of_ridge_with_more_features_than_samples():
    source, target = related(8, 12, 4)
    for folds in (None, 4):
        assert_gradient(lambda X, Y: ridge_predictivity(source=X, target=Y, alpha=3.0, folds=folds), source, target)  # noqa: B023


def test_gradient_of_pls_is_finite_where_lower_singular_values_repeat():
    basis = torch.linalg.qr(normal(20, 4) - normal(20, 4).mean(dim=0)).Q
    source = basis * torch.tensor([3.0, 1.0, 1.0, 1.0])
    target = basis[:, :3] * torch.tensor([2.0, 1.0, 1.0])
    assert_finite_gradient(
        lambda X, Y: pls_predictivity(source=X, target=Y, n_components=1, folds=None), source, target
    )


def test_gradient_of_pls_is_refused_where_the_leading_singular_values_tie():
    source = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], requires_grad=True)
    value = pls_predictivity(source=source, target=source.detach(), n_components=1, folds=None)
    with pytest.raises(ValueError, match="two largest covariances of a component are"):
        value.backward()


@every_case
def test_single_precision_is_close_to_double(case):
    source, target = related(400, 20, 15)
    expected = CASES[case](source=source, target=target)
    single = CASES[case](source=source.float(), target=target.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), expected, rtol=1e-5, atol=0)


@every_case
def test_order_and_offset_of_the_targets_do_not_matter(case):
    source, target = related(30, 6, 5)
    value = CASES[case](source=source, target=target)
    assert_close(CASES[case](source=source, target=TRANSFORMS["orthogonal"](target, 3) + 1e3), value, rtol=1e-7, atol=0)


def test_arguments_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        linear_predictivity(*related(30, 6, 5))


# ---- bad input


def call(function, n=20, p=4, q=3, **options):
    source, target = related(n, p, q)
    return lambda: function(source=source, target=target, **options)


def constant_block():
    source, target = related(20, 4, 3)
    target[:4] = target[4:].mean(dim=0)
    return ridge_predictivity(source=source, target=target)


def nothing_left():
    source = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    return pls_predictivity(source=source, target=source[:, :1] * 2, n_components=2, folds=None)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            call(linear_predictivity, n=10, p=9),
            r"linear_predictivity: 9 source features explain any target in 10 samples: at most 8 .*ridge_predictivity",
        ),
        (
            call(linear_predictivity_cv, n=10, p=7),
            r"linear_predictivity_cv: 7 source features explain any target in 8 training samples: at most 6",
        ),
        (call(linear_predictivity_cv, folds=1), r"cv: 20 samples can be cut into 2 to 20 folds: got folds = 1"),
        (call(ridge_predictivity, folds=21), r"ridge_predictivity: 20 samples can .* got folds = 21"),
        (call(ridge_predictivity, n=2, folds=2), r"ridge_predictivity: 2 folds of 2 samples leave 1 to train on"),
        (call(ridge_predictivity, alpha=0.0), r"alpha must be above 0 and finite: got 0\.0.*linear_predictivity"),
        (call(ridge_predictivity, alpha=math.nan), r"alpha must be above 0 and finite: got nan"),
        (
            lambda: ridge_predictivity(source=torch.ones(9, 2).cumsum(0) * 1e10, target=normal(9, 2), alpha=1e-9),
            r"alpha = 1e-09 is lost in the rounding of torch\.float64",
        ),
        (constant_block, r"ridge_predictivity: in samples 0 to 3 the target equals its training mean"),
        (call(pls_predictivity, n_components=5), r"4 source features and 16 training samples allow 1 to 4 .* = 5"),
        (call(pls_predictivity, n_components=0), r"allow 1 to 4 components: got n_components = 0"),
        (nothing_left, r"after 1 components .* no covariance left; give n_components = 1 or less"),
    ],
)
def test_bad_input_is_refused_with_its_numbers(bad, message):
    with pytest.raises(ValueError, match=message):
        bad()
