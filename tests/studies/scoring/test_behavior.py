"""What models can tell: trials with one right answer, readouts that learn it, and errors shared or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.agreement import error_consistency
from brainalign.studies.scoring import draw_trials, teacher_answers
from brainalign.studies.scoring.behavior import answer_trials, behavior_scores

RIGHT = 0.9


def trials_of(n_practice=400, n_trials=150):
    return draw_trials(n_practice, n_trials, generator=np.random.default_rng(0))


def test_every_condition_shows_the_same_scenes_with_one_digit_at_the_place_that_is_right():
    trials = trials_of()
    assert set(trials.asked) == {"clean", "noise", "occlusion"}
    clean, noise, hidden = (trials.asked[name] for name in ("clean", "noise", "occlusion"))
    cells = clean.reshape(-1, 3, 8, 3, 8).sum(axis=(2, 4)).reshape(-1, 9)
    # Scenes are shifted by up to a pixel, which leaves most of the ink in its cell.
    assert_array_equal(cells.argmax(axis=1), trials.truth["place"])
    assert_allclose((noise - clean).std(), 0.2, rtol=0.05)
    gone = (hidden == 0) & (clean != 0)
    assert_allclose(gone.mean(), 0.3, atol=0.02)
    assert_array_equal(hidden[~gone], clean[~gone])
    assert set(trials.truth["digit"]) == set(range(10))


def test_pixels_tell_the_place_and_shuffled_pictures_tell_nothing():
    trials = trials_of()

    def pixels(pictures):
        return torch.tensor(np.asarray(pictures)).double().flatten(1)[:, None]

    def blind(pictures):
        return pixels(np.random.default_rng(len(pictures)).standard_normal(np.shape(pictures)))

    seen, unseen = answer_trials(pixels, trials), answer_trials(blind, trials)
    assert (seen["place"]["clean"] == trials.truth["place"]).mean() > RIGHT
    for task, chance in (("digit", 1 / 10), ("place", 1 / 9)):
        assert abs((unseen[task]["clean"] == trials.truth[task]).mean() - chance) < 0.1


def test_the_teacher_knows_the_digits_and_occlusion_costs_it_some():
    trials = trials_of()
    answers = teacher_answers(trials)["digit"]
    accuracy = {name: (given == trials.truth["digit"]).mean() for name, given in answers.items()}
    assert accuracy["clean"] > RIGHT
    assert accuracy["occlusion"] < accuracy["clean"]


def test_errors_are_held_against_models_of_other_families_only():
    rng = np.random.default_rng(0)
    correct = {name: rng.random(200) < 0.6 for name in ("a0", "b0", "b1")}
    correct["a1"] = correct["a0"]
    families = {name: name[0] for name in correct}
    observer = rng.random(200) < 0.8
    found = behavior_scores(correct, families, observer)
    assert set(found) == {"accuracy", "errors of others", "errors of the teacher"}
    assert found["accuracy"]["b0"] == correct["b0"].mean()
    with_b = [error_consistency(correct["a0"], correct[name]) for name in ("b0", "b1")]
    assert_allclose(found["errors of others"]["a0"], np.mean(with_b))  # its twin a1 does not count
    assert_allclose(found["errors of the teacher"]["b1"], error_consistency(correct["b1"], observer))
    assert set(behavior_scores(correct, families)) == {"accuracy", "errors of others"}


def test_too_few_scenes_are_refused():
    with pytest.raises(ValueError, match="200 scenes to practise on and 1 to be"):
        draw_trials(100, 50, generator=np.random.default_rng(0))
