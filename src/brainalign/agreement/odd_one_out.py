"""Which of three things does not belong: similarity judgements and how to predict them (Hebart et al. 2020).

Arrays are numpy arrays of double precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles, as_labels

__all__ = ["odd_one_out", "odd_one_out_accuracy", "odd_one_out_ceiling", "odd_one_out_probabilities"]

CHANCE = 1 / 3
"""Expected accuracy of any prediction that has nothing to do with the choices."""


def odd_one_out(similarity: ArrayLike, triplets: ArrayLike) -> NDArray[np.int64]:
    """The thing that is left when the most similar two of three are paired.

    Parameters
    ----------
    similarity : array_like of shape (n_things, n_things)
        Symmetric; the diagonal is not used.
    triplets : array_like of shape (n_triplets, 3)
        Three different things each, by index.

    Returns
    -------
    ndarray of shape (n_triplets,)
        Place (0, 1 or 2) of the odd one in its triplet; the first of several where similarities tie.

    Raises
    ------
    ValueError
        For a similarity that is not a symmetric matrix of finite numbers, or triplets that do not fit it.

    Examples
    --------
    >>> odd_one_out([[1, 0.2, 0.9], [0.2, 1, 0.1], [0.9, 0.1, 1]], [[0, 1, 2]]).tolist()
    [1]
    """
    return _similarity_of_the_others(similarity, triplets).argmax(axis=1)


def odd_one_out_accuracy(similarity: ArrayLike, triplets: ArrayLike, chosen: ArrayLike) -> float:
    """How often a similarity names the odd one that was chosen.

    Parameters
    ----------
    similarity : array_like of shape (n_things, n_things)
        As in `odd_one_out`, for example inner products of a model's embeddings.
    triplets : array_like of shape (n_triplets, 3)
        As in `odd_one_out`.
    chosen : array_like of shape (n_triplets,)
        Place (0, 1 or 2) of the thing that a person called the odd one.

    Returns
    -------
    float
        In [0, 1]; chance is 1/3. Where k similarities tie for the highest, a choice among them counts 1/k.

    Raises
    ------
    ValueError
        For choices that are no places in the triplets, or as in `odd_one_out`.

    Notes
    -----
    No prediction can reach 1 where people disagree, see `odd_one_out_ceiling`.
    """
    others = _similarity_of_the_others(similarity, triplets)
    chosen = as_labels(chosen, name="chosen")
    if chosen.shape != (len(others),) or not np.isin(chosen, (0, 1, 2)).all():
        msg = f"chosen must hold 0, 1 or 2 for each of the {len(others)} triplets: got shape {chosen.shape}."
        raise ValueError(msg)
    best = others == others.max(axis=1, keepdims=True)
    return float((best[np.arange(len(best)), chosen] / best.sum(axis=1)).mean())


def odd_one_out_probabilities(
    similarity: ArrayLike, triplets: ArrayLike, *, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Chance of each of three things to be called the odd one.

    Parameters
    ----------
    similarity : array_like of shape (n_things, n_things)
        As in `odd_one_out`.
    triplets : array_like of shape (n_triplets, 3)
        As in `odd_one_out`.
    temperature : float
        Above 0. Small: always the one that `odd_one_out` names. Large: 1/3 each.

    Returns
    -------
    ndarray of shape (n_triplets, 3)
        Rows sum to 1.

    Raises
    ------
    ValueError
        For a temperature that is not above 0, or as in `odd_one_out`.

    Notes
    -----
    Softmax, over the three pairs, of the similarity divided by the temperature; a thing is odd when the two others are
    paired. The mean of the highest probabilities is the expected accuracy of `odd_one_out` if people choose so.
    """
    if not temperature > 0:
        msg = f"temperature must be above 0: got {temperature}. For the sure choice use odd_one_out."
        raise ValueError(msg)
    logits = _similarity_of_the_others(similarity, triplets) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def odd_one_out_ceiling(counts: ArrayLike) -> float:
    """Chance that two people choose the same odd one: what people reach when they predict people.

    Parameters
    ----------
    counts : array_like of shape (n_triplets, 3)
        How many people chose each of the three; at least two people a triplet.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        For another shape, negative or broken counts, or triplets that fewer than two people saw.

    Notes
    -----
    Mean over triplets of sum_k c_k (c_k - 1) / (n (n - 1)). Its expectation is exactly the sum of the squared choice
    probabilities, for any number of people n; the share of the most frequent choice, in contrast, is too high for few
    people.

    Examples
    --------
    >>> odd_one_out_ceiling([[3, 0, 0], [1, 1, 0]])
    0.5
    """
    counts = as_doubles(counts, name="counts")
    if counts.ndim != 2 or counts.shape[1] != 3 or len(counts) == 0:
        msg = f"counts must have shape (n_triplets, 3): got {counts.shape}."
        raise ValueError(msg)
    people = counts.sum(axis=1)
    if (counts < 0).any() or (counts != np.round(counts)).any() or not (people >= 2).all():
        msg = "counts are whole numbers of people, at least two for each triplet; leave the other triplets out."
        raise ValueError(msg)
    return float(((counts * (counts - 1)).sum(axis=1) / (people * (people - 1))).mean())


def _similarity_of_the_others(similarity: ArrayLike, triplets: ArrayLike) -> NDArray[np.float64]:
    """For each thing of a triplet, how similar the two others are, of shape (n_triplets, 3)."""
    similarity, triplets = as_doubles(similarity, name="similarity"), as_labels(triplets, name="triplets")
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1] or not np.isfinite(similarity).all():
        msg = f"similarity must be a square matrix of finite numbers: got shape {similarity.shape}."
        raise ValueError(msg)
    scale = np.abs(similarity).max(initial=0)
    if np.abs(similarity - similarity.T).max(initial=0) > 1e-6 * scale:
        msg = "similarity must be symmetric; average it with its transpose if it is not by intention."
        raise ValueError(msg)
    n_things = len(similarity)
    if triplets.ndim != 2 or triplets.shape[1] != 3 or not np.issubdtype(triplets.dtype, np.integer):
        msg = (
            f"triplets must be whole numbers of shape (n_triplets, 3): got {triplets.dtype} of shape {triplets.shape}."
        )
        raise ValueError(msg)
    i, j, k = triplets.T
    if len(triplets) == 0 or triplets.min() < 0 or triplets.max() >= n_things or ((i == j) | (j == k) | (i == k)).any():
        msg = f"each triplet names three different things from 0 to {n_things - 1}, and there is at least one triplet."
        raise ValueError(msg)
    return np.stack([similarity[j, k], similarity[i, k], similarity[i, j]], axis=1)
