"""Numbers that the studies published, typed once, with their source."""

from __future__ import annotations

import pandas as pd

from brainalign.datasets.catalogue import locate


def published_icn_profiles() -> pd.DataFrame:
    """Graph metrics of the seven intrinsic connectivity networks, as the study released them.

    Returns
    -------
    DataFrame of shape (7, 5)
        One row a network, one column a graph metric.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, released result file.
    """
    path = locate("icn-published", "data/published/icn_profiles.csv")
    return pd.read_csv(path, comment="#", index_col="network")
