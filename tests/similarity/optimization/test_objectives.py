"""Every objective's gradient is that of its score, also where derivatives of singular vectors do not exist."""

import math
import re

import pytest
import torch
from numpy.testing import assert_array_less
from torch.testing import assert_close

from brainalign.similarity import get_measure
from brainalign.similarity.optimization import ANGULAR, drop_component, list_objectives, score_towards
from tests.similarity.properties import normal

# Finite differences of step 3e-6 in double precision leave about 1e-10 of a score of order 1.
EXACT = 1e-8
CLOSED_FORMS = [*ANGULAR, "linear_cka", "normalized_bures_similarity", "linear_predictivity"]
NOT_DEFINED_FOR_NOISE = "neuron_corrected_linear_cka"  # its estimate of a norm is below 0 there
SHAPES = {"wide": (9, 13), "tall": (30, 6), "square": (8, 8)}


def assert_gradient_is_exact(objective, Y, *, tolerance=EXACT, step=3e-6):
    _, gradient = objective(Y)
    for seed in range(3):
        direction = normal(*Y.shape, seed=50 + seed)
        difference = (objective(Y + step * direction)[0] - objective(Y - step * direction)[0]) / (2 * step)
        assert_close((gradient * direction).sum(dim=(-2, -1)), difference, rtol=0, atol=tolerance)


def spread_cross_product(spread, width):
    """X and Y, centered, with `width` features each, so that the singular values of X'Y fall from 1 to 1 / spread."""
    noise = normal(90, 2 * width)
    basis = torch.linalg.qr(noise - noise.mean(dim=0)).Q
    # Half of the spread in each, as data have it.
    root = torch.logspace(0, -math.log10(spread) / 2, width, dtype=torch.float64)
    X, Y = basis[:, :width] * root, (basis[:, :width] + basis[:, width:]) * root
    return tuple(Z @ torch.linalg.qr(normal(width, width, seed=seed)).Q for Z, seed in ((X, 1), (Y, 2)))


@pytest.mark.parametrize("name", [n for n in list_objectives() if n not in (NOT_DEFINED_FOR_NOISE, "pwcca")])
def test_gradient_agrees_with_finite_differences(name):
    X, Y = normal(30, 5), normal(2, 30, 6, seed=1)
    Y = Y + X @ normal(5, 6, seed=2) / 2
    width = 5 if name.startswith("soft_matching") else 6
    assert_gradient_is_exact(score_towards(X, name), Y[..., :width])


@pytest.mark.parametrize("name", [*ANGULAR, "linear_cka", "normalized_bures_similarity"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradient_is_exact_for_more_features_than_samples_and_one_reference_a_copy(name, shape):
    assert_gradient_is_exact(score_towards(normal(3, *shape), name), normal(3, *shape, seed=1))


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_gradient_is_exact_where_singular_values_repeat(name):
    """Orthonormal columns: all singular values of X'Y can be made equal, where an SVD has no derivative."""
    Q = torch.linalg.qr(normal(30, 5) - normal(30, 5).mean(dim=0)).Q
    Y = (Q @ torch.linalg.qr(normal(5, 5, seed=3)).Q)[None] + 0.3 * torch.linalg.qr(normal(30, 5, seed=4)).Q
    cross = torch.linalg.svdvals((Q - Q.mean(dim=0)).mT @ Q)
    assert cross.max() - cross.min() < 1e-12
    assert_gradient_is_exact(score_towards(Q, name), Y)
    assert_gradient_is_exact(score_towards(Q, name), 0.5 * Q[None] + normal(1, 30, 5, seed=5) / 5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, (30, 5)) for name in CLOSED_FORMS] + [(name, (6, 9)) for name in CLOSED_FORMS if "predict" not in name],
)
def test_score_is_1_and_gradient_0_at_the_reference(name, shape):
    X = normal(*shape)
    score, gradient = score_towards(X, name)(2 * X[None] - 3)
    # An angle knows the cosine's distance to 1 only to its root.
    assert_close(score, torch.ones(1, dtype=torch.float64), rtol=0, atol=1e-6 if name in ANGULAR else 1e-12)
    assert gradient.abs().max() < 1e-7


