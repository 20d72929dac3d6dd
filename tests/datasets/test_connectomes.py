import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_array_less

from brainalign.catalogue.entries import entry
from brainalign.datasets import (
    GROUPS,
    NETWORKS,
    PARCELS,
    SUBJECTS,
    load_hcp_connectome,
    load_subject_connectome,
    schaefer_networks,
)

# Left and right hemisphere, typed again from the label files of the atlas.
COUNTS = {
    100: [[9, 6, 8, 7, 3, 4, 13], [8, 8, 7, 5, 2, 9, 11]],
    200: [[14, 16, 13, 11, 6, 13, 27], [15, 19, 13, 11, 6, 17, 19]],
    300: [[24, 29, 16, 16, 10, 17, 38], [23, 28, 18, 18, 10, 23, 30]],
    400: [[31, 37, 23, 22, 13, 22, 52], [30, 40, 23, 25, 13, 30, 39]],
}
each_connectome = pytest.mark.parametrize(
    ("parcels", "group"), [(parcels, group) for parcels in PARCELS for group in GROUPS]
)


def contrast(matrix, labels):
    """By how much the mean connectivity within networks exceeds that between networks."""
    same = labels[:, None] == labels
    between_parcels = ~np.eye(len(labels), dtype=bool)
    return matrix[same & between_parcels].mean() - matrix[~same].mean()


def test_the_choices():
    assert_array_equal(PARCELS, list(COUNTS))
    assert_array_equal(GROUPS, ["main", "holdout"])


@pytest.mark.parametrize("parcels", COUNTS)
def test_parcels_are_ordered_left_to_right_and_network_by_network(parcels):
    labels = schaefer_networks(parcels)
    assert_array_equal(labels.shape, [parcels])
    for hemisphere, expected in zip(np.split(labels, 2), COUNTS[parcels], strict=True):
        assert_array_equal([np.count_nonzero(hemisphere == name) for name in NETWORKS], expected)
        changes = np.flatnonzero(hemisphere[1:] != hemisphere[:-1])
        assert_array_equal(hemisphere[[*changes, -1]], NETWORKS)


@each_connectome
def test_connectomes_are_correlation_matrices(parcels, group):
    connectome = load_hcp_connectome(parcels, group)
    assert_array_equal(connectome.matrix.shape, [parcels, parcels])
    assert_array_equal(connectome.matrix, connectome.matrix.T)
    assert_array_equal(np.diag(connectome.matrix), 1.0)
    assert_array_less(np.abs(connectome.matrix), 1 + 1e-12)
    assert_array_equal(connectome.networks, schaefer_networks(parcels))


@pytest.mark.parametrize("parcels", PARCELS)
def test_the_two_groups_agree_and_are_not_the_same(parcels):
    rows, columns = np.triu_indices(parcels, k=1)
    main, holdout = (load_hcp_connectome(parcels, group).matrix[rows, columns] for group in GROUPS)
    correlation = np.corrcoef(main, holdout)[0, 1]
    assert_array_less(0.99, correlation)  # measured: .9965 to .9975
    assert_array_less(correlation, 0.999)


@each_connectome
def test_parcels_of_a_network_are_more_connected_than_others(parcels, group):
    connectome = load_hcp_connectome(parcels, group)
    matrix, labels = connectome.matrix, connectome.networks
    measured = contrast(matrix, labels)
    assert_array_less(0.15, measured)  # measured: .16 to .21
    generator = np.random.default_rng(0)
    shuffled = [contrast(matrix, generator.permutation(labels)) for _ in range(50)]
    assert_array_less(np.abs(shuffled), 0.05)
    # Labels in any other order lose contrast: sides swapped, both sides mixed, one side backwards, shifted.
    left, right = np.split(labels, 2)
    orders = [
        np.concatenate([right, left]),
        np.stack([left, right], axis=1).ravel(),
        np.concatenate([left, right[::-1]]),
        np.roll(labels, 2),
    ]
    assert_array_less([contrast(matrix, order) for order in orders], measured - 0.01)


@each_connectome
def test_each_network_holds_together(parcels, group):
    connectome = load_hcp_connectome(parcels, group)
    for name in NETWORKS:
        if name == "Limbic":  # weak signal near the sinuses: not above the rest even where labels are right
            continue
        inside = connectome.networks == name
        matrix = connectome.matrix[inside]
        own = matrix[:, inside][~np.eye(inside.sum(), dtype=bool)]
        assert_array_less(matrix[:, ~inside].mean() + 0.1, own.mean(), err_msg=name)


@pytest.mark.parametrize("parcels", [0, 150, 1000, "200"])
def test_another_resolution_is_refused(parcels):
    message = rf"parcels = {parcels!r} is not available; choose one of 100, 200, 300, 400\."
    for function in (schaefer_networks, load_hcp_connectome, load_subject_connectome):
        with pytest.raises(ValueError, match=message):
            function(parcels)


def test_another_group_is_refused():
    with pytest.raises(ValueError, match="group = 'all' is not available"):
        load_hcp_connectome(group="all")


each_subject = pytest.mark.parametrize(
    ("parcels", "subject"), [(parcels, subject) for parcels in PARCELS for subject in SUBJECTS]
)


@each_subject
def test_connectomes_of_subjects_are_correlation_matrices_in_the_same_order(parcels, subject):
    connectome = load_subject_connectome(parcels, subject)
    matrix, labels = connectome.matrix, connectome.networks
    assert_array_equal(matrix.shape, [parcels, parcels])
    assert_array_equal(matrix, matrix.T)
    assert_array_equal(np.diag(matrix), 1.0)
    assert_array_less(np.abs(matrix), 1 + 1e-12)
    assert_array_equal(labels, schaefer_networks(parcels))
    measured = contrast(matrix, labels)
    assert_array_less(0.14, measured)  # measured: .15 to .25
    generator = np.random.default_rng(0)
    assert_array_less(np.abs([contrast(matrix, generator.permutation(labels)) for _ in range(20)]), 0.05)
    # One person is less like the mean of many than two means are like each other.
    rows, columns = np.triu_indices(parcels, k=1)
    likeness = np.corrcoef(matrix[rows, columns], load_hcp_connectome(parcels).matrix[rows, columns])[0, 1]
    assert 0.75 < likeness < 0.9  # measured: .78 to .87


@pytest.mark.parametrize("parcels", PARCELS)
def test_the_three_subjects_are_others_and_in_some_order(parcels):
    matrices = [load_subject_connectome(parcels, subject).matrix for subject in SUBJECTS]
    means = [matrix[np.triu_indices(parcels, k=1)].mean() for matrix in matrices]
    assert_array_less(np.diff(means), -0.05)


def test_every_file_of_the_subjects_is_read():
    names = [file.path.rsplit("/", 1)[-1] for file in entry("hcp-subjects").files]
    assert len(names) == len(PARCELS) * len(SUBJECTS)
    numbers = {(name.split("_")[1], name.split("_")[-1]) for name in names}
    assert len(numbers) == len(names)  # no person stands twice at one resolution


def test_another_subject_is_refused():
    with pytest.raises(ValueError, match="subject = 'mean' is not available"):
        load_subject_connectome(200, "mean")
