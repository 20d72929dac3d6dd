"""Encoding models: fitted, tested on held-out time, and scored per target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.banded import check_spaces, fit_banded_ridge
from brainalign.encoding.delays import check_delays, delay
from brainalign.encoding.inputs import check_responses, check_runs, usable_targets
from brainalign.encoding.ridge import PENALTIES, check_penalties
from brainalign.encoding.scoring import correlation_scores
from brainalign.encoding.significance import benjamini_hochberg, p_values
from brainalign.encoding.splits import Split, check_leakage, split_samples

__all__ = ["Encoding", "fit_encoding"]


@dataclass(frozen=True)
class Encoding:
    """What an encoding model predicts in time that it was not fitted to.

    Attributes
    ----------
    predictions : ndarray of shape (n_samples, n_targets)
        Prediction of every sample by the model of the fold that held it out.
    scores : ndarray of shape (n_targets,)
        Pearson correlation between predictions and responses, in [-1, 1], 1 is best. Both are centered in every run, or
        in every block where there is one run: see `correlation_scores`. Without any relation to the stimulus the mean
        lies a little below 0.
    r2 : ndarray of shape (n_targets,)
        Share of the squared deviation from the training mean that is predicted; at most 1, and below 0 where the
        training mean predicts better.
    p_values, q_values : ndarray of shape (n_targets,) or None
        Chance of such a score without relation to the stimulus, and the same adjusted for many targets
        (`benjamini_hochberg`); None without draws.
    weights : ndarray of shape (n_features * n_delays, n_targets), dict of them per space, or None
        Mean over folds of the coefficients of the delayed features, standardized; columns as `delay` orders them. None
        if they were not asked for.
    penalties : ndarray of shape (n_folds, n_targets), or dict of them per space
        Penalties that were chosen inside the training part of every fold.
    folds : ndarray of shape (n_samples,)
        Number of the fold that held the sample out.
    parts : dict of str to ndarray of shape (n_samples, n_targets)
        Part of the predictions from every space; empty where the features were one array.
    """

    predictions: np.ndarray
    scores: np.ndarray
    r2: np.ndarray
    p_values: np.ndarray | None
    q_values: np.ndarray | None
    weights: np.ndarray | dict[str, np.ndarray] | None
    penalties: np.ndarray | dict[str, np.ndarray]
    folds: np.ndarray
    parts: dict[str, np.ndarray]


def fit_encoding(
    features: ArrayLike | Mapping[str, ArrayLike],
    responses: ArrayLike,
    runs: ArrayLike | None = None,
    *,
    delays: Sequence[int] = (0,),
    penalties: Sequence[float] = PENALTIES,
    n_folds: int = 5,
    gap: int | None = None,
    n_draws: int = 0,
    generator: np.random.Generator | None = None,
    null: Literal["blocks", "circular", "phase"] = "circular",
    batch: int = 20_000,
    dtype: Literal["float32", "float64"] = "float64",
    return_weights: bool = True,
    device: str = "cpu",
) -> Encoding:
    """Predict every target from the features, in held-out time, by ridge regression.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features), or mapping of str to such arrays
        Features per volume. Several named spaces get a penalty each (banded ridge).
    responses : array_like of shape (n_samples, n_targets)
        Responses of the same volumes, cleaned (`clean`).
    runs : array_like of shape (n_samples,), optional
        Run labels. Several runs are held out as wholes, in at most `n_folds` groups; one run is cut into blocks.
    delays : sequence of int
        Delays of the features in samples, see `delay`.
    penalties : sequence of float
        Ridge penalties to choose from, per target, inside the training part of every fold.
    n_folds : int
        Folds of the test, and of the choice of penalties within each training part.
    gap : int, optional
        Samples next to a test block that are not trained on. Left out: as few as keep every stimulus sample on
        one side, the longest minus the shortest delay. About 10 s is safer: the noise is alike over some seconds too.
    n_draws : int
        Draws of the null distribution, see `p_values`; 0 for no p-values.
    generator : numpy.random.Generator, optional
        Source of the draws.
    null : {"blocks", "circular", "phase"}
        Kind of null distribution. One run of n samples has n - 1 shifts, so that p is at least 1 / n; "phase" has no
        such limit.
    batch : int
        Targets that are fitted at once: less memory, a little more time.
    dtype : {"float32", "float64"}
        Precision of the fit. float32 takes half the time and memory; scores differ by about 1e-4.
    return_weights : bool
        Whether to keep the coefficients: n_features x n_delays x n_targets numbers.
    device : {"cpu", "cuda"}
        Where the fits are made.

    Returns
    -------
    Encoding
        Predictions, scores and what was fitted.

    Raises
    ------
    ValueError
        For bad features, responses, runs, delays, penalties or folds; for a gap so short that a stimulus sample enters
        training and test; for draws without a generator.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> features = generator.normal(size=(100, 3))
    >>> encoding = fit_encoding(features, features @ [[1.0], [2.0], [0.0]], delays=(0, 1))
    >>> round(float(encoding.scores[0]), 3)
    1.0
    """
    spaces = check_spaces(features if isinstance(features, Mapping) else {"": features})
    responses = check_responses(responses, n_samples=len(next(iter(spaces.values()))))
    if n_draws and generator is None:
        msg = f"{n_draws} draws need a source of chance: give generator=numpy.random.default_rng(seed)."
        raise ValueError(msg)
    if batch < 1 or dtype not in ("float32", "float64"):
        msg = f"batch must be at least 1 and dtype 'float32' or 'float64': got {batch} and {dtype!r}."
        raise ValueError(msg)
    runs = check_runs(runs, len(responses))
    delays = check_delays(delays, shortest_run=int(np.bincount(runs).min()))
    design = {name: delay(X.astype(dtype, copy=False), delays, runs) for name, X in spaces.items()}
    nested = _nested_folds(runs, delays, n_folds, max(delays) - min(delays) if gap is None else gap)
    options = {"penalties": check_penalties(penalties), "device": device}
    found = _empty(design, responses.shape, nested, dtype, return_weights, is_banded=isinstance(features, Mapping))
    for start in range(0, responses.shape[1], batch):
        _fit_targets(found, design, responses, slice(start, start + batch), nested, runs, options)
    if n_draws:
        segments = _segments(runs, found.folds)
        p = p_values(found.predictions, responses, null, n_draws, generator, runs=runs, folds=segments)
        found = replace(found, p_values=p, q_values=benjamini_hochberg(p))
    return found if isinstance(features, Mapping) else _without_names(found)


def _nested_folds(runs: np.ndarray, delays: list[int], n_folds: int, gap: int) -> list[tuple[Split, list[Split]]]:
    """Outer splits, each with the inner ones of its training part, which count positions within it."""
    outer = split_samples(np.arange(len(runs)), runs, n_folds=n_folds, gap=gap)
    check_leakage(outer, delays, runs)
    nested = []
    for split in outer:
        inner = split_samples(split.train, runs, n_folds=n_folds, gap=gap)
        nested.append((split, [Split(*(np.searchsorted(split.train, part) for part in pair)) for pair in inner]))
    return nested


def _segments(runs: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Stretches of time that are centered by themselves for the score: the runs, or the blocks of a single run."""
    return runs if runs[-1] > 0 else folds


