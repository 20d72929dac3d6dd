"""Early visual cortex, IT, judgements and models of the 92 images: files of the true layout, and the real ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.io import savemat
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr

from brainalign.datasets import seeing
from brainalign.datasets.objects import load_object_dissimilarities
from brainalign.datasets.seeing import (
    AlexNetLayer,
    has_judgements_and_models,
    load_alexnet,
    load_classical_models,
    load_judgements,
    load_seeing_people,
)

N_PAIRS = 4186
UPPER = np.triu_indices(92, 1)


def drawn(n, seed=0):
    pairs = np.random.default_rng(seed).uniform(0.1, 1.5, (n, N_PAIRS))
    return np.array([squareform(one) for one in pairs])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder that stands for the catalogue."""
    for folder in ("92imageData", "rdms_inferring"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(seeing, "locate", lambda _name, path: tmp_path / path)
    return tmp_path


def write_people(folder, early, it):
    np.savez(folder / "fmri_EVC_RDMs.npz", Net_RDM=early)
    np.savez(folder / "fmri_IT_RDMs.npz", Net_RDM=it)


def write_records(path, variable, rows):
    records = np.zeros(len(rows), dtype=[(name, object) for name in rows[0]])
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    savemat(path, {variable: records[None]})


def test_each_region_is_read_from_its_own_file(files):
    early, it = drawn(2), drawn(2, seed=1)
    write_people(files, early, it)
    loaded = load_seeing_people()
    assert_equal(tuple(loaded), ("early visual", "IT"))
    assert_array_equal(loaded["early visual"], early)
    assert_array_equal(loaded["IT"], it)


def test_judgements_and_classical_models_are_read_as_they_lie(files):
    rows = [{"RDM": matrix, "name": f"simJudge | subject{i}"} for i, matrix in enumerate(drawn(3))]
    write_records(files / "92imageData/92_behavRDMs.mat", "rdms_behav_92", rows)
    assert_array_equal(load_judgements(), drawn(3))
    different = (drawn(1)[0] > 1).astype(np.uint8)
    write_records(files / "92imageData/92_modelRDMs.mat", "Models", [{"RDM": different, "name": "animacy"}])
    assert_array_equal(load_classical_models()["animacy"], different)


def test_a_vector_of_pairs_becomes_the_matrix_of_a_layer_of_alexnet(files):
    vector = np.arange(N_PAIRS, dtype=np.float32)
    rows = [{"reprName": "fc7", "measModelName": "complete", "RDM": vector[None]}]
    write_records(files / "rdms_inferring/modelRDMs_A2020.mat", "modelRDMs", rows)
    matrix = load_alexnet()[AlexNetLayer("fc7", "complete")]
    assert_equal(matrix[0, 1:4].tolist(), [0, 1, 2])  # the first image against those after it
    assert_array_equal(matrix[UPPER], vector)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda early: early[:, :91, :91], "92 x 92 images are expected"),
        (lambda early: early + np.eye(92), "zero diagonal"),
        (lambda early: early + np.triu(np.ones((92, 92)), 1), "symmetric"),
        (lambda early: np.where(early > 1.49, np.nan, early), "finite"),
    ],
)
def test_what_is_no_dissimilarity_is_refused(files, change, message):
    write_people(files, change(drawn(2)), drawn(2))
    with pytest.raises(ValueError, match=rf"fmri_EVC_RDMs.npz: .*{message}"):
        load_seeing_people()


def test_a_file_without_the_known_names_is_refused(files):
    np.savez(files / "fmri_EVC_RDMs.npz", rdm=drawn(1))
    with pytest.raises(ValueError, match="no array 'Net_RDM'; it has: rdm"):
        load_seeing_people()
    savemat(files / "92imageData/92_modelRDMs.mat", {"Other": 1})
    with pytest.raises(ValueError, match="no variable 'Models'; it has: Other"):
        load_classical_models()


def test_real_people_have_the_images_in_the_order_of_the_92_objects(mirror):
    mirror("cichy-92", "objects-92")
    people, human = load_seeing_people(), load_object_dissimilarities().human
    assert_equal([matrices.shape for matrices in people.values()], [(15, 92, 92)] * 2)
    agreement = [spearmanr(people[r].mean(axis=0)[UPPER], human[UPPER]).statistic for r in ("IT", "early visual")]
    assert_allclose(agreement, [0.56, 0.13], atol=0.005)


def test_the_same_place_is_the_same_person_in_both_regions(mirror):
    mirror("cichy-92")
    own = [matrices[:, *UPPER] - matrices[:, *UPPER].mean(axis=0) for matrices in load_seeing_people().values()]
    between = np.corrcoef(*own)[:15, 15:]
    assert (between.argmax(axis=1) == np.arange(15)).sum() >= 14


def test_real_judgements_and_models_are_in_that_order_too(mirror):
    mirror("objects-92-models", "objects-92")
    assert has_judgements_and_models()
    objects, classical = load_object_dissimilarities(), load_classical_models()
    animate = objects.categories["animate"]
    assert_array_equal(classical["animacy"], animate[:, None] != animate)
    assert_array_equal(classical["monkeyIT"], objects.monkey)
    judged = load_judgements()
    assert_equal(judged.shape, (16, 92, 92))
    assert_allclose(spearmanr(judged.mean(axis=0)[UPPER], objects.human[UPPER]).statistic, 0.392, atol=5e-4)
    alexnet = load_alexnet()
    assert len(alexnet) == 63
    assert_equal([name.layer for name in alexnet if name.measured == "complete"][::8], ["conv1", "prob"])
