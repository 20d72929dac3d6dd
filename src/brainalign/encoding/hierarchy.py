"""Whether early layers of a model go with an early region and late layers with a late one, over people and stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from brainalign.encoding.subjects import MeanInterval

__all__ = [
    "Ceiling",
    "Regions",
    "hierarchy",
    "hierarchy_interval",
    "layer_scores",
    "people_ceiling",
    "shuffled_hierarchy",
]

_FEWEST_STIMULI = 8
_FEWEST_PEOPLE = 3


class Regions(NamedTuple):
    """Dissimilarities of the same stimuli in two regions of the same people.

    Attributes
    ----------
    early, late : ndarray of shape (n_people, n_stimuli, n_stimuli)
        The region that hierarchies put first, and the one that they put last.
    """

    early: NDArray[np.float64]
    late: NDArray[np.float64]


def layer_scores(layers: ArrayLike, people: ArrayLike) -> NDArray[np.float64]:
    """Spearman correlation of the dissimilarities of every layer with those of every person.

    Parameters
    ----------
    layers : array_like of shape (n_layers, n_stimuli, n_stimuli)
        Dissimilarities in a model, from the first layer to the last. The diagonals are not read.
    people : array_like of shape (n_people, n_stimuli, n_stimuli)
        The same of people.

    Returns
    -------
    ndarray of shape (n_people, n_layers)
        In [-1, 1], over all pairs of stimuli.

    Raises
    ------
    ValueError
        For matrices that are not symmetric, of other stimuli, not finite, or alike in all pairs.

    Examples
    --------
    >>> one = np.abs(np.subtract.outer(np.arange(8.0) ** 2, np.arange(8.0) ** 2))
    >>> layer_scores([one, -one], [one]).round(6).tolist()
    [[1.0, -1.0]]
    """
    layers = _checked(layers, "layers")
    return _ranks(_of_same(layers, people)) @ _ranks(layers).T


class Ceiling(NamedTuple):
    """Mean Spearman correlation that the truth would have with a person.

    Attributes
    ----------
    low, high : float
        Of a person with the mean of the others, and with that of all, the person included.
    truth : float
        Square root of the mean correlation of two people: what the truth itself would have if people differ from it by
        noise of their own. It is between the two.
    """

    low: float
    high: float
    truth: float


def people_ceiling(people: ArrayLike) -> Ceiling:
    """Mean Spearman correlation that the true dissimilarities would have with those of a person.

    Parameters
    ----------
    people : array_like of shape (n_people, n_stimuli, n_stimuli)
        Dissimilarities of at least three people.

    Returns
    -------
    Ceiling
        From means of ranks over people. `truth` is NaN where people do not correlate.

    Raises
    ------
    ValueError
        For fewer people, or what `layer_scores` refuses.

    References
    ----------
    Nili et al. 2014, PLoS Computational Biology 10.
    """
    ranks = _ranks(_of_enough_people(_checked(people, "people")))
    total = ranks.sum(axis=0)
    low = [np.corrcoef(total - own, own)[0, 1] for own in ranks]
    high = [np.corrcoef(total, own)[0, 1] for own in ranks]
    n_people = len(ranks)
    between = (total @ total - n_people) / (n_people * (n_people - 1))
    return Ceiling(float(np.mean(low)), float(np.mean(high)), float(np.sqrt(between)) if between > 0 else np.nan)


def hierarchy(early: ArrayLike, late: ArrayLike, ceilings: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float64]:
    """How much the layers lean from the early region to the late one, from the first layer to the last, in each person.

    Parameters
    ----------
    early, late : array_like of shape (n_people, n_layers)
        `layer_scores` in the two regions, of at least two layers.
    ceilings : tuple of two float
        What the scores of each region are divided by. Without that, layers that merely become better would lean to the
        region that is measured with less noise.

    Returns
    -------
    ndarray of shape (n_people,)
        Slope of a straight line through late less early, over the depth from 0 to 1: positive for a hierarchy.

    Raises
    ------
    ValueError
        For scores of different shape, a single layer, or a ceiling that is not positive.

    Examples
    --------
    >>> hierarchy([[0.5, 0.25, 0.0]], [[0.0, 0.25, 0.5]]).tolist()
    [1.0]
    """
    early, late = np.asarray(early, dtype=np.float64), np.asarray(late, dtype=np.float64)
    if early.shape != late.shape or early.ndim != 2 or early.shape[1] < 2 or not min(ceilings) > 0:
        msg = (
            "early and late must be people x layers with at least two layers, and ceilings positive; got shapes "
            f"{early.shape} and {late.shape}, and ceilings {ceilings}."
        )
        raise ValueError(msg)
    depth = np.linspace(-0.5, 0.5, early.shape[1])
    return (late / ceilings[1] - early / ceilings[0]) @ depth / (depth @ depth)


def hierarchy_interval(
    layers: ArrayLike,
    regions: Regions,
    *,
    twins: ArrayLike | None = None,
    ceilings: tuple[float, float] = (1.0, 1.0),
    n_draws: int,
    generator: np.random.Generator,
) -> MeanInterval:
    """Mean `hierarchy` over people with a 95 % interval over people and stimuli, less that of untrained twins.

    Parameters
    ----------
    layers : array_like of shape (n_layers, n_stimuli, n_stimuli)
        Dissimilarities in the model.
    regions : Regions
        The same of at least three people and 8 stimuli; a place is the same person in both.
    twins : array_like of shape (n_twins, n_layers, n_stimuli, n_stimuli), optional
        Untrained twins, whose mean is taken away; they are drawn again, too.
    ceilings : tuple of two float
        See `hierarchy`.
    n_draws : int
        How often people and stimuli are drawn, at least 19.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    MeanInterval

    Raises
    ------
    ValueError
        For too few people, stimuli or draws, or what `layer_scores` and `hierarchy` refuse.

    Notes
    -----
    A draw takes people with replacement and half of the stimuli without (a stimulus drawn twice would be exactly like
    itself). The interval runs from twice the value less the upper quantile of the draws to twice the value less the
    lower one. People are noisier on half of the stimuli, so it is too wide rather than too narrow.
    """
    models = [_checked(layers, "layers"), *(_checked(twin, "twins") for twin in (() if twins is None else twins))]
    early, late = (_of_enough_people(_of_same(models[0], region)) for region in regions)
    n_people, n_stimuli = late.shape[:2]
    if early.shape != late.shape or n_stimuli < _FEWEST_STIMULI or n_draws < 19:
        msg = (
            f"regions must be of the same people and of at least {_FEWEST_STIMULI} stimuli, and n_draws at least 19; "
            f"got shapes {early.shape} and {late.shape}, and {n_draws} draws."
        )
        raise ValueError(msg)

    n_twins = len(models) - 1
    whole = _excess(models, (early, late), ceilings)
    drawn = []
    for _ in range(n_draws):
        rows = generator.permutation(n_stimuli)[: n_stimuli // 2]
        who = generator.integers(n_people, size=n_people)
        chosen = [models[0], *(models[1 + i] for i in (generator.integers(n_twins, size=n_twins) if n_twins else ()))]
        parts = [[stack[:, rows[:, None], rows] for stack in stacks] for stacks in (chosen, (early, late))]
        drawn.append(_excess(*parts, ceilings, who))
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    value = np.float64(whole)
    return MeanInterval(value, np.minimum(2 * value - upper, value), np.maximum(2 * value - lower, value))


def shuffled_hierarchy(
    layers: ArrayLike,
    regions: Regions,
    *,
    ceilings: tuple[float, float] = (1.0, 1.0),
    n_draws: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Mean `hierarchy` over people when the model's stimuli change places, the same in all layers.

    Parameters
    ----------
    layers, regions, ceilings
        As for `hierarchy_interval`.
    n_draws : int
        How many shuffles.
    generator : numpy.random.Generator
        Source of the shuffles.

    Returns
    -------
    ndarray of shape (n_draws,)

    Raises
    ------
    ValueError
        What `layer_scores` and `hierarchy` refuse.
    """
    layers = _checked(layers, "layers")
    above = np.triu_indices(layers.shape[1], 1)
    squares = np.array([squareform(ranks) for ranks in _ranks(layers)])
    sides = [_ranks(_of_same(layers, region)) for region in regions]
    null = []
    for _ in range(n_draws):
        order = generator.permutation(layers.shape[1])
        shuffled = squares[:, order[:, None], order][:, *above]
        null.append(hierarchy(*(side @ shuffled.T for side in sides), ceilings).mean())
    return np.array(null)


