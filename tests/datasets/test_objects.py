import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from scipy.io import savemat
from scipy.spatial.distance import squareform
from scipy.stats import pearsonr, spearmanr

from brainalign.datasets import objects
from brainalign.datasets.objects import CATEGORIES, load_object_dissimilarities

N_IMAGES = 6
LABELS = [
    "human face",
    "nonhuman face",
    "human bodypart",
    "nonhuman bodypart",
    "natural inanimate",
    "artificial inanimate",
]
COLUMNS = ["animate", "inanim", "human", "nonhumani", "body", "face", "natObj", "artiObj", "rand24"]
MEMBERS = np.array(
    [
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 1],
        [1, 0, 1, 0, 0, 0],
        [0, 1, 0, 1, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
        [1, 0, 0, 1, 0, 1],
    ]
)


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """Files of the published layout with 6 images and 2 subjects; call it with names of matrices and categories."""

    def write(matrices=("hITvisStim_1vx", "mIT_2neurons"), columns=COLUMNS):
        generator = np.random.default_rng(0)
        sessions = generator.uniform(0.2, 1.5, (2, 2, N_IMAGES * (N_IMAGES - 1) // 2))
        human, monkey = sessions.mean(axis=(0, 1)), generator.uniform(0.2, 1.5, sessions.shape[2])
        records = np.zeros((2, 2), dtype=[("RDM", object), ("name", object)])
        for (subject, session), record in np.ndenumerate(records):
            record["RDM"] = squareform(sessions[subject, session]).astype(np.float32)
            record["name"] = f"hIT | {'AB'[subject]}{'AB'[subject]} | Session: {session + 1}"
        savemat(tmp_path / "92_brainRDMs.mat", {"RDMs": records[None]})
        published = np.zeros(2, dtype=[("name", object), ("RDM", object)])
        for i, vector in enumerate((human, monkey)):
            published[i] = (matrices[i], vector[None])
        stimuli = np.zeros(N_IMAGES, dtype=[("category", object), ("image", object)])
        for i, label in enumerate(LABELS):
            stimuli[i] = (label, np.full((175, 175, 3), i, np.uint8))
        content = {
            "RDMs_mIT_hIT_fig1": published[None],
            "stimuli_92objs": stimuli[None],
            "categoryLabels": np.array(columns, dtype=object)[None],
            "categoryVectors": MEMBERS.T.astype(np.uint8),
        }
        savemat(tmp_path / "Kriegeskorte_Neuron2008_supplementalData.mat", content)
        monkeypatch.setattr(objects, "locate", lambda _name, path: tmp_path / path)
        return sessions, human, monkey

    return write


def test_matrices_of_the_miniature_are_found_by_name_in_any_order(miniature):
    sessions, human, monkey = miniature()
    loaded = load_object_dissimilarities()
    upper = np.triu_indices(N_IMAGES, 1)
    assert_allclose(loaded.human_sessions[:, :, *upper], sessions, rtol=1e-6)  # kept in single precision
    assert_allclose(loaded.human[upper], human)
    assert_allclose(loaded.monkey[upper], monkey)
    assert_allclose(loaded.human_subjects[:, *upper], sessions.mean(axis=1), rtol=1e-6)
    assert_array_equal(loaded.human, loaded.human.T)
    assert_array_equal(np.diag(loaded.monkey), np.zeros(N_IMAGES))
    assert_equal(loaded.subjects, ("AA", "BB"))


def test_categories_and_images_of_the_miniature(miniature):
    miniature()
    loaded = load_object_dissimilarities()
    assert_array_equal(loaded.labels, LABELS)
    assert_equal(tuple(loaded.categories), CATEGORIES)
    assert_array_equal(loaded.categories["face"], ["face" in label for label in LABELS])
    assert_array_equal(loaded.categories["inanimate"], ["inanimate" in label for label in LABELS])
    assert_array_equal(loaded.categories["nonhuman"], ["nonhuman" in label for label in LABELS])
    assert_array_equal(loaded.images[:, 0, 0, 0], np.arange(N_IMAGES))


def test_a_file_without_the_known_names_is_refused(miniature):
    miniature(matrices=("hIT_a", "cat_b"))
    with pytest.raises(ValueError, match=r"supplementalData.mat has no matrix 'mIT'"):
        load_object_dissimilarities()
    miniature(columns=["alive", *COLUMNS[1:]])
    with pytest.raises(ValueError, match="has no category 'animate'; it has: alive"):
        load_object_dissimilarities()


def test_the_real_files_hold_what_was_published(mirror):
    mirror("objects-92")
    loaded = load_object_dissimilarities()
    assert_equal(loaded.human_sessions.shape, (4, 2, 92, 92))
    assert_equal(loaded.images.shape, (92, 175, 175, 3))
    sizes = {name: int(members.sum()) for name, members in loaded.categories.items()}
    assert_equal(sizes, dict(zip(CATEGORIES, [48, 44, 24, 24, 24, 24, 23, 21], strict=True)))
    assert_allclose(loaded.human_subjects.mean(axis=0), loaded.human, atol=1e-12)
    upper = np.triu_indices(92, 1)
    human, monkey = loaded.human[upper], loaded.monkey[upper]
    assert_allclose(pearsonr(human, monkey).statistic, 0.4912, atol=5e-5)  # printed as .49
    assert_allclose(spearmanr(human, monkey).statistic, 0.4389, atol=5e-5)


def test_faces_form_a_cluster_in_both_species(mirror):
    mirror("objects-92")
    loaded = load_object_dissimilarities()
    face = loaded.categories["face"]
    for matrix in (loaded.human, loaded.monkey):
        among_faces = matrix[np.ix_(face, face)][np.triu_indices(face.sum(), 1)].mean()
        assert among_faces < matrix[np.ix_(face, ~face)].mean() - 0.1
