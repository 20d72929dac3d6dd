"""Handwritten digits: small real pictures that need no download."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainalign.catalogue.entries import locate

_SIDE, _WHITEST = 8, 16.0


def load_digit_images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All handwritten digits of the package scikit-learn.

    Returns
    -------
    images : ndarray of shape (1797, 8, 8)
        Ink from 0 (none) to 1.
    labels : ndarray of shape (1797,)
        The digit shown, 0 to 9.

    Raises
    ------
    MissingDataError, ChecksumError
        When the file cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
    """
    table = np.loadtxt(locate("digits", "datasets/data/digits.csv.gz"), delimiter=",")
    images = table[:, :-1].reshape(-1, _SIDE, _SIDE) / _WHITEST
    return images, table[:, -1].astype(np.int64)
