"""Models that are tuned towards responses: the gradient, what it reaches, and what is reported of it."""

import copy
import re
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.testing import assert_close

from brainalign.runs.registry import get_chapter
from brainalign.similarity import MEASURES, classical_scaling, linear_cka, permutation_test
from brainalign.similarity.dissimilarity import euclidean_rdm
from brainalign.similarity.optimization import list_objectives
from brainalign.similarity.optimization.tuning import measure_all, null_spreads, tune
from tests.similarity.properties import normal


def represent(model, stimuli):
    return model[:2](stimuli)


class Task:
    """A regression on the model's last layer, with inputs of its own."""

    def __init__(self):
        self.inputs, self.answers = normal(40, 6, seed=7), normal(40, 2, seed=8)

    def __call__(self, model, step):
        return (model(self.inputs) - self.answers).square().mean()


@pytest.fixture
def model():
    model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 2)).double()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=10 + number) / 3)
    return model


def settings(**changed):
    plain = {"measure": "linear_cka", "task_loss": Task(), "n_steps": 3, "batch_size": 40, "learning_rate": 0.01}
    return {**plain, "generator": torch.Generator().manual_seed(1), **changed}


def weights(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def plainly(model, stimuli, target, *, n_steps, similarity=1.0, task=1.0):
    """The same with autograd through the measure, every step on all stimuli."""
    optimizer, loss_of_task = torch.optim.Adam(model.parameters(), lr=0.01), Task()
    for step in range(n_steps):
        loss = task * loss_of_task(model, step) - similarity * linear_cka(represent(model, stimuli), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights(model)


@pytest.mark.parametrize(("similarity", "task"), [(1.0, 1.0), (3.0, 0.5), (1.0, 0.0)])
def test_steps_are_those_of_autograd_through_the_measure(model, similarity, task):
    stimuli, target = normal(40, 6, seed=2), normal(40, 5, seed=3)
    expected = plainly(copy.deepcopy(model), stimuli, target, n_steps=4, similarity=similarity, task=task)
    before = weights(model)
    # A batch of all stimuli in another order: the score does not depend on the order.
    tune(model, represent, stimuli, target, **settings(n_steps=4, similarity_weight=similarity, task_weight=task))
    assert_close(weights(model), expected, rtol=0, atol=1e-9)
    assert (expected - before).abs().max() > 0.01


@pytest.mark.parametrize("measure", list_objectives())
def test_every_measure_with_a_gradient_moves_the_compared_layer(model, measure):
    before = model[0].weight.detach().clone()
    stimuli, target = normal(40, 6, seed=2), normal(40, 5, seed=3)
    way = tune(model, represent, stimuli, target, **settings(measure=measure, n_steps=2, task_weight=0.0))
    assert torch.isfinite(way.scores).all()
    assert (model[0].weight - before).abs().max() > 1e-3


def test_without_weight_on_the_similarity_only_the_task_is_learned(model):
    stimuli, target = normal(40, 6, seed=2), normal(40, 5, seed=3)
    expected = plainly(copy.deepcopy(model), stimuli, target, n_steps=3, similarity=0.0)
    way = tune(model, represent, stimuli, target, **settings(similarity_weight=0.0))
    assert_close(weights(model), expected)
    assert len(way.scores) == 3


def test_planted_responses_are_approached_on_held_out_stimuli_and_shuffled_ones_are_not(model):
    stimuli = normal(300, 6, seed=2)
    responses = stimuli[:, :2] @ normal(2, 8, seed=3)
    seen, unseen = slice(0, 200), slice(200, None)

    def held_out(tuned):
        return linear_cka(represent(tuned, stimuli[unseen]), responses[unseen])

    gains = []
    for order in (torch.arange(200), torch.randperm(200, generator=torch.Generator().manual_seed(4))):
        tuned = copy.deepcopy(model)
        way = tune(
            tuned, represent, stimuli[seen], responses[seen][order],
            **settings(n_steps=60, batch_size=60, observe=held_out, observe_every=25),
        )  # fmt: skip
        assert way.observed_at == (0, 25, 50, 60)
        assert_allclose(way.observations[0], float(held_out(model).detach()))
        gains.append(way.observations[-1] - way.observations[0])
    assert gains[0] > 0.2
    assert gains[1] < gains[0] / 2


def test_task_is_kept_by_its_weight(model):
    stimuli, target = normal(200, 6, seed=2), normal(200, 5, seed=3)
    losses = []
    for weight in (0.0, 3.0):
        tuned = copy.deepcopy(model)
        tune(tuned, represent, stimuli, target, **settings(n_steps=40, task_weight=weight))
        losses.append(float(Task()(tuned, 0).detach()))
    assert losses[1] < 0.9 * losses[0]


def test_parameters_that_take_no_gradient_stay(model):
    frozen = model[0].requires_grad_(False).weight.clone()
    head = model[2].weight.detach().clone()
    tune(model, represent, normal(40, 6, seed=2), normal(40, 5, seed=3), **settings())
    assert_close(model[0].weight, frozen, rtol=0, atol=0)
    assert (model[2].weight - head).abs().max() > 1e-3


def test_dissimilarities_serve_as_target_through_coordinates():
    X, Y = normal(30, 4), normal(30, 5, seed=1)
    coordinates = classical_scaling(euclidean_rdm(Y))
    assert_close(linear_cka(X, coordinates), linear_cka(X, Y))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch_size": 41}, "batch_size = 41 cannot be drawn from 40 stimuli; give 3 to 40."),
        ({"n_steps": 0}, "got 0, 10 and 0.01"),
        ({"learning_rate": -1.0}, "got 3, 10 and -1.0"),
        ({"measure": "linear_ckaa"}, "Did you mean 'linear_cka'?"),
        ({"measure": "mutual_knn"}, "mutual_knn has no gradient to follow"),
    ],
)
def test_bad_requests_are_refused(model, changed, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tune(model, represent, normal(40, 6), normal(40, 5), **settings(**changed))


def test_a_target_of_other_stimuli_and_a_frozen_model_are_refused(model):
    with pytest.raises(ValueError, match=re.escape("target must have shape (40, n_features)")):
        tune(model, represent, normal(40, 6), normal(30, 5), **settings())
    with pytest.raises(ValueError, match="no parameter of the model takes a gradient"):
        tune(model.requires_grad_(False), represent, normal(40, 6), normal(40, 5), **settings())


def test_a_loss_that_is_not_finite_is_named_with_its_step(model):
    def breaks(tuned, step):
        return Task()(tuned, step) / (0 if step == 2 else 1)

    with pytest.raises(ValueError, match="at step 2 the task loss is not finite"):
        tune(model, represent, normal(40, 6), normal(40, 5), **settings(task_loss=breaks))


def test_all_measures_point_the_same_way():
    X = normal(80, 5)
    near, far = (measure_all(X, X + scale * normal(80, 5, seed=1)) for scale in (0.1, 3.0))
    assert list(near.index) == [measure.name for measure in MEASURES]
    without_best = {"neuron_corrected_linear_cka", "effective_shared_dimensionality"}
    assert (near > far).drop(list(without_best)).all()


def test_a_measure_that_refuses_the_data_is_nan_and_others_are_not():
    scores = measure_all(normal(30, 40), normal(30, 5, seed=1))
    assert np.isnan(scores["linear_predictivity"])
    assert scores[["linear_cka", "angular_procrustes_distance", "ridge_predictivity", "rsa"]].notna().all()


def test_unpaired_data_are_refused_and_not_nan():
    for given in (measure_all, partial(null_spreads, n_shuffles=5, generator=torch.Generator())):
        with pytest.raises(ValueError, match="30 and 20"):
            given(normal(30, 4), normal(20, 5))


def test_spread_is_that_of_the_permutation_test():
    X, Y = normal(40, 5), normal(40, 4, seed=1)
    spreads = null_spreads(X, Y, n_shuffles=8, generator=torch.Generator().manual_seed(3))
    test = permutation_test(
        MEASURES[0], X, Y, n_permutations=8, generator=torch.Generator().manual_seed(3), batch_size=10
    )
    assert_allclose(spreads[MEASURES[0].name], float(test.null.std()))
    assert spreads[spreads <= 0].empty
    with pytest.raises(ValueError, match="n_shuffles = 1 have no spread"):
        null_spreads(X, Y, n_shuffles=1, generator=torch.Generator())


def test_chapter_offers_every_measure_that_has_a_gradient():
    assert get_chapter("tuning").declaration.parameters["measures"].choices == list_objectives()
