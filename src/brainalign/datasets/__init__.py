"""The catalogue of files, and brains and models read from it as arrays."""

from brainalign.catalogue.entries import ChecksumError, MissingDataError
from brainalign.datasets.connectomes import (
    GROUPS,
    NETWORKS,
    PARCELS,
    SUBJECTS,
    Connectome,
    load_hcp_connectome,
    load_subject_connectome,
    schaefer_networks,
)
from brainalign.datasets.digits import load_digit_images
from brainalign.datasets.published import (
    published_cka_of_partial_shuffles,
    published_cka_of_random_matrices,
    published_icn_profiles,
)

__all__ = [
    "GROUPS",
    "NETWORKS",
    "PARCELS",
    "SUBJECTS",
    "ChecksumError",
    "Connectome",
    "MissingDataError",
    "load_digit_images",
    "load_hcp_connectome",
    "load_subject_connectome",
    "published_cka_of_partial_shuffles",
    "published_cka_of_random_matrices",
    "published_icn_profiles",
    "schaefer_networks",
]
