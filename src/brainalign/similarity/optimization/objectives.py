"""Scores that data are optimised under, each with its gradient.

Arrays are torch tensors. The gradients of CKA, of Procrustes and of linear regression are closed forms: no derivative
of a singular vector is taken, so that equal singular values, singular values of 0 and a representation that has
arrived at its reference do no harm. Every other differentiable measure of the registry goes through autograd.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import pi
from typing import Any

import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_representation
from brainalign.similarity.measures import MEASURES, Measure
from brainalign.similarity.prediction import column_lengths, inverse_triangular_factor

__all__ = ["ANGULAR", "Objective", "list_objectives", "score_towards"]

ANGULAR = {"angular_cka": "linear_cka", "angular_procrustes": "normalized_bures_similarity"}
"""Scores 1 - 2 theta / pi, by the cosine whose angle theta they take."""

# Singular values spread less than this: the eigenvectors of CC' are good to ten digits as they are.
_WELL_CONDITIONED = 1e3
# Spread more than this, C itself is decomposed.
_CORRECTABLE = 1e6
# A correction of first order leaves the square of what it corrects.
_LARGEST_CORRECTION = 1e-5


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A score of moving data against fixed references, with its gradient.

    Call it with data of shape (n_copies, n_samples, n_features); it returns the scores, of shape (n_copies,) and in
    double precision, and their gradient, shaped like the data. Made by `score_towards`.

    Attributes
    ----------
    measure : str
        Name of the score.
    n_references : int
        1, or as many as there are copies of the data.
    n_samples : int
        Samples of the references.
    constants : tuple of Tensor
        What is computed once from the references, which are their first dimension.
    compute : callable
        Takes the data and the constants.
    """

    measure: str
    n_references: int
    n_samples: int
    constants: tuple[Tensor, ...]
    compute: Callable[..., tuple[Tensor, Tensor]]

    def __call__(self, Y: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and gradient at `Y`."""
        return self.compute(Y, *self.constants)

    def take(self, copies: Tensor) -> Objective:
        """The same score against the references of some copies only."""
        if self.n_references == 1:
            return self
        return replace(self, n_references=len(copies), constants=tuple(c[copies] for c in self.constants))


def list_objectives() -> list[str]:
    """Names that `score_towards` takes."""
    return [*ANGULAR, *(measure.name for measure in MEASURES if measure.is_differentiable)]


def score_towards(reference: Tensor, measure: str, **options: Any) -> Objective:
    """A score to be raised, of moving data against a fixed reference.

    Parameters
    ----------
    reference : Tensor of shape (n_samples, n_features) or (n_references, n_samples, n_features)
        What the data are compared with; one for all copies of the data, or one for each.
    measure : str
        A name of `list_objectives`. Angles become the score 1 - 2 theta / pi and distances their negative, so that
        more is always more alike. For a measure with a direction the data are the source and predict the reference.
    **options
        Passed on to the measure (`alpha` of `ridge_predictivity`, for instance).

    Returns
    -------
    Objective

    Raises
    ------
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        For a reference that is badly shaped, not finite or constant, an unknown measure, or one without gradient.

    Notes
    -----
    With X and Y centered, K = XX', and c the score, the gradients in Y are

        linear_cka:                   2 (K Y / (||K|| ||YY'||) - c YY'Y / ||YY'||^2)
        normalized_bures_similarity:  X U V' / (||X|| ||Y||) - c Y / ||Y||^2, with X'Y = U diag(s) V'
        linear_predictivity:          2 (X - PX) (Y^+ X)' / ||X||^2, with the projection P on the columns of Y

    and an angular score multiplies by 2 / (pi sqrt(1 - c^2)), held finite at c = 1. Singular values of 0 take no part
    in U V', which gives the shortest of the subgradients.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    The gradients are derived here.

    Examples
    --------
    >>> X = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]])
    >>> score, gradient = score_towards(X, "linear_cka")(5 - 3 * X[None])
    >>> round(float(score), 6), gradient.shape
    (1.0, torch.Size([1, 3, 2]))
    """
    check_representation(reference, name="reference", measure=measure)
    if reference.ndim > 3:
        msg = f"{measure}: the reference must have 2 or 3 dimensions, got shape {tuple(reference.shape)}; flatten it."
        raise ValueError(msg)
    X = reference.detach()
    X = X[None] if X.ndim == 2 else X
    cosine = ANGULAR.get(measure, measure)
    if cosine in _CLOSED_FORMS:
        _refuse_options(measure, options)
        constants, compute = _CLOSED_FORMS[cosine](center_columns(X))
        compute = partial(_as_angle, compute) if measure in ANGULAR else compute
    else:
        constants, compute = (X,), partial(_through_autograd, _differentiable(measure), options)
    return Objective(measure=measure, n_references=len(X), n_samples=X.shape[-2], constants=constants, compute=compute)


def _refuse_options(measure: str, options: dict[str, Any]) -> None:
    if options:
        msg = f"{measure} has no options: got {', '.join(options)}. Leave them out."
        raise ValueError(msg)


def _differentiable(name: str) -> Measure:
    for measure in MEASURES:
        if measure.name == name and measure.is_differentiable:
            return measure
    known = list_objectives()
    if name in {measure.name for measure in MEASURES}:
        msg = f"{name} has no gradient to follow; choose one of: {', '.join(known)}."
        raise ValueError(msg)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    msg = f"unknown measure '{name}'.{hint} Known are: {', '.join(known)}."
    raise ValueError(msg)


def _through_autograd(measure: Measure, options: dict[str, Any], Y: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    Y = Y.detach().requires_grad_()
    with torch.enable_grad():
        value = measure(Y, X, **options)
        if measure.kind != "score":
            value = 1 - value * (2 / pi) if measure.kind == "angle" else -value
        (gradient,) = torch.autograd.grad(value.sum(), Y)
    return value.detach().double(), gradient


def _as_angle(compute: Callable[..., tuple[Tensor, Tensor]], Y: Tensor, *constants: Tensor) -> tuple[Tensor, Tensor]:
    cosine, gradient = compute(Y, *constants)
    cosine = cosine.clamp(max=1)  # rounding can put it above
    # At 1 the slope of the arc cosine is infinite and the gradient of the cosine 0; their product is kept small.
    sine = (1 - cosine.square()).clamp_min(torch.finfo(Y.dtype).eps).sqrt()
    slope = 2 / (pi * sine)
    return 1 - cosine.arccos() * (2 / pi), gradient * slope.to(gradient.dtype)[:, None, None]


def _unit(X: Tensor) -> tuple[Tensor, Tensor]:
    """X centered and divided by its Frobenius norm, and that norm."""
    X = center_columns(X)
    largest = X.abs().amax(dim=(-2, -1), keepdim=True)  # so that squares neither overflow nor vanish
    norm = largest * torch.linalg.vecdot(X / largest, X / largest).sum(dim=-1)[..., None, None].sqrt()
    return X / norm, norm


def _inner(A: Tensor, B: Tensor) -> Tensor:
    return (A * B).sum(dim=(-2, -1), dtype=torch.float64)


def _own_gram_times(Y: Tensor) -> Tensor:
    """YY'Y, in the cheaper order."""
    return Y @ (Y.mT @ Y) if Y.shape[-1] <= Y.shape[-2] else (Y @ Y.mT) @ Y


