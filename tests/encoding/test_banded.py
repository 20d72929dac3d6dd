import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.encoding import fit_banded_ridge, fit_ridge, space_shares

CLOSED_FORM = 1e-8


def problem(n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    spaces = {"small": rng.normal(size=(n_samples, 3)) * 5 + 1, "large": rng.normal(size=(n_samples, 40))}
    responses = spaces["small"] @ rng.normal(size=(3, 5)) / 5 + rng.normal(size=(n_samples, 5))
    return spaces, responses


@pytest.mark.parametrize("n_samples", [30, 60])
def test_weights_are_those_of_the_closed_form_with_a_penalty_per_space(n_samples):
    """Both forms: 43 features of 30 samples in the kernel, of 60 in the primal one."""
    spaces, responses = problem(n_samples)
    fit = fit_banded_ridge(spaces, responses, penalties=[30.0])
    Z = np.hstack([(X - X.mean(axis=0)) / X.std(axis=0) for X in spaces.values()])
    centered = responses - responses.mean(axis=0)
    n_compared = 0
    for target in range(5):
        small, large = fit.penalties["small"][target], fit.penalties["large"][target]
        if np.isinf([small, large]).any():
            continue
        penalty = np.diag(np.repeat([small, large], [3, 40]))
        expected = np.linalg.solve(Z.T @ Z + penalty, Z.T @ centered[:, target])
        found = np.concatenate([fit.weights["small"][:, target], fit.weights["large"][:, target]])
        assert_allclose(found, expected, atol=CLOSED_FORM)
        n_compared += 1
    assert n_compared > 0


@pytest.mark.parametrize("n_samples", [30, 60])
def test_shares_in_proportion_to_features_are_plain_ridge(n_samples):
    spaces, responses = problem(n_samples)
    banded = fit_banded_ridge(spaces, responses, penalties=[50.0], shares=space_shares([3, 40])[:1])
    plain = fit_ridge(np.hstack(list(spaces.values())), responses, penalties=[50.0])
    assert_allclose(np.vstack(list(banded.weights.values())), plain.weights, atol=CLOSED_FORM)
    assert_allclose(np.vstack(list(banded.penalties.values())), 50.0)
    assert_allclose(banded.intercept, plain.intercept, atol=CLOSED_FORM)


def test_one_space_is_plain_ridge():
    spaces, responses = problem()
    banded, plain = fit_banded_ridge({"large": spaces["large"]}, responses), fit_ridge(spaces["large"], responses)
    assert_array_equal(banded.weights["large"], plain.weights)
    assert_array_equal(banded.penalties["large"], plain.penalties)


def test_a_space_that_predicts_nothing_is_penalized_more():
    spaces, responses = problem(n_samples=200)
    fit = fit_banded_ridge(spaces, responses)
    assert (fit.penalties["large"] > 10 * fit.penalties["small"]).all()
    fresh_spaces, fresh = problem(n_samples=200)
    parts = fit.predict_parts(fresh_spaces)
    assert_array_equal(fresh, responses)
    assert (parts["small"].var(axis=0) > 20 * parts["large"].var(axis=0)).all()


@pytest.mark.parametrize("n_samples", [30, 60])
def test_a_space_without_a_share_has_no_weight(n_samples):
    spaces, responses = problem(n_samples)
    fit = fit_banded_ridge(spaces, responses, shares=[[1.0, 0.0]])
    assert_array_equal(fit.weights["large"], 0)
    assert_array_equal(fit.penalties["large"], np.inf)


@pytest.mark.parametrize("n_spaces", range(1, 9))
def test_shares_cover_the_simplex_and_stay_few(n_spaces):
    shares = space_shares([2] * n_spaces)
    assert_allclose(shares.sum(axis=1), 1)
    assert (shares >= 0).all()
    assert len(shares) <= 23
    assert {tuple(row) for row in np.eye(n_spaces)} <= {tuple(row) for row in shares}
    assert_allclose(shares[0], 1 / n_spaces)
    assert_allclose(
        space_shares([1] * n_spaces + [3])[:2],
        [[1 / (n_spaces + 3)] * n_spaces + [3 / (n_spaces + 3)], [1 / (n_spaces + 1)] * (n_spaces + 1)],
    )


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda s: {}, {}, "at least one space of features: got none"),
        (lambda s: s | {"small": s["small"][:-1]}, {}, r"the same samples .rows.: got \{'small': 59, 'large': 60\}"),
        (lambda s: s | {"small": s["small"] * np.nan}, {}, "the feature space 'small' holds 180 values"),
        (lambda s: s, {"shares": [[0.5, 0.4]]}, "rows of 2 numbers, 0 or more, that add up to 1"),
        (lambda s: s, {"shares": [[1.0]]}, r"rows of 2 numbers.*got shape \(1, 1\)"),
    ],
)
def test_bad_input(change, options, message):
    spaces, responses = problem()
    with pytest.raises(ValueError, match=message):
        fit_banded_ridge(change(spaces), responses, **options)


def test_parts_need_the_spaces_of_the_fit():
    spaces, responses = problem()
    with pytest.raises(ValueError, match=r"fitted to the spaces \['small', 'large'\]"):
        fit_banded_ridge(spaces, responses).predict_parts({"small": spaces["small"]})
