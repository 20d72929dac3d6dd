"""Ridge regression with one penalty per target, by himalaya on PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import solve_kernel_ridge_cv_eigenvalues
from himalaya.ridge import solve_ridge_cv_svd
from numpy.typing import ArrayLike

from brainalign.encoding.inputs import check_features, check_responses
from brainalign.encoding.splits import Split, contiguous_folds
from brainalign.numeric import as_doubles

__all__ = ["PENALTIES", "RidgeFit", "check_penalties", "fit_ridge", "himalaya_backend"]

# Features are standardized, so that a penalty compares with the number of samples times that of features.
PENALTIES = tuple(10.0**exponent for exponent in range(-1, 9))

# Targets that himalaya holds predictions for at once: enough for full speed, and little memory.
TARGETS_SCORED_AT_ONCE = 5_000
TARGETS_REFIT_AT_ONCE = 2_000


@dataclass(frozen=True)
class RidgeFit:
    """Coefficients of a linear model, with what is needed to apply it to new samples.

    Attributes
    ----------
    weights : ndarray of shape (n_features, n_targets)
        Coefficients of the standardized features.
    intercept : ndarray of shape (n_targets,)
        Value that is predicted at the mean of the training features.
    penalties : ndarray of shape (n_targets,)
        Penalty that was chosen for every target.
    center, scale : ndarray of shape (n_features,)
        Training mean and standard deviation of the features (1 where that is 0).
    """

    weights: np.ndarray
    intercept: np.ndarray
    penalties: np.ndarray
    center: np.ndarray
    scale: np.ndarray

    def predict(self, features: ArrayLike) -> np.ndarray:
        """Predict the responses to new samples.

        Parameters
        ----------
        features : array_like of shape (n_samples, n_features)
            Features as they were given to the fit, not standardized.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            Predictions.

        Raises
        ------
        ValueError
            If there are other features than in the fit.
        """
        features = check_features(features)
        if features.shape[1] != len(self.center):
            msg = f"the model was fitted to {len(self.center)} features: got {features.shape[1]}."
            raise ValueError(msg)
        standardized = ((features - self.center) / self.scale).astype(self.weights.dtype)
        return standardized @ self.weights + self.intercept


def fit_ridge(
    features: ArrayLike,
    responses: ArrayLike,
    *,
    penalties: Sequence[float] = PENALTIES,
    splits: Sequence[Split] | int = 5,
    device: str = "cpu",
) -> RidgeFit:
    """Fit a ridge regression whose penalty is chosen for every target by cross-validation.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Features, of any scale: they are standardized here.
    responses : array_like of shape (n_samples, n_targets)
        Responses of the same samples. The fit is made in their type: float32 takes half the time of float64.
    penalties : sequence of float
        Penalties to choose from, above 0.
    splits : sequence of (train, test) or int
        Folds that the penalty is chosen by, or the number of contiguous ones.
    device : {"cpu", "cuda"}
        Where the work is done.

    Returns
    -------
    RidgeFit
        The model, fitted to all samples.

    Raises
    ------
    ValueError
        For bad features, responses, penalties or folds.

    Notes
    -----
    Minimizes ||Z b - (y - mean y)||^2 + penalty ||b||^2 with the standardized features Z. Penalties are compared by the
    mean squared error on the folds. With more features than samples the kernel ZZ' is decomposed, otherwise Z itself:
    both give the same model, at a cost of O(n^3 + n^2 t) or O(n p^2 + n p t) a fold (Dupré la Tour et al. 2022).
    """
    features = check_features(features)
    responses = check_responses(responses, n_samples=len(features))
    penalties = check_penalties(penalties)
    splits = contiguous_folds(len(features), splits) if isinstance(splits, int) else list(splits)
    center, scale = standardization(features)
    Z = ((features - center) / scale).astype(responses.dtype)
    with himalaya_backend(device) as backend:
        Z, Y = (backend.asarray(array, device=device) for array in (Z, responses))
        weights, intercept, chosen = _solve(Z, Y, backend.asarray(penalties, dtype=Z.dtype, device=device), splits)
    return RidgeFit(weights, intercept, nearest(penalties, chosen), center, scale)


def _solve(
    Z: torch.Tensor, Y: torch.Tensor, penalties: torch.Tensor, splits: list[Split]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    options = {
        "alphas": penalties,
        "cv": splits,
        "fit_intercept": True,
        "n_targets_batch": TARGETS_SCORED_AT_ONCE,
        "n_targets_batch_refit": TARGETS_REFIT_AT_ONCE,
    }
    if Z.shape[1] > Z.shape[0]:
        chosen, dual, _, intercept = solve_kernel_ridge_cv_eigenvalues(Z @ Z.mT, Y, **options)
        weights = Z.mT @ dual.to(Z.device)
    else:
        chosen, weights, _, intercept = solve_ridge_cv_svd(Z, Y, warn=False, **options)
    return tuple(array.cpu().numpy() for array in (weights, intercept, chosen))


@contextmanager
def himalaya_backend(device: str = "cpu") -> Iterator:
    """Let himalaya compute on PyTorch inside the block, and on what it was set to before afterwards.

    himalaya keeps its backend in a global variable, which other code may rely on.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        Where to compute. PyTorch is several times faster than numpy on the CPU already.

    Yields
    ------
    module
        himalaya's backend.

    Raises
    ------
    ValueError
        For another device, or one that this computer does not have.
    """
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        msg = f"device must be 'cpu', or 'cuda' where PyTorch finds a GPU: got {device!r}."
        raise ValueError(msg)
    before = get_backend().name
    backend = set_backend("torch_cuda" if device == "cuda" else "torch")
    try:
        yield backend
    finally:
        set_backend(before)


def check_penalties(penalties: Sequence[float]) -> np.ndarray:
    """Refuse penalties that are not above 0 and finite, or no penalties at all.

    Parameters
    ----------
    penalties : sequence of float
        Penalties to choose from.

    Returns
    -------
    ndarray of shape (n_penalties,)
        The penalties in increasing order.

    Raises
    ------
    ValueError
        If they cannot be used.
    """
    values = np.unique(np.atleast_1d(as_doubles(penalties, name="penalties")))
    if values.size == 0 or not (np.isfinite(values).all() and values[0] > 0):
        msg = f"penalties must be above 0 and finite, and at least one: got {penalties!r}. Try the default, PENALTIES."
        raise ValueError(msg)
    return values


def standardization(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every feature, 1 where a feature is constant up to rounding.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        Training features.

    Returns
    -------
    center, scale : ndarray of shape (n_features,)
        In float64.
    """
    center = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    rounding = 4 * np.finfo(features.dtype).eps * np.abs(features).max(axis=0)
    return center, np.where(scale > rounding, scale, 1.0)


def nearest(penalties: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The penalties that were meant: himalaya returns them through a logarithm, with a rounding."""
    steps = (np.log(penalties[1:]) + np.log(penalties[:-1])) / 2
    return penalties[np.searchsorted(steps, np.log(chosen.astype(np.float64)))]
