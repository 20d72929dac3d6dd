"""The closed forms say what the measures find in data that were perturbed."""

import re

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity import get_measure
from brainalign.similarity.optimization import (
    drop_component,
    dropped_component_scores,
    principal_variances,
    replace_component,
    replaced_component_scores,
)
from tests.similarity.properties import normal

WIDTH = 6


@pytest.fixture(scope="module")
def data():
    return normal(40, WIDTH) * torch.linspace(3, 0.2, WIDTH, dtype=torch.float64)


def measured_without_a_component(name, changed, whole):
    if name == "linear_predictivity":
        changed = torch.linalg.svd(changed, full_matrices=False).U  # independent features of the same span
        changed = changed[:, : int(torch.linalg.matrix_rank(whole - whole.mean(dim=0))) - 1]
    return get_measure(name)(changed, whole)


@pytest.mark.parametrize("component", [0, 2, WIDTH - 1])
@pytest.mark.parametrize("name", ["linear_cka", "normalized_bures_similarity", "linear_predictivity"])
def test_replaced_component(data, name, component):
    changed = replace_component(data, component, generator=torch.Generator().manual_seed(1))
    expected = replaced_component_scores(principal_variances(data))[name][component]
    assert_close(get_measure(name)(changed, data), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("component", [0, 2, WIDTH - 1])
@pytest.mark.parametrize("name", ["linear_cka", "normalized_bures_similarity", "linear_predictivity"])
def test_dropped_component(data, name, component):
    changed = drop_component(data, component)
    expected = dropped_component_scores(principal_variances(data))[name][component]
    assert_close(measured_without_a_component(name, changed, data), expected, rtol=0, atol=1e-12)


def test_a_replaced_component_is_new_and_of_the_same_variance(data):
    changed = replace_component(data, 1, generator=torch.Generator().manual_seed(1))
    assert_close(principal_variances(changed), principal_variances(data))
    other = replace_component(data, 1, generator=torch.Generator().manual_seed(2))
    assert (changed - other).abs().max() > 0.1


def test_cka_forgives_a_small_component_more_than_the_others_and_a_large_one_less():
    scores = replaced_component_scores(torch.tensor([0.7, 0.2, 0.1]))
    assert scores["linear_cka"][0] < scores["normalized_bures_similarity"][0]
    assert scores["linear_cka"][2] > scores["normalized_bures_similarity"][2]


@pytest.mark.parametrize("variances", [[1.0, -0.1], [0.0, 0.0], [1.0, float("nan")]])
@pytest.mark.parametrize("formula", [replaced_component_scores, dropped_component_scores])
def test_variances_that_are_none_are_refused(formula, variances):
    with pytest.raises(ValueError, match="variances must be finite, 0 or more"):
        formula(torch.tensor(variances))


def test_components_that_do_not_exist_are_refused(data):
    message = f"X of shape (40, {WIDTH}) has components 0 to {WIDTH - 1}: got {WIDTH}."
    with pytest.raises(ValueError, match=re.escape(message)):
        drop_component(data, WIDTH)


def test_replacing_needs_a_free_direction():
    with pytest.raises(ValueError, match="replace_component: 4 components leave no"):
        replace_component(normal(5, 8), 0, generator=torch.Generator())
