"""Numbers that the studies published, typed once, with their source."""

from __future__ import annotations

import pandas as pd

from brainalign.catalogue.entries import locate


def published_icn_profiles() -> pd.DataFrame:
    """Graph metrics of the seven intrinsic connectivity networks, as the study released them.

    Returns
    -------
    DataFrame of shape (7, 5)
        One row per network, one column per graph metric.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, released result file.
    """
    path = locate("icn-published", "data/published/icn_profiles.csv")
    return pd.read_csv(path, comment="#", index_col="network")


def published_cka_of_random_matrices() -> pd.DataFrame:
    """CKA of a random matrix with random matrices of growing width.

    Returns
    -------
    DataFrame with columns ``width``, ``biased``, ``debiased``

    References
    ----------
    Murphy et al. 2024, arXiv:2405.01012, Figure 1, recomputed from the released recipe.
    """
    return pd.read_csv(locate("cka-published", "data/published/cka_random_matrices.csv"), comment="#")


def published_cka_of_partial_shuffles() -> pd.DataFrame:
    """Debiased CKA between network layers and fMRI after shuffling a part of the images.

    Returns
    -------
    DataFrame with columns ``roi``, ``layer``, ``fraction`` (nominal), ``debiased``

    References
    ----------
    Murphy et al. 2024, arXiv:2405.01012, Figure 5, as printed in the released notebooks.
    """
    return pd.read_csv(locate("cka-published", "data/published/cka_partial_shuffles.csv"), comment="#")
