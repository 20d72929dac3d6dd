"""The shape that the study's recipe forces on any heads at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles
from brainalign.topology.axes import alignment_scores
from brainalign.topology.graphs import logits_graph
from brainalign.topology.metrics import METRICS
from brainalign.topology.profiles import Profiles, standardize_profiles

Array = NDArray[np.float64]


def profile_energy(icns: Profiles) -> Array:
    """How the standardised profiles of the networks spread over directions.

    Parameters
    ----------
    icns : mapping, DataFrame or array_like
        Profiles of at least two networks, see `brainalign.topology.profiles.as_profiles`.

    Returns
    -------
    ndarray of shape (4,)
        Share of the sum of squares along each direction, largest first; they sum to 1. A first share near 1 says
        that the networks are one profile with small changes.

    Raises
    ------
    ValueError
        See `standardize_profiles`; also with fewer than two networks.

    Notes
    -----
    Squared singular values of the matrix of standardised profiles, not centred over networks. Five numbers less their
    mean leave four directions; a fixed length leaves a sphere in them.
    """
    networks = standardize_profiles(icns)
    if networks.ndim != 2 or len(networks) < 2:
        msg = f"give the profiles of at least 2 networks, shape (n_networks, {len(METRICS)}): got {networks.shape}."
        raise ValueError(msg)
    energy = np.zeros(len(METRICS) - 1)
    found = np.linalg.svd(networks, compute_uv=False)[: len(energy)] ** 2
    energy[: len(found)] = found
    return energy / energy.sum()


def random_profiles(n_profiles: int, generator: np.random.Generator) -> Array:
    """Profiles that every standardised profile is as likely to be: random directions, no graph at all.

    Parameters
    ----------
    n_profiles : int
        How many, at least 1.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_profiles, 5)
        Mean 0 and standard deviation 1 over the five metrics.
    """
    if n_profiles < 1:
        msg = f"n_profiles = {n_profiles}; give at least 1."
        raise ValueError(msg)
    return standardize_profiles(generator.normal(size=(n_profiles, len(METRICS))))


def grid_graph(side: int, width: float) -> Array:
    """Graph of a head that attends to near patches, on a picture of the given size.

    Parameters
    ----------
    side : int
        Rows and columns of patches, at least 2.
    width : float
        How far the head looks, in patches: attention falls with distance as a normal curve of this width.

    Returns
    -------
    ndarray of shape (side ** 2, side ** 2)
        Weights as the study's recipe makes them.

    Raises
    ------
    ValueError
        When the grid or the width is too small.
    """
    if side < 2 or not width > 0:
        msg = f"side = {side} and width = {width}: give at least 2 rows and columns and a width above 0."
        raise ValueError(msg)
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    squared = np.sum((places[:, None] - places) ** 2, axis=-1)
    return logits_graph(-squared / (2 * width**2))


def arc_share(places: ArrayLike) -> float:
    """How much of what a straight line leaves over a parabola explains: near 1 where heads lie on an arc, 0 in a cloud.

    Parameters
    ----------
    places : array_like of shape (n_heads, 2)
        Places of heads on two axes.

    Returns
    -------
    float
        From 0 to 1: 1 - (residual sum of squares of degree 2) / (that of degree 1), the largest over all directions of
        the parabola's axis in steps of 2 degrees. So turning the plane changes nothing, and a long cloud is no arc.

    Raises
    ------
    ValueError
        For places of another shape, fewer than five heads, or heads that all lie on one line.
    """
    points = np.asarray(places, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 5:
        msg = f"places have shape {points.shape}; give five or more heads on two axes."
        raise ValueError(msg)
    points = points - points.mean(axis=0)
    if np.linalg.matrix_rank(points) < 2:
        msg = "all heads lie on one line; there is no plane in which an arc could lie."
        raise ValueError(msg)
    return max(_curvature(points, angle) for angle in np.deg2rad(np.arange(0, 180, 2)))


def _curvature(points: Array, angle: float) -> float:
    x = points @ [np.cos(angle), np.sin(angle)]
    y = points @ [-np.sin(angle), np.cos(angle)]
    straight, curved = (np.sum((y - np.polyval(np.polyfit(x, y, degree), x)) ** 2) for degree in (1, 2))
    return float(1 - curved / straight)


def scores_by_head_count(
    places: Mapping[str, ArrayLike], counts: Sequence[int], *, n_draws: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Scores of models that differ in nothing but how many heads they have.

    Parameters
    ----------
    places : mapping of str to array_like of shape (n_heads,)
        By name of a family, places of its heads along the first axis, from the centre of all heads of the space.
    counts : sequence of int
        Numbers of heads, at least 1 each.
    n_draws : int
        How many models of every family and number of heads are drawn, at least 1.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    DataFrame with one row per model and score
        ``family``, ``heads`` (their number), ``by`` ("sum", "mean" or "median") and ``score``. Heads are drawn from
        their family with replacement.

    Raises
    ------
    ValueError
        When a family has no head or one whose place is not finite, or a number is below 1.

    Notes
    -----
    All models of a family come from one distribution. A mean estimates its centre whatever the number of heads; a sum
    is that number times the centre.
    """
    pools = {name: as_doubles(values, name=str(name)).ravel() for name, values in places.items()}
    bad = [name for name, pool in pools.items() if not pool.size or not np.isfinite(pool).all()]
    if bad or not pools:
        msg = f"every family needs heads, all at finite places: {', '.join(bad) or 'no family'} has not."
        raise ValueError(msg)
    if not len(counts) or min(counts) < 1 or n_draws < 1:
        msg = f"counts = {list(counts)} and n_draws = {n_draws}: give at least 1 head and 1 draw."
        raise ValueError(msg)
    rows = []
    for family, pool in pools.items():
        for heads in counts:
            for _ in range(n_draws):
                scores = alignment_scores(generator.choice(pool, size=(heads, 1)))
                rows += [{"family": family, "heads": heads, "by": by, "score": score} for by, score in scores.items()]
    return pd.DataFrame(rows)
