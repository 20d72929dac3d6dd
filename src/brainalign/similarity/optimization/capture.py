"""At which score each principal component of a reference is captured by data that climb towards it.

Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_representation

__all__ = ["CapturedComponents", "capture_scores", "principal_components", "principal_variances"]

_NAME = "component capture"


class CapturedComponents:
    """How much of every principal component of a reference a linear map of other data explains.

    Parameters
    ----------
    reference : Tensor of shape (n_samples, n_features) or (n_references, n_samples, n_features)
        Its principal components are taken, from the one of most variance on.

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_representation` refuses.

    Notes
    -----
    Component i of the centered reference X is s_i u_i, from X = U diag(s) V'. With the orthonormal basis Q of the
    centered data, the in-sample R2 of its best linear prediction is ||Q'u_i||^2. Independent noise of q features has
    q / (n - 1) on average, the same for all components.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.
    """

    def __init__(self, reference: Tensor) -> None:
        check_representation(reference, name="reference", measure=_NAME)
        X = center_columns(reference)
        U, s, _ = torch.linalg.svd(X, full_matrices=False)
        self.variances = s.square() / s.square().sum(dim=-1, keepdim=True)
        self._directions = U if X.ndim == 3 else U[None]

    def __call__(self, data: Tensor, copies: Tensor | None = None) -> Tensor:
        """R2 of every component.

        Parameters
        ----------
        data : Tensor of shape (n_copies, n_samples, n_features)
            Fewer features than n_samples - 1; against one reference, or one each.
        copies : Tensor of shape (n_copies,), optional
            Numbers of the references that the data belong to, where there is one each; all by default.

        Returns
        -------
        Tensor of shape (n_copies, n_components)
            In [0, 1].

        Raises
        ------
        ValueError
            If the data explain anything because of their number of features.
        """
        n_samples, n_features = data.shape[-2:]
        if n_features >= n_samples - 1:
            msg = (
                f"{_NAME}: {n_features} features explain any component in {n_samples} samples: at most "
                f"{n_samples - 2} are allowed. Give more samples or fewer features."
            )
            raise ValueError(msg)
        Q, _ = torch.linalg.qr(center_columns(data))
        directions = self._directions if copies is None or len(self._directions) == 1 else self._directions[copies]
        return (Q.mT @ directions).square().sum(dim=-2)


def principal_variances(X: Tensor) -> Tensor:
    """Variances of the principal components as shares of their sum, from the largest on.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.

    Returns
    -------
    Tensor of shape (..., min(n_samples, n_features))
        Sums to 1.

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_representation` refuses.

    Examples
    --------
    >>> principal_variances(torch.tensor([[3.0, 1.0], [3.0, -1.0], [-3.0, 1.0], [-3.0, -1.0]]))
    tensor([0.9000, 0.1000])
    """
    check_representation(X, name="X", measure="principal_variances")
    squares = torch.linalg.svdvals(center_columns(X)).square()
    return squares / squares.sum(dim=-1, keepdim=True)


def principal_components(X: Tensor, n_components: int) -> Tensor:
    """The data along their principal components of most variance, which no other so few coordinates keep closer.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.
    n_components : int
        How many coordinates are kept, from 1 to the smaller of n_samples - 1 and n_features.

    Returns
    -------
    Tensor of shape (..., n_samples, n_components)
        Centered and uncorrelated, from the largest variance on; the sign of each is arbitrary.

    Raises
    ------
    TypeError, ValueError
        What `brainalign.arrays.check_representation` refuses, and a number of components that the data do not have.

    Examples
    --------
    >>> X = torch.tensor([[3.0, 1.0], [3.0, -1.0], [-3.0, 1.0], [-3.0, -1.0]])
    >>> principal_components(X, 1).abs().round(decimals=3).squeeze()
    tensor([3., 3., 3., 3.])
    """
    check_representation(X, name="X", measure="principal_components")
    n_samples, n_features = X.shape[-2:]
    most = min(n_samples - 1, n_features)
    if not 1 <= n_components <= most:
        msg = (
            f"principal_components: {n_samples} samples of {n_features} features have {most} components: got "
            f"n_components = {n_components}. Give 1 to {most}, or more samples."
        )
        raise ValueError(msg)
    U, s, _ = torch.linalg.svd(center_columns(X), full_matrices=False)
    return (U * s.unsqueeze(-2))[..., :n_components]


def capture_scores(scores: Tensor, explained: Tensor) -> Tensor:
    """Score at which each component is half-way between what noise explains of it and all.

    Parameters
    ----------
    scores : Tensor of shape (n_steps + 1,)
        Scores on the way.
    explained : Tensor of shape (n_steps + 1, n_components)
        R2 of every component on the way, from `CapturedComponents`.

    Returns
    -------
    Tensor of shape (n_components,)
        Score interpolated between the steps before and after the first that reaches the half-way mark; NaN for a
        component that never does.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Cloos et al. (2024). Differentiable optimization of similarity scores between models and brains. arXiv 2407.07059.

    Examples
    --------
    >>> capture_scores(torch.tensor([0.2, 0.4]), torch.tensor([[0.0, 0.0], [1.0, 0.1]]))
    tensor([0.3000,    nan])
    """
    if scores.ndim != 1 or explained.ndim != 2 or len(scores) != len(explained) or len(scores) == 0:
        msg = (
            "scores must have shape (n_steps + 1,) and explained (n_steps + 1, n_components): got "
            f"{tuple(scores.shape)} and {tuple(explained.shape)}. Give both as one climb observed them."
        )
        raise ValueError(msg)
    explained = explained.to(scores.dtype)
    half = (explained[0] + 1) / 2
    is_above = explained >= half
    after = is_above.to(torch.int8).argmax(dim=0)  # the first, or 0 if there is none
    before = (after - 1).clamp_min(0)
    low, high = (explained.gather(0, step[None])[0] for step in (before, after))
    share = torch.where(high > low, (half - low) / (high - low), 1.0)
    crossing = scores[before] + share * (scores[after] - scores[before])
    return torch.where(is_above.any(dim=0), crossing, torch.nan)
