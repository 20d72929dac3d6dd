"""Banded ridge regression: several spaces of features, each with a penalty of its own, by himalaya on PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.ridge import solve_group_ridge_random_search
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_responses
from brainalign.encoding.ridge import (
    PENALTIES,
    TARGETS_REFIT_AT_ONCE,
    TARGETS_SCORED_AT_ONCE,
    RidgeFit,
    check_penalties,
    fit_ridge,
    himalaya_backend,
    standardization,
)
from brainalign.encoding.splits import Split, contiguous_folds
from brainalign.numeric import as_doubles

__all__ = ["BandedFit", "check_spaces", "fit_banded_ridge", "space_shares"]

_MOST_ON_GRID = 21  # every candidate costs as much as a whole fit without bands

# himalaya's primal solver divides by the root of the share: one of 0 is brought to this, and its weights are dropped.
_NO_SHARE = 1e-10


@dataclass(frozen=True)
class BandedFit:
    """Coefficients of a linear model on several spaces of features.

    Attributes
    ----------
    weights : dict of str to ndarray of shape (n_features of the space, n_targets)
        Coefficients of the standardized features.
    intercept : ndarray of shape (n_targets,)
        Value that is predicted at the mean of the training features.
    penalties : dict of str to ndarray of shape (n_targets,)
        Penalty of every space, infinite where the space is not used.
    center, scale : dict of str to ndarray of shape (n_features of the space,)
        Training mean and standard deviation of the features (1 where that is 0).
    """

    weights: dict[str, np.ndarray]
    intercept: np.ndarray
    penalties: dict[str, np.ndarray]
    center: dict[str, np.ndarray]
    scale: dict[str, np.ndarray]

    def predict_parts(self, spaces: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """Predict the part of the responses that comes from every space.

        Parameters
        ----------
        spaces : mapping of str to array_like of shape (n_samples, n_features of the space)
            The spaces of the fit, for new samples.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_targets)
            Parts that add up, with the intercept, to the prediction.

        Raises
        ------
        ValueError
            If there are other spaces than in the fit.
        """
        spaces = check_spaces(spaces)
        if {name: X.shape[1] for name, X in spaces.items()} != {name: len(c) for name, c in self.center.items()}:
            msg = f"the model was fitted to the spaces {list(self.center)}: got {list(spaces)}, or other features."
            raise ValueError(msg)
        return {
            name: ((spaces[name] - self.center[name]) / self.scale[name]).astype(weights.dtype) @ weights
            for name, weights in self.weights.items()
        }


def fit_banded_ridge(
    spaces: Mapping[str, ArrayLike],
    responses: ArrayLike,
    *,
    penalties: Sequence[float] = PENALTIES,
    splits: Sequence[Split] | int = 5,
    shares: ArrayLike | None = None,
    device: str = "cpu",
) -> BandedFit:
    """Fit a ridge regression with one penalty per space of features and target, chosen by cross-validation.

    One penalty for all would let a large space crowd out a small one that matters more.

    Parameters
    ----------
    spaces : mapping of str to array_like of shape (n_samples, n_features of the space)
        Spaces of features, of any scale: they are standardized here.
    responses : array_like of shape (n_samples, n_targets)
        Responses of the same samples. The fit is made in their type.
    penalties : sequence of float
        Overall penalties to choose from, above 0.
    splits : sequence of (train, test) or int
        Folds that penalties are chosen by, or the number of contiguous ones.
    shares : array_like of shape (n_candidates, n_spaces), optional
        Shares of the prior variance to try, rows that add up to 1; `space_shares` makes the usual ones.
    device : {"cpu", "cuda"}
        Where the work is done.

    Returns
    -------
    BandedFit
        The model, fitted to all samples.

    Raises
    ------
    ValueError
        For bad spaces, responses, penalties, shares or folds.

    Notes
    -----
    For a share g_s and an overall penalty a, the penalty of a space with p_s of all p features is a p_s / (p g_s): the
    model is kernel ridge with the kernel p sum_s g_s Z_s Z_s' / p_s, whose mean diagonal is p for any shares. Shares
    p_s / p give plain ridge, which is always among the candidates (Dupré la Tour et al. 2022). Costs as many
    decompositions as there are candidates and folds, of the features if there are fewer of them than samples, and of
    the kernel otherwise.
    """
    spaces = check_spaces(spaces)
    if len(spaces) == 1:
        return _of_one_space(
            spaces, fit_ridge(*spaces.values(), responses, penalties=penalties, splits=splits, device=device)
        )
    n_samples = len(next(iter(spaces.values())))
    responses = check_responses(responses, n_samples=n_samples)
    penalties = check_penalties(penalties)
    splits = contiguous_folds(n_samples, splits) if isinstance(splits, int) else list(splits)
    sizes = np.array([X.shape[1] for X in spaces.values()])
    shares = space_shares(sizes) if shares is None else _check_shares(shares, len(spaces))
    standard = {name: standardization(X) for name, X in spaces.items()}
    Z = [((X - standard[name][0]) / standard[name][1]).astype(responses.dtype) for name, X in spaces.items()]
    weights, intercept, used = _solve(Z, responses, penalties, shares, splits, device)
    with np.errstate(divide="ignore"):
        of_spaces = (sizes / sizes.sum())[:, None] / used
    return BandedFit(
        weights=dict(zip(spaces, weights, strict=True)),
        intercept=intercept,
        penalties=dict(zip(spaces, of_spaces, strict=True)),
        center={name: center for name, (center, _) in standard.items()},
        scale={name: scale for name, (_, scale) in standard.items()},
    )


def _of_one_space(spaces: dict[str, np.ndarray], fit: RidgeFit) -> BandedFit:
    parts = (dict.fromkeys(spaces, part) for part in (fit.weights, fit.penalties, fit.center, fit.scale))
    weights, penalties, center, scale = parts
    return BandedFit(weights, fit.intercept, penalties, center, scale)


def _solve(
    Z: list[np.ndarray],
    responses: np.ndarray,
    penalties: np.ndarray,
    shares: np.ndarray,
    splits: list[Split],
    device: str,
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights per space, intercept, and the shares divided by the overall penalty, per target."""
    n_features = sum(part.shape[1] for part in Z)
    with himalaya_backend(device) as backend:
        Z = [backend.asarray(part * (n_features / part.shape[1]) ** 0.5, device=device) for part in Z]
        options = {
            "Y": backend.asarray(responses, device=device),
            "n_iter": np.maximum(shares, _NO_SHARE),
            "alphas": backend.asarray(penalties, dtype=Z[0].dtype, device=device),
            "cv": splits,
            "fit_intercept": True,
            "n_targets_batch": TARGETS_SCORED_AT_ONCE,
            "n_targets_batch_refit": TARGETS_REFIT_AT_ONCE,
            "progress_bar": False,
        }
        if n_features > len(responses):
            Ks = backend.stack([part @ part.mT for part in Z])
            solved = solve_multiple_kernel_ridge_random_search(Ks, return_weights="dual", **options)
            deltas, dual, _, intercept = solved
            used, dual = backend.exp(deltas), dual.to(deltas.device)
            weights = [share * (part.mT @ dual) for share, part in zip(used, Z, strict=True)]
        else:
            deltas, weights, _, intercept = solve_group_ridge_random_search(Z, return_weights=True, **options)
            used, weights = backend.exp(deltas), weights.split([part.shape[1] for part in Z])
        used = used.cpu().numpy().astype(np.float64)
        is_used = used > 10 * _NO_SHARE * used.sum(axis=0)
        scaled = [
            np.where(some, part.cpu().numpy() * (n_features / len(part)) ** 0.5, 0)
            for some, part in zip(is_used, weights, strict=True)
        ]
    return scaled, intercept.cpu().numpy(), np.where(is_used, used, 0)


