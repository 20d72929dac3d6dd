"""Made references: data with the spectrum of a published recording, and the leaves of an ultrametric tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = [
    "RECORDINGS",
    "RecordingShape",
    "power_law_spectrum",
    "recording_spectrum",
    "surrogate_with_spectrum",
    "ultrametric_tree",
]


@dataclass(frozen=True)
class RecordingShape:
    """Size of a published recording and how its variance is spread.

    Attributes
    ----------
    n_samples, n_features : int
        Time bins times conditions, and units, as the study used them.
    knots : dict of int to float
        Share of the variance by rank of the principal component, at some ranks; empty where it is not published.
    participation_ratio : float
        Effective number of dimensions, (sum l)^2 / sum l^2 over the shares l.
    """

    n_samples: int
    n_features: int
    knots: dict[int, float]
    participation_ratio: float


# Sizes and shares of variance: result files of Cloos et al. 2024, arXiv 2407.07059 (repository diffscore-site, commit
# f7285477, MIT licence), rounded to three digits. For the last two no spectrum is published in them: the participation
# ratio of Majaj and Hong's follows from other tables of the study, that of Siegel's from the CKA of its noise.
_MANTE = {
    1: 0.209, 2: 0.132, 3: 0.0436, 6: 0.0169, 10: 0.0105, 17: 0.00698, 30: 0.00482, 51: 0.00309, 86: 0.00184,
    140: 0.00108, 217: 0.00058, 312: 0.000292, 416: 0.000137, 511: 6.16e-05, 588: 2.72e-05, 642: 1.29e-05,
    677: 5.89e-06, 698: 3.06e-06, 711: 1.7e-06, 718: 1.01e-06, 722: 6.14e-07, 725: 2.57e-07, 726: 1.89e-07,
    727: 4.96e-08,
}  # fmt: skip
_HATSOPOULOS = {
    1: 0.16, 2: 0.0734, 4: 0.0354, 5: 0.0326, 8: 0.0228, 12: 0.0164, 18: 0.0123, 26: 0.00848, 36: 0.00676, 49: 0.00537,
    63: 0.00417, 79: 0.00277, 93: 0.00167, 106: 0.00127, 116: 0.000857, 124: 0.000358, 130: 0.000266, 134: 0.000117,
    137: 5.44e-05, 138: 4.27e-05, 140: 2.06e-05, 141: 1.44e-05,
}  # fmt: skip
_FREEMAN_ZIEMBA = {
    1: 0.193, 2: 0.105, 3: 0.0733, 4: 0.0489, 6: 0.0276, 10: 0.0201, 15: 0.0147, 23: 0.00917, 34: 0.00581, 49: 0.00352,
    69: 0.00191, 91: 0.000961, 115: 0.00044, 137: 0.000224, 157: 0.00011, 172: 5.84e-05, 183: 3.16e-05, 191: 1.93e-05,
    196: 1.09e-05, 200: 6.69e-06, 202: 4.32e-06, 203: 3.44e-06, 204: 2.53e-06, 205: 1.85e-06,
}  # fmt: skip
RECORDINGS = {
    "Mante2013": RecordingShape(1080, 727, _MANTE, 14.93),
    "Hatsopoulos2007": RecordingShape(3950, 141, _HATSOPOULOS, 23.68),
    "FreemanZiemba2013": RecordingShape(270, 205, _FREEMAN_ZIEMBA, 15.67),
    "MajajHong2015": RecordingShape(3200, 168, {}, 16.25),
    "siegel15-FEF": RecordingShape(474, 278, {}, 7.35),
}
"""The five recordings of the study, by the names in its result files."""


def recording_spectrum(name: str) -> NDArray[np.float64]:
    """Shares of the variance along the principal components of a published recording.

    Parameters
    ----------
    name : str
        One of `RECORDINGS`.

    Returns
    -------
    ndarray of shape (n_features,)
        From the largest share on; sums to 1.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest one.

    Notes
    -----
    Where the spectrum is published, it is interpolated between about twenty of its values, linearly in the logarithm
    of the share over the logarithm of k / (n + 1 - k), k being the rank: shares are met within 30 %, the
    participation ratio within 2 %. Where it is not, it is the power law with the published participation ratio.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    """
    if name not in RECORDINGS:
        near = get_close_matches(name, RECORDINGS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"unknown recording '{name}'.{hint} Known are: {', '.join(RECORDINGS)}."
        raise ValueError(msg)
    shape = RECORDINGS[name]
    if not shape.knots:
        return power_law_spectrum(shape.n_features, participation_ratio=shape.participation_ratio)
    n = shape.n_features
    known = np.array(list(shape.knots))
    ranks = np.arange(1, n + 1)
    logarithms = np.interp(
        np.log(ranks / (n + 1 - ranks)), np.log(known / (n + 1 - known)), np.log(list(shape.knots.values()))
    )
    shares = np.exp(logarithms)
    return shares / shares.sum()


def power_law_spectrum(n_features: int, *, participation_ratio: float) -> NDArray[np.float64]:
    """Shares of the variance that fall as a power of the rank, with a given participation ratio.

    Parameters
    ----------
    n_features : int
        Number of shares.
    participation_ratio : float
        From just above 1 to n_features.

    Returns
    -------
    ndarray of shape (n_features,)
        From the largest share on; sums to 1.

    Raises
    ------
    ValueError
        For a participation ratio out of its range.

    Examples
    --------
    >>> power_law_spectrum(2, participation_ratio=2.0).tolist()
    [0.5, 0.5]
    """
    if not 1.01 <= participation_ratio <= n_features:
        msg = (
            f"{n_features} features can have a participation ratio from 1.01 to {n_features}: got "
            f"{participation_ratio}."
        )
        raise ValueError(msg)
    logarithms = np.log(np.arange(1, n_features + 1))

    def shares(exponent: float) -> NDArray[np.float64]:
        powers = np.exp(-exponent * logarithms)
        return powers / powers.sum()

    if participation_ratio == n_features:
        return shares(0.0)
    exponent = brentq(lambda a: 1 / np.sum(shares(a) ** 2) - participation_ratio, 0, 20)
    return shares(exponent)


def surrogate_with_spectrum(
    shares: NDArray[np.float64], *, n_samples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Random data whose principal components have exactly the given variances.

    Parameters
    ----------
    shares : ndarray of shape (n_features,)
        Shares of the variance, 0 or more, from the largest on.
    n_samples : int
        More than n_features.
    generator : numpy.random.Generator
        Draws the components, orthonormal directions over the samples.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Column i is component i, with mean 0; the mean square of all entries is 1.

    Raises
    ------
    ValueError
        If there are too few samples, or the shares are negative or all 0.

    Notes
    -----
    Whatever ignores rotations depends on the data through these variances and the directions over the samples alone.
    Surrogates keep the former of a recording; time, conditions and units are lost.
    """
    shares = np.asarray(shares, dtype=float)
    n_features = len(shares)
    if n_samples <= n_features:
        msg = f"{n_features} components need more than {n_features} samples: got {n_samples}. Give more samples."
        raise ValueError(msg)
    if (shares < 0).any() or not shares.sum() > 0:
        msg = f"shares of variance must be 0 or more and not all 0: got a smallest of {shares.min()}."
        raise ValueError(msg)
    noise = generator.standard_normal((n_samples, n_features))
    directions, _ = np.linalg.qr(noise - noise.mean(axis=0))
    return directions * np.sqrt(shares / shares.sum() * n_samples * n_features)


