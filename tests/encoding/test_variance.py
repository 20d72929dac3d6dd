import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.encoding import fit_encoding, partition_variance

PENALTIES = (1.0, 10.0, 100.0, 1000.0)


@pytest.fixture(scope="module")
def planted():
    """Two spaces that share one feature; targets driven by the shared one, by each alone, and by none."""
    rng = np.random.default_rng(0)
    shared, a, b = rng.normal(size=(3, 600, 1))
    spaces = {"a": np.hstack([shared, a]), "b": np.hstack([shared, b])}
    responses = np.hstack([shared, a, b, np.zeros_like(a)]) + 0.5 * rng.normal(size=(600, 4))
    return partition_variance(spaces, responses, penalties=PENALTIES), spaces, responses


def test_planted_parts_are_recovered(planted):
    """Signal has .8 of the variance of the first three targets."""
    found, _, _ = planted
    assert_allclose(found.joint, [0.8, 0.8, 0.8, 0.0], atol=0.04)
    assert_allclose(found.unique["a"], [0.0, 0.8, 0.0, 0.0], atol=0.04)
    assert_allclose(found.unique["b"], [0.0, 0.0, 0.8, 0.0], atol=0.04)
    assert_allclose(found.shared, [0.8, 0.0, 0.0, 0.0], atol=0.04)
    assert_allclose(found.alone["a"], [0.8, 0.8, 0.0, 0.0], atol=0.04)


def test_parts_add_up(planted):
    found, _, _ = planted
    assert_allclose(found.unique["a"] + found.unique["b"] + found.shared, found.joint, atol=1e-12)
    assert_allclose(found.alone["a"] + found.alone["b"] - found.joint, found.shared, atol=1e-12)
    assert_allclose(found.product["a"] + found.product["b"], found.joint, atol=1e-10)


def test_joint_model_is_the_banded_fit(planted):
    found, spaces, responses = planted
    joint = fit_encoding(spaces, responses, penalties=PENALTIES)
    assert_allclose(found.joint, joint.r2)
    assert_allclose(found.encoding.scores, joint.scores)
    assert_allclose(found.alone["b"], fit_encoding(spaces["b"], responses, penalties=PENALTIES).r2)


def test_unique_part_of_three_spaces_is_what_the_others_lack():
    rng = np.random.default_rng(1)
    spaces = {name: rng.normal(size=(90, 2)) for name in "abc"}
    responses = spaces["c"] @ rng.normal(size=(2, 3)) + rng.normal(size=(90, 3))
    runs = np.repeat([0, 1, 2], 30)
    found = partition_variance(spaces, responses, runs, penalties=PENALTIES)
    others = fit_encoding({name: spaces[name] for name in "ab"}, responses, runs, penalties=PENALTIES)
    assert_allclose(found.unique["c"], found.joint - others.r2, atol=1e-12)
    assert_allclose(sum(found.product.values()), found.joint, atol=1e-10)
    assert_allclose(found.shared, found.joint - sum(found.unique.values()), atol=1e-12)


def test_one_space_cannot_be_divided():
    with pytest.raises(ValueError, match="at least two named spaces of features: got 1"):
        partition_variance({"a": np.ones((5, 1))}, np.ones((5, 1)))
