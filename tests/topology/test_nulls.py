import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy.stats import kstest

from brainalign.topology.nulls import (
    TWINS,
    compare_with_null,
    null_envelope,
    random_twin,
)


def trained(lead=(), n=12, d=8, head_dim=4):
    """Weights of three clearly different means and spreads, none of them normal."""
    generator = np.random.default_rng(0)
    positions = 1.5 + 0.4 * generator.exponential(size=(n, d))
    query = -0.2 + 0.1 * generator.uniform(-1, 1, size=(*lead, d, head_dim))
    return positions, query, 0.05 + 2.0 * generator.laplace(size=(*lead, d, head_dim))


def large():
    return trained(lead=(6, 12), n=500, d=64, head_dim=16)


@pytest.mark.parametrize("kind", TWINS)
def test_twins_have_the_mean_and_spread_that_their_kind_promises(kind):
    weights = large()
    twins = random_twin(*weights, kind=kind, generator=np.random.default_rng(0))
    for learned, twin in zip(weights, twins, strict=True):
        mean, sd = (learned.mean(), learned.std()) if kind == "matched" else (0, 0.02)
        assert_array_equal(twin.shape, learned.shape)
        # Four standard errors of a mean and of a standard deviation of normal numbers.
        assert_allclose(twin.mean(), mean, rtol=0, atol=4 * sd / np.sqrt(twin.size))
        assert_allclose(twin.std(), sd, rtol=4 / np.sqrt(2 * twin.size))


def test_twins_are_normal_and_independent():
    weights = large()
    for kind in TWINS:
        twins = random_twin(*weights, kind=kind, generator=np.random.default_rng(0))
        for learned, twin in zip(weights, twins, strict=True):
            flat = twin.ravel()
            assert_array_less(0.001, kstest((flat - flat.mean()) / flat.std(), "norm").pvalue)
            limit = 4 / np.sqrt(flat.size)
            assert_array_less(np.abs(np.corrcoef(flat, learned.ravel())[0, 1]), limit)
            assert_array_less(np.abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]), limit)
        assert_array_less(np.abs(np.corrcoef(twins[1].ravel(), twins[2].ravel())[0, 1]), limit)