def space_shares(sizes: Sequence[int]) -> np.ndarray:
    """Shares of the prior variance to try: of plain ridge, equal ones, and a regular grid with each space alone.

    Parameters
    ----------
    sizes : sequence of int
        Features of every space.

    Returns
    -------
    ndarray of shape (n_candidates, n_spaces)
        Rows that add up to 1, at most 23. The first are the shares of plain ridge, the second equal ones.

    Examples
    --------
    >>> space_shares([3, 1])[[0, 1, -1]].tolist()
    [[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]
    """
    sizes = as_doubles(sizes, name="sizes")
    n_spaces, steps = len(sizes), 1
    if n_spaces == 1:
        return np.ones((1, 1))
    while steps < 10 and comb(steps + n_spaces, n_spaces - 1) <= _MOST_ON_GRID:
        steps += 1
    # All ways to share out `steps` equal parts: the places of the dividers among parts and dividers tell them.
    places = np.array(list(combinations(range(steps + n_spaces - 1), n_spaces - 1)))
    edges = np.column_stack([np.full(len(places), -1), places, np.full(len(places), steps + n_spaces - 1)])
    return np.vstack([sizes / sizes.sum(), np.full(n_spaces, 1 / n_spaces), (np.diff(edges, axis=1) - 1) / steps])


def check_spaces(spaces: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Refuse spaces of features that are empty, not finite or of different lengths.

    Parameters
    ----------
    spaces : mapping of str to array_like of shape (n_samples, n_features of the space)
        Spaces of features.

    Returns
    -------
    dict of str to array
        The same values as floating-point numbers.

    Raises
    ------
    ValueError
        If they cannot be used.
    """
    if not spaces:
        msg = "there must be at least one space of features: got none."
        raise ValueError(msg)
    checked = {name: check_features(X, name=f"the feature space {name!r}") for name, X in spaces.items()}
    n_samples = {name: len(X) for name, X in checked.items()}
    if len(set(n_samples.values())) > 1:
        msg = f"the feature spaces must have the same samples (rows): got {n_samples}. Align them by volume first."
        raise ValueError(msg)
    return checked


def _check_shares(shares: ArrayLike, n_spaces: int) -> np.ndarray:
    shares = as_doubles(shares, name="shares")
    if shares.ndim != 2 or shares.shape[1] != n_spaces or (shares < 0).any() or (abs(shares.sum(1) - 1) > 1e-6).any():
        msg = f"shares must have rows of {n_spaces} numbers, 0 or more, that add up to 1: got shape {shares.shape}."
        raise ValueError(msg)
    return shares
