import itertools
import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy import stats

from brainalign.studies.survey.accuracy import correlation_with_interval, interval_of_correlation, partial_correlation
from brainalign.studies.survey.power import (
    critical_correlation,
    detectable_correlation,
    equivalence_p,
    needed_models,
    power_of_correlation,
)
from brainalign.studies.survey.related_models import (
    between_families,
    bootstrap_correlation,
    correlate_scores,
    within_families,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def families():
    """Nine families of four models; score and accuracy go together inside families, and the other way between them."""
    generator = rng(3)
    names = np.repeat([f"family {i}" for i in range(9)], 4)
    level = np.repeat(np.linspace(-3, 3, 9), 4)
    inside = np.tile([-0.6, -0.2, 0.2, 0.6], 9)
    return level + inside, -level + inside + 0.05 * generator.standard_normal(36), names


def test_the_published_correlation():
    found = interval_of_correlation(0.266, 30)
    assert_allclose([found.low, found.high, found.p], [-0.10, 0.57, 0.155], atol=0.005)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval_is_that_of_scipy(level):
    x, y = rng().standard_normal((2, 25))
    y += 0.5 * x
    found, theirs = correlation_with_interval(x, y, level=level), stats.pearsonr(x, y)
    assert_allclose([found.r, found.p], [theirs.statistic, theirs.pvalue])
    assert_allclose([found.low, found.high], theirs.confidence_interval(level))
    assert_equal(found.n, 25)


def test_partial_correlation_holds_the_given_fixed():
    generator = rng(1)
    given = generator.standard_normal((60, 2))
    x = given @ [1.0, -2.0] + generator.standard_normal(60)
    y = given @ [3.0, 1.0] + generator.standard_normal(60)
    found = partial_correlation(x, y, given)
    # From the inverse of the correlation matrix, the other way to compute it.
    inverse = np.linalg.inv(np.corrcoef(np.column_stack([x, y, given]).T))
    assert_allclose(found.r, -inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1]))
    design = np.column_stack([np.ones(60), x, given])
    left, total = np.linalg.lstsq(design, y, rcond=None)[1][0], 60 - 4
    sd = math.sqrt(left / total * np.linalg.inv(design.T @ design)[1, 1])
    slope = np.linalg.lstsq(design, y, rcond=None)[0][1]
    assert_allclose(found.p, 2 * stats.t.sf(abs(slope / sd), total))
    one = partial_correlation(x, y, given[:, 0])
    assert one.high - one.low < found.high - found.low or one.r != found.r


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_bootstrap_of_independent_models(method):
    x = rng(2).standard_normal(200)
    y = 0.6 * x + 0.8 * rng(4).standard_normal(200)
    r, low, high = bootstrap_correlation(x, y, method=method, generator=rng())
    theirs = stats.pearsonr if method == "pearson" else stats.spearmanr
    assert_allclose(r, theirs(x, y)[0])
    expected = interval_of_correlation(r, 200)
    assert_allclose([low, high], [expected.low, expected.high], atol=0.05)


def test_bootstrap_of_families_is_wider():
    """Ten families of thirty models each that are all the same: thirty times the models, no more evidence."""
    generator = rng(5)
    x, y = np.repeat(generator.standard_normal((2, 10)), 30, axis=1)
    families = np.repeat(np.arange(10), 30)
    few = bootstrap_correlation(x[::30], y[::30], method="pearson", generator=rng())
    whole = bootstrap_correlation(x, y, method="pearson", families=families, generator=rng())
    alone = bootstrap_correlation(x, y, method="pearson", generator=rng())
    assert_allclose(whole, few, atol=1e-12)
    assert alone[2] - alone[1] < 0.4 * (whole[2] - whole[1])


