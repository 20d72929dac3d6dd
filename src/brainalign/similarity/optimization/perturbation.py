"""What a score loses when one principal component is lost: closed forms, and the data to check them on.

Arrays are torch tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_representation

__all__ = [
    "drop_component",
    "dropped_component_scores",
    "loss_exponent",
    "replace_component",
    "replaced_component_scores",
]


def replaced_component_scores(variances: Tensor) -> Mapping[str, Tensor]:
    """Scores of a representation with a copy that has one component replaced by an unrelated one of equal variance.

    Parameters
    ----------
    variances : Tensor of shape (..., n_components)
        Variances of the principal components, 0 or more and not all 0, in any unit.

    Returns
    -------
    mapping of str to Tensor of shape (..., n_components)
        Measures of the registry: the score if component i alone is replaced.

    Raises
    ------
    ValueError
        For variances that are negative, all 0 or not finite.

    Notes
    -----
    linear CKA: 1 - l_i^2 / sum l^2. Normalized Bures similarity and linear predictivity: 1 - l_i / sum l. CKA weighs a
    component by its squared variance, the others by its variance.

    References
    ----------
    Cloos et al. (2024), arXiv 2407.07059, state the quadratic and the linear dependence; the forms are derived here.

    Examples
    --------
    >>> replaced_component_scores(torch.tensor([3.0, 1.0]))["linear_cka"]
    tensor([0.1000, 0.9000])
    """
    plain, squared = _shares(variances)
    return {
        "linear_cka": 1 - squared,
        "normalized_bures_similarity": 1 - plain,
        "linear_predictivity": 1 - plain,
    }


def loss_exponent(shares: Iterable[float], losses: Iterable[float]) -> float:
    """Power of a component's share of the variance with which a score falls when the component is lost.

    Parameters
    ----------
    shares : iterable of float
        Shares of the variance of single components, above 0. For a power law they must be small.
    losses : iterable of float
        What the score of the representation without each component lacks of 1, above 0.

    Returns
    -------
    float
        Slope of the logarithm of the loss over that of the share, by least squares. For replaced components 2 for
        linear CKA, 1 for angular CKA and normalized Bures similarity, 1/2 for angular Procrustes: an angle is the root
        of what its cosine lacks of 1.

    Raises
    ------
    ValueError
        For fewer than two components, or values that are not above 0.

    Examples
    --------
    >>> round(loss_exponent([0.1, 0.01], [0.04, 0.0004]), 6)
    2.0
    """
    x, y = np.asarray(list(shares), dtype=float), np.asarray(list(losses), dtype=float)
    if len(x) < 2 or x.shape != y.shape or not (x > 0).all() or not (y > 0).all():
        msg = f"loss_exponent needs two or more shares and as many losses, all above 0; got {x} and {y}."
        raise ValueError(msg)
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def dropped_component_scores(variances: Tensor) -> Mapping[str, Tensor]:
    """Scores of a representation with a copy that lacks one component.

    Parameters
    ----------
    variances : Tensor of shape (..., n_components)
        Variances of the principal components, 0 or more and not all 0, in any unit.

    Returns
    -------
    mapping of str to Tensor of shape (..., n_components)
        Measures of the registry: the score if component i alone is dropped. Linear predictivity is that of the whole
        representation from the copy.

    Raises
    ------
    ValueError
        For variances that are negative, all 0 or not finite.

    Notes
    -----
    linear CKA: sqrt(1 - l_i^2 / sum l^2). Normalized Bures similarity: sqrt(1 - l_i / sum l). Linear predictivity:
    1 - l_i / sum l. Derived here; see `brainalign.similarity.bounds.kept_components_similarity` for several components.

    Examples
    --------
    >>> dropped_component_scores(torch.tensor([3.0, 1.0]))["normalized_bures_similarity"]
    tensor([0.5000, 0.8660])
    """
    plain, squared = _shares(variances)
    return {
        "linear_cka": (1 - squared).clamp_min(0).sqrt(),
        "normalized_bures_similarity": (1 - plain).clamp_min(0).sqrt(),
        "linear_predictivity": 1 - plain,
    }


def drop_component(X: Tensor, component: int) -> Tensor:
    """The centered representation without one of its principal components.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Representation.
    component : int
        Which one, 0 for that of most variance.

    Returns
    -------
    Tensor of shape (n_samples, n_features)

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_representation` refuses, or a component that does not exist.
    """
    U, s, Vh = _decompose(X, component)
    return center_columns(X) - s[component] * torch.outer(U[:, component], Vh[component])


def replace_component(X: Tensor, component: int, *, generator: torch.Generator) -> Tensor:
    """The centered representation with the time course of one component replaced by a random one.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Representation; its components must leave a direction over the samples free (n_features < n_samples - 1).
    component : int
        Which one, 0 for that of most variance.
    generator : torch.Generator
        Draws the new course over the samples. It is uncorrelated with all components and has the variance of the old.

    Returns
    -------
    Tensor of shape (n_samples, n_features)

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_representation` refuses, a component that does not exist, or no free direction.
    """
    U, s, Vh = _decompose(X, component)
    n_samples = len(X)
    kept = U[:, s > max(X.shape) * torch.finfo(s.dtype).eps * s[0]]
    if kept.shape[1] >= n_samples - 1:
        msg = (
            f"replace_component: {kept.shape[1]} components leave no direction over {n_samples} samples free; give "
            "more samples or fewer features."
        )
        raise ValueError(msg)
    new = torch.randn(n_samples, 1, generator=generator, dtype=X.dtype)
    for _ in range(2):  # twice, because the first time leaves rounding
        new = center_columns(new)
        new = new - kept @ (kept.mT @ new)
    new = new[:, 0] / torch.linalg.vector_norm(new)
    return center_columns(X) + s[component] * torch.outer(new - U[:, component], Vh[component])


def _shares(variances: Tensor) -> tuple[Tensor, Tensor]:
    is_allowed = torch.isfinite(variances).all() and (variances >= 0).all() and (variances.sum(dim=-1) > 0).all()
    if not is_allowed:
        msg = "variances must be finite, 0 or more, and not all 0; give squared singular values of centered data."
        raise ValueError(msg)
    squares = variances.square()
    return variances / variances.sum(dim=-1, keepdim=True), squares / squares.sum(dim=-1, keepdim=True)


def _decompose(X: Tensor, component: int) -> tuple[Tensor, Tensor, Tensor]:
    check_representation(X, name="X", measure="component perturbation")
    n_components = min(X.shape[-2:])
    if X.ndim != 2 or not 0 <= component < n_components:
        msg = (
            f"component perturbation: X of shape {tuple(X.shape)} has components 0 to {n_components - 1}: got "
            f"{component}. Give one representation of two dimensions and one of its components."
        )
        raise ValueError(msg)
    return torch.linalg.svd(center_columns(X), full_matrices=False)
