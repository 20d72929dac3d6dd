from dataclasses import replace

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.signal import detrend

from brainalign.datasets import haxby
from brainalign.datasets.haxby import CATEGORIES, N_RUNS, REST, average_blocks, load_haxby

SHAPE = (2, 3, 2)
INSIDE = [(0, 0, 1), (1, 2, 0), (1, 2, 1)]


def write_run(folder, order, volumes):
    folder.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(volumes.astype(np.int16), np.eye(4)), folder / "bold_25mm.nii.gz")
    lines = [f"{5.0 + 10 * i}\t5.0\t{category}" for i, category in enumerate(order)]
    (folder / "bold_events.tsv").write_text("\n".join(["onset\tduration\ttrial_type", *lines, ""]))


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """Twelve runs of 34 volumes: a block of 2 volumes after every 2 volumes of rest, one block of each category."""
    generator = np.random.default_rng(0)
    signal = generator.integers(500, 900, (N_RUNS, *SHAPE, 34))
    orders = [list(generator.permutation(CATEGORIES)) for _ in range(N_RUNS)]
    for run in range(N_RUNS):
        write_run(tmp_path / f"BOLD/task001_run{run + 1:03d}", orders[run], signal[run])
    mask = np.zeros(SHAPE, np.int16)
    mask[tuple(zip(*INSIDE, strict=True))] = 1
    (tmp_path / "masks/25mm").mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "masks/25mm/gray.nii.gz")
    monkeypatch.setattr(haxby, "locate", lambda _name, path: tmp_path / path)
    return tmp_path, signal, orders


def test_responses_of_the_miniature_are_those_inside_the_mask(miniature):
    _, signal, _ = miniature
    recording = load_haxby("gray")
    assert_array_equal(recording.voxels, INSIDE)
    assert_array_equal(recording.runs, np.repeat(np.arange(1, N_RUNS + 1), 34))
    for voxel, place in enumerate(INSIDE):
        assert_array_equal(recording.responses[:, voxel], signal[:, *place].ravel())


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_labels_follow_the_events_after_the_delay(miniature, shift):
    orders = miniature[2]
    recording = load_haxby("gray", delay=2.5 * shift)
    expected = []
    for order in orders:
        run = [REST] * (34 + shift)
        for block, category in enumerate(order):
            run[2 + 4 * block + shift : 4 + 4 * block + shift] = [category] * 2
        expected += run[:34]
    assert_array_equal(recording.labels, expected)


def test_block_averages_are_those_of_the_standardized_run(miniature):
    recording = load_haxby("gray")
    averages = average_blocks(recording)
    assert_equal(averages.shape, (N_RUNS, len(CATEGORIES), len(INSIDE)))
    chosen = recording.runs == 7
    voxel = detrend(recording.responses[chosen, 1])
    in_block = recording.labels[chosen] == "house"
    assert_allclose(averages[6, CATEGORIES.index("house"), 1], (voxel / voxel.std())[in_block].mean())


def test_block_averages_do_not_see_unit_offset_and_drift(miniature):
    recording = load_haxby("gray")
    drift = 5 * np.arange(len(recording.runs))[:, None]
    moved = replace(recording, responses=3 * recording.responses + drift + 70)
    assert_allclose(average_blocks(moved), average_blocks(recording), atol=1e-9)


def test_what_is_not_available_is_refused(miniature):
    with pytest.raises(ValueError, match="mask = 'hoc' is not available"):
        load_haxby("hoc")
    for delay in (-2.5, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"delay = {delay} must be a number of seconds"):
            load_haxby("gray", delay=delay)


def test_a_run_that_does_not_fit_the_mask_is_refused(miniature):
    folder = miniature[0] / "BOLD/task001_run003"
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 3, 3, 34), np.int16), np.eye(4)), folder / "bold_25mm.nii.gz")
    with pytest.raises(ValueError, match=r"run 3 has the shape \(2, 3, 3, 34\)"):
        load_haxby("gray")


def test_averages_need_every_category_and_a_voxel_that_varies(miniature):
    recording = load_haxby("gray")
    labels = recording.labels.copy()
    labels[(recording.runs == 2) & (labels == "shoe")] = REST
    with pytest.raises(ValueError, match=r"run 2 has no volume of: shoe\."):
        average_blocks(replace(recording, labels=labels))
    responses = recording.responses.copy()
    responses[recording.runs == 4, 1:] = 8
    with pytest.raises(ValueError, match=r"run 4: voxel 1 does not vary \(and 1 more\)"):
        average_blocks(replace(recording, responses=responses))


def test_the_real_runs_are_twelve_of_121_volumes_with_nine_in_a_block(mirror):
    mirror("haxby-25mm")
    for mask, n_voxels in {"brain": 129, "gray": 28, "white": 34, "vt": 1}.items():
        recording = load_haxby(mask)
        assert_equal(recording.responses.shape, (12 * 121, n_voxels))
        assert_equal(recording.voxel_size, (25.0, 25.0, 25.0))
    for category in CATEGORIES:
        counts = np.bincount(recording.runs[recording.labels == category])
        assert_array_equal(counts[1:], [9] * 12)


def test_the_real_signal_follows_the_blocks_without_a_further_delay(mirror):
    mirror("haxby-25mm")
    by_delay = [_follows_blocks(load_haxby("vt", delay=delay)) for delay in (0.0, 2.5, 5.0)]
    assert_allclose(by_delay, [0.634, 0.553, 0.309], atol=5e-4)


def _follows_blocks(recording):
    """Mean over runs of the correlation of the first voxel with blocks against rest."""
    values = []
    for run in np.unique(recording.runs):
        chosen = recording.runs == run
        values.append(np.corrcoef(detrend(recording.responses[chosen, 0]), recording.labels[chosen] != REST)[0, 1])
    return np.mean(values)


def test_faces_and_houses_are_told_apart_in_the_real_runs(mirror):
    mirror("haxby-25mm")
    averages = average_blocks(load_haxby("brain"))[:, [CATEGORIES.index("face"), CATEGORIES.index("house")]]
    right = 0
    for run in range(N_RUNS):
        others = np.delete(averages, run, axis=0).mean(axis=0)
        distances = ((averages[run][:, None] - others[None]) ** 2).sum(axis=2)
        right += np.sum(distances.argmin(axis=1) == [0, 1])
    assert_equal(right, 22)  # of 24