def test_between_families_the_family_is_the_unit(families):
    x, y, names = families
    found = between_families(x, y, names, generator=rng(1), n_permutations=999)
    means = pd.DataFrame({"x": x, "y": y}).groupby(names).mean()
    assert_allclose(found.r, means["x"].corr(means["y"]))
    assert found.r < -0.99
    assert_equal((found.n, found.p, found.least_p), (9, 0.001, 0.001))


def test_few_families_are_rearranged_in_every_order():
    x, y = rng(6).standard_normal((2, 20))
    names = np.repeat(list("abcde"), 4)
    found = between_families(x, y, names, generator=rng())
    a, b = (values.reshape(5, 4).mean(axis=1) for values in (x, y))
    orders = [np.corrcoef(a, b[list(order)])[0, 1] for order in itertools.permutations(range(5))]
    assert_allclose(found.p, np.mean(np.abs(orders) >= abs(np.corrcoef(a, b)[0, 1]) - 1e-9))
    assert_equal(found.least_p, 1 / 120)


def test_within_families_levels_do_not_count(families):
    x, y, names = families
    found = within_families(x, y, names, generator=rng(), n_permutations=999)
    assert found.r > 0.95
    assert_equal((found.p, found.n), (0.001, 36))
    shifted = within_families(x + 100 * np.repeat(np.arange(9), 4), y, names, generator=rng(), n_permutations=999)
    assert_allclose(shifted.r, found.r)


@pytest.mark.parametrize("test", [between_families, within_families])
def test_p_values_are_uniform_without_a_relation(test):
    generator = rng(7)
    names = np.repeat(np.arange(6), 4)
    p = []
    for _ in range(200):
        x, y = generator.standard_normal((2, 24)) + np.repeat(generator.standard_normal((2, 6)), 4, axis=1)
        p.append(test(x, y, names, generator=generator, n_permutations=99).p)
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.10
    assert abs(np.mean(p) - 0.5) < 0.07


def test_correlate_scores(families):
    x, y, names = families
    models = pd.Index([f"model {i}" for i in range(36)])
    scores = pd.DataFrame({"sum": x, "mean": -x}, index=models)
    heads = dict(zip(models, np.tile([36, 72, 144, 288], 9), strict=True))
    accuracy = pd.Series(y[::-1], index=models[::-1])  # in another order
    found = correlate_scores(scores, accuracy, dict(zip(models, names, strict=True)), heads, generator=rng())
    assert_array_equal(found.index, ["sum", "mean"])
    plain = correlation_with_interval(x, y)
    simple = ["r", "low", "high", "p"]
    assert_allclose(found.loc["sum", simple], [getattr(plain, name) for name in simple])
    signed = ["r", "rho", "partial", "between", "within"]
    assert_allclose(found.loc["sum", signed], -found.loc["mean", signed])
    assert_allclose(found.loc["sum", "partial"], partial_correlation(x, y, np.log(list(heads.values()))).r)
    assert found.loc["sum", "between"] < -0.99
    assert found.loc["sum", "within"] > 0.95


@pytest.mark.parametrize(("r", "n"), [(0.3, 12), (0.5, 30), (0.266, 30)])
def test_power_is_that_of_simulated_studies(r, n):
    generator = rng(8)
    x, noise = generator.standard_normal((2, 40_000, n))
    y = r * x + math.sqrt(1 - r**2) * noise
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    found = np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    t = np.abs(found) * np.sqrt((n - 2) / (1 - found**2))
    simulated = np.mean(t > stats.t.ppf(0.975, n - 2))
    assert_allclose(power_of_correlation(r, n), simulated, atol=3.5 * math.sqrt(0.25 / 40_000))
    assert_equal(power_of_correlation(-r, n), power_of_correlation(r, n))


def test_power_without_a_correlation_is_the_level():
    assert_allclose([power_of_correlation(0, n) for n in (4, 30, 1000)], 0.05, atol=2e-5)
    assert_allclose(power_of_correlation(0, 30, alpha=0.2), 0.2, atol=2e-4)
    assert_allclose(power_of_correlation(0.999, 30), 1)


