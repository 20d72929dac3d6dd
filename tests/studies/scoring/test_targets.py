"""Brains to score models against: what was planted is there, what was published is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.datasets import objects
from brainalign.datasets.objects import load_object_dissimilarities
from brainalign.datasets.scenes import EMPTY, draw_scenes
from brainalign.similarity.dissimilarity import euclidean_rdm
from brainalign.studies.scoring import Target, object_ink, object_targets, planted_targets
from brainalign.studies.scoring import targets as targets_module


def test_without_noise_each_area_knows_its_variables_and_only_as_many_dimensions():
    areas = planted_targets(120, n_voxels=50, noise=0.0, generator=np.random.default_rng(3))
    scenes = draw_scenes(120, generator=np.random.default_rng(3), split="test")
    assert [area.name for area in areas] == ["simulated contrast", "simulated place", "simulated digit"]
    for area, n_variables in zip(areas, (36, 9, 10), strict=True):
        assert_array_equal(area.pictures, scenes.images)
        assert torch.linalg.matrix_rank(area.responses) == n_variables
    for area, variables in zip(areas[1:], ((scenes.cells != EMPTY), scenes.labels), strict=True):
        voxels = area.responses.numpy()
        weights = np.linalg.lstsq(voxels, variables - variables.mean(axis=0), rcond=None)[0]
        assert_allclose(voxels @ weights, variables - variables.mean(axis=0), atol=1e-8)


def test_noise_is_given_in_units_of_the_signal():
    clean, noisy = (
        planted_targets(2000, noise=noise, generator=np.random.default_rng(0))[0].responses for noise in (0.0, 2.0)
    )
    ratio = (noisy - clean).std(dim=0) / clean.std(dim=0)
    assert_allclose(ratio, 2, rtol=0.1)


def test_ink_is_the_distance_from_the_grey_ground():
    images = np.full((3, 48, 48, 3), 128, np.uint8)
    images[1, :24] = 0
    images[2, 0, 0] = 255
    ink = object_ink(images)
    assert ink.shape == (3, 24, 24)
    assert_array_equal(ink[0], 0)
    assert_array_equal(ink[1], np.repeat([1.0, 0.0], 12)[:, None] * np.ones(24))
    assert_allclose(ink[2].ravel()[:2], [127 / 128 / 4, 0])  # one bright pixel of the four that fall together


def of_objects(n=30):
    rng = np.random.default_rng(0)
    points = {kind: rng.normal(size=(n, 5)) for kind in ("human", "monkey")}
    rdms = {kind: ((x[:, None] - x[None]) ** 2).sum(-1) for kind, x in points.items()}
    images = np.full((n, 25, 25, 3), 128, np.uint8)
    images[np.arange(n), 0, 0] = np.arange(n)[:, None]
    return objects.ObjectDissimilarities(
        rdms["human"][None, None], **rdms, subjects=("A",), labels=np.zeros(n, str), categories={}, images=images
    )


def test_points_keep_the_published_dissimilarities_and_go_with_their_pictures(monkeypatch):
    loaded = of_objects()
    monkeypatch.setattr(targets_module, "load_object_dissimilarities", lambda: loaded)
    found = object_targets(generator=np.random.default_rng(1))
    order = np.random.default_rng(1).permutation(30)
    assert [target.name for target in found] == ["human IT", "monkey IT"]
    for target, rdm in zip(found, (loaded.human, loaded.monkey), strict=True):
        assert_allclose(euclidean_rdm(target.responses), rdm[np.ix_(order, order)], atol=1e-9)
        assert_array_equal(target.pictures, object_ink(loaded.images)[order])


def test_the_real_cortex_keeps_its_dissimilarities(mirror):
    mirror("objects-92")
    human, monkey = object_targets(generator=np.random.default_rng(0))
    order = np.random.default_rng(0).permutation(92)
    published = load_object_dissimilarities()
    assert_allclose(euclidean_rdm(monkey.responses), published.monkey[np.ix_(order, order)], atol=1e-9)
    assert human.pictures is monkey.pictures
    assert human.pictures.max() <= 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'V1' has 3 pictures and 2 responses"):
        Target("V1", np.zeros((3, 24, 24)), torch.zeros(2, 5))
    with pytest.raises(ValueError, match="n_voxels of 1 or more and noise of 0 or"):
        planted_targets(30, n_voxels=5, noise=-1, generator=np.random.default_rng(0))
