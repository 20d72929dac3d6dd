"""Does it matter which condition a block belongs to? Encoding models of conditions, and blocks that trade names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.delays import delay
from brainalign.encoding.inputs import check_responses, check_runs
from brainalign.encoding.scoring import center_runs
from brainalign.encoding.shifts import share_at_least
from brainalign.encoding.significance import benjamini_hochberg
from brainalign.numeric import as_labels

__all__ = ["ConditionTest", "condition_means", "condition_test", "indicate_conditions"]


@dataclass(frozen=True)
class ConditionTest:
    """Scores of a model that knows the conditions, beside those of models with the names exchanged.

    Attributes
    ----------
    scores : ndarray of shape (n_targets,)
        Held-out Pearson correlation, -1 to 1, 1 is best; centered in every run.
    null : ndarray of shape (n_draws, n_targets)
        The same after conditions traded names. Its mean is what the model owes to blocks of any kind.
    p_values, q_values : ndarray of shape (n_targets,)
        Share of null scores that are at least as high, and the same adjusted for many targets.
    """

    scores: NDArray[np.float64]
    null: NDArray[np.float64]
    p_values: NDArray[np.float64]
    q_values: NDArray[np.float64]


def indicate_conditions(labels: ArrayLike, conditions: Sequence[str]) -> NDArray[np.float64]:
    """One feature per condition: 1 in its volumes, 0 elsewhere.

    Parameters
    ----------
    labels : array_like of shape (n_samples,)
        Condition of every volume. Labels that are not among the conditions, rest for instance, are 0 throughout.
    conditions : sequence of str
        At least one, no two alike.

    Returns
    -------
    ndarray of shape (n_samples, n_conditions)

    Raises
    ------
    ValueError
        For a condition that is given twice or that no volume has.

    Examples
    --------
    >>> indicate_conditions(["rest", "face", "house"], ["house", "face"]).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    labels, conditions = as_labels(labels, name="labels"), list(conditions)
    found = set(labels.tolist())
    absent = [name for name in conditions if name not in found]
    if not conditions or len(set(conditions)) < len(conditions) or absent:
        msg = (
            f"conditions must be different labels of the recording: got {', '.join(conditions) or 'none'}; the labels "
            f"are {', '.join(sorted(found))}. Drop what is repeated or absent ({', '.join(absent) or 'none'})."
        )
        raise ValueError(msg)
    return (labels[:, None] == np.array(conditions)).astype(float)


def condition_means(
    values: ArrayLike, labels: ArrayLike, runs: ArrayLike, *, conditions: Sequence[str]
) -> NDArray[np.float64]:
    """Mean of every condition in every run: repeats of the same few stimuli, whatever order they came in.

    Parameters
    ----------
    values : array_like of shape (n_samples, n_targets)
        Responses, or predictions of them.
    labels : array_like of shape (n_samples,)
        See `indicate_conditions`.
    runs : array_like of shape (n_samples,)
        Run of every sample.
    conditions : sequence of str
        All of them in every run.

    Returns
    -------
    ndarray of shape (n_runs, n_conditions, n_targets)
        Runs in the order of the samples; made for `brainalign.encoding.noise_ceiling`.

    Raises
    ------
    ValueError
        For a run without one of the conditions, or what `indicate_conditions` refuses.

    Examples
    --------
    >>> labels, runs = ["face", "face", "house", "house", "face"], [1, 1, 1, 2, 2]
    >>> condition_means([[1], [3], [4], [5], [6]], labels, runs, conditions=["face", "house"])[..., 0].tolist()
    [[2.0, 4.0], [6.0, 5.0]]
    """
    features = indicate_conditions(labels, conditions)
    values = check_responses(values, n_samples=len(features))
    runs = check_runs(runs, len(features))
    counts = np.stack([features[runs == run].sum(axis=0) for run in range(int(runs.max()) + 1)])
    if not counts.all():
        run, condition = np.argwhere(counts == 0)[0]
        msg = f"run {run} (from 0) has no volume of '{list(conditions)[condition]}'; leave out one of the two."
        raise ValueError(msg)
    sums = np.stack([features[runs == run].T @ values[runs == run] for run in range(len(counts))])
    return sums / counts[..., None]


