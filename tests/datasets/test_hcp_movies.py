"""The reader of the 7T movie runs, on miniature CIFTI files made here: few grayordinates, the real lengths."""

import re

import h5py
import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis, SeriesAxis
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.hcp_movies import (
    CLIPS,
    FILMS,
    N_VOLUMES,
    RUNS,
    load_hcp_movies,
    load_movie_labels,
    stack_validation,
)

SUBJECT = "100610"
SYNSETS = [b"wolf.n.01", b"sea_lion.n.01", b"wolf.v.02"]
N_VALIDATION = 83


def brain(*, n_vertices=8):
    """Five vertices on the left, three on the right, two voxels of the left thalamus."""
    left = BrainModelAxis.from_surface(np.array([0, 2, 3, 5, 7]), n_vertices, "cortex_left")
    right = BrainModelAxis.from_surface(np.array([1, 2, 6]), n_vertices, "cortex_right")
    mask = np.zeros((2, 2, 2), bool)
    mask[0, 0, :] = True
    return left + right + BrainModelAxis.from_mask(mask, name="thalamus_left", affine=np.eye(4))


def save(axes, values, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Cifti2Image(values, nibabel.Cifti2Header.from_axes(axes)), path)


def series_of(run, *, mesh="Atlas_1.6mm_MSMAll_hp2000_clean"):
    folder = folder_of("hcp-7t-movies") / SUBJECT / "MNINonLinear/Results" / RUNS[run]
    return folder / f"{RUNS[run]}_{mesh}.dtseries.nii"


def write_run(run, *, step=1.0, n_volumes=None, axis=None, **where):
    axis = axis or brain()
    n_volumes = n_volumes or N_VOLUMES[run]
    values = np.arange(n_volumes)[:, None] + 1000.0 * np.arange(len(axis)) + 0.5 * run
    save((SeriesAxis(0, step, n_volumes), axis), values.astype(np.float32), series_of(run, **where))
    return values


@pytest.fixture(autouse=True)
def miniature(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    path = folder_of("hcp-7t-movies") / "7T_movie_resources/WordNetFeatures.hdf5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["synsets"] = SYNSETS
        for run, film in FILMS.items():
            present = np.zeros((N_VOLUMES[run], 3))
            present[30] = 1
            present[31, 1] = 1
            training, validation = np.zeros(N_VOLUMES[run]), np.zeros(N_VOLUMES[run])
            validation[-20 - N_VALIDATION : -20] = 1
            for start, stop in CLIPS[run]:
                training[start:stop] = 1
            file[film], file[f"{film}_est"], file[f"{film}_val"] = present, training, validation
    return path


def test_runs_are_joined_with_clips_and_words():
    values = {run: write_run(run) for run in (1, 3)}
    found = load_hcp_movies(SUBJECT, (1, 3))
    assert_array_equal(found.responses, np.concatenate([values[1], values[3]]))
    first = found.samples[found.samples["run"] == RUNS[1]]
    assert_array_equal(first["time"], np.arange(921))
    assert_equal(first["texts"].tolist()[29:32], [(), ("wolf", "sea lion"), ("sea lion",)])
    assert_equal(first["clip"].value_counts().to_dict(), {0: 921 - 244 - 222 - 188 - 64, 1: 244, 2: 222, 3: 188, 4: 64})
    assert_equal(first["clip"].tolist()[19:21], [0, 1])
    assert_equal(found.samples["stimulus"].unique().tolist(), ["MOVIE1_CC1", "MOVIE3_CC2"])
    assert_equal(found.targets["vertex"].tolist(), [0, 2, 3, 5, 7, 1, 2, 6, -1, -1])
    assert_equal(found.targets["structure"].nunique(), 3)


def test_the_clip_that_ends_every_run_is_stacked():
    for run in (2, 4):
        write_run(run)
    found = load_hcp_movies(SUBJECT, (2, 4))
    stacked = stack_validation(found)
    assert_equal(stacked.shape, (2, N_VALIDATION, 10))
    starts = [N_VOLUMES[run] - 20 - N_VALIDATION + 0.5 * run for run in (2, 4)]
    assert_allclose(stacked[:, 0, 0], starts)
    with pytest.raises(ValueError, match="two runs or more, read with labels=True"):
        stack_validation(load_hcp_movies(SUBJECT, (2,)))
    with pytest.raises(ValueError, match="two runs or more, read with labels=True"):
        stack_validation(load_hcp_movies(SUBJECT, (2, 4), labels=False))
    with pytest.raises(ValueError, match=re.escape("the runs have [83, 82] volumes of the repeated clip")):
        stack_validation(found.choose(np.arange(len(found.samples)) != len(found.samples) - 21))


def test_a_parcellation_averages_its_vertices_whatever_its_own_order(tmp_path):
    """It covers all eight vertices of a hemisphere, the series only some."""
    write_run(1, mesh="Atlas_MSMAll_hp2000_clean")
    cortex = BrainModelAxis.from_surface(np.arange(8), 8, "cortex_left")
    cortex += BrainModelAxis.from_surface(np.arange(8), 8, "cortex_right")
    keys = np.array([[1, 4, 1, 0, 9, 2, 9, 2, 0, 3, 3, 9, 9, 9, 0, 9]])
    names = ["???", "7Networks_LH_Vis_1", "7Networks_LH_Default_PFC_1", "7Networks_RH_Cont_Par_1", "x", "far"]
    labels = {key: (name, (0, 0, 0, 1)) for key, name in zip((0, 1, 2, 3, 4, 9), names, strict=True)}
    save((LabelAxis(["parcels"], labels), cortex), keys, tmp_path / "atlas.dlabel.nii")
    found = load_hcp_movies(SUBJECT, (1,), mesh="32k", parcellation=tmp_path / "atlas.dlabel.nii", labels=False)
    assert_equal(found.targets["parcel"].tolist(), names[1:4])
    assert_equal(found.targets["network"].tolist(), ["Visual", "DefaultMode", "Frontoparietal"])
    # Left vertices 0 and 2 are grayordinates 0 and 1; vertices 5 and 7 are 3 and 4; right vertices 1 and 2 are 5 and 6.
    assert_allclose(found.responses[7], np.array([500.0, 3500.0, 5500.0]) + 7.5)
    coarse = BrainModelAxis.from_surface(np.arange(6), 6, "cortex_left")
    save((LabelAxis(["parcels"], labels), coarse), np.ones((1, 6)), tmp_path / "other.dlabel.nii")
    with pytest.raises(ValueError, match="has 6 vertices in"):
        load_hcp_movies(SUBJECT, (1,), mesh="32k", parcellation=tmp_path / "other.dlabel.nii", labels=False)
    with pytest.raises(ValueError, match=r"is no \.dlabel\.nii file"):
        load_hcp_movies(
            SUBJECT, (1,), mesh="32k", parcellation=series_of(1, mesh="Atlas_MSMAll_hp2000_clean"), labels=False
        )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"step": 0.72}, "has 0.72 second between volumes; expected 1 second"),
        ({"n_volumes": 900}, "has 900 volumes; expected 915. Leave the run out"),
        ({"axis": brain(n_vertices=9)}, "has other grayordinates than the run before it"),
    ],
)
def test_a_run_that_does_not_fit_is_named(how, message):
    write_run(1)
    write_run(3, **how)
    with pytest.raises(ValueError, match=f"tfMRI_MOVIE3_7T_PA_Atlas.*{re.escape(message)}"):
        load_hcp_movies(SUBJECT, (1, 3), labels=False)


