"""Heads one by one: the right head is found, in the right attention of its layer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign.encoding import Neurons, as_neurons, contiguous_folds, score_heads

OPTIONS = {"delays": (1, 2), "penalty": 10.0, "margin": 10}


def channels(seed=0, n=200):
    generator = np.random.default_rng(seed)
    keys = [("image", 0, "context"), ("fusion", 0, "context"), ("fusion", 0, "cross_context")]
    return as_neurons({key: generator.standard_normal((n, 3, 2)) for key in keys})


def score(neurons, response):
    return score_heads(neurons, response, contiguous_folds(len(response), 4, gap=2), **OPTIONS)


def test_only_the_head_that_drives_is_called():
    neurons = channels()
    own = (neurons.places["tower"] == "fusion") & (neurons.places["head"] == 1)
    driving = neurons.activations[:, np.flatnonzero(own)[2]]  # its first channel in the second attention
    noise = np.random.default_rng(1).standard_normal(200)
    found = score(neurons, np.roll(driving, 2) + 0.7 * noise)
    assert len(found) == 9
    best = found.loc[found["score"].idxmax()]
    assert best[["tower", "attention", "head"]].tolist() == ["fusion", 1, 1]
    assert best["q"] < 0.05
    assert best["score"] > best["null"]
    assert (found["q"] <= 0.05).sum() == 1


def test_every_head_has_its_own_channels():
    neurons = channels()
    scrambled = Neurons(neurons.activations + 0, neurons.places)
    scrambled.activations[:, :2] = np.random.default_rng(5).standard_normal((200, 2))
    response = np.random.default_rng(1).standard_normal(200)
    one, other = score(neurons, response), score(scrambled, response)
    pd.testing.assert_frame_equal(one.iloc[1:, :6], other.iloc[1:, :6])
    assert one.loc[0, "score"] != other.loc[0, "score"]


def test_hidden_units_are_refused():
    units = as_neurons({("image", 0, "neurons"): np.random.default_rng(0).standard_normal((200, 5))})
    with pytest.raises(ValueError, match="belong to no head; record the kind"):
        score(units, np.zeros(200))
