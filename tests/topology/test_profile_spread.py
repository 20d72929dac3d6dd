import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.datasets import GROUPS, NETWORKS, SUBJECTS, load_subject_connectome
from brainalign.topology import icn_profiles, network_profiles, profile_spread, standardize_profiles

SHAPE = (3, 2, 4, 5)  # resolutions, subjects, networks, metrics
PARTS = ["networks", "resolution", "networks by resolution", "subjects"]


def test_each_source_alone_takes_everything():
    rng = np.random.default_rng(0)
    by_network = np.broadcast_to(rng.normal(size=(1, 1, 4, 5)), SHAPE)
    by_resolution = np.broadcast_to(rng.normal(size=(3, 1, 1, 5)), SHAPE)
    assert_allclose(profile_spread(by_network)[PARTS], [1, 0, 0, 0], atol=1e-12)
    assert_allclose(profile_spread(by_resolution)[PARTS], [0, 1, 0, 0], atol=1e-12)
    mirrored = np.stack([rng.normal(size=(3, 4, 5))] * 2, axis=1) * np.array([1, -1])[:, None, None]
    assert_allclose(profile_spread(mirrored)[PARTS], [0, 0, 0, 1], atol=1e-12)


def test_shares_are_those_of_a_textbook_table():
    profiles = np.random.default_rng(1).normal(size=SHAPE)
    z = standardize_profiles(profiles)
    mean = z.mean(axis=(0, 1, 2))
    total = sum(np.sum((z[r, s, k] - mean) ** 2) for r, s, k in np.ndindex(3, 2, 4))
    networks = 6 * sum(np.sum((z[:, :, k].mean(axis=(0, 1)) - mean) ** 2) for k in range(4))
    resolution = 8 * sum(np.sum((z[r].mean(axis=(0, 1)) - mean) ** 2) for r in range(3))
    subjects = sum(np.sum((z[r, s, k] - z[r, :, k].mean(axis=0)) ** 2) for r, s, k in np.ndindex(3, 2, 4))
    both = total - networks - resolution - subjects
    assert_allclose(profile_spread(profiles)[PARTS], np.array([networks, resolution, both, subjects]) / total)


def test_two_groups_agree_and_people_do_not():
    groups = [[icn_profiles("hcp", parcels=n, group=group) for group in GROUPS] for n in (100, 200)]
    people = []
    for n in (100, 200):
        brains = [load_subject_connectome(n, who) for who in SUBJECTS]
        people.append([network_profiles(b.matrix, b.networks).loc[list(NETWORKS)] for b in brains])
    assert_allclose(profile_spread(groups)[PARTS], [0.469, 0.421, 0.106, 0.004], atol=2e-3)
    assert_allclose(profile_spread(people)[PARTS], [0.253, 0.247, 0.116, 0.384], atol=2e-3)


@pytest.mark.parametrize("shape", [(4, 5), (1, 2, 4, 5), (3, 1, 4, 5), (3, 2, 1, 5)])
def test_another_shape_is_refused(shape):
    profiles = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError, match=r"at least 2 of each: got shape \("):
        profile_spread(profiles)


def test_profiles_that_are_all_alike_have_no_spread():
    with pytest.raises(ValueError, match="no spread to divide"):
        profile_spread(np.broadcast_to(np.arange(5.0), SHAPE))