def test_values_that_are_not_finite_and_files_of_another_kind_are_refused():
    values = np.zeros((N_VOLUMES[1], 10), np.float32)
    values[5, 3] = np.nan
    save((SeriesAxis(0, 1, N_VOLUMES[1]), brain()), values, series_of(1))
    with pytest.raises(ValueError, match="holds nan in sample 5, target 3"):
        load_hcp_movies(SUBJECT, (1,))
    save((ScalarAxis(["a"]), brain()), np.zeros((1, 10)), series_of(1))
    with pytest.raises(ValueError, match="holds ScalarAxis by BrainModelAxis"):
        load_hcp_movies(SUBJECT, (1,))
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), series_of(1))
    with pytest.raises(ValueError, match="is no CIFTI file"):
        load_hcp_movies(SUBJECT, (1,))


def test_requests_and_missing_files_are_named():
    with pytest.raises(ValueError, match=re.escape("runs = [1, 5] must name some of 1, 2, 3, 4, each once.")):
        load_hcp_movies(SUBJECT, (1, 5))
    with pytest.raises(ValueError, match="mesh = '164k' is not available"):
        load_hcp_movies(SUBJECT, mesh="164k")
    with pytest.raises(MissingDataError, match=r"tfMRI_MOVIE1_7T_AP_Atlas_1\.6mm.*ConnectomeDB"):
        load_hcp_movies(SUBJECT)
    with pytest.raises(ValueError, match="run = 0 is not available"):
        load_movie_labels(0)


def test_labels_of_another_layout_are_refused(miniature):
    with h5py.File(miniature, "a") as file:
        del file["MOVIE1_CC1_val"]
        del file["MOVIE2_HO1"]
        file["MOVIE2_HO1"] = np.zeros((3, N_VOLUMES[2]))
    with pytest.raises(ValueError, match="lacks MOVIE1_CC1_val; it has MOVIE1_CC1"):
        load_movie_labels(1)
    with pytest.raises(ValueError, match=re.escape("MOVIE2_HO1 has the shape (3, 918)")):
        load_movie_labels(2)