@pytest.mark.parametrize("name", [*ANGULAR, "linear_cka", "normalized_bures_similarity"])
def test_singular_values_of_zero_take_no_part(name):
    """Columns of zeros in both leave score and gradient of the others as they are; their own gradient is 0."""
    X, Y = normal(20, 4), normal(1, 20, 4, seed=1)
    zeros = torch.zeros(20, 3, dtype=X.dtype)
    score, gradient = score_towards(X, name)(Y)
    padded = score_towards(torch.cat([X, zeros], dim=-1), name)(torch.cat([Y, zeros[None]], dim=-1))
    assert_close(padded[0], score)
    assert_close(padded[1][..., :4], gradient)
    assert_close(padded[1][..., 4:], torch.zeros_like(padded[1][..., 4:]))


@pytest.mark.parametrize("name", [*ANGULAR, "linear_cka", "normalized_bures_similarity"])
def test_a_component_that_the_data_lack_leaves_the_gradient_finite(name):
    X = normal(20, 4)
    Y = X.clone()
    Y[:, 3] = Y[:, 0]  # rank 3
    score, gradient = score_towards(X, name)(Y[None])
    assert torch.isfinite(gradient).all()
    better, _ = score_towards(X, name)(Y[None] + 1e-3 * gradient)
    assert better > score


@pytest.mark.parametrize(("spread", "width"), [(1e2, 40), (3e4, 40), (1e5, 25), (1e9, 40)])
def test_polar_factor_is_that_of_singular_vectors_however_the_singular_values_spread(spread, width):
    X, Y = spread_cross_product(spread, width)
    U, s, Vh = torch.linalg.svd(X.mT @ Y, full_matrices=False)
    assert_close(s[0] / s[-1], s.new_tensor(spread), rtol=1e-3, atol=0)
    nbs = s.sum() / (X.norm() * Y.norm())
    expected = X @ U @ Vh / (X.norm() * Y.norm()) - nbs * Y / Y.norm() ** 2
    score, gradient = score_towards(X, "normalized_bures_similarity")(Y[None])
    assert_close(score[0], nbs, rtol=1e-12, atol=0)
    assert_close(gradient[0], expected, rtol=0, atol=1e-8 * float(expected.abs().max()))


def test_no_singular_vectors_are_sought_for_a_spread_that_eigenvectors_can_bear(monkeypatch):
    X, Y = spread_cross_product(3e4, 40)
    objective = score_towards(X, "normalized_bures_similarity")
    expected = objective(Y[None])
    monkeypatch.delattr(torch.linalg, "svd")
    assert_close(objective(Y[None]), expected, rtol=0, atol=0)
    with pytest.raises(AttributeError):
        objective(spread_cross_product(1e9, 40)[1][None])


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("linear_cka", "linear_cka"),
        ("normalized_bures_similarity", "normalized_bures_similarity"),
        ("linear_predictivity", "linear_predictivity"),
        ("angular_procrustes", "angular_procrustes_distance"),
    ],
)
@pytest.mark.parametrize("shape", [(60, 5), (30, 12), (25, 20)])
def test_score_is_the_measure_of_the_registry(name, measure, shape):
    X, Y = normal(*shape), normal(*shape, seed=1)
    expected = get_measure(measure)(Y, X)
    expected = 1 - 2 * expected / torch.pi if name == "angular_procrustes" else expected
    assert_close(score_towards(X, name)(Y[None])[0][0], expected, rtol=1e-10, atol=0)


def test_angular_cka_is_one_minus_twice_the_angle_over_pi():
    X, Y = normal(30, 5), normal(30, 5, seed=1)
    angle = get_measure("linear_cka")(X, Y).arccos()
    assert_close(score_towards(X, "angular_cka")(Y[None])[0][0], 1 - 2 * angle / torch.pi)


def test_distances_become_scores_that_rise():
    X, Y = normal(30, 5), normal(1, 30, 5, seed=1)
    distance = get_measure("procrustes_distance")(Y[0], X)
    score, gradient = score_towards(X, "procrustes_distance")(Y)
    assert_close(score[0], -distance)
    assert score_towards(X, "procrustes_distance")(Y + 0.1 * gradient)[0] > score


def test_direction_is_from_the_data_to_the_reference():
    X, Y = normal(30, 2), normal(30, 6, seed=1)
    Y[:, :2] += X  # Y predicts X; X does not predict the other four features of Y
    assert score_towards(X, "linear_predictivity")(Y[None])[0] > 0.5
    assert score_towards(Y, "linear_predictivity")(X[None])[0] < 0.4


