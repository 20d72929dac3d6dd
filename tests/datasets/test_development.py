"""The reader of the short animated film, on miniature files as nilearn writes them."""

import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.development import MOTION, available_subjects, load_development

SHAPE = (4, 4, 4)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
SUBJECTS = ["sub-pixar123", "sub-pixar001"]
N_VOLUMES = 5


def folder():
    return folder_of("development-fmri") / "development_fmri"


def write_subject(subject, signal, n_rows=None):
    name = f"{subject}_task-pixar_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    nibabel.save(nibabel.Nifti1Image(signal.astype(np.float32), AFFINE), folder() / name)
    table = pd.DataFrame({name: np.arange(n_rows or signal.shape[3]) / 10 for name in (*MOTION, "csf")})
    table.to_csv(folder() / f"{subject}_task-pixar_desc-confounds_regressors.tsv", sep="\t", index=False)


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    folder().mkdir(parents=True)
    table = pd.DataFrame({"participant_id": SUBJECTS, "Age": [25, 4], "Child_Adult": ["adult", "child"]})
    table.to_csv(folder() / "participants.tsv", sep="\t", index=False)
    signal = np.random.default_rng(0).normal(100, 5, (2, *SHAPE, N_VOLUMES))
    for subject, values in zip(SUBJECTS, signal, strict=True):
        write_subject(subject, values)
    labels = np.zeros(SHAPE, np.int32)
    labels[0], labels[2, 1] = 7, 3
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), tmp_path / "atlas.nii.gz")
    return tmp_path / "atlas.nii.gz", signal, labels


def test_parcels_hold_the_mean_of_their_voxels(miniature):
    atlas, signal, labels = miniature
    found = load_development(SUBJECTS, atlas)
    assert_equal([recording.subject for recording in found], SUBJECTS)
    for recording, values in zip(found, signal, strict=True):
        assert_equal(recording.targets["parcel"].tolist(), [3, 7])
        expected = [values[labels == parcel].mean(axis=0) for parcel in (3, 7)]
        assert_allclose(recording.responses.T, expected, rtol=1e-5)
        assert_allclose(recording.samples["time"], 2.0 * np.arange(N_VOLUMES))
        assert_allclose(recording.samples["rot_z"], np.arange(N_VOLUMES) / 10)


def test_parcels_that_are_lost_by_resampling_have_no_column(miniature):
    """Parcel 5 is one voxel of 1 mm in an atlas of 1 mm; at 4 mm no centre falls into it."""
    atlas, signal, _ = miniature
    fine = np.zeros((16, 16, 16), np.int32)
    fine[:2], fine[6:10, 2:6], fine[14, 14, 14] = 7, 3, 5
    nibabel.save(nibabel.Nifti1Image(fine, np.eye(4)), atlas)
    with pytest.warns(UserWarning, match=r"the following labels were removed: .*5"):
        (found,) = load_development(SUBJECTS[:1], atlas)
    assert_equal(found.targets["parcel"].tolist(), [3, 7])
    assert_allclose(found.responses[:, 1], signal[0][0].mean(axis=(0, 1)), rtol=1e-5)


@pytest.mark.usefixtures("miniature")
def test_subjects_are_listed_by_group():
    assert_array_equal(available_subjects(), SUBJECTS)
    assert_array_equal(available_subjects("child"), SUBJECTS[1:])
    with pytest.raises(ValueError, match="age_group = 'adults' is not available"):
        available_subjects("adults")
    (folder() / "participants.tsv").write_text("participant_id\tAge\nx\t1\n")
    with pytest.raises(ValueError, match="lacks the columns Child_Adult"):
        available_subjects()


def test_subjects_that_are_unknown_or_do_not_fit_are_named(miniature):
    atlas, signal, _ = miniature
    with pytest.raises(
        ValueError, match=re.escape("subjects = ['sub-pixar999'] must each be one of the 2 in the table")
    ):
        load_development(["sub-pixar999"], atlas)
    write_subject(SUBJECTS[1], signal[1][..., :4])
    with pytest.raises(ValueError, match=re.escape("{'sub-pixar123': 5, 'sub-pixar001': 4}")):
        load_development(SUBJECTS, atlas)
    write_subject(SUBJECTS[1], signal[1], n_rows=4)
    with pytest.raises(ValueError, match="has 4 rows and lacks no column"):
        load_development(SUBJECTS, atlas)


def test_without_the_files_it_says_how_to_fetch_them(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"participants\.tsv is missing.*fetch_development_fmri"):
        available_subjects()
