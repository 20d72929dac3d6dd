"""The reader of BOLD5000, release 2.0, on miniature files of the published layout made here."""

import json
import re

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.bold5000 import load_bold5000, locate_bold5000_image

SHAPE = (2, 3, 2)
INSIDE = [(0, 0, 1), (1, 1, 0), (1, 2, 1)]
LENGTHS = (74, 37)
NAMES = ["COCO_train2014_000000000036.jpg", "rep_homeoffice9.jpg", "n01440764_1.JPEG"]


def beta_file(session):
    return folder_of("bold5000") / f"CSI1_GLMbetas-TYPED-FITHRF-GLMDENOISE-RR_ses-{session:02d}.nii.gz"


def save(values, path):
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)), path)


@pytest.fixture(autouse=True)
def miniature(tmp_path, monkeypatch):
    """Two sessions of two and one runs; the first names are known, all others are scenes seen once."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    folder = folder_of("bold5000")
    (folder / "annotations").mkdir(parents=True)
    generator = np.random.default_rng(0)
    signal = [generator.normal(size=(*SHAPE, n)) for n in LENGTHS]
    for session, values in enumerate(signal, start=1):
        save(values, beta_file(session))
    mask = np.zeros(SHAPE)
    mask[tuple(zip(*INSIDE, strict=True))] = 1
    save(mask, folder / "CSI1_brainmask.nii.gz")
    names = NAMES + [f"scene{i}.jpg" for i in range(5254 - 6)] + ["homeoffice9.jpg"] * 3
    names[80] = "homeoffice9.jpg"
    (folder / "CSI1_imgnames.txt").write_text("\n".join(names) + "\n")
    captions = [{"image_id": 36, "id": k, "caption": f"Caption {k}."} for k in (5, 4)]
    (folder / "annotations/captions_train2014.json").write_text(json.dumps({"annotations": captions}))
    return signal


def test_a_session_has_the_names_that_follow_those_of_the_sessions_before(miniature):
    found = load_bold5000(1, (2,))
    assert_allclose(
        found.responses, [[v[(*p, t)] for p in INSIDE] for v in miniature[1:] for t in range(37)], rtol=1e-6
    )
    assert_equal(found.samples["stimulus"].tolist()[5:8], ["scene76.jpg", "homeoffice9.jpg", "scene78.jpg"])
    assert_equal(found.samples["repeat"].tolist()[5:8], [1, 2, 1])
    assert_equal(set(found.samples["run"]), {"session02"})
    assert_array_equal(found.targets, INSIDE)


def test_photographs_of_coco_have_captions_and_the_others_none():
    found = load_bold5000(1, (1, 2))
    assert_equal(found.samples["texts"].tolist()[:3], [("Caption 4.", "Caption 5."), (), ()])
    assert_equal(found.samples["stimulus"][1], "homeoffice9.jpg")
    assert_equal(found.repeated_stimuli(), ["homeoffice9.jpg"])
    assert_allclose(found.stack_repeats(["homeoffice9.jpg"])[:, 0], found.responses[[1, 80]])


def test_captions_are_needed_only_when_asked_for():
    (folder_of("bold5000") / "annotations/captions_train2014.json").unlink()
    assert_equal(set(load_bold5000(1, captions=False).samples["texts"]), {()})
    with pytest.raises(MissingDataError, match=r"annotations/captions_train2014\.json is"):
        load_bold5000(1)


def test_voxels_without_a_response_are_left_out(miniature):
    miniature[0][(*INSIDE[1], 3)] = np.nan
    save(miniature[0], beta_file(1))
    found = load_bold5000(1, (1, 2))
    assert_array_equal(found.targets, [INSIDE[0], INSIDE[2]])
    assert_equal(found.responses.shape, (111, 2))
    save(miniature[0] * np.nan, beta_file(1))
    with pytest.raises(ValueError, match=r"no voxel of CSI1_brainmask\.nii\.gz has"):
        load_bold5000(1)


def test_the_file_of_a_photograph_is_found_in_its_folder():
    folder = folder_of("bold5000") / "BOLD5000_Stimuli/Scene_Stimuli/Presented_Stimuli/COCO"
    folder.mkdir(parents=True)
    (folder / NAMES[0]).touch()
    assert_equal(locate_bold5000_image(NAMES[0]), folder / NAMES[0])
    with pytest.raises(MissingDataError, match=r"'x\.jpg' is in none of the folders.*\(1 files\)"):
        locate_bold5000_image("x.jpg")


def test_unknown_requests_and_missing_files_are_named():
    with pytest.raises(ValueError, match=re.escape("sessions = [10] must name some of 1 to 9 of CSI4, each once.")):
        load_bold5000(4, (10,))
    with pytest.raises(ValueError, match="subject = 5 is not available"):
        load_bold5000(5)
    with pytest.raises(ValueError, match="version = 'TYPED' is not available"):
        load_bold5000(1, version="TYPED")
    with pytest.raises(MissingDataError, match=r"RR_ses-03\.nii\.gz is missing.*figshare"):
        load_bold5000(1, (4,))


def test_files_that_do_not_belong_together_are_refused(miniature):
    save(miniature[0][..., :40], beta_file(1))
    with pytest.raises(ValueError, match=re.escape("ses-01.nii.gz has the shape (2, 3, 2, 40); expected (2, 3, 2)")):
        load_bold5000(1)
    for session in range(1, 16):
        save(miniature[1], beta_file(session))
    with pytest.raises(ValueError, match="sessions 1 to 15 of CSI1 hold 555"):
        load_bold5000(1, (15,))
    (folder_of("bold5000") / "CSI1_imgnames.txt").write_text("a.jpg\n")
    with pytest.raises(ValueError, match=re.escape("CSI1_imgnames.txt has 1 names; expected 5254")):
        load_bold5000(1)
