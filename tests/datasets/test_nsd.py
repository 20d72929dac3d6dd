"""The reader of the Natural Scenes Dataset, on miniature files of the documented layout made here."""

import json
import re

import h5py
import nibabel
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.nsd import load_nsd, load_nsd_images

SHAPE = (3, 4, 2)
INSIDE = [(0, 1, 1), (2, 0, 0), (2, 3, 1)]
SHOWN = {1: [7, 3, 7], 2: [3, 7, 0]}
"""Photographs of each session, from 0."""

BETAS = "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR"


def place(path):
    path = folder_of("natural-scenes") / path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(autouse=True)
def miniature(tmp_path, monkeypatch):
    """Integers of two sessions: the first as HDF5 with reversed axes, the second as NIfTI."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    signal = np.random.default_rng(0).integers(-900, 900, (2, *SHAPE, 3)).astype(np.int16)
    with h5py.File(place(f"{BETAS}/betas_session01.hdf5"), "w") as file:
        file["betas"] = signal[0].transpose(3, 2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(signal[1], np.eye(4)), place(f"{BETAS}/betas_session02.nii.gz"))
    region = np.full(SHAPE, -1, np.int16)
    region[tuple(zip(*INSIDE, strict=True))] = [1, 1, 2]
    path = place("nsddata/ppdata/subj01/func1pt8mm/roi/nsdgeneral.nii.gz")
    nibabel.save(nibabel.Nifti1Image(region, np.eye(4)), path)
    rows = [(1, s, 1, t + 1, number + 1, 9) for s, numbers in SHOWN.items() for t, number in enumerate(numbers)]
    table = pd.DataFrame(rows, columns=["SUBJECT", "SESSION", "RUN", "TRIAL", "73KID", "10KID"])
    table[::-1].to_csv(place("nsddata/ppdata/subj01/behav/responses.tsv"), sep="\t", index=False)
    information = pd.DataFrame({"cocoId": np.arange(100, 110), "cocoSplit": ["val2017"] * 5 + ["train2017"] * 5})
    information.assign(nsdId=range(10)).to_csv(place("nsddata/experiments/nsd/nsd_stim_info_merged.csv"))
    for split, images in (("val2017", range(100, 105)), ("train2017", range(105, 110))):
        texts = [{"image_id": i, "id": 2 - k, "caption": f"text {k} of\n{i} "} for i in images for k in range(2)]
        path = place(f"nsddata_stimuli/stimuli/nsd/annotations/captions_{split}.json")
        path.write_text(json.dumps({"annotations": texts}))
    return signal


def test_sessions_are_joined_in_per_cent_with_photographs_repeats_and_captions(miniature):
    found = load_nsd(1, (1, 2))
    expected = np.concatenate([[session[(*voxel, ...)] for voxel in INSIDE] for session in miniature], axis=1).T / 300
    assert_allclose(found.responses, expected, rtol=1e-6)
    assert_array_equal(found.samples["nsd"], [7, 3, 7, 3, 7, 0])
    assert_array_equal(found.samples["repeat"], [1, 1, 2, 2, 3, 1])
    assert_equal(found.samples["run"].tolist(), ["session01"] * 3 + ["session02"] * 3)
    assert_array_equal(found.targets, [(*voxel, label) for voxel, label in zip(INSIDE, (1, 1, 2), strict=True)])
    assert_equal(found.samples["texts"][1], ("text 1 of 103", "text 0 of 103"))
    assert_equal(found.samples["texts"][0], ("text 1 of 107", "text 0 of 107"))
    assert found.tr is None
    assert_allclose(found.stack_repeats(["nsd00003", "nsd00007"]), expected[[[1, 0], [3, 2]]], rtol=1e-6)


def test_a_later_session_alone_still_knows_what_was_shown_before():
    assert_array_equal(load_nsd(1, (2,), captions=False).samples["repeat"], [2, 3, 1])


def test_only_the_photographs_asked_for_are_read_in_their_order():
    images = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(4, 2, 2, 3)
    with h5py.File(place("nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"), "w") as file:
        file["imgBrick"] = images
    assert_array_equal(load_nsd_images([3, 0, 3]), images[[3, 0, 3]])
    with pytest.raises(ValueError, match=re.escape("numbers must be some of 0 to 3: got [4].")):
        load_nsd_images([4])


def test_unknown_requests_and_missing_files_are_named():
    with pytest.raises(ValueError, match=re.escape("sessions = [41] must name some of 1 to 40 of subject 1")):
        load_nsd(1, (41,))
    with pytest.raises(ValueError, match="subject = 9 is not available"):
        load_nsd(9)
    with pytest.raises(ValueError, match="version = 'b3' is not available"):
        load_nsd(1, version="b3")
    with pytest.raises(MissingDataError, match=r"betas_session03\.nii\.gz is"):
        load_nsd(1, (3,))
    with pytest.raises(MissingDataError, match=r"roi/V1\.nii\.gz"):
        load_nsd(1, region="V1")


def test_files_that_do_not_fit_are_refused(miniature):
    short = nibabel.Nifti1Image(miniature[1][..., :2], np.eye(4))
    nibabel.save(short, place(f"{BETAS}/betas_session02.nii.gz"))
    with pytest.raises(ValueError, match=re.escape("has the shape (3, 4, 2, 2); expected (3, 4, 2, 3)")):
        load_nsd(1, (2,))
    with h5py.File(place(f"{BETAS}/betas_session02.hdf5"), "w") as file:
        file["beta"] = 1
    with pytest.raises(ValueError, match="lacks the dataset betas; it has beta"):
        load_nsd(1, (2,))
    place("nsddata/experiments/nsd/nsd_stim_info_merged.csv").write_text("nsdId,cocoId,cocoSplit\n3,103,val2017\n")
    with pytest.raises(ValueError, match=re.escape("has no photograph 7 (and 0 more)")):
        load_nsd(1)
    place("nsddata/experiments/nsd/nsd_stim_info_merged.csv").write_text("id\n3\n")
    with pytest.raises(ValueError, match="lacks the columns nsdId, cocoId, cocoSplit"):
        load_nsd(1)
    place("nsddata/ppdata/subj01/behav/responses.tsv").write_text("SESSION\tRUN\n1\t1\n")
    with pytest.raises(ValueError, match="lacks the columns TRIAL, 73KID"):
        load_nsd(1)


def replace_second(values, affine=None):
    image = nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine)
    nibabel.save(image, place(f"{BETAS}/betas_session02.nii.gz"))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_stored_flipped_gives_the_same_voxels(miniature, axis):
    expected = load_nsd(1, (2,)).responses
    affine = np.eye(4)
    affine[axis, axis], affine[axis, 3] = -1, SHAPE[axis] - 1
    replace_second(np.flip(miniature[1], axis), affine)
    assert_array_equal(load_nsd(1, (2,)).responses, expected)


def test_a_volume_elsewhere_in_the_brain_is_refused(miniature):
    affine = np.eye(4)
    affine[0, 3] = 5
    replace_second(miniature[1], affine)
    with pytest.raises(ValueError, match=r"betas_session02.*other voxels"):
        load_nsd(1, (2,))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float32, np.float64])
def test_whole_numbers_are_300_times_per_cent_in_any_type(miniature, kind):
    expected = load_nsd(1, (2,)).responses
    replace_second(miniature[1].astype(kind))
    assert_array_equal(load_nsd(1, (2,)).responses, expected)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_fractions_are_per_cent_already(miniature, kind):
    expected = load_nsd(1, (2,)).responses
    replace_second((miniature[1] / 300).astype(kind))
    assert_allclose(load_nsd(1, (2,)).responses, expected, rtol=1e-6)


def test_a_file_with_a_scale_in_its_header_is_per_cent(miniature):
    expected = load_nsd(1, (2,)).responses
    image = nibabel.Nifti1Image(miniature[1], np.eye(4))
    image.header.set_slope_inter(1 / 300, 0)
    nibabel.save(image, place(f"{BETAS}/betas_session02.nii.gz"))
    assert_allclose(load_nsd(1, (2,)).responses, expected, rtol=1e-5)


def test_fractions_too_large_for_per_cent_are_refused(miniature):
    replace_second((miniature[1] + 0.5).astype(np.float32))
    with pytest.raises(ValueError, match="too large for per cent"):
        load_nsd(1, (2,))


def test_a_value_that_is_missing_is_refused(miniature):
    values = miniature[1].astype(np.float32)
    values[(*INSIDE[1], 2)] = np.nan
    replace_second(values)
    with pytest.raises(ValueError, match="holds nan in sample 2, target 1"):
        load_nsd(1, (2,))


def test_photographs_without_captions_are_named():
    path = place("nsddata_stimuli/stimuli/nsd/annotations/captions_val2017.json")
    path.write_text(json.dumps({"annotations": []}))
    with pytest.raises(ValueError, match=re.escape("has no caption of image 103 (and 0 more)")):
        load_nsd(1)
    path.write_text(json.dumps({"annotations": [{"image_id": 103, "id": 1, "keypoints": []}]}))
    with pytest.raises(ValueError, match="has an annotation without a caption"):
        load_nsd(1)


def test_a_region_without_voxels_is_refused():
    path = place("nsddata/ppdata/subj01/func1pt8mm/roi/empty.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4)), path)
    with pytest.raises(ValueError, match=re.escape("has the shape (3, 4, 2) and 0 voxels above 0")):
        load_nsd(1, region="empty")
