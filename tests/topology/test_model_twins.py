"""Twins of whole models: tables, tables that differ from layer to layer, biases, and kernels of a rotation."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology import METRICS, draw_twin, graph_metrics, head_metrics, twin_profiles
from brainalign.topology.graphs import attention_graph
from brainalign.topology.nulls import TWINS, random_twin
from brainalign.topology.shuffling import SHUFFLES
from tests.topology.small_models import small_model


@dataclass(frozen=True)
class Turned:
    """A kernel that can be followed by hand: cosines of the difference of angles, by the overlap of W_Q and W_K."""

    angles: np.ndarray

    def turned_by(self, angles):
        return replace(self, angles=angles)

    def bias(self, query, key):
        near = np.cos(self.angles[:, None] - self.angles[None]).sum(axis=-1)
        return np.einsum("lhdk,lhdk->lh", query, key)[..., None, None] * near


@dataclass(frozen=True)
class Model:
    positions: np.ndarray | None
    query: np.ndarray
    key: np.ndarray
    bias: np.ndarray | None = None
    kernel: Turned | None = None


def model(**fields):
    made = small_model(**fields)
    return Model(made.positions, made.query, made.key)


def turned():
    made = model()
    kernel = Turned(np.arange(8.0)[:, None] * [1.0, 0.3])
    return Model(None, made.query, made.key, kernel.bias(made.query, made.key), kernel)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", TWINS)
def test_profiles_are_those_of_random_twins_through_the_recipe_of_the_study(kind):
    whole = model()
    profiles = twin_profiles(whole, n_twins=3, kind=kind, generator=rng(3), starts=2)
    assert profiles.shape == (3, 2, 3, 5)
    generator = rng(3)
    for measured in profiles:
        twin = random_twin(whole.positions, whole.query, whole.key, kind=kind, generator=generator)
        metrics = graph_metrics(attention_graph(*twin, 4), starts=2)
        assert_allclose(measured, np.stack([metrics[name] for name in METRICS], axis=-1), rtol=1e-12)


@pytest.mark.parametrize("made", [model(per_layer=True), turned()], ids=["per layer", "kernel"])
@pytest.mark.parametrize("kind", [*TWINS, *SHUFFLES])
def test_positions_of_every_kind_have_twins_with_profiles(made, kind):
    profiles = twin_profiles(made, n_twins=2, kind=kind, generator=rng(), starts=1)
    assert profiles.shape == (2, 2, 3, 5)
    assert np.isfinite(profiles).all()


@pytest.mark.parametrize("kind", [*TWINS, "keys"])
def test_twins_of_a_kernel_are_other_weights_under_the_same_rotation(kind):
    made = turned()
    twin = draw_twin(made, kind, rng())
    assert np.isclose(twin.key, made.key).mean() < 0.2
    assert_array_equal(twin.kernel.angles, made.kernel.angles)
    assert_array_equal(twin.bias, made.kernel.bias(twin.query, twin.key))


def relative():
    bias = rng(5).normal(size=(2, 3, 8, 8))
    return replace(model(), bias=bias)


@pytest.mark.parametrize("made", [model(per_layer=True), turned(), relative()], ids=["per layer", "kernel", "bias"])
def test_dealing_out_whole_positions_renames_nodes_and_changes_no_metric(made):
    twin = draw_twin(made, "position rows", rng(1))
    ours, theirs = (head_metrics(x, starts=8)[list(METRICS)].drop(columns="modularity") for x in (made, twin))
    assert_allclose(theirs, ours, rtol=1e-9)
    first = (x.bias if x.bias is not None else x.positions for x in (made, twin))
    assert not np.isclose(*first).all()


def test_no_twin_and_an_unknown_kind_are_refused():
    with pytest.raises(ValueError, match="n_twins = 0"):
        twin_profiles(model(), n_twins=0, kind="matched", generator=rng())
    with pytest.raises(ValueError, match="'shuffled' is unknown"):
        draw_twin(model(), "shuffled", rng())