@pytest.mark.parametrize("kind", TWINS)
def test_the_generator_decides_the_twin(kind):
    weights = trained()
    first, again, other = (
        random_twin(*weights, kind=kind, generator=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    for one, two, three in zip(first, again, other, strict=True):
        assert_array_equal(one, two)
        assert_array_less(0, np.abs(one - three))
    generator = np.random.default_rng(0)
    _, following = (random_twin(*weights, kind=kind, generator=generator) for _ in range(2))
    assert_array_less(0, np.abs(following[0] - first[0]))


def test_the_global_random_state_and_the_weights_are_left_alone():
    weights, state = trained(), np.random.get_state()[1].copy()
    before = [array.copy() for array in weights]
    random_twin(*weights, kind="matched", generator=np.random.default_rng(0))
    assert_array_equal(np.random.get_state()[1], state)
    for array, copy in zip(weights, before, strict=True):
        assert_array_equal(array, copy)


def test_an_unknown_kind_is_refused():
    message = r"kind = 'shuffled' is unknown; choose one of matched, initial\."
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        random_twin(*trained(), kind="shuffled", generator=generator)


NINE = np.arange(1.0, 10.0)


@pytest.mark.parametrize(
    ("value", "null", "p"),
    [
        (100, NINE, 2 / 10),  # beyond all
        (-100, NINE, 2 / 10),
        (9.5, NINE, 2 / 10),
        (8.5, NINE, 4 / 10),  # one beyond it
        (1.5, NINE, 4 / 10),
        (4.5, NINE, 1.0),  # in the middle
        (5, NINE, 1.0),
        (9, NINE, 4 / 10),  # a tie counts as beyond
        (9, [9.0] * 9, 1.0),
        (2, [1.0, 1.0, 2.0, 2.0], 1.0),
        (3, [1.0, 2.0], 2 / 3),
        (1.5, [1.0, 2.0], 1.0),
    ],
)
def test_p_of_known_cases(value, null, p):
    assert_allclose(compare_with_null(value, null).p, p)
    assert_allclose(compare_with_null(-value, -np.asarray(null)).p, p)


def test_a_comparison_by_hand():
    comparison = compare_with_null(8.0, [[1.0, 2.0], [3.0, 6.0]])
    assert_allclose([comparison.null_mean, comparison.null_sd], [3, np.sqrt(14 / 3)])
    assert_allclose([comparison.value, comparison.z, comparison.p], [8, 5 / np.sqrt(14 / 3), 2 / 5])


@given(st.floats(-1e3, 1e3), st.integers(2, 30))
@settings(max_examples=100, deadline=None)
def test_a_null_of_equal_values_has_no_spread(height, n_null):
    comparison = compare_with_null(height + 1, np.full(n_null, height))
    assert_array_equal([comparison.null_sd, comparison.z], [0, np.nan])
    assert_allclose(comparison.p, 2 / (n_null + 1))


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30), st.integers(-5, 25), st.floats(0.1, 10))
@settings(max_examples=100, deadline=None)
def test_range_of_p_and_freedom_of_order_and_unit(null, value, unit):
    comparison = compare_with_null(value, null)
    assert_array_less([2 / (len(null) + 1) - 1e-12, comparison.p], [comparison.p, 1 + 1e-12])
    other = compare_with_null(unit * value, unit * np.array(null[::-1]))
    assert_array_equal(other.p, comparison.p)
    assert_allclose(other.z, comparison.z, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_null", [9, 10, 19])
def test_no_level_is_exceeded_where_the_null_is_true(n_null):
    # If the value is one more draw, all of its ranks among the null values are equally likely.
    p = np.array([compare_with_null(rank - 0.5, np.arange(n_null)).p for rank in range(n_null + 1)])
    for level in np.linspace(0.01, 1, 100):
        assert_array_less(np.mean(p <= level), level + 1e-12)
    attainable = 2 * np.arange(1, (n_null + 1) // 2 + 1) / (n_null + 1)
    assert_allclose([np.mean(p <= level + 1e-12) for level in attainable], attainable)


def test_p_is_uniform_where_the_null_is_true():
    draws = np.random.default_rng(0).standard_normal((500, 200))
    p = [compare_with_null(draw[0], draw[1:]).p for draw in draws]
    assert_array_less(0.01, kstest(p, "uniform").pvalue)
    shifted = [compare_with_null(draw[0] + 1, draw[1:]).p for draw in draws]
    assert_array_less(kstest(shifted, "uniform").pvalue, 1e-6)  # the check can fail


@pytest.mark.parametrize(
    ("value", "null", "message"),
    [
        (1.0, [0.5], r"a null distribution needs at least 2 values: got 1\."),
        (1.0, [], r"a null distribution needs at least 2 values: got 0\."),
        (np.nan, NINE, r"only finite values compare: the value is nan, 0 null values are not finite\."),
        (1.0, [*NINE, np.nan, np.inf], r"the value is 1\.0, 2 null values are not finite\."),
    ],
)
def test_what_cannot_be_compared_is_refused_with_its_numbers(value, null, message):
    with pytest.raises(ValueError, match=message):
        compare_with_null(value, null)


def plane(n_points=800, seed=0, sd=(3.0, 0.3)):
    return np.random.default_rng(seed).standard_normal((n_points, 2)) * sd


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_an_envelope_holds_its_share_of_the_points(share):
    points = plane()
    envelope = null_envelope(points, share=share, n_grid=100)
    assert_allclose(envelope.contains(points).mean(), share, rtol=0, atol=0.01)
    assert_allclose(envelope.contains(plane(20000, seed=1)).mean(), share, rtol=0, atol=0.05)
    assert_array_equal(envelope.share, share)


def test_an_envelope_lies_where_the_points_are():
    envelope = null_envelope(plane(), n_grid=100)
    inside = [[0, 0], [5, 0], [-5, 0], [0, 0.5]]
    outside = [[0, 1.5], [0, 5], [0, -1.5], [11, 0], [1e6, 0], [0, -1e6]]
    assert_array_equal(envelope.contains(inside), True)
    assert_array_equal(envelope.contains(outside), False)
    assert_array_equal(envelope.density.shape, [100, 100])
    assert_allclose(np.trapezoid(np.trapezoid(envelope.density, envelope.x), envelope.y), 1, atol=0.01)


def test_an_envelope_of_two_clouds_has_a_gap():
    cloud = plane(300, sd=(0.3, 0.3))
    envelope = null_envelope(np.concatenate([cloud, cloud + np.array([6, 0])]), n_grid=100)
    assert_array_equal(envelope.contains([[0, 0], [3, 0], [6, 0]]), [True, False, True])


def test_a_larger_share_needs_a_lower_level():
    levels = [null_envelope(plane(), share=share, n_grid=20).level for share in (0.5, 0.8, 0.95, 0.99)]
    assert_array_less(np.diff(levels), 0)


@pytest.mark.parametrize(
    ("points", "share", "message"),
    [
        (np.zeros((9, 2)), 0.95, r"shape \(n_points, 2\) with at least 10 points: got \(9, 2\)\."),
        (np.zeros((20, 3)), 0.95, r"at least 10 points: got \(20, 3\)\."),
        (np.zeros((2, 20, 2)), 0.95, r"at least 10 points: got \(2, 20, 2\)\."),
        (plane(20), 1.0, r"share = 1\.0 is not between 0 and 1\."),
        (plane(20), 0.0, r"share = 0\.0 is not between 0 and 1\."),
        (plane(20), 95, r"share = 95 is not between 0 and 1\."),
    ],
)
def test_what_has_no_envelope_is_refused_with_its_numbers(points, share, message):
    with pytest.raises(ValueError, match=message):
        null_envelope(points, share=share)
