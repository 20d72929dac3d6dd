import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_less
from scipy import stats

from brainalign.topology import (
    block_design,
    effect_difference,
    holm,
    paired_contrasts,
    sign_flip_p,
    treatment_effect,
)


def design(effect=0.0, *, n_blocks=8, n_treatments=4, seed=0):
    """Blocks that differ much, treatments that differ by `effect`."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_blocks, n_treatments)) + 10 * rng.normal(size=(n_blocks, 1))
    return pd.DataFrame(values + effect * np.arange(n_treatments), columns=list("abcd")[:n_treatments])


def test_variance_is_divided_as_in_a_two_way_analysis():
    table = design(0.7)
    found = treatment_effect(table, n_permutations=99, generator=np.random.default_rng(0))
    values = table.to_numpy()
    total = np.sum((values - values.mean()) ** 2)
    between = 8 * np.sum((values.mean(axis=0) - values.mean()) ** 2)
    blocks = 4 * np.sum((values.mean(axis=1) - values.mean()) ** 2)
    residual = total - between - blocks
    assert_allclose(found.shares, np.array([blocks, between, residual]) / total, rtol=1e-10)
    assert list(found.shares.index) == ["blocks", "treatments", "residual"]
    assert_allclose(found.F, (between / 3) / (residual / 21), rtol=1e-10)


def test_the_permutation_test_agrees_with_the_f_test_for_normal_values():
    for effect in (0.3, 0.5):
        found = treatment_effect(design(effect), n_permutations=4999, generator=np.random.default_rng(1))
        assert_allclose(found.p, stats.f.sf(found.F, 3, 21), atol=0.04)  # one is exact for normals, one for all


def test_the_test_holds_its_level():
    generator = np.random.default_rng(2)
    p = [treatment_effect(design(seed=s), n_permutations=99, generator=generator).p for s in range(200)]
    rejected = np.mean(np.array(p) <= 0.05)
    assert stats.binomtest(round(200 * rejected), 200, 0.05).pvalue > 0.001


def test_a_large_effect_has_the_smallest_p():
    found = treatment_effect(design(50), n_permutations=99, generator=np.random.default_rng(0))
    assert found.p == 0.01


def test_two_treatments_are_a_paired_t_test():
    table = design(1.0, n_treatments=2)
    found = paired_contrasts(table, [("b", "a")]).iloc[0]
    t = stats.ttest_rel(table["b"], table["a"])
    interval = t.confidence_interval(0.95)
    assert_allclose([found["low"], found["high"]], [interval.low, interval.high])
    assert_allclose(found["effect"] * np.sqrt(8), t.statistic)
    effect = treatment_effect(table, n_permutations=9, generator=np.random.default_rng(0))
    assert_allclose(effect.F, t.statistic**2)
    assert found["p"] == found["p_holm"] == found["p_bh"]
    assert found["blocks_above"] == int((table["b"] > table["a"]).sum())


def test_a_constant_difference_has_no_effect_size():
    table = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.5, 1.5, 3.5]})
    found = paired_contrasts(table, [("a", "b")]).iloc[0]
    assert np.isnan(found["effect"])
    assert found["p"] == 0.25
    assert found["difference"] == found["low"] == found["high"] == 0.5


def test_sign_flips_by_hand():
    assert sign_flip_p([1.0, 1.0]) == 0.5  # ++ and -- of four
    assert sign_flip_p([1.0, 2.0, 3.0]) == 0.25
    assert sign_flip_p([1.0, -1.0]) == 1.0
    assert sign_flip_p([3.0, -1.0]) == 1.0  # |3-1| = 2 is reached by all: 4, 2, 2, 4


def test_sign_flips_agree_with_scipy():
    differences = np.random.default_rng(0).normal(0.4, 1, size=7)
    oracle = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert_allclose(sign_flip_p(differences), oracle.pvalue)


def test_holm_by_hand():
    assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert_allclose(holm([0.5, 0.6]), [1, 1])
    assert_allclose(holm([0.2]), [0.2])


def test_holm_is_never_below_benjamini_and_hochberg():
    p = np.random.default_rng(0).uniform(size=30) ** 3
    assert_array_less(stats.false_discovery_control(p) - 1e-12, holm(p))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pd.DataFrame({"a": [1.0]}), r"at least 2 blocks and 2 treatments: got \(1, 1\)"),
        (pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0]}), "1 values of the design are missing"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}), "nothing to test"),
    ],
)
def test_incomplete_designs_are_refused(values, text):
    with pytest.raises(ValueError, match=text):
        treatment_effect(values, n_permutations=9, generator=np.random.default_rng(0))


def test_other_bad_input():
    with pytest.raises(ValueError, match="n_permutations = 0"):
        treatment_effect(design(), n_permutations=0, generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"columns of the table \(a, b, c, d\): got e"):
        paired_contrasts(design(), [("a", "e")])
    with pytest.raises(ValueError, match="got none"):
        paired_contrasts(design(), [])
    for wrong in ([1.0], np.ones(17), [1.0, np.nan]):
        with pytest.raises(ValueError, match="2 to 16 finite differences"):
            sign_flip_p(wrong)
    for wrong in ([], [1.2], [np.nan]):
        with pytest.raises(ValueError, match="numbers from 0 to 1"):
            holm(wrong)


NAMES = ["mae 0", "clip 0", "mae 1", "clip 1"]
TREATMENTS = {name: name.split(" ")[0] for name in NAMES}
BLOCKS = {name: name.split(" ")[1] for name in NAMES}


def test_a_design_is_blocks_by_treatments():
    table = block_design(pd.Series([1.0, 2.0, 3.0, 4.0], index=NAMES), TREATMENTS, BLOCKS)
    assert list(table.index) == ["0", "1"]
    assert list(table.columns) == ["mae", "clip"]
    assert_allclose(table, [[1, 2], [3, 4]])


def test_a_block_without_all_its_models_is_left_out():
    table = block_design(pd.Series([1.0, 2.0, 3.0], index=NAMES[:3]), TREATMENTS, BLOCKS)
    assert list(table.index) == ["0"]
    table = block_design(pd.Series([1.0, np.nan, 3.0, 4.0], index=NAMES), TREATMENTS, BLOCKS)
    assert list(table.index) == ["1"]


def test_models_without_a_place_or_with_the_same_are_refused():
    with pytest.raises(ValueError, match="no treatment or block is given for dino"):
        block_design(pd.Series([1.0], index=["dino"]), TREATMENTS, BLOCKS)
    with pytest.raises(ValueError, match="same block and treatment: 0, mae"):
        block_design(pd.Series([1.0, 2.0], index=["mae 0", "x"]), TREATMENTS | {"x": "mae"}, BLOCKS | {"x": "0"})
    with pytest.raises(ValueError, match="no block has all of mae, clip"):
        block_design(pd.Series([1.0, 2.0], index=["mae 0", "clip 1"]), TREATMENTS, BLOCKS)


def test_treatments_without_effect_have_the_share_of_chance_and_no_omega_squared():
    rng = np.random.default_rng(0)
    found = [
        treatment_effect(table_of(rng.standard_normal((8, 5))), n_permutations=1, generator=rng) for _ in range(400)
    ]
    shares = np.array([one.shares["treatments"] for one in found])
    assert_allclose(shares.mean(), np.mean([one.chance_share for one in found]), atol=0.01)
    assert abs(np.mean([one.omega_squared for one in found])) < 0.01


def test_omega_squared_is_the_share_of_the_population():
    rng = np.random.default_rng(1)
    effect, drawn = np.array([-1.0, 0.0, 1.0]), []  # variance 2/3 beside noise of 1
    for _ in range(200):
        values = effect + rng.standard_normal((20, 3))
        drawn.append(treatment_effect(table_of(values), n_permutations=1, generator=rng).omega_squared)
    assert_allclose(np.mean(drawn), (2 / 3) / (2 / 3 + 1), atol=0.02)


def test_two_effects_are_compared_by_their_difference():
    rng = np.random.default_rng(2)
    strong, weak, none = (table_of(size * np.arange(4.0) + rng.standard_normal((10, 4))) for size in (3.0, 0.3, 0.0))
    difference, low, high = effect_difference(strong, none, n_draws=300, generator=rng)
    assert 0 < low < difference < high
    _, low, high = effect_difference(weak, none, n_draws=300, generator=rng)
    assert low < 0 < high or high - low > 0.05
    with pytest.raises(ValueError, match="agree"):
        effect_difference(strong, none.iloc[:, :2], n_draws=3, generator=rng)


def table_of(values):
    return pd.DataFrame(values, columns=[f"t{i}" for i in range(values.shape[1])])
