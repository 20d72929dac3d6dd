"""What training adds, and the positive controls of polarity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from brainalign.datasets.surfaces import load_surface, study_systems
from brainalign.encoding import depth_quarters, rejection_rates
from brainalign.encoding.neurons import Neurons
from brainalign.studies.viewing import (
    Brain,
    Stream,
    learn_branches,
    polarity_controls,
    stream_specificity,
    system_predictions,
    training_gains,
)

N, SYSTEMS = 400, ("language", "visual", "attention", "default mode")


def predictions(trained, twin):
    rows = [
        (stream, branch, system, brain, score + (0.01 if branch == "text" else 0))
        for stream, scores in (("CLIP", trained), ("CLIP, random", twin))
        for branch in ("picture", "text")
        for system in SYSTEMS
        for brain, score in enumerate(scores)
    ]
    return pd.DataFrame(rows, columns=["stream", "branch", "system", "brain", "score"])


def test_a_gain_is_trained_less_twin_over_brains():
    trained, twin = np.array([0.5, 0.6, 0.55]), np.array([0.3, 0.45, 0.2])
    gains = training_gains(predictions(trained, twin))
    limits = ttest_1samp(trained - twin, 0).confidence_interval()
    row = gains.loc["CLIP", "visual"]
    assert row.tolist() == pytest.approx([0.56, 0.95 / 3 + 0.01, 0.7 / 3, *limits])
    assert list(gains.index) == [("CLIP", system) for system in SYSTEMS]


def test_one_brain_is_no_sample():
    with pytest.raises(ValueError, match="units are brains"):
        training_gains(predictions([0.5], [0.3]))


@pytest.fixture(scope="module")
def world():
    """A cortex whose visual parcels follow the picture neurons and whose language parcels follow the text neurons."""
    rng, surface = np.random.default_rng(0), load_surface(100)
    systems, neurons = study_systems(surface), {}
    for viewer in ("CLIP", "METER"):
        activations = rng.standard_normal((2 * N, 24)).astype(np.float32)
        places = pd.DataFrame({"tower": ["image"] * 12 + ["text"] * 12, "layer": [*np.repeat(range(4), 3)] * 2})
        neurons[viewer] = Neurons(activations, places)
    streams = {name: Stream(name, {"picture": ("image",), "text": ("text",)}) for name in neurons}
    branches = learn_branches(neurons, streams, learn=slice(N, 2 * N), watch=slice(0, N), n_atoms=6, seed=0)
    responses = rng.standard_normal((N, 100))
    for system, kind in (("visual", "picture"), ("language", "text")):
        responses[:, systems[system]] += np.roll(branches["CLIP", kind].atoms[:, :1], 1, axis=0)
    return neurons, branches, Brain(responses, systems, surface, delays=(1,))


def test_predictions_are_of_every_branch_system_and_brain(world):
    _, branches, brain = world
    found = system_predictions(branches, [brain, brain], n_folds=3, gap=5, penalties=(10.0,))
    assert len(found) == 2 * 2 * 4 * 2
    score = found.set_index(["stream", "branch", "system", "brain"])["score"]
    assert score["CLIP", "picture", "visual", 0] == score["CLIP", "picture", "visual", 1] > 0.8
    assert abs(score["CLIP", "text", "visual", 0]) < 0.3


def test_streams_are_compared_over_the_same_parcels(world):
    _, branches, brain = world
    fitting = {"n_folds": 3, "gap": 5, "penalties": (10.0,)}
    own = stream_specificity({k: v for k, v in branches.items() if k[0] == "CLIP"}, [brain], floor=0.3, **fitting)
    assert own["CLIP"].item() > 0.6
    with pytest.raises(ValueError, match="no parcel"):
        stream_specificity(branches, [brain], floor=0.3, common=("CLIP", "METER"), **fitting)
    shared = stream_specificity(branches, [brain], floor=0.3, common=("CLIP",), **fitting)
    assert shared["CLIP"].item() == pytest.approx(own["CLIP"].item())
    assert 0 <= shared["METER"].item() <= 1  # asked about the parcels of CLIP, which it does not predict


def test_a_planted_mirror_is_found_where_every_atom_is_a_layers_own(world):
    neurons, branches, brain = world
    branch, quarters = branches["CLIP", "picture"], depth_quarters(branches["CLIP", "picture"].depths)
    activations = neurons["CLIP"].of("image").activations[:N].astype(float)
    own = replace(branch, atoms=activations, dictionary=replace(branch.dictionary, loadings=np.eye(12)))
    found = polarity_controls(
        own,
        quarters,
        activations,
        brain,
        noise=0.5,
        n_draws=8,
        penalty=10.0,
        margin=15,
        generator=np.random.default_rng(1),
    )
    assert len(found) == 8 * 2 * 3
    rate = rejection_rates(found).set_index(["statistic", "truth"])["rate"]
    assert rate["both signs", "planted"] >= 0.75
    assert rate["both signs", "nothing"] <= 0.4