def _cka_constants(X: Tensor) -> tuple[tuple[Tensor, ...], Callable[..., tuple[Tensor, Tensor]]]:
    X, _ = _unit(X)
    n_samples, n_features = X.shape[-2:]
    size = _inner(X, _own_gram_times(X)).sqrt().to(X.dtype)[:, None, None]  # ||XX'||
    if n_samples <= 2 * n_features:
        return (X @ X.mT / size,), partial(_linear_cka, torch.matmul)
    return (X / size.sqrt(),), partial(_linear_cka, lambda factor, Y: factor @ (factor.mT @ Y))


def _linear_cka(multiply: Callable[[Tensor, Tensor], Tensor], Y: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
    Y, norm = _unit(Y)
    towards, itself = multiply(gram, Y), _own_gram_times(Y)
    squared = _inner(Y, itself)  # ||YY'||^2
    cka = _inner(Y, towards) / squared.sqrt()
    weights = (2 / squared.sqrt(), 2 * cka / squared)
    first, second = (w.to(Y.dtype)[:, None, None] for w in weights)
    return cka, (first * towards - second * itself) / norm


def _bures_constants(X: Tensor) -> tuple[tuple[Tensor, ...], Callable[..., tuple[Tensor, Tensor]]]:
    # Only the principal components that vary: what is left of X'Y is small, and seldom singular.
    X, _ = _unit(X)
    U, s, _ = torch.linalg.svd(X, full_matrices=False)
    rank = int((s > s[:, :1] * max(X.shape[-2:]) * torch.finfo(s.dtype).eps).sum(dim=-1).max())
    return ((U * s.unsqueeze(-2))[..., :rank],), _normalized_bures


def _normalized_bures(Y: Tensor, components: Tensor) -> tuple[Tensor, Tensor]:
    Y, norm = _unit(Y)
    nbs, polar = _nuclear_norm_and_polar_factor(components.mT @ Y)
    return nbs, (components @ polar - nbs.to(Y.dtype)[:, None, None] * Y) / norm


def _nuclear_norm_and_polar_factor(C: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the singular values of C, and UV' of those that are not 0, for C = U diag(s) V'."""
    turned = C.shape[-2] > C.shape[-1]
    A = (C.mT if turned else C).double()
    if not torch.isfinite(A).all():  # the decompositions raise where they should hand NaN on
        return A.sum(dim=(-2, -1)) * torch.nan, C * torch.nan
    floor = max(A.shape[-2:]) * torch.finfo(C.dtype).eps
    polar = _polar_factor_by_eigenvectors(A, floor)
    if polar is None:
        U, s, Vh = torch.linalg.svd(A, full_matrices=False)
        polar = (U * (s > floor * s[..., :1]).unsqueeze(-2)) @ Vh
    nuclear_norm = (polar * A).sum(dim=(-2, -1))
    return nuclear_norm, (polar.mT if turned else polar).to(C.dtype)


def _polar_factor_by_eigenvectors(A: Tensor, floor: float) -> Tensor | None:
    """(AA')^(-1/2) A for A with no more rows than columns, or None where the eigenvectors of AA' are too inexact.

    With B = V'A = DN, where V holds the eigenvectors, D the lengths of the rows of B and N the rows of unit length, and
    E = NN' - 1, which is 0 but for rounding, (BB')^(1/2) is D + F with F_ij = d_i d_j E_ij / (d_i + d_j) to first
    order. So the polar factor of B is (1 - D^-1 F) N, and V times that is the one of A.
    """
    _, vectors = torch.linalg.eigh(A @ A.mT)
    rotated = vectors.mT @ A
    lengths = torch.linalg.vector_norm(rotated, dim=-1, keepdim=True)
    share = lengths.amin(dim=-2) / lengths.amax(dim=-2)
    if not (share > max(floor, 1 / _CORRECTABLE)).all():
        return None
    rows = rotated / lengths
    if not (share > 1 / _WELL_CONDITIONED).all():
        defect = rows @ rows.mT
        defect.diagonal(dim1=-2, dim2=-1).sub_(1)
        if (torch.linalg.vector_norm(defect, dim=(-2, -1)) > _LARGEST_CORRECTION).any():
            return None
        rows = rows - (defect * (lengths.mT / (lengths + lengths.mT))) @ rows
    return vectors @ rows


def _predictivity_constants(X: Tensor) -> tuple[tuple[Tensor, ...], Callable[..., tuple[Tensor, Tensor]]]:
    X, _ = _unit(X)
    return (X,), _linear_predictivity


def _linear_predictivity(Y: Tensor, X: Tensor) -> tuple[Tensor, Tensor]:
    n_samples, n_features = Y.shape[-2:]
    if n_features >= n_samples - 1:
        msg = (
            f"linear_predictivity: {n_features} features explain any reference in {n_samples} samples: at most "
            f"{n_samples - 2} are allowed. Use ridge_predictivity, fewer features, or more samples."
        )
        raise ValueError(msg)
    features, norm = _unit(Y)
    lengths = column_lengths(features, Y / norm)
    Q, R = torch.linalg.qr(features / lengths)
    inverse = inverse_triangular_factor(R, n_samples)
    if inverse is None:
        msg = (
            "linear_predictivity: features of the data are linear combinations of others, so that the gradient does "
            "not exist; drop them, or use ridge_predictivity."
        )
        raise ValueError(msg)
    along = Q.mT @ X
    beyond = X - Q @ along
    return _inner(along, along), 2 * (beyond @ (inverse @ along).mT) / (norm * lengths)


_CLOSED_FORMS = {
    "linear_cka": _cka_constants,
    "normalized_bures_similarity": _bures_constants,
    "linear_predictivity": _predictivity_constants,
}
