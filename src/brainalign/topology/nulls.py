"""Null models: what a model that has learned nothing would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import gaussian_kde

from brainalign.numeric import as_doubles

Array = NDArray[np.float64]

TWINS = ("matched", "initial")
"""Kinds of random twins, see `random_twin`."""

_INITIAL_SD = 0.02


def random_twin(
    positions: ArrayLike, query: ArrayLike, key: ArrayLike, *, kind: str, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Replace learned weights by random ones of the same shape.

    Parameters
    ----------
    positions, query, key : array_like
        Weights of the trained model, of any shape.
    kind : {"matched", "initial"}
        ``"matched"``: independent normal numbers with the mean and standard deviation of the array they replace, so
        only the arrangement of the weights is lost. ``"initial"``: standard deviation 0.02 and mean 0, the state that
        BERT, GPT-2 and ViT start training from.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of three ndarrays
        Random positions, query and key, of the shapes given.

    Raises
    ------
    ValueError
        For an unknown kind.

    Notes
    -----
    The study has no null model; this one is ours.
    """
    if kind not in TWINS:
        msg = f"kind = {kind!r} is unknown; choose one of {', '.join(TWINS)}."
        raise ValueError(msg)
    drawn = []
    for name, values in (("positions", positions), ("query", query), ("key", key)):
        array = as_doubles(values, name=name)
        mean, sd = (array.mean(), array.std()) if kind == "matched" else (0.0, _INITIAL_SD)
        drawn.append(generator.normal(mean, sd, size=array.shape))
    return drawn[0], drawn[1], drawn[2]


@dataclass(frozen=True)
class NullComparison:
    """A measured value beside the values of null models.

    Attributes
    ----------
    value : float
        What the trained model has.
    null_mean, null_sd : float
        Mean and standard deviation over the null models.
    z : float
        Distance of the value from the null mean in null standard deviations.
    p : float
        Two-sided Monte-Carlo p-value, never below 2 / (n_null + 1).
    """

    value: float
    null_mean: float
    null_sd: float
    z: float
    p: float


def compare_with_null(value: float, null: ArrayLike) -> NullComparison:
    """Set a value beside its null distribution.

    Parameters
    ----------
    value : float
        Measured value.
    null : array_like of shape (n_null,)
        The same quantity of n_null null models, at least 2.

    Returns
    -------
    NullComparison
        ``z`` is not a number when all null values are equal.

    Raises
    ------
    ValueError
        With fewer than 2 null values, or a value that is not finite.

    Notes
    -----
    ``p = min(1, 2 (1 + b) / (1 + n_null))`` with b the smaller number of null values on one side of the value, ties
    counted; the added 1 keeps the test exact (Phipson and Smyth 2010, Statistical Applications in Genetics and
    Molecular Biology 9).
    """
    null = as_doubles(null, name="null").ravel()
    if null.size < 2:
        msg = f"a null distribution needs at least 2 values: got {null.size}."
        raise ValueError(msg)
    # A missing number is on neither side of any other: it would come out as the most extreme value.
    if not np.isfinite(value) or not np.isfinite(null).all():
        missing = np.count_nonzero(~np.isfinite(null))
        msg = f"only finite values compare: the value is {value}, {missing} null values are not finite."
        raise ValueError(msg)
    tail = min(np.count_nonzero(null >= value), np.count_nonzero(null <= value))
    sd = null.std(ddof=1) if np.ptp(null) > 0 else 0.0  # equal values: rounding would leave a tiny sd
    z = (value - null.mean()) / sd if sd > 0 else np.nan
    p = min(1.0, 2 * (1 + tail) / (1 + null.size))
    return NullComparison(float(value), float(null.mean()), float(sd), float(z), float(p))


@dataclass(frozen=True)
class Envelope:
    """Region of the plane that holds a given share of the null points.

    Attributes
    ----------
    x, y : ndarray of shape (n_grid,)
        Grid of the plane.
    density : ndarray of shape (n_grid, n_grid)
        Estimated density; rows follow y.
    level : float
        The region is where the density exceeds this.
    share : float
        Share of the null points inside.
    """

    x: Array
    y: Array
    density: Array
    level: float
    share: float

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether points of shape (n_points, 2) lie inside (density by bilinear interpolation)."""
        interpolate = RegularGridInterpolator((self.y, self.x), self.density, bounds_error=False, fill_value=0.0)
        points = as_doubles(points, name="points")
        return interpolate(points[:, ::-1]) > self.level


def null_envelope(points: ArrayLike, *, share: float = 0.95, n_grid: int = 200) -> Envelope:
    """Smallest region that holds a share of the null points, by a kernel estimate of their density.

    Parameters
    ----------
    points : array_like of shape (n_points, 2)
        Null heads in the plane of the first two axes.
    share : float
        Share of the points inside, between 0 and 1.
    n_grid : int
        Points of the grid along each axis.

    Returns
    -------
    Envelope

    Notes
    -----
    Normal kernels with Scott's bandwidth (Scott 2015, Multivariate Density Estimation).
    """
    points = as_doubles(points, name="points")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 10:
        msg = f"an envelope needs points of shape (n_points, 2) with at least 10 points: got {points.shape}."
        raise ValueError(msg)
    if not 0 < share < 1:
        msg = f"share = {share} is not between 0 and 1."
        raise ValueError(msg)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.15 * (high - low)
    x, y = (np.linspace(low[i] - margin[i], high[i] + margin[i], n_grid) for i in (0, 1))
    kernel = gaussian_kde(points.T)
    density = kernel(np.stack(np.meshgrid(x, y)).reshape(2, -1)).reshape(n_grid, n_grid)
    level = float(np.quantile(kernel(points.T), 1 - share))
    return Envelope(x, y, density, level, share)
