"""The surface: its parcels fit the atlas, and lie where they should."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.datasets import schaefer_networks
from brainalign.datasets.surfaces import NO_PARCEL, SYSTEMS, language_proxy, load_surface, study_systems


@pytest.fixture(scope="module")
def surface():
    return load_surface(100)


@pytest.mark.parametrize("parcels", [100, 400])
def test_every_parcel_of_the_atlas_is_on_the_surface_once(parcels):
    surface = load_surface(parcels)
    left, right = (set(half.labels) - {NO_PARCEL} for half in (surface.left, surface.right))
    assert left | right == set(range(parcels))
    assert not left & right
    assert surface.is_left.sum() == parcels // 2
    np.testing.assert_array_equal(surface.networks, schaefer_networks(parcels))


def test_hemispheres_lie_on_their_side_and_visual_parcels_at_the_back(surface):
    centers = surface.centers
    assert (centers[surface.is_left, 0] < 0).all()
    assert (centers[~surface.is_left, 0] > 0).all()
    visual = surface.networks == "Visual"
    assert centers[visual, 1].max() < centers[~visual, 1].mean()


def test_centers_on_the_sphere_have_length_one(surface):
    np.testing.assert_allclose(np.linalg.norm(surface.sphere_centers, axis=1), 1.0)


def test_triangles_name_vertices(surface):
    for half in (surface.left, surface.right):
        assert half.triangles.min() == 0
        assert half.triangles.max() == len(half.vertices) - 1
        assert half.vertices.shape == half.sphere.shape == (len(half.labels), 3)


def test_systems_part_the_cortex(surface):
    systems = study_systems(surface)
    assert tuple(systems) == (*SYSTEMS, "others")
    np.testing.assert_array_equal(np.sum(list(systems.values()), axis=0), np.ones(100))


def test_the_language_proxy_is_left_lateral_and_of_the_default_mode(surface):
    proxy = language_proxy(surface)
    assert proxy.sum() == 5
    assert (surface.networks[proxy] == "DefaultMode").all()
    assert (surface.centers[proxy, 0] < -40).all()


def test_an_unknown_resolution_is_refused():
    with pytest.raises(ValueError, match="parcels = 150 is not available"):
        load_surface(150)
