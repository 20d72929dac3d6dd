"""Full subjects are read from files of the layout that nilearn unpacks; here from small ones that the test writes."""

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets import haxby_subjects as module
from brainalign.datasets.haxby import CATEGORIES, REST, average_blocks
from brainalign.datasets.haxby_subjects import fetch_haxby_subjects, load_haxby_subject

SHAPE = (3, 4, 4)
ZOOMS = (3.5, 3.75, 3.75)
INSIDE = [(0, 1, 1), (1, 2, 0), (2, 3, 3)]
PER_RUN = 1 + 2 * len(CATEGORIES)


def save(array, path, zooms=ZOOMS):
    image = nibabel.Nifti1Image(array, np.diag([*zooms, 1.0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)


@pytest.fixture
def subject(tmp_path, monkeypatch):
    """Subject 2 with three runs: a volume of rest, then two of every category; nothing is labelled in the second."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    folder = folder_of("haxby-subjects") / "haxby2001" / "subj2"
    generator = np.random.default_rng(0)
    signal = generator.integers(300, 900, (*SHAPE, 3 * PER_RUN)).astype(np.int16)
    save(signal, folder / "bold.nii.gz")
    mask = np.zeros(SHAPE, np.int16)
    mask[tuple(zip(*INSIDE, strict=True))] = 1
    save(mask, folder / "mask4_vt.nii.gz")
    labels = [REST, *np.repeat(generator.permutation(CATEGORIES), 2).tolist()]
    labels += [REST] * PER_RUN
    labels += [REST, *np.repeat(generator.permutation(CATEGORIES), 2).tolist()]
    write_labels(folder, labels)
    return folder, signal, labels


def write_labels(folder, labels):
    lines = [f"{label} {place // PER_RUN}" for place, label in enumerate(labels)]
    (folder / "labels.txt").write_text("\n".join(["labels chunks", *lines, ""]))


def test_voxels_labels_and_runs_are_those_of_the_files(subject):
    _, signal, labels = subject
    recording = load_haxby_subject(2)
    kept = np.r_[0:PER_RUN, 2 * PER_RUN : 3 * PER_RUN]
    assert_array_equal(recording.voxels, INSIDE)
    assert_equal(recording.voxel_size, ZOOMS)
    assert_array_equal(recording.labels, np.array(labels)[kept])
    assert_array_equal(recording.runs, np.repeat([1, 3], PER_RUN))  # run 2 has no label, and keeps its number
    for voxel, place in enumerate(INSIDE):
        assert_array_equal(recording.responses[:, voxel], signal[(*place, kept)])
    assert_equal(recording.responses.dtype, np.float64)


def test_the_blocks_of_a_full_subject_can_be_averaged_as_those_of_the_sample(subject):
    assert_equal(average_blocks(load_haxby_subject(2)).shape, (2, len(CATEGORIES), len(INSIDE)))


def test_a_voxel_that_does_not_vary_in_a_run_is_left_out(subject):
    folder, signal, _ = subject
    signal[(*INSIDE[1], slice(2 * PER_RUN, None))] = 500
    save(signal, folder / "bold.nii.gz")
    assert_array_equal(load_haxby_subject(2).voxels, [INSIDE[0], INSIDE[2]])
    save(np.full_like(signal, 500), folder / "bold.nii.gz")
    with pytest.raises(ValueError, match="no voxel of the mask 'vt' varies in every"):
        load_haxby_subject(2)


def test_the_brain_is_where_the_mean_volume_is_bright(subject):
    folder = subject[0]
    shape, generator = (12, 14, 12), np.random.default_rng(1)
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    head = np.square((places - np.array(shape) / 2) / (np.array(shape) / 3)).sum(axis=-1) < 1
    signal = generator.integers(0, 20, (*shape, 3 * PER_RUN)) + 800 * head[..., None]
    save(signal.astype(np.int16), folder / "bold.nii.gz")
    found = np.zeros(shape, dtype=bool)
    found[tuple(load_haxby_subject(2, "brain").voxels.T)] = True
    assert (found & head).sum() > 0.7 * head.sum()
    assert not (found & ~head).any()


def test_labels_of_another_layout_are_refused(subject):
    folder, _, labels = subject
    for wrong, text in (
        (labels[:-1], "labels and chunks, 51 lines as there are volumes"),
        (["dog", *labels[1:]], "and as labels bottle, cat"),
        ([REST] * len(labels), "labels no volume with a category"),
    ):
        write_labels(folder, wrong)
        with pytest.raises(ValueError, match=text):
            load_haxby_subject(2)
    (folder / "labels.txt").write_text("run label\n0 rest\n")
    with pytest.raises(ValueError, match=r"subject 2: labels\.txt has the columns run"):
        load_haxby_subject(2)


def test_a_mask_of_another_shape_is_refused(subject):
    save(np.ones((3, 4, 5), np.int16), subject[0] / "mask4_vt.nii.gz")
    with pytest.raises(ValueError, match=r"shape \(3, 4, 4, 51\) and a mask of \(3, 4"):
        load_haxby_subject(2)


def test_what_is_not_available_is_refused(subject):
    with pytest.raises(ValueError, match="subject = 7 is not available"):
        load_haxby_subject(7)
    with pytest.raises(ValueError, match="mask = 'gray' is not available"):
        load_haxby_subject(2, "gray")


def test_a_subject_that_is_not_here_says_how_to_get_it(subject):
    with pytest.raises(MissingDataError, match=r"subj3/bold\.nii\.gz is missing .* fetch_haxby_subjects\(\[2\]\)"):
        load_haxby_subject(3)


def test_nilearn_fetches_into_the_folder_that_is_read(subject, monkeypatch):
    asked = {}
    monkeypatch.setattr(module, "fetch_haxby", lambda **options: asked.update(options))
    folder = fetch_haxby_subjects([2, 5], stimuli=True)
    assert asked == {"data_dir": folder, "subjects": [2, 5], "fetch_stimuli": True}
    assert (folder / "haxby2001" / "subj2" / "bold.nii.gz").is_file()
    for wrong in ([], [2, 2], [0]):
        with pytest.raises(ValueError, match="must name some of 1 to 6, each once"):
            fetch_haxby_subjects(wrong)