def _excess(
    models: Sequence[NDArray[np.float64]],
    sides: Sequence[NDArray[np.float64]],
    ceilings: tuple[float, float],
    who: NDArray[np.int64] | slice = slice(None),
) -> float:
    """Mean lean of the first model over some of the people, less that of the others."""
    people = [_ranks(side)[who] for side in sides]
    ranks = [_ranks(model).T for model in models]
    own, *twins = (hierarchy(*(side @ layers for side in people), ceilings).mean() for layers in ranks)
    return float(own - (np.mean(twins) if twins else 0.0))


def _ranks(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of all pairs, each row of mean 0 and length 1."""
    ranks = rankdata(matrices[:, *np.triu_indices(matrices.shape[1], 1)], axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1, keepdims=True)
    if not lengths.all():
        msg = "a matrix has the same dissimilarity for all pairs of stimuli, so that nothing correlates with it."
        raise ValueError(msg)
    return ranks / lengths


def _of_same(layers: NDArray[np.float64], people: ArrayLike) -> NDArray[np.float64]:
    stack = _checked(people, "people")
    if layers.shape[1] != stack.shape[1]:
        msg = f"layers and people must be of the same stimuli; got {layers.shape[1]} and {stack.shape[1]}."
        raise ValueError(msg)
    return stack


def _checked(matrices: ArrayLike, name: str) -> NDArray[np.float64]:
    stack = np.asarray(matrices, dtype=np.float64)
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or stack.shape[1] < 3 or not np.isfinite(stack).all():
        msg = f"{name} must be finite square matrices, one a row, of at least 3 stimuli; got shape {stack.shape}."
        raise ValueError(msg)
    lopsided = np.abs(stack - stack.swapaxes(1, 2)).max()
    if lopsided > 1e-6 * np.abs(stack).max():
        msg = f"{name} must be symmetric, a pair of stimuli alike in both orders; got differences up to {lopsided:.3g}."
        raise ValueError(msg)
    return stack


def _of_enough_people(people: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(people) < _FEWEST_PEOPLE:
        msg = f"people must be at least {_FEWEST_PEOPLE}; got {len(people)}."
        raise ValueError(msg)
    return people