def _empty(
    design: dict[str, np.ndarray],
    shape: tuple[int, int],
    nested: list[tuple[Split, list[Split]]],
    dtype: str,
    return_weights: bool,
    is_banded: bool,
) -> Encoding:
    """Room for the results of all targets at once, so that batches are never held twice."""
    folds = np.empty(shape[0], dtype=np.intp)
    for fold, (split, _) in enumerate(nested):
        folds[split.test] = fold
    return Encoding(
        predictions=np.empty(shape, dtype=dtype),
        scores=np.empty(shape[1]),
        r2=np.empty(shape[1]),
        p_values=None,
        q_values=None,
        weights={name: np.zeros((X.shape[1], shape[1]), dtype) for name, X in design.items()}
        if return_weights
        else None,
        penalties={name: np.empty((len(nested), shape[1])) for name in design},
        folds=folds,
        parts={name: np.empty(shape, dtype=dtype) for name in design} if is_banded else {},
    )


def _fit_targets(
    found: Encoding,
    design: dict[str, np.ndarray],
    responses: np.ndarray,
    some: slice,
    nested: list[tuple[Split, list[Split]]],
    runs: np.ndarray,
    options: dict[str, Any],
) -> None:
    """Fit some targets in every fold and write what was found to their columns."""
    Y = responses[:, some].astype(found.predictions.dtype)
    residual_squares, squares = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
    for fold, (split, inner) in enumerate(nested):
        _refuse_constant_training(Y[split.train], fold, some.start)
        training = {name: X[split.train] for name, X in design.items()}
        fit = fit_banded_ridge(training, Y[split.train], splits=inner, **options)
        parts = fit.predict_parts({name: X[split.test] for name, X in design.items()})
        prediction = fit.intercept + sum(parts.values())
        found.predictions[split.test, some] = prediction
        residual_squares += np.square(Y[split.test] - prediction, dtype=np.float64).sum(axis=0)
        squares += np.square(Y[split.test] - Y[split.train].mean(axis=0), dtype=np.float64).sum(axis=0)
        for name, part in parts.items():
            found.penalties[name][fold, some] = fit.penalties[name]
            if found.weights is not None:
                found.weights[name][:, some] += fit.weights[name] / len(nested)
            if found.parts:
                found.parts[name][split.test, some] = part
    found.r2[some] = 1 - residual_squares / squares
    found.scores[some] = correlation_scores(found.predictions[:, some], Y, _segments(runs, found.folds))


def _refuse_constant_training(Y: np.ndarray, fold: int, first: int) -> None:
    constant = np.flatnonzero(~usable_targets(Y))
    if len(constant):
        msg = (
            f"{len(constant)} targets vary in the test block of fold {fold} only (columns "
            f"{(first + constant[:5]).tolist()}), so that there is nothing to fit; drop them or give fewer folds."
        )
        raise ValueError(msg)


def _without_names(found: Encoding) -> Encoding:
    """The same for features that were one array."""
    weights = None if found.weights is None else found.weights[""]
    return replace(found, weights=weights, penalties=found.penalties[""])
