"""Rest and the repeated clip make no prediction: two traps of films with breaks, planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign.datasets.hcp_movies import CLIPS, N_VOLUMES, RUNS
from brainalign.datasets.naturalistic import NaturalisticRecording, sample_table
from brainalign.datasets.surfaces import load_surface
from brainalign.encoding import delay
from brainalign.encoding.network_maps import system_scores
from brainalign.encoding.splits import contiguous_folds
from brainalign.studies.viewing.recordings import measured_brain
from brainalign.studies.viewing.timelines import Timeline, label_clips

LEFT, RIGHT = "CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"
WATCHED, REPEATED = (3, 4), 83  # volumes of the clip at the end of every run
DELAYS = (3, 4, 5, 6)


@pytest.fixture(scope="module")
def surface():
    return load_surface(100)


def samples_of_runs():
    tables = []
    for run in WATCHED:
        n = N_VOLUMES[run]
        clip = np.zeros(n, dtype=int)
        for number, (start, stop) in enumerate(CLIPS[run], 1):
            clip[start:stop] = number
        is_repeated = np.zeros(n, dtype=bool)
        is_repeated[-REPEATED - 10 : -10] = True
        table = sample_table(RUNS[run], "film", np.arange(float(n)), 1, [()] * n)
        tables.append(table.assign(clip=clip, validation=is_repeated))
    return pd.concat(tables, ignore_index=True)


def record(surface, course, rng, noise=1.0):
    """One vertex per parcel; every parcel follows the course, with noise of its own."""
    rows = [
        (name, int(np.flatnonzero(half.labels == parcel)[0]))
        for name, half in ((LEFT, surface.left), (RIGHT, surface.right))
        for parcel in np.unique(half.labels[half.labels >= 0])
    ]
    targets = pd.DataFrame(rows, columns=["structure", "vertex"])
    responses = course[:, None] + noise * rng.standard_normal((len(course), len(targets)))
    return NaturalisticRecording("1", responses.astype(np.float32), samples_of_runs(), targets, 1.0)


def p_values(brain, features):
    shown = brain.delayed(features)
    tested = {"penalty": 1000.0, "margin": 20, "runs": brain.runs}
    return system_scores(shown, brain.responses, brain.systems, brain.folds(3, 20), **tested)["p"].to_numpy()


def naive_p_values(brain, recording, features):
    """All volumes, blocks as folds, shifts across runs."""
    n = len(features)
    everything = measured_brain(
        NaturalisticRecording("1", recording.responses, recording.samples.assign(clip=1), recording.targets, 1.0),
        brain.surface, delays=(0,),
    ).responses  # fmt: skip
    courses = delay(features, DELAYS)
    folds = contiguous_folds(n, 3, gap=20)
    return system_scores(courses, everything, brain.systems, folds, penalty=1000.0, margin=20)["p"].to_numpy()


def on_off(samples):
    """A response to anything on the screen, some seconds later."""
    is_on = (samples["clip"] > 0).to_numpy(float)
    return delay(is_on[:, None], (4, 5, 6)).mean(axis=1)


def only_the_repeated_clip(samples, rng):
    """A response to the one clip that all runs share, the same whenever it comes."""
    answer, course = 3 * rng.standard_normal(REPEATED), np.zeros(len(samples))
    for run in samples["run"].unique():
        course[np.flatnonzero(samples["validation"] & (samples["run"] == run))] = answer
    return course


def film_features(samples, rng, n=30):
    """Numbers that mean nothing: the same at rest, where the screen is black, and wherever the clip is repeated."""
    features, black = rng.standard_normal((len(samples), n)) + 1, rng.standard_normal(n)
    features[(samples["clip"] == 0).to_numpy()] = black
    again = rng.standard_normal((REPEATED, n))
    for run in samples["run"].unique():
        features[np.flatnonzero(samples["validation"] & (samples["run"] == run))] = again
    return features


@pytest.mark.parametrize("trap", ["on and off", "repeated clip"])
def test_features_that_mean_nothing_predict_nothing(surface, trap):
    correct, naive = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        samples = samples_of_runs()
        course = on_off(samples) if trap == "on and off" else only_the_repeated_clip(samples, rng)
        recording, features = record(surface, course, rng), film_features(samples, rng)
        brain = measured_brain(recording, surface, delays=DELAYS)
        correct.append(p_values(brain, features[(samples["clip"] > 0).to_numpy()]))
        naive.append(naive_p_values(brain, recording, features))
    assert np.mean(np.array(naive) <= 0.05) > 0.9  # the trap is there
    assert np.mean(np.array(correct) <= 0.05) < 0.25
    assert np.median(correct) > 0.2


def test_what_is_there_is_still_found(surface):
    rng, samples = np.random.default_rng(0), samples_of_runs()
    features = film_features(samples, rng)
    recording = record(surface, delay(features, (4,)) @ rng.standard_normal(30) / 4, rng)
    brain = measured_brain(recording, surface, delays=DELAYS)
    assert p_values(brain, features[(samples["clip"] > 0).to_numpy()]).max() <= 0.01


def test_the_ceiling_comes_from_the_repeated_clip(surface):
    rng, samples = np.random.default_rng(1), samples_of_runs()
    course = only_the_repeated_clip(samples, rng)
    brain = measured_brain(record(surface, course, rng), surface)
    assert 0.9 < np.median(brain.ceiling) < 1  # signal of variance 9 in noise of 1: root of .9
    assert measured_brain(record(surface, 0 * course, rng), surface).ceiling.mean() < 0.2
    unmarked = record(surface, course, rng)
    bare = NaturalisticRecording("1", unmarked.responses, samples.drop(columns="validation"), unmarked.targets, 1.0)
    assert measured_brain(bare, surface).ceiling is None


def test_a_volume_counts_once_its_past_lies_in_its_clip():
    runs = list("aaaaaabbbb")
    timeline = Timeline(np.array(runs), label_clips(runs, [1, 1, 1, 2, 2, 2, 1, 1, 1, 1]), (1, 2))
    assert np.flatnonzero(timeline.is_settled).tolist() == [2, 5, 8, 9]
    courses = np.arange(10.0)[:, None]
    assert timeline.delayed(courses).tolist() == [[1, 0], [4, 3], [7, 6], [8, 7]]


def test_whole_clips_are_held_out():
    labels = np.repeat(["a", "b", "c", "d"], 10)
    timeline = Timeline(labels, labels, (2,))
    for train, test in timeline.folds(2):
        kept = labels[timeline.is_settled]
        assert not set(kept[train]) & set(kept[test])
    with pytest.raises(ValueError, match="one clip"):
        Timeline(labels[:10], labels[:10], (2,)).folds(2)
