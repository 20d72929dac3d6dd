"""Modality: whether a parcel follows the neurons of pictures, those of text, or both alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.shifts import share_at_least
from brainalign.numeric import as_doubles


def modality_index(picture: ArrayLike, text: ArrayLike, *, floor: float = 0.0) -> NDArray[np.float64]:
    """By how much pictures predict better than text, relative to both.

    Parameters
    ----------
    picture, text : array_like of shape (n_targets,)
        Held-out scores (explained variance or correlation) from features of pictures and of text, equal in number.
    floor : float
        A target counts only where the better of both scores is above this.

    Returns
    -------
    ndarray of shape (n_targets,)
        ``(picture - text) / (picture + text)`` with negative scores counted as 0: 1 for pictures alone, -1 for text
        alone, 0 for both alike; not a number where neither score is above the floor.

    Raises
    ------
    ValueError
        Shapes that differ, or a floor below 0.
    """
    a, b = as_doubles(picture, name="picture"), as_doubles(text, name="text")
    if a.shape != b.shape or floor < 0:
        msg = f"scores have shapes {a.shape} and {b.shape}, which must agree; floor = {floor:g} must be 0 or more."
        raise ValueError(msg)
    counts = np.maximum(a, b) > floor
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    return np.divide(a - b, a + b, out=np.full(a.shape, np.nan), where=counts & (a + b > 0))


def modality_size(picture: ArrayLike, text: ArrayLike, *, floor: float = 0.0) -> float:
    """Mean size of the modality index over the targets that count.

    Parameters
    ----------
    picture, text, floor
        As `modality_index` takes them.

    Returns
    -------
    float
        0 where both predict every target alike, 1 where each target follows one of them alone.

    Raises
    ------
    ValueError
        No target that either predicts by more than the floor.
    """
    index = modality_index(picture, text, floor=floor)
    counts = np.isfinite(index)
    if not counts.any():
        best = max(as_doubles(scores, name="scores").max() for scores in (picture, text))
        msg = (
            f"no target is predicted by more than floor = {floor:g} (the best score is {best:.3g}); give a lower "
            "floor, more volumes or less noise."
        )
        raise ValueError(msg)
    return float(np.abs(index[counts]).mean())


@dataclass(frozen=True)
class ModalityTest:
    """Whether two sets of predictions do differently well.

    Attributes
    ----------
    difference : ndarray of shape (n_targets,)
        Correlation of the first set's predictions minus that of the second's; -2 to 2.
    p_values : ndarray of shape (n_targets,)
        Two-sided.
    """

    difference: NDArray[np.float64]
    p_values: NDArray[np.float64]


def compare_modalities(
    picture: ArrayLike,
    text: ArrayLike,
    responses: ArrayLike,
    *,
    block: int,
    n_draws: int,
    generator: np.random.Generator,
) -> ModalityTest:
    """Test target by target whether pictures or text predict better.

    Parameters
    ----------
    picture, text : array_like of shape (n_samples, n_targets)
        Predictions from each for one stretch of held-out time, by models fitted elsewhere. Not those of a
        cross-validation: its folds train on each other, and chance relations count twice.
    responses : array_like of shape (n_samples, n_targets)
        What they predict.
    block : int
        Samples that are exchanged together, longer than the memory of the responses.
    n_draws : int
        Number of random exchanges, 19 or more.
    generator : Generator
        Source of the exchanges.

    Returns
    -------
    ModalityTest

    Raises
    ------
    ValueError
        Shapes that differ, fewer than 6 blocks, or too few draws.

    Notes
    -----
    A correlation is a mean over samples of products of standardized numbers. Exchanging both predictions in a block
    turns the sign of that block's difference, so the null model turns the signs of blocks at random.
    """
    given = {"picture": picture, "text": text, "responses": responses}
    arrays = [as_doubles(values, name=name) for name, values in given.items()]
    n_blocks = len(arrays[0]) // max(block, 1)
    if len({x.shape for x in arrays}) > 1 or block < 1 or n_blocks < 6 or n_draws < 19:
        msg = (
            f"predictions {arrays[0].shape} and {arrays[1].shape} and responses {arrays[2].shape} must agree; block = "
            f"{block} makes {n_blocks} blocks, 6 or more are needed; n_draws = {n_draws}, 19 or more are needed."
        )
        raise ValueError(msg)
    first, second, answer = (_standard(x) for x in arrays)
    products = (first - second) * answer
    used = products[: n_blocks * block].reshape(n_blocks, block, -1).sum(axis=1) / len(products)
    signs = generator.choice([-1.0, 1.0], size=(n_draws, n_blocks))
    null = np.abs(signs @ used)
    return ModalityTest(products.mean(axis=0), share_at_least(np.abs(used.sum(axis=0)), null))


def _standard(x: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
