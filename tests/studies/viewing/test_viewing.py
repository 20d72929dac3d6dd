"""Models and brains at the same film: who sees what, which volumes are learned from, whose numbers are whose."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from brainalign.datasets.films import draw_film, film_variables
from brainalign.datasets.surfaces import load_surface
from brainalign.encoding import Neurons, as_neurons, depth_quarters
from brainalign.studies.viewing import (
    STREAMS,
    TRUTH,
    Brain,
    Stream,
    learn_branches,
    named_generator,
    simulate_brain,
    simulate_mirror,
    stream_specificity,
    study_viewers,
    watch_film,
    watch_together,
)
from tests.chapters.values import values_of

pytestmark = pytest.mark.training

CHOSEN = values_of("neurons", {"n_volumes": 240, "n_learning": 200, "n_atoms": 8})
LEARN, WATCH = slice(0, 60), slice(60, None)
FITTING = {"penalties": (10.0,), "n_folds": 2, "gap": 5}


@pytest.fixture(scope="module")
def film():
    return draw_film(80, generator=np.random.default_rng(0))


@pytest.fixture(scope="module")
def neurons(film):
    viewers = study_viewers("zoo:clip-hard-s", "zoo:meter-s")
    return watch_film(film, {name: viewers[name] for name in ("CLIP", "METER", "METER, one caption")})


@pytest.fixture(scope="module")
def surface():
    return load_surface(100)


def brain_of(surface, seed=0, n=240):
    variables = film_variables(draw_film(n, generator=np.random.default_rng(5)))
    return simulate_brain(variables, surface, noise=0.5, generator=np.random.default_rng(seed))


def learned(neurons, streams, **changed):
    return learn_branches(neurons, streams, **{"learn": LEARN, "watch": WATCH, "n_atoms": 4, "seed": 0} | changed)


def test_names_and_seeds_have_numbers_of_their_own():
    first = named_generator(0, "film").random(4)
    np.testing.assert_array_equal(first, named_generator(0, "film").random(4))
    for other in (named_generator(0, "cortex"), named_generator(1, "film")):
        assert not (first == other.random(4)).any()


def test_viewers_are_the_models_their_twins_and_one_without_captions():
    viewers = study_viewers("zoo:clip-s", "zoo:meter-plain-s")
    assert viewers["CLIP, random"].reference == "zoo:clip-s@random"
    assert viewers["METER"].reference == viewers["METER, one caption"].reference == "zoo:meter-plain-s"
    assert [name for name, viewer in viewers.items() if viewer.one_caption] == ["METER, one caption"]


def test_with_one_caption_only_what_reads_the_picture_varies(neurons):
    assert "text" not in set(neurons["METER, one caption"].places["tower"])
    assert {"image", "text", "fusion_image", "fusion_text"} == set(neurons["METER"].places["tower"])
    np.testing.assert_allclose(
        neurons["METER, one caption"].of("image").activations, neurons["METER"].of("image").activations, atol=1e-5
    )


def test_dictionaries_do_not_see_the_volumes_that_are_watched(neurons):
    streams = {"CLIP": STREAMS["CLIP"]}
    one = learned(neurons, streams)["CLIP", "picture"]
    changed = Neurons(neurons["CLIP"].activations.copy(), neurons["CLIP"].places)
    changed.activations[WATCH] = np.random.default_rng(1).standard_normal(changed.activations[WATCH].shape)
    other = learned({"CLIP": changed}, streams)["CLIP", "picture"]
    np.testing.assert_array_equal(one.dictionary.loadings, other.dictionary.loadings)
    assert one.atoms.shape == (20, 4)
    np.testing.assert_allclose(one.atoms, one.dictionary.project(one.neurons.activations[WATCH]))
    assert 0 < one.explained < 1


def test_a_branch_does_not_depend_on_which_others_are_learned(neurons):
    alone = learned(neurons, {"METER": STREAMS["METER"]})["METER", "text"]
    together = learned(neurons, {"CLIP": STREAMS["CLIP"], "METER": STREAMS["METER"]})["METER", "text"]
    np.testing.assert_array_equal(alone.atoms, together.atoms)


def test_depth_is_counted_through_the_towers(neurons):
    stream = {"METER": Stream("METER", {"picture": ("image", "fusion_image")})}
    branch = learned(neurons, stream)["METER", "picture"]
    places = branch.neurons.places
    assert set(branch.depths[places["tower"] == "image"]) == {0, 1, 2, 3}
    assert set(branch.depths[places["tower"] == "fusion_image"]) == {4, 5}
    fused = branch.depths > 3
    np.testing.assert_array_equal(branch.depths[fused] - 4, branch.neurons.layers[fused])


def test_overlapping_parts_and_strangers_are_refused(neurons):
    with pytest.raises(ValueError, match=r"slice\(0, 60, None\) and slice\(59, None"):
        learned(neurons, {"CLIP": STREAMS["CLIP"]}, watch=slice(59, None))
    with pytest.raises(ValueError, match="nobody called Flamingo has watched"):
        learned(neurons, {"x": Stream("Flamingo", {"picture": ("image",)})})


def test_a_simulated_brain_follows_its_truth_in_the_studied_systems_only(surface):
    brain = brain_of(surface)
    assert list(brain.studied) == list(TRUTH)
    assert (brain.ceiling[brain.in_studied] > 0.3).all()
    assert not brain.ceiling[~brain.in_studied].any()
    np.testing.assert_allclose(brain.means[:, 1], brain.mean_of("visual"))
    np.testing.assert_allclose(brain.mean_of("visual"), brain.responses[:, brain.systems["visual"]].mean(axis=1))


def test_a_mirror_is_driven_up_by_the_first_quarter_and_down_by_the_last(surface):
    generator = np.random.default_rng(0)
    activations, quarters = generator.standard_normal((240, 40)), depth_quarters(np.repeat(np.arange(4), 10))
    driven = simulate_mirror(brain_of(surface), activations, quarters, noise=0.2, generator=generator)
    late = np.roll(driven.mean_of("visual"), -1)[:-1]
    ends = [np.corrcoef(activations[:-1, quarters == q].mean(axis=1), late)[0, 1] for q in range(4)]
    assert ends[0] > 0.4 > 0.2 > abs(ends[1])
    assert ends[3] < -0.4
    assert not driven.ceiling[~driven.systems["visual"]].any()


def test_specificity_tells_one_sided_streams_from_even_ones(surface, neurons):
    brain = brain_of(surface)
    branch = learned(neurons, {"CLIP": STREAMS["CLIP"]})["CLIP", "picture"]
    noise = np.random.default_rng(2).standard_normal((240, 2))
    seen = np.stack([np.roll(brain.mean_of(name), -2) for name in brain.studied], axis=1)
    branches = {
        (stream, kind): dataclasses.replace(branch, atoms=atoms)
        for stream, pair in {"apart": (seen, noise), "alike": (seen, seen)}.items()
        for kind, atoms in zip(("picture", "text"), pair, strict=True)
    }
    found = stream_specificity(branches, [brain, brain], floor=0.1, **FITTING)
    assert found.shape == (2, 2)
    assert (found["alike"] == 0).all()
    assert (found["apart"] > 0.6).all()


def test_chapters_with_other_streams_see_the_same_film_neurons_and_cortex():
    both = watch_together(CHOSEN, {name: STREAMS[name] for name in ("CLIP", "METER")})
    alone = watch_together(CHOSEN, {"METER": STREAMS["METER"]})
    np.testing.assert_array_equal(both.brain.responses, alone.brain.responses)
    np.testing.assert_array_equal(both.branches["METER", "text"].atoms, alone.branches["METER", "text"].atoms)
    assert list(alone.neurons) == ["METER"]
    assert len(alone.brain.responses) == len(alone.branches["METER", "text"].atoms) == CHOSEN.n_volumes
    other = watch_together(CHOSEN.model_copy(update={"seed": 1}), {"METER": STREAMS["METER"]})
    assert not (other.brain.responses == alone.brain.responses).any()


def test_measured_responses_and_recorded_neurons_can_take_the_place(surface):
    generator = np.random.default_rng(0)
    record = {(tower, 0, "context"): generator.standard_normal((80, 2, 3)) for tower in ("image", "text")}
    branches = learned({"mine": as_neurons(record)}, {"mine": Stream("mine", STREAMS["CLIP"].towers)})
    systems = brain_of(surface, n=30).systems
    brain = Brain(generator.standard_normal((20, 100)), systems, surface, delays=(2, 3))
    assert brain.ceiling is None
    assert branches["mine", "text"].atoms.shape == (len(brain.responses), 4)
    assert brain.means.shape == (20, 4)
