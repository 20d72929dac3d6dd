import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from brainalign.topology import METRICS, align, icn_profiles, space
from tests.topology.small_models import small_model

ICNS = icn_profiles()
PARITY = 1e-9


@pytest.fixture(scope="module")
def table():
    models = {f"m{seed}": small_model(seed) for seed in range(3)}
    return align(models | {"large": small_model(9, heads=8)}, ICNS).heads


def test_the_space_is_that_of_scikit_learn(table):
    fitted, oracle = space(table), PCA(n_components=2).fit(table[list(ICNS.index)])
    assert_allclose(fitted.explained_variance_ratio_, oracle.explained_variance_ratio_, atol=PARITY)
    signs = np.where(oracle.components_.sum(axis=1) < 0, -1, 1)
    expected = oracle.transform(table[list(ICNS.index)]) * signs
    assert_allclose(fitted.transform()[["axis_1", "axis_2"]], expected, rtol=0, atol=PARITY)


def test_scores_are_sums_means_and_medians_of_the_first_axis(table):
    fitted = space(table)
    places = fitted.transform().groupby("model", sort=False)["axis_1"]
    for by, expected in (("sum", places.sum()), ("mean", places.mean()), ("median", places.median())):
        assert_allclose(fitted.scores(by), expected)
        assert list(fitted.scores(by).index) == ["m0", "m1", "m2", "large"]
    assert_allclose(fitted.scores().sum(), 0, atol=PARITY)  # the centre is that of the heads


def test_models_can_count_the_same(table):
    fitted = space(table, equal_models=True)
    assert_allclose(fitted.scores("mean").sum(), 0, atol=PARITY)
    assert not np.isclose(space(table).scores("mean").sum(), 0, atol=1e-3)


def test_other_heads_are_placed_in_the_same_space(table):
    fitted, other = space(table), align({"new": small_model(5)}, ICNS).heads
    assert_allclose(fitted.scores("mean", other)["new"], fitted.transform(other)["axis_1"].mean())
    again = fitted.transform(table[table["model"] == "m1"])
    assert_array_equal(again, fitted.transform()[table["model"] == "m1"])


def test_too_little_is_refused(table):
    with pytest.raises(ValueError, match="needs at least 3 of them: got 2"):
        space(table[table["model"].isin(["m0", "m1"])])
    holed = table.copy()
    holed.loc[3, "Visual"] = np.nan
    with pytest.raises(ValueError, match="1 similarities are not finite"):
        space(holed)
    with pytest.raises(ValueError, match="by = 'max' is unknown; choose one of sum"):
        space(table).scores("max")
    with pytest.raises(ValueError, match="the table lacks Visual"):
        space(table).transform(table.drop(columns="Visual"))
    with pytest.raises(ValueError, match="must start with the columns"):
        space(table.drop(columns=METRICS[0]))
