"""The cortical surface: where the parcels of the Schaefer atlas lie, for maps and for rotations."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from brainalign.catalogue.entries import locate
from brainalign.datasets.connectomes import schaefer_networks

NO_PARCEL = -1
"""Label of vertices of the medial wall, which belong to no parcel."""

SYSTEMS = ("language", "visual", "attention", "default mode")
"""The systems that the study of artificial neurons speaks of."""

_HEMISPHERES = ("lh", "rh")
_LATERAL = 40.0  # mm from the midline


@dataclass(frozen=True)
class Hemisphere:
    """The midthickness surface of one hemisphere.

    Attributes
    ----------
    vertices : ndarray of shape (n_vertices, 3)
        Right, front and top, in mm.
    triangles : ndarray of shape (n_triangles, 3)
        Vertices of every triangle.
    sphere : ndarray of shape (n_vertices, 3)
        The same vertices on a sphere around the origin.
    labels : ndarray of shape (n_vertices,)
        Parcel of every vertex, counted from 0 over both hemispheres; `NO_PARCEL` on the medial wall.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    sphere: NDArray[np.float64]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class CorticalSurface:
    """Both hemispheres with their parcels.

    Attributes
    ----------
    left, right : Hemisphere
        The surfaces.
    networks : ndarray of shape (n_parcels,)
        Network of every parcel, left hemisphere first.
    """

    left: Hemisphere
    right: Hemisphere
    networks: NDArray[np.str_]

    @property
    def is_left(self) -> NDArray[np.bool_]:
        """Which parcels lie in the left hemisphere, of shape (n_parcels,)."""
        return np.arange(len(self.networks)) <= self.left.labels.max()

    @property
    def centers(self) -> NDArray[np.float64]:
        """Mean position of every parcel in mm, of shape (n_parcels, 3)."""
        return np.concatenate([_means(h.vertices, h.labels) for h in (self.left, self.right)])

    @property
    def sphere_centers(self) -> NDArray[np.float64]:
        """Middle of every parcel on the sphere of its hemisphere, of length 1, of shape (n_parcels, 3)."""
        means = np.concatenate([_means(h.sphere, h.labels) for h in (self.left, self.right)])
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def load_surface(parcels: int = 100) -> CorticalSurface:
    """The average cortical surface conte69 with the parcels of the Schaefer atlas.

    Parameters
    ----------
    parcels : {100, 200, 300, 400}
        Resolution of the atlas.

    Returns
    -------
    CorticalSurface

    Raises
    ------
    ValueError
        For another number of parcels.
    MissingDataError, ChecksumError
        When a file cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Van Essen et al. 2012, Cerebral Cortex 22 (conte69); Schaefer et al. 2018, Cerebral Cortex 28; Vos de Wael et al.
    2020, Communications Biology 3 (the files).
    """
    networks = schaefer_networks(parcels)
    labels = np.loadtxt(locate("cortical-surface", f"datasets/parcellations/schaefer_{parcels}_conte69.csv"), dtype=int)
    # 0 in the file is the medial wall.
    left, right = (_load_hemisphere(side, own - 1) for side, own in zip(_HEMISPHERES, np.split(labels, 2), strict=True))
    return CorticalSurface(left, right, networks)


def language_proxy(surface: CorticalSurface) -> NDArray[np.bool_]:
    """Parcels that stand for the language network, which Yeo's seven networks lack.

    Parameters
    ----------
    surface : CorticalSurface
        With parcels of the Schaefer atlas.

    Returns
    -------
    ndarray of bool, of shape (n_parcels,)
        Parcels of the default mode network in the left hemisphere whose middle lies more than 40 mm from the midline:
        anterior and posterior temporal lobe, angular gyrus and inferior frontal gyrus. A proxy of ours, not an atlas.
    """
    return (surface.networks == "DefaultMode") & surface.is_left & (surface.centers[:, 0] < -_LATERAL)


def study_systems(surface: CorticalSurface) -> dict[str, NDArray[np.bool_]]:
    """The four systems that the study of artificial neurons names, and what is left of the cortex.

    Parameters
    ----------
    surface : CorticalSurface
        With parcels of the Schaefer atlas.

    Returns
    -------
    dict of str to ndarray of bool, of shape (n_parcels,)
        `SYSTEMS` and ``"others"``; every parcel belongs to one. Attention is the dorsal and the ventral network
        together; the default mode is without the language proxy.
    """
    language = language_proxy(surface)
    systems = {
        "language": language,
        "visual": surface.networks == "Visual",
        "attention": np.isin(surface.networks, ("DorsalAttention", "VentralAttention")),
        "default mode": (surface.networks == "DefaultMode") & ~language,
    }
    return {**systems, "others": ~np.any(list(systems.values()), axis=0)}


def _load_hemisphere(side: str, labels: NDArray[np.int64]) -> Hemisphere:
    surface, sphere = (
        nib.load(locate("cortical-surface", f"datasets/surfaces/conte69_32k_{name}.gii"))
        for name in (side, f"{side}_sphere")
    )
    vertices, triangles = (array.data for array in surface.darrays[:2])
    return Hemisphere(vertices.astype(float), triangles.astype(int), sphere.darrays[0].data.astype(float), labels)


def _means(points: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    used = labels != NO_PARCEL
    own, place = np.unique(labels[used], return_inverse=True)
    sums = np.stack([np.bincount(place, weights=column) for column in points[used].T], axis=1)
    return sums / np.bincount(place, minlength=len(own))[:, None]
