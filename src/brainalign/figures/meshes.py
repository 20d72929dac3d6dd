"""A cortical surface with few triangles, cut along the borders of its parcels: small enough for a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree

from brainalign.datasets.surfaces import Hemisphere

_GOLDEN = (1 + 5**0.5) / 2

# Points of every cut triangle (n, n_points, 3), corners of its pieces among them (n_pieces, 3), labels (n, n_pieces).
_Cut = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class ParcelMesh:
    """The part of a surface that one parcel covers.

    Attributes
    ----------
    parcel : int
        Number of the parcel; `brainalign.datasets.surfaces.NO_PARCEL` for the medial wall.
    vertices : ndarray of shape (n_vertices, 3)
        Right, front and top, in mm.
    triangles : ndarray of shape (n_triangles, 3)
        Vertices of every triangle, seen from outside against the clock.
    """

    parcel: int
    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]


def parcel_meshes(hemisphere: Hemisphere, *, fineness: int) -> list[ParcelMesh]:
    """The surface with few triangles, as one mesh per parcel.

    Parameters
    ----------
    hemisphere : Hemisphere
        The surface; its sphere says which points are neighbours.
    fineness : int
        See `geodesic_sphere`; the coarse surface has 10 x fineness squared + 2 vertices.

    Returns
    -------
    list of ParcelMesh
        By number of the parcel, the medial wall first. Borders run through the middle of the edges between two
        parcels, so they are smooth although the triangles are large.
    """
    points, triangles = geodesic_sphere(fineness)
    sphere = hemisphere.sphere / np.linalg.norm(hemisphere.sphere, axis=1, keepdims=True)
    nearest = cKDTree(sphere).query(points)[1]
    vertices, pieces, labels = cut_at_borders(hemisphere.vertices[nearest], triangles, hemisphere.labels[nearest])
    return list(_by_parcel(vertices, pieces, labels))


def geodesic_sphere(fineness: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Evenly spread points of a sphere and the triangles between them.

    Parameters
    ----------
    fineness : int
        Into how many parts every edge of an icosahedron is cut, at least 1.

    Returns
    -------
    points : ndarray of shape (10 * fineness ** 2 + 2, 3)
        Of length 1.
    triangles : ndarray of shape (20 * fineness ** 2, 3)
        Seen from outside against the clock.

    Raises
    ------
    ValueError
        When an edge would be cut into less than one part.
    """
    if fineness < 1:
        msg = f"fineness = {fineness}; give at least 1."
        raise ValueError(msg)
    corner = np.array([(0, a, b * _GOLDEN) for a in (1, -1) for b in (1, -1)])
    corners = np.concatenate([corner, np.roll(corner, 1, axis=1), np.roll(corner, 2, axis=1)])
    i, j = (index.ravel() for index in np.indices((fineness + 1, fineness + 1)))
    shares = np.stack([i, j, fineness - i - j], axis=1)[i + j <= fineness] / fineness
    points = np.einsum("sc,fca->fsa", shares, corners[ConvexHull(corners).simplices]).reshape(-1, 3)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points = np.unique(points.round(9), axis=0)  # faces share the points of their edges
    triangles = ConvexHull(points).simplices
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    inward = np.einsum("ta,ta->t", np.cross(b - a, c - a), a + b + c) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles.astype(np.int64)


def cut_at_borders(
    vertices: NDArray[np.float64], triangles: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut triangles between differently labelled vertices, so that every triangle has one label.

    Parameters
    ----------
    vertices : ndarray of shape (n_vertices, 3)
        Points of the surface.
    triangles : ndarray of shape (n_triangles, 3)
        Vertices of every triangle.
    labels : ndarray of shape (n_vertices,)
        Label of every vertex.

    Returns
    -------
    vertices : ndarray of shape (n_all_vertices, 3)
        Those given, then the new ones.
    triangles : ndarray of shape (n_all_triangles, 3)
        They cover what the given ones covered, and turn the same way.
    labels : ndarray of shape (n_all_triangles,)
        Label of every triangle.

    Notes
    -----
    With two labels the border is the straight line between the middles of two edges; with three, every corner keeps
    what lies between it, the middles of its edges and the middle of the triangle.
    """
    n_labels = _different(labels[triangles])
    whole, parts = triangles[n_labels == 1], [labels[triangles[n_labels == 1, 0]]]
    points, pieces, n_points = [vertices], [whole], len(vertices)
    for cut, mixed in ((_cut_corner_off, n_labels == 2), (_cut_in_three, n_labels == 3)):
        new, pattern, own = cut(vertices[triangles[mixed]], labels[triangles[mixed]])
        first = n_points + new.shape[1] * np.arange(len(new))[:, None, None]
        points.append(new.reshape(-1, 3))
        pieces.append((first + pattern).reshape(-1, 3))
        parts.append(own.ravel())
        n_points += new.shape[0] * new.shape[1]
    return np.concatenate(points), np.concatenate(pieces), np.concatenate(parts)


def _different(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many labels each triangle has, from (n_triangles, 3)."""
    ordered = np.sort(labels, axis=1)
    return 1 + (np.diff(ordered, axis=1) != 0).sum(axis=1)


def _cut_corner_off(corners: NDArray[np.float64], labels: NDArray[np.int64]) -> _Cut:
    """Two labels: a triangle at the corner that differs, and the rest in two."""
    differs = np.array([labels[:, 1] == labels[:, 2], labels[:, 2] == labels[:, 0], labels[:, 0] == labels[:, 1]])
    turned = (differs.argmax(axis=0)[:, None] + np.arange(3)) % 3  # the corner that differs comes first
    corners = np.take_along_axis(corners, turned[:, :, None], axis=1)
    alone, same = np.take_along_axis(labels, turned[:, :2], axis=1).T
    middles = (corners[:, :1] + corners[:, 1:]) / 2
    pattern = np.array([(0, 3, 4), (1, 2, 4), (1, 4, 3)])
    return np.concatenate([corners, middles], axis=1), pattern, np.stack([alone, same, same], axis=1)


def _cut_in_three(corners: NDArray[np.float64], labels: NDArray[np.int64]) -> _Cut:
    """Three labels: two triangles at every corner."""
    middles = (corners + np.roll(corners, -1, axis=1)) / 2  # of the edge from a corner to the next
    inside = corners.mean(axis=1, keepdims=True)
    pattern = np.array([(c, 3 + c, 6) for c in range(3)] + [(c, 6, 3 + (c - 1) % 3) for c in range(3)])
    return np.concatenate([corners, middles, inside], axis=1), pattern, np.tile(labels, 2)


def _by_parcel(
    vertices: NDArray[np.float64], triangles: NDArray[np.int64], labels: NDArray[np.int64]
) -> Iterator[ParcelMesh]:
    for parcel in np.unique(labels):
        own = vertices[triangles[labels == parcel]]
        # A new point is there once for every triangle that made it; equal places become one vertex.
        places, corners = np.unique(own.reshape(-1, 3), axis=0, return_inverse=True)
        yield ParcelMesh(int(parcel), places, corners.reshape(-1, 3))
