"""The coarse surface keeps area, shape and parcels of the fine one, and its cuts leave no gap."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.datasets.surfaces import NO_PARCEL, load_surface
from brainalign.figures.meshes import cut_at_borders, geodesic_sphere, parcel_meshes

TRIANGLE = np.array([(0.0, 0, 0), (2, 0, 0), (0, 2, 0)])


@pytest.fixture(scope="module")
def left():
    return load_surface(100).left


def areas(vertices, triangles):
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


@pytest.mark.parametrize("fineness", [1, 2, 5])
def test_a_geodesic_sphere_is_closed_round_and_turned_outward(fineness):
    points, triangles = geodesic_sphere(fineness)
    assert len(points) == 10 * fineness**2 + 2
    assert len(triangles) == 20 * fineness**2
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0, rtol=1e-8)
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    assert (np.einsum("ta,ta->t", np.cross(b - a, c - a), a) > 0).all()


def test_a_sphere_with_no_part_to_an_edge_is_refused():
    with pytest.raises(ValueError, match="fineness = 0; give at least 1"):
        geodesic_sphere(0)


@pytest.mark.parametrize(
    ("labels", "shares"),
    [
        ([4, 4, 4], {4: 1.0}),
        ([5, 4, 4], {5: 0.25, 4: 0.75}),
        ([4, 5, 4], {5: 0.25, 4: 0.75}),
        ([4, 4, 5], {5: 0.25, 4: 0.75}),
        ([3, 4, 5], {3: 1 / 3, 4: 1 / 3, 5: 1 / 3}),
    ],
)
def test_a_triangle_is_shared_out_among_the_labels_of_its_corners(labels, shares):
    vertices, triangles, found = cut_at_borders(TRIANGLE, np.array([[0, 1, 2]]), np.array(labels))
    sizes = areas(vertices, triangles)
    assert {label: pytest.approx(sizes[found == label].sum() / 2) for label in set(labels)} == shares
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()  # turned as it was


def test_the_coarse_surface_has_all_parcels_and_nearly_their_area(left):
    meshes = parcel_meshes(left, fineness=24)
    assert [mesh.parcel for mesh in meshes] == [NO_PARCEL, *range(50)]
    coarse = np.array([areas(mesh.vertices, mesh.triangles).sum() for mesh in meshes])
    fine = areas(left.vertices, left.triangles)
    labels = np.sort(left.labels[left.triangles], axis=1)[:, 1]
    expected = np.array([fine[labels == mesh.parcel].sum() for mesh in meshes])
    assert coarse.sum() == pytest.approx(expected.sum(), rel=0.1)
    assert np.corrcoef(coarse, expected)[0, 1] > 0.99
    assert sum(len(mesh.triangles) for mesh in meshes) < len(left.triangles) / 3


def test_parcels_meet_without_a_gap(left):
    """All pieces together are the closed surface again: no edge has one side only."""
    meshes = parcel_meshes(left, fineness=6)
    corners = np.concatenate([mesh.vertices[mesh.triangles] for mesh in meshes])
    turned = np.stack([np.cross(t[1] - t[0], t[2] - t[0]) for t in corners])
    np.testing.assert_allclose(turned.sum(axis=0), 0.0, atol=1e-6)  # outward areas of a closed surface cancel