def ultrametric_tree(
    branches: Sequence[int] = (2, 5, 10),
    *,
    n_features: int = 50,
    resampled: float = 0.2,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Leaves of a tree whose binary features are passed on from parent to child with random changes.

    Parameters
    ----------
    branches : sequence of int
        Children of a node, level by level from the root on.
    n_features : int
        Binary features of a node.
    resampled : float
        Chance, in [0, 1], that a feature of a child is drawn anew instead of being inherited.
    generator : numpy.random.Generator
        Draws the features.

    Returns
    -------
    leaves : ndarray of shape (n_leaves, n_features)
        Zeros and ones; the children of one parent are neighbours.
    categories : ndarray of shape (n_leaves,)
        Number of the parent.

    Raises
    ------
    ValueError
        For no branches, a level without children, no features, or a chance out of its range.

    References
    ----------
    Cloos et al. (2024), arXiv 2407.07059: 100 leaves of 50 features, of which a fifth are drawn anew at each level.
    """
    if not branches or min(branches) < 1 or n_features < 1 or not 0 <= resampled <= 1:
        msg = (
            "a tree needs branches of 1 or more on every level, 1 feature or more and a chance in [0, 1]: "
            f"got branches {tuple(branches)}, {n_features} features, chance {resampled}."
        )
        raise ValueError(msg)
    nodes = generator.integers(0, 2, (1, n_features))
    for n_children in branches:
        children = np.repeat(nodes, n_children, axis=0)
        is_drawn = generator.random(children.shape) < resampled
        nodes = np.where(is_drawn, generator.integers(0, 2, children.shape), children)
    n_parents = len(nodes) // branches[-1]
    return nodes.astype(float), np.repeat(np.arange(n_parents), branches[-1])
