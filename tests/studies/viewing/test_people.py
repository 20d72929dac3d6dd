"""A person's film run of the Human Connectome Project, on miniature files of the real layout and length."""

from __future__ import annotations

import os

import h5py
import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, SeriesAxis
from numpy.testing import assert_allclose
from PIL import Image

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.hcp_movies import CLIPS, FILMS, N_VOLUMES, RUNS
from brainalign.datasets.surfaces import load_surface
from brainalign.runs.errors import UsageError
from brainalign.studies.viewing import STREAMS, prediction_finding, watch_with_person
from brainalign.studies.viewing.findings import CONTROLS
from tests.chapters.values import values_of
from tests.studies.viewing.tiny_models import save_clip

pytestmark = pytest.mark.training

SUBJECT, PARCELS, N_FRAMES = "100610", 100, 12
SYNSETS = [b"wolf.n.01", b"run.v.02"]


def one_vertex_a_parcel():
    """Grayordinates: the first vertex of every parcel of the atlas."""
    surface = load_surface(PARCELS)
    axes = []
    for name, hemisphere in (("cortex_left", surface.left), ("cortex_right", surface.right)):
        own = np.unique(hemisphere.labels[hemisphere.labels >= 0])
        vertices = np.sort([np.flatnonzero(hemisphere.labels == parcel)[0] for parcel in own])
        axes.append(BrainModelAxis.from_surface(vertices, len(hemisphere.labels), name))
    return axes[0] + axes[1]


def write_run(run, axis, generator):
    values = generator.standard_normal((N_VOLUMES[run], len(axis))).astype(np.float32)
    path = folder_of("hcp-7t-movies") / SUBJECT / "MNINonLinear/Results" / RUNS[run]
    path.mkdir(parents=True)
    header = nibabel.Cifti2Header.from_axes((SeriesAxis(0, 1.0, N_VOLUMES[run]), axis))
    name = f"{RUNS[run]}_Atlas_MSMAll_hp2000_clean.dtseries.nii"
    nibabel.save(nibabel.Cifti2Image(values, header), path / name)


def write_frames(film, n_volumes, generator):
    folder = folder_of("hcp-7t-movies") / "frames" / film
    folder.mkdir(parents=True)
    for number in range(n_volumes):
        path = folder / f"{number + 1:06d}.png"
        if number < N_FRAMES:
            Image.fromarray(generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
        else:
            os.link(folder / f"{number % N_FRAMES + 1:06d}.png", path)


@pytest.fixture
def person(tmp_path, monkeypatch):
    """Runs 1 and 4, their labels and frames."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    generator, axis = np.random.default_rng(0), one_vertex_a_parcel()
    resources = folder_of("hcp-7t-movies") / "7T_movie_resources"
    resources.mkdir(parents=True)
    for run in (1, 4):
        write_run(run, axis, generator)
        write_frames(FILMS[run], N_VOLUMES[run], generator)
    with h5py.File(resources / "WordNetFeatures.hdf5", "w") as file:
        file["synsets"] = SYNSETS
        for run, film in FILMS.items():
            file[film] = generator.integers(0, 2, (N_VOLUMES[run], len(SYNSETS)))
            for part in ("est", "val"):
                file[f"{film}_{part}"] = np.zeros(N_VOLUMES[run])
    return save_clip(tmp_path / "clip", words=("wolf", "run"))


def test_models_watch_what_a_person_watched(person):
    streams = {name: STREAMS[name] for name in ("CLIP", "CLIP, random")}
    watched = watch_with_person(
        SUBJECT, clip=person, meter="meter:not-asked", learning_runs=(4,), watched_runs=(1,), parcels=PARCELS,
        n_atoms=4, seed=0, streams=streams,
    )  # fmt: skip
    n_shown = {run: sum(stop - start for start, stop in CLIPS[run]) for run in (1, 4)}
    n_settled = n_shown[1] - len(CLIPS[1]) * max(watched.brain.delays)
    assert watched.brain.responses.shape == (n_settled, PARCELS)
    assert watched.learn == slice(0, n_shown[4])
    assert watched.controls.shape == (n_shown[1], 2)
    assert (watched.controls[:, 1] <= len(SYNSETS)).all()
    assert {name for name, _ in prediction_finding(watched, penalty=100.0, margin=20).index.droplevel("system")} == {
        "CLIP", "CLIP, random", CONTROLS,
    }  # fmt: skip
    assert set(watched.neurons) == {"CLIP", "CLIP, random"}
    for branch in watched.branches.values():
        assert branch.atoms.shape == (n_shown[1], 4)
    picture = watched.neurons["CLIP"].of("image").activations
    assert_allclose(picture[0], picture[N_FRAMES], rtol=1e-4, atol=1e-5)  # the frames come again
    assert watched.variables == {}


def test_frames_that_are_missing_are_named(person):
    (folder_of("hcp-7t-movies") / "frames" / FILMS[1]).rename(folder_of("hcp-7t-movies") / "elsewhere")
    with pytest.raises(MissingDataError, match=FILMS[1]):
        watch_with_person(
            SUBJECT, clip=person, meter="", learning_runs=(4,), watched_runs=(1,), parcels=PARCELS, n_atoms=4, seed=0,
        )  # fmt: skip


def test_no_run_is_learned_on_and_tested():
    with pytest.raises(UsageError, match=r"share \[2\]; a dictionary must not see the"):
        values_of("people", {"watched_runs": "2,3"})


def test_data_follow_the_film():
    assert "zoo:clip-hard-s" in values_of("people").data()
    needed = values_of("people", {}, profile="paper").data()
    assert {*needed} == {"hcp-7t-movies", "cortical-surface", "hf:openai/clip-vit-base-patch32", "meter:pretrain-288"}