def test_what_thirty_models_can_show():
    assert_allclose(detectable_correlation(30), 0.485, atol=0.001)
    assert_allclose(power_of_correlation(detectable_correlation(30, power=0.6), 30), 0.6, atol=1e-4)
    # Published tables of exact power: 84 for 0.3 and 29 for 0.5.
    assert_equal([needed_models(0.3), needed_models(0.5), needed_models(-0.5)], [84, 29, 29])
    for r, power in ((0.266, 0.8), (0.7, 0.95)):
        n = needed_models(r, power=power)
        assert power_of_correlation(r, n) >= power > power_of_correlation(r, n - 1)


@pytest.mark.parametrize("n", [4, 30, 500])
def test_critical_correlation_is_where_p_crosses_the_level(n):
    assert_allclose(interval_of_correlation(critical_correlation(n), n).p, 0.05)
    assert_allclose(interval_of_correlation(critical_correlation(n, alpha=0.2), n).p, 0.2)


def test_equivalence():
    # The bound at which p is .05 is the nearer to 0 of the ends of the 90 % interval, beyond zero.
    ends = interval_of_correlation(0.266, 30, level=0.9)
    assert_allclose(equivalence_p(0.266, 30, bound=ends.high), 0.05)
    assert_allclose(equivalence_p(-0.266, 30, bound=0.3), equivalence_p(0.266, 30, bound=0.3))
    assert equivalence_p(0.0, 1000, bound=0.2) < 1e-6
    assert equivalence_p(0.266, 30, bound=0.1) > 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval_of_correlation(1.0, 30), "give r between -1 and 1"),
        (lambda: interval_of_correlation(0.5, 3), "at least 4 models"),
        (lambda: interval_of_correlation(0.5, 5, n_given=2), "at least 4 models more"),
        (lambda: correlation_with_interval([1, 2, 3], [1, 2, 3]), "at least 4 models"),
        (lambda: correlation_with_interval([1, 2, 3, 4], [1, 2, 3]), r"got \(4,\) and \(3,\)"),
        (lambda: correlation_with_interval([1, 1, 1, 1], [1, 2, 3, 4]), "x holds values that are not finite, or all"),
        (lambda: correlation_with_interval([1, 2, 3, 5], [1, 2, 3, np.nan]), "y holds values that are not finite"),
        (lambda: partial_correlation([1, 2, 3, 4, 9], [1, 3, 2, 4, 5], [2, 4, 6, 8, 18]), "x is a linear function"),
        (lambda: partial_correlation([1, 2, 3, 4, 9], [1, 3, 2, 4, 5], [2, 4, 6, 8, np.inf]), "held fixed hold"),
        (lambda: bootstrap_correlation(range(6), range(6), families=[0, 0, 0, 1, 1, 1], generator=rng()), "2 families"),
        (lambda: bootstrap_correlation(range(6), range(6), method="kendall", generator=rng()), "'kendall'"),
        (lambda: between_families(range(6), range(6), [0, 0, 1, 1, 2, 2], generator=rng()), "at least 4 families"),
        (lambda: between_families(range(6), range(6), [0, 0, 1], generator=rng()), "family of each of 6 models"),
        (lambda: within_families(range(6), range(6), range(6), generator=rng()), "inside families nothing varies"),
        (lambda: power_of_correlation(1.0, 30), "give a correlation between -1 and 1"),
        (lambda: power_of_correlation(0.5, 3), "at least 4 models"),
        (lambda: detectable_correlation(30, power=0.04), "power = 0.04"),
        (lambda: needed_models(0.0), "not 0 nor very near it"),
        (lambda: needed_models(1e-6), "not 0 nor very near it"),
        (lambda: equivalence_p(0.2, 30, bound=0), "a bound between 0 and 1"),
    ],
)
def test_what_cannot_be_computed(call, message):
    with pytest.raises(ValueError, match=message):
        call()