def condition_test(
    responses: ArrayLike,
    labels: ArrayLike,
    runs: ArrayLike,
    *,
    conditions: Sequence[str],
    delays: Sequence[int] = (0,),
    penalty: float = 100.0,
    n_draws: int,
    generator: np.random.Generator,
) -> ConditionTest:
    """Test whether responses follow which condition is shown, beyond following that something is shown.

    Every run is predicted by a ridge regression on the other runs. Under the null hypothesis all conditions evoke the
    same response, and the names of a run may trade places: who is called a face is drawn anew in every run, and the
    model is fitted again. Onsets, durations and the noise stay as they are.

    Parameters
    ----------
    responses : array_like of shape (n_samples, n_targets)
        Cleaned responses, see `brainalign.encoding.clean`.
    labels : array_like of shape (n_samples,)
        See `indicate_conditions`.
    runs : array_like of shape (n_samples,)
        Run of every sample; at least two runs.
    conditions : sequence of str
        At least two.
    delays : sequence of int
        Delays of the features in samples, see `brainalign.encoding.delay`.
    penalty : float
        Ridge penalty, above 0, for features that are centered in every run and of mean square 1. One for all targets
        and draws, chosen beforehand.
    n_draws : int
        Draws of the null model, 1 or more.
    generator : numpy.random.Generator
        Source of the draws. A draw is the same for all targets.

    Returns
    -------
    ConditionTest

    Raises
    ------
    ValueError
        For one run or one condition, a penalty or number of draws out of range, a target that varies in no run, or
        what `indicate_conditions` and `brainalign.encoding.delay` refuse.

    Notes
    -----
    Where names are exchanged, the moments of a run's features exchange rows and columns and nothing else changes, so a
    draw costs one small solve per run. p = (1 + null scores >= score) / (1 + n_draws).
    """
    conditions = list(conditions)
    features = indicate_conditions(labels, conditions)
    responses = check_responses(responses, n_samples=len(features))
    runs = check_runs(runs, len(features))
    n_runs, n_conditions = int(runs.max()) + 1, len(conditions)
    if n_runs < 2 or n_conditions < 2 or not penalty > 0 or n_draws < 1:
        msg = (
            "give at least 2 runs, 2 conditions, a penalty above 0 and 1 draw: got "
            f"{n_runs}, {n_conditions}, {penalty} and {n_draws}."
        )
        raise ValueError(msg)
    moments = _run_moments(delay(features, delays, runs), responses, runs)
    flat = np.flatnonzero(moments[-1] < 1e-20 * np.square(responses).sum(axis=0))
    if flat.size:
        msg = f"target {flat[0]} varies in no run (and {flat.size - 1} more); drop what is constant in every run."
        raise ValueError(msg)
    in_place = np.tile(np.arange(n_conditions), (n_runs, 1))
    scores = _held_out_scores(moments, in_place, penalty)
    null = np.stack([_held_out_scores(moments, generator.permuted(in_place, axis=1), penalty) for _ in range(n_draws)])
    p = share_at_least(scores, null)
    return ConditionTest(scores, null, p, benjamini_hochberg(p))


def _run_moments(
    delayed: NDArray[np.float64], responses: NDArray[np.float64], runs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of every run: products of features with features and with responses; and the squared lengths of responses."""
    X = center_runs(delayed, runs)
    X = X / np.sqrt(np.square(X).mean(axis=0).mean())  # one scale for all: exchanging names must not change it
    Y = center_runs(responses, runs)
    parts = [runs == run for run in range(int(runs.max()) + 1)]
    gram = np.stack([X[part].T @ X[part] for part in parts])
    cross = np.stack([X[part].T @ Y[part] for part in parts])
    return gram, cross, np.square(Y).sum(axis=0)


def _held_out_scores(
    moments: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    orders: NDArray[np.int64],
    penalty: float,
) -> NDArray[np.float64]:
    """Correlation of all held-out predictions with the responses, where run r calls condition k `orders[r, k]`."""
    gram, cross, squares = moments
    n_runs, n_conditions = orders.shape
    offsets = n_conditions * np.arange(gram.shape[1] // n_conditions)  # `delay` puts all features of a delay together
    columns = (offsets[None, :, None] + orders[:, None, :]).reshape(n_runs, -1)
    rows = np.arange(n_runs)[:, None]
    gram = gram[rows[..., None], columns[:, :, None], columns[:, None, :]]
    cross = cross[rows, columns]
    others = gram.sum(axis=0) - gram + penalty * np.eye(gram.shape[1])
    weights = np.linalg.solve(others, cross.sum(axis=0) - cross)
    products = (weights * cross).sum(axis=(0, 1))
    lengths = (weights * (gram @ weights)).sum(axis=(0, 1))
    return products / np.sqrt(lengths * squares)