def test_options_reach_the_measure():
    X, Y = normal(30, 5), normal(1, 30, 5, seed=1)
    for alpha in (1.0, 1000.0):
        expected = get_measure("ridge_predictivity")(Y[0], X, alpha=alpha)
        assert_close(score_towards(X, "ridge_predictivity", alpha=alpha)(Y)[0][0], expected)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_float32_follows_float64(name):
    X, Y = normal(40, 8), normal(1, 40, 8, seed=1)
    score, gradient = score_towards(X, name)(Y)
    single, single_gradient = score_towards(X.float(), name)(Y.float())
    assert_close(single, score, rtol=0, atol=2e-6)
    assert_close(single_gradient.double(), gradient, rtol=0, atol=1e-5 * float(gradient.abs().max()))


@pytest.mark.parametrize("scale", [1e-15, 1e15])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_scale_of_data_and_reference_does_no_harm_in_float32(name, scale):
    X, Y = normal(30, 5, dtype=torch.float32), normal(1, 30, 5, seed=1, dtype=torch.float32)
    score, gradient = score_towards(X, name)(Y)
    scaled, scaled_gradient = score_towards(X * scale, name)(Y * scale)
    assert_close(scaled, score, rtol=1e-5, atol=0)
    assert_close(scaled_gradient * scale, gradient, rtol=1e-3, atol=1e-6)


def test_references_follow_their_copies():
    X, Y = normal(3, 20, 4), normal(3, 20, 4, seed=1)
    objective = score_towards(X, "normalized_bures_similarity")
    whole = objective(Y)[0]
    kept = torch.tensor([0, 2])
    assert_close(objective.take(kept)(Y[kept])[0], whole[kept])
    assert_array_less(1e-3, (whole[0] - whole[2]).abs())


def test_an_unknown_measure_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"'linear_kca'.*'linear_cka'"):
        score_towards(normal(20, 3), "linear_kca")


def test_a_measure_without_gradient_is_named_with_those_that_have_one():
    with pytest.raises(ValueError, match="mutual_knn has no gradient to follow"):
        score_towards(normal(20, 3), "mutual_knn")


def test_options_of_measures_without_any_are_refused():
    with pytest.raises(ValueError, match="linear_cka has no options: got alpha"):
        score_towards(normal(20, 3), "linear_cka", alpha=1.0)


def test_bad_references_are_refused():
    with pytest.raises(ValueError, match="linear_cka: reference does not vary over"):
        score_towards(torch.ones(5, 3), "linear_cka")
    with pytest.raises(ValueError, match=re.escape("must have 2 or 3 dimensions, got shape (1, 1, 5, 3)")):
        score_towards(normal(1, 1, 5, 3), "linear_cka")
    with pytest.raises(TypeError, match="linear_cka: reference must be a tensor of"):
        score_towards([[1.0], [2.0]], "linear_cka")


def test_predictivity_refuses_data_that_explain_anything_or_are_dependent():
    X = normal(10, 3)
    message = "linear_predictivity: 9 features explain any reference in 10 samples: at most 8 are allowed. Use ridge"
    with pytest.raises(ValueError, match=re.escape(message)):
        score_towards(X, "linear_predictivity")(normal(1, 10, 9))
    twice = torch.cat([X, X[:, :1]], dim=-1)[None]
    with pytest.raises(ValueError, match="linear_predictivity: features of the data"):
        score_towards(X, "linear_predictivity")(twice)
    five_dimensions = drop_component(normal(40, 6) * torch.linspace(3, 0.2, 6, dtype=torch.float64), 2)
    with pytest.raises(ValueError, match="linear_predictivity: features of the data"):
        score_towards(normal(40, 3), "linear_predictivity")(five_dimensions[None])


def test_predictivity_takes_features_of_any_unit():
    X, Y = normal(30, 3), normal(1, 30, 4, seed=1)
    units = torch.tensor([1e-8, 1.0, 1e8, 1e3], dtype=Y.dtype)
    score, gradient = score_towards(X, "linear_predictivity")(Y)
    scaled, scaled_gradient = score_towards(X, "linear_predictivity")(Y * units)
    assert_close(scaled, score)
    assert_close(scaled_gradient * units, gradient)
