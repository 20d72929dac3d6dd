"""Data that climb: they arrive, alone or in a batch, and a climb that goes wrong says where."""

import re
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity.optimization import climb, score_towards
from tests.similarity.properties import normal


@pytest.mark.parametrize("name", ["linear_cka", "angular_cka", "angular_procrustes", "linear_predictivity", "rbf_cka"])
def test_noise_arrives_and_stops_there(name):
    X = normal(40, 6)
    (way,) = climb(score_towards(X, name), normal(1, 40, 6, seed=1), stop_above=0.95)
    assert way.has_reached(0.95)
    assert not way.has_reached(1.0)
    assert (way.scores[:-1] <= 0.95).all()
    assert way.n_steps == len(way.scores) - 1 > 5
    score, _ = score_towards(X, name)(way.final[None])
    assert_close(score[0], way.scores[-1])


def test_first_step_is_adams_a_step_of_the_learning_rate_along_the_sign():
    X, start = normal(20, 3), normal(1, 20, 3, seed=1)
    objective = score_towards(X, "linear_cka")
    (way,) = climb(objective, start, max_steps=1, learning_rate=0.01)
    _, gradient = objective(start)
    assert_close(way.final, start[0] + 0.01 * gradient[0].sign(), rtol=0, atol=1e-5)  # epsilon of Adam


def test_steps_are_those_of_torch_with_autograd():
    """The same climb written plainly: autograd through the measure, one copy, torch's Adam on the loss."""
    X, start = normal(20, 3), normal(1, 20, 3, seed=1)
    (way,) = climb(score_towards(X, "linear_cka"), start, max_steps=20, stop_above=2.0)
    Y = start[0].clone().requires_grad_()
    optimizer = torch.optim.Adam([Y], lr=0.1)
    for _ in range(20):
        A, B = X - X.mean(dim=0), Y - Y.mean(dim=0)
        loss = -((B.mT @ A).square().sum() / ((A.mT @ A).norm() * (B.mT @ B).norm()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert_close(way.final, Y.detach(), rtol=0, atol=1e-8)


def test_a_copy_takes_the_same_way_alone_and_in_a_batch_of_others_with_references_of_their_own():
    X, starts = normal(4, 25, 5), normal(4, 25, 5, seed=1)
    X[0] = starts[0] + normal(25, 5, seed=3) / 10  # the first has arrived at once, the others go on
    together = climb(score_towards(X, "normalized_bures_similarity"), starts, stop_above=0.97)
    assert len({way.n_steps for way in together}) > 1
    for reference, start, way in zip(X, starts, together, strict=True):
        (alone,) = climb(score_towards(reference, "normalized_bures_similarity"), start[None], stop_above=0.97)
        assert_close(alone.scores, way.scores)
        assert_close(alone.final, way.final)


def test_start_is_left_as_it_was():
    start = normal(1, 20, 3)
    before = start.clone()
    climb(score_towards(normal(20, 3, seed=1), "linear_cka"), start, max_steps=3)
    assert_close(start, before, rtol=0, atol=0)


def test_observations_are_of_the_data_at_every_step():
    start = normal(2, 20, 3)
    ways = climb(score_towards(normal(20, 3, seed=1), "linear_cka"), start, max_steps=4, observe=lambda Y, _: Y)
    for way, first in zip(ways, start, strict=True):
        assert way.observations.shape == (5, 20, 3)
        assert_close(way.observations[0], first)
        assert_close(way.observations[-1], way.final)


def test_a_climb_stops_after_the_last_step_without_having_arrived():
    (way,) = climb(score_towards(normal(20, 3), "linear_cka"), normal(1, 20, 3, seed=1), max_steps=2)
    assert way.n_steps == 2
    assert not way.has_reached(0.99)


def test_a_climb_that_diverges_says_at_which_step_and_which_copy():
    objective = score_towards(normal(20, 3), "linear_cka")
    calls = []

    def break_second_copy_at_third_call(Y, *constants):
        calls.append(1)
        score, gradient = objective.compute(Y, *constants)
        if len(calls) == 3:
            score[1] = torch.nan
        return score, gradient

    broken = replace(objective, compute=break_second_copy_at_third_call)
    message = "linear_cka: the optimisation diverged at step 2: the score of copy 1 is not finite. Lower"
    with pytest.raises(ValueError, match=re.escape(message)):
        climb(broken, normal(2, 20, 3, seed=1))


def test_a_learning_rate_that_overflows_is_a_divergence():
    objective = score_towards(normal(20, 3), "linear_cka")
    message = "linear_cka: the optimisation diverged at step 1: the data of copy 0 is not finite. Lower learning_rate"
    with pytest.raises(ValueError, match=re.escape(message)):
        climb(objective, normal(1, 20, 3, seed=1), learning_rate=1e308)


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        (normal(2, 19, 3), {}, "linear_cka: start must have shape (n_copies, 20, n_features), the samples of the "
                               "reference: got (2, 19, 3)."),
        (normal(20, 3), {}, "the reference: got (20, 3)."),
        (normal(3, 20, 3), {}, "linear_cka: 2 references need as many copies of the data: got 3."),
        (normal(2, 20, 3), {"learning_rate": 0.0}, "learning_rate above 0: got 1000 and 0.0."),
        (normal(2, 20, 3), {"max_steps": -1}, "max_steps must be 0 or more and learning_rate above 0: got -1 and 0.1."),
        (normal(2, 20, 3) * torch.nan, {}, "linear_cka: start holds 120 values that are not finite"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(start, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        climb(score_towards(normal(2, 20, 3), "linear_cka"), start, **options)
