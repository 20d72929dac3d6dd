"""The simulated area responds to its features, and to nothing else but noise."""

import re

import pytest
import torch
from torch.testing import assert_close

from brainalign.similarity.optimization.population import linear_nonlinear_responses
from tests.similarity.properties import normal


def respond(features, *, n_neurons=30, noise=0.0, seed=0):
    return linear_nonlinear_responses(features, n_neurons, noise=noise, generator=torch.Generator().manual_seed(seed))


def test_without_noise_responses_are_the_formula():
    features = normal(50, 4)
    generator = torch.Generator().manual_seed(0)
    weights, thresholds = torch.randn(4, 30, generator=generator), torch.randn(1, 30, generator=generator)
    z = (features - features.mean(dim=0)) / features.std(dim=0)
    assert_close(respond(features), torch.relu(z @ weights.double() / 2 + thresholds.double()))


def test_stimuli_with_equal_features_get_equal_responses_and_others_do_not():
    features = normal(50, 4)
    features[7] = features[3]
    responses = respond(features)
    assert_close(responses[7], responses[3], rtol=0, atol=0)
    assert (responses[8] - responses[3]).abs().max() > 0.1


def test_noise_has_the_asked_size_in_every_neuron():
    features = normal(4000, 4)
    signal = respond(features)
    noise = respond(features, noise=0.5) - signal
    active = signal.std(dim=0) > 0
    assert_close(
        (noise.std(dim=0) / signal.std(dim=0))[active], torch.full((int(active.sum()),), 0.5).double(),
        rtol=0.1, atol=0,
    )  # fmt: skip


@pytest.mark.parametrize(("features", "noise"), [(normal(5), 0.1), (normal(5, 2), -1.0), (normal(5, 2), float("inf"))])
def test_bad_numbers_are_refused(features, noise):
    with pytest.raises(ValueError, match=re.escape(f"got {tuple(features.shape)}, 30 and {noise}")):
        respond(features, noise=noise)


def test_a_feature_that_never_changes_is_named():
    features = normal(5, 3)
    features[:, 1] = 2.0
    with pytest.raises(ValueError, match="feature 1 is the same for all stimuli"):
        respond(features)
