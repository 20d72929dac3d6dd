"""What can be done to a representation without changing what a measure says of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from brainalign.similarity.measures import INVARIANCES, Measure

_SCALE, _SHIFT, _STRETCH = 3.0, 2.0, 4.0


def transform(X: Tensor, name: str, *, generator: torch.Generator) -> Tensor:
    """Do to the features of a representation what a measure may or may not notice.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.
    name : str
        One of `brainalign.similarity.measures.INVARIANCES`: ``orthogonal`` (a random rotation), ``isotropic_scaling``
        (all features by one factor), ``translation`` (each feature by a number of its own), ``invertible_linear`` (a
        random linear map with stretches between 1/4 and 4), ``permutation`` (features in another order).
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    Tensor of the shape of X

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name not in _TRANSFORMS:
        msg = f"unknown transform '{name}'; known are {', '.join(INVARIANCES)}."
        raise ValueError(msg)
    return _TRANSFORMS[name](X, generator)


def noticed_change(measure: Measure, X: Tensor, Y: Tensor, name: str, *, generator: torch.Generator) -> Tensor:
    """How far a measure's value moves when both representations are transformed, each in its own way.

    Parameters
    ----------
    measure : Measure
        Entry of the registry.
    X, Y : Tensor of shape (n_samples, n_features)
        Representations of the same samples.
    name : str
        See `transform`.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    Tensor of shape ()
        Absolute change, in the measure's own unit. 0 for a measure that declares the invariance, up to rounding.
    """
    changed = measure(transform(X, name, generator=generator), transform(Y, name, generator=generator))
    return (changed - measure(X, Y)).abs()


def _random_rotation(X: Tensor, generator: torch.Generator) -> Tensor:
    p = X.shape[-1]
    drawn = torch.randn(p, p, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(drawn)[0].to(X)


def _orthogonal(X: Tensor, generator: torch.Generator) -> Tensor:
    return X @ _random_rotation(X, generator)


def _isotropic_scaling(X: Tensor, generator: torch.Generator) -> Tensor:
    return _SCALE * (1 + torch.rand((), generator=generator).to(X)) * X


def _translation(X: Tensor, generator: torch.Generator) -> Tensor:
    return X + _SHIFT * torch.randn(X.shape[-1], generator=generator, dtype=torch.float64).to(X)


def _invertible_linear(X: Tensor, generator: torch.Generator) -> Tensor:
    exponents = 2 * torch.rand(X.shape[-1], generator=generator, dtype=torch.float64) - 1
    stretches = (_STRETCH**exponents).to(X)
    return (X @ _random_rotation(X, generator)) * stretches @ _random_rotation(X, generator)


def _permutation(X: Tensor, generator: torch.Generator) -> Tensor:
    return X[..., torch.randperm(X.shape[-1], generator=generator).to(X.device)]


_TRANSFORMS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "orthogonal": _orthogonal,
    "isotropic_scaling": _isotropic_scaling,
    "translation": _translation,
    "invertible_linear": _invertible_linear,
    "permutation": _permutation,
}
