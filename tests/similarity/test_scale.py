"""A measure that declares not to notice the unit of its data does not, over 36 orders of magnitude, or it refuses."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity import (
    linear_cka,
    pairwise,
    procrustes_distance,
    ridge_predictivity,
    soft_matching_distance,
)
from brainalign.similarity.measures import MEASURES
from brainalign.similarity.neighbors import soft_matching_plan
from tests.similarity.properties import normal, related

SCALE_FREE = [measure for measure in MEASURES if "isotropic_scaling" in measure.invariances]
BOUNDED = [measure for measure in MEASURES if math.isfinite(measure.bounds[1])]
N_SAMPLES, WIDTHS = 40, (6, 5)
POWERS = {torch.float64: (-18, -12, -7, 5, 9, 13, 18), torch.float32: (-12, -9, -5, 4, 8, 12)}
FARTHER = {
    torch.float64: (-300, -200, -100, 19, 20, 100, 150, 200, 300),
    torch.float32: (-37, -30, -20, 13, 19, 20, 30, 37),
}
TOLERANCE = {torch.float64: {"rtol": 1e-9, "atol": 1e-9}, torch.float32: {"rtol": 2e-5, "atol": 2e-5}}
SIDES = {"first": (1, 0), "second": (0, 1), "both": (1, 1), "opposite": (1, -1)}
CASES = [(dtype, power) for dtype, powers in POWERS.items() for power in powers]
FAR_CASES = [(dtype, power) for dtype, powers in FARTHER.items() for power in powers]


def scaled(power, side, dtype):
    X, Y = related(N_SAMPLES, *WIDTHS, dtype=dtype)
    first, second = SIDES[side]
    return X * 10.0 ** (first * power), Y * 10.0 ** (second * power)


@pytest.mark.parametrize("measure", SCALE_FREE, ids=lambda measure: measure.name)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("dtype", "power"), CASES)
def test_the_unit_of_the_data_does_not_matter(measure, side, dtype, power):
    expected = measure(*related(N_SAMPLES, *WIDTHS, dtype=dtype))
    assert_close(measure(*scaled(power, side, dtype)), expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("measure", SCALE_FREE, ids=lambda measure: measure.name)
@pytest.mark.parametrize("side", ["first", "second", "both"])
@pytest.mark.parametrize(("dtype", "power"), FAR_CASES)
def test_beyond_that_the_value_is_right_or_refused(measure, side, dtype, power):
    expected = measure(*related(N_SAMPLES, *WIDTHS, dtype=dtype))
    try:
        found = measure(*scaled(power, side, dtype))
    except ValueError as refusal:
        assert measure.name in str(refusal)  # noqa: PT017
        return
    assert_close(found, expected, **TOLERANCE[dtype])


@pytest.mark.parametrize("measure", SCALE_FREE, ids=lambda measure: measure.name)
@pytest.mark.parametrize("dtype", POWERS)
def test_gradients_scale_inversely(measure, dtype):
    if not measure.is_differentiable:
        pytest.skip("has no gradient")
    X, Y = related(N_SAMPLES, *WIDTHS, dtype=dtype)
    gradients = []
    for unit in (1.0, 2.0**20):
        given = (X * unit).requires_grad_()
        measure(given, Y).backward()
        gradients.append(given.grad * unit)
    assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-4 * float(gradients[0].abs().max()))


@pytest.mark.parametrize("name", ["linear_cka", "debiased_linear_cka", "normalized_bures_similarity", "svcca"])
@pytest.mark.parametrize("power", [-18, 18])
def test_all_pairs_do_not_depend_on_units(name, power):
    representations = related(N_SAMPLES, 6, 5, 7)
    units = [1.0, 10.0**power, 10.0**-power]
    assert_close(
        pairwise([X * unit for X, unit in zip(representations, units, strict=True)], name),
        pairwise(representations, name),
        **TOLERANCE[torch.float64],
    )


# ---- measures that do notice: by the right power


@pytest.mark.parametrize("distance", [procrustes_distance, soft_matching_distance])
@pytest.mark.parametrize(("dtype", "power"), CASES)
@pytest.mark.parametrize("widths", [(6, 6), (6, 5), (7, 11)])
def test_a_distance_is_in_units_of_the_data(distance, dtype, power, widths):
    X, Y = related(N_SAMPLES, *widths, dtype=dtype)
    unit = 10.0**power
    assert_close(distance(X * unit, Y * unit) / unit, distance(X, Y), **TOLERANCE[dtype])


@pytest.mark.parametrize("power", [-13, -5, 0, 9, 18])
@pytest.mark.parametrize("shape", [(6, 6), (6, 4), (7, 11)])
def test_the_cheapest_plan_does_not_depend_on_the_unit_of_costs(shape, power):
    cost = normal(*shape, seed=3) + 0.5
    assert_close(soft_matching_plan(cost * 10.0**power), soft_matching_plan(cost), rtol=0, atol=1e-9)


@pytest.mark.parametrize("power", [-18, -6, 6, 18])
def test_ridge_ignores_the_unit_of_the_target_and_moves_its_penalty_with_that_of_the_source(power):
    X, Y = related(N_SAMPLES, *WIDTHS)
    unit, expected = 10.0**power, ridge_predictivity(source=X, target=Y)
    assert_close(ridge_predictivity(source=X, target=Y * unit), expected, **TOLERANCE[torch.float64])
    moved = ridge_predictivity(source=X * unit, target=Y, alpha=100.0 * unit**2)
    assert_close(moved, expected, **TOLERANCE[torch.float64])


# ---- bounds hold to the last digit, so that sqrt(1 - value) is a number


@pytest.mark.parametrize("measure", BOUNDED, ids=lambda measure: measure.name)
@pytest.mark.parametrize("dtype", POWERS)
def test_round_off_does_not_lift_a_value_out_of_its_bounds(measure, dtype):
    for seed in range(25):
        X = related(N_SAMPLES, 3 + seed % 7, seed=seed, noise=0.5 + seed, dtype=dtype)[0]
        value = measure(X, X.clone())
        assert measure.bounds[0] <= value <= measure.bounds[1]


@pytest.mark.parametrize("name", ["linear_cka", "debiased_linear_cka", "normalized_bures_similarity"])
@pytest.mark.parametrize("dtype", POWERS)
def test_round_off_does_not_lift_pairs_out_of_their_bounds(name, dtype):
    for seed in range(10):
        X = related(N_SAMPLES, 3 + seed, seed=seed, noise=0.5 + seed, dtype=dtype)[0]
        assert pairwise([X, X.clone(), 3 * X], name).max() <= 1


@pytest.mark.parametrize(
    "name",
    [
        "linear_cka",
        "rbf_cka",
        "normalized_bures_similarity",
        "angular_procrustes_distance",
        "shape_distance",
        "effective_shared_dimensionality",
    ],
)
def test_two_samples_are_alike_in_any_representation_and_are_refused(name):
    measure = next(measure for measure in MEASURES if measure.name == name)
    with pytest.raises(ValueError, match=rf"{name} needs at least 3 samples .*got 2"):
        measure(normal(2, 4), normal(2, 3, seed=1))


def test_linear_cka_of_three_samples_by_hand():
    """Of one feature each, CKA is the squared correlation."""
    X, Y = torch.tensor([[-1.0], [0.0], [1.0]]), torch.tensor([[1.0], [-2.0], [1.0]])
    both = X + Y
    cosine = float((X * both).sum() / (X.norm() * both.norm()))
    assert_close(float(linear_cka(X, both)), cosine**2, rtol=1e-6, atol=0)
    assert np.isclose(float(linear_cka(X, Y)), 0, atol=1e-7)
