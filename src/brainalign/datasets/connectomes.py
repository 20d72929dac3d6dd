"""Functional connectomes of groups and of single subjects, and the networks that their parcels belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainalign.catalogue.entries import entry, locate
from brainalign.datasets.choices import check_choice

NETWORKS = (
    "Visual",
    "Somatomotor",
    "DorsalAttention",
    "VentralAttention",
    "Limbic",
    "Frontoparietal",
    "DefaultMode",
)
"""The seven intrinsic connectivity networks of Yeo et al. 2011, in the order of the Schaefer atlas."""

# Parcels per network, left hemisphere then right, in the order of NETWORKS (Schaefer et al. 2018).
_PARCELS_PER_NETWORK = {
    100: ((9, 6, 8, 7, 3, 4, 13), (8, 8, 7, 5, 2, 9, 11)),
    200: ((14, 16, 13, 11, 6, 13, 27), (15, 19, 13, 11, 6, 17, 19)),
    300: ((24, 29, 16, 16, 10, 17, 38), (23, 28, 18, 18, 10, 23, 30)),
    400: ((31, 37, 23, 22, 13, 22, 52), (30, 40, 23, 25, 13, 30, 39)),
}
PARCELS = tuple(_PARCELS_PER_NETWORK)
"""Resolutions at which the Schaefer atlas is available here."""

GROUPS = ("main", "holdout")
"""The two groups of HCP subjects whose mean connectivity is available."""

SUBJECTS = ("minimum", "median", "maximum")
"""Subjects whose own connectivity is available, three at each resolution, by the names in their files."""


@dataclass(frozen=True)
class Connectome:
    """A functional connectome, of a group or of one subject.

    Attributes
    ----------
    matrix : ndarray of shape (n_parcels, n_parcels)
        Functional connectivity (correlation), of a group its mean; symmetric.
    networks : ndarray of shape (n_parcels,)
        Network name of every parcel.
    """

    matrix: NDArray[np.float64]
    networks: NDArray[np.str_]


def schaefer_networks(parcels: int = 200) -> NDArray[np.str_]:
    """Network of every parcel of the Schaefer atlas (left hemisphere first).

    Parameters
    ----------
    parcels : {100, 200, 300, 400}
        Number of parcels.

    Returns
    -------
    ndarray of shape (parcels,)
        Names out of `NETWORKS`.

    Raises
    ------
    ValueError
        For another number of parcels.

    References
    ----------
    Schaefer et al. 2018, Cerebral Cortex 28; Yeo et al. 2011, Journal of Neurophysiology 106.
    """
    check_choice("parcels", parcels, PARCELS)
    return np.concatenate([np.repeat(NETWORKS, counts) for counts in _PARCELS_PER_NETWORK[parcels]])


def load_hcp_connectome(parcels: int = 200, group: str = "main") -> Connectome:
    """Mean functional connectivity of a group of HCP subjects in Schaefer parcels.

    Parameters
    ----------
    parcels : {100, 200, 300, 400}
        Number of cortical parcels.
    group : {"main", "holdout"}
        One of two disjoint groups of subjects.

    Returns
    -------
    Connectome
        Matrix and the network of every parcel.

    Raises
    ------
    ValueError
        For an unknown group or number of parcels.
    MissingDataError, ChecksumError
        When the file cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Vos de Wael et al. 2020, Communications Biology 3 (BrainSpace); Van Essen et al. 2013, NeuroImage 80 (HCP).
    """
    networks = schaefer_networks(parcels)
    check_choice("group", group, GROUPS)
    path = f"datasets/matrices/{group}_group/schaefer_{parcels}_mean_connectivity_matrix.csv"
    matrix = np.loadtxt(locate("hcp-connectomes", path), delimiter=",")
    return Connectome(matrix, networks)


def load_subject_connectome(parcels: int = 200, subject: str = "median") -> Connectome:
    """Functional connectivity of one HCP subject in Schaefer parcels.

    Parameters
    ----------
    parcels : {100, 200, 300, 400}
        Number of cortical parcels.
    subject : {"minimum", "median", "maximum"}
        One of the three subjects of this resolution.

    Returns
    -------
    Connectome
        Matrix and the network of every parcel.

    Raises
    ------
    ValueError
        For an unknown subject or number of parcels.
    MissingDataError, ChecksumError
        When the file cannot be trusted; see `brainalign.catalogue.entries.locate`.

    Notes
    -----
    The makers of the files do not say what is least, middle and largest. Measured here, the mean connectivity falls
    from ``"minimum"`` to ``"maximum"`` at every resolution, so the three look like extremes of some order and not like
    subjects drawn by lot: their spread is no estimate of the spread of people. Under one name stands another subject
    at each resolution, so resolutions cannot be compared within a subject.

    References
    ----------
    Vos de Wael et al. 2020, Communications Biology 3 (BrainSpace); Van Essen et al. 2013, NeuroImage 80 (HCP).
    """
    networks = schaefer_networks(parcels)
    check_choice("subject", subject, SUBJECTS)
    ending = f"_{subject}_schaefer_{parcels}.csv"
    (path,) = [file.path for file in entry("hcp-subjects").files if file.path.endswith(ending)]
    return Connectome(np.loadtxt(locate("hcp-subjects", path), delimiter=","), networks)
