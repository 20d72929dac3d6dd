"""Which space of features explains which part of the responses: variance partitioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from brainalign.encoding.encoding_model import Encoding, fit_encoding
from brainalign.numeric import as_doubles

__all__ = ["VariancePartition", "partition_variance"]


@dataclass(frozen=True)
class VariancePartition:
    """Held-out R2 of several spaces of features, together and apart.

    Attributes
    ----------
    joint : ndarray of shape (n_targets,)
        R2 of all spaces together.
    alone : dict of str to ndarray of shape (n_targets,)
        R2 of every space by itself.
    unique : dict of str to ndarray of shape (n_targets,)
        What is lost without the space: `joint` less the R2 of all others. Below 0 where the space misleads.
    shared : ndarray of shape (n_targets,)
        `joint` less all unique parts: what more than one space can explain. Below 0 where spaces help each other.
    product : dict of str to ndarray of shape (n_targets,)
        Product measure: the part of `joint` that goes through the space in the joint model. The parts add up to
        `joint`, and each can be below 0.
    encoding : Encoding
        The joint model.
    """

    joint: np.ndarray
    alone: dict[str, np.ndarray]
    unique: dict[str, np.ndarray]
    shared: np.ndarray
    product: dict[str, np.ndarray]
    encoding: Encoding


def partition_variance(
    features: Mapping[str, ArrayLike], responses: ArrayLike, runs: ArrayLike | None = None, **options: Any
) -> VariancePartition:
    """Divide the held-out R2 of several spaces of features among them.

    Parameters
    ----------
    features : mapping of str to array_like of shape (n_samples, n_features of the space)
        At least two spaces of features.
    responses : array_like of shape (n_samples, n_targets)
        Responses of the same volumes.
    runs : array_like of shape (n_samples,), optional
        Run labels.
    **options
        Of `fit_encoding`: delays, penalties, n_folds, gap, and so on.

    Returns
    -------
    VariancePartition
        R2 values, as they come out of held-out data: not clipped at 0.

    Raises
    ------
    ValueError
        For fewer than two spaces, or whatever `fit_encoding` refuses.

    Notes
    -----
    All fits are banded ridge on the same folds, so that a large space cannot crowd out a small one. The product measure
    is sum over time of part (2 y - prediction), divided by that of y^2, all less the training mean (Dupré la Tour et
    al. 2022). For two spaces `shared` is alone_a + alone_b - joint.
    """
    if not isinstance(features, Mapping) or len(features) < 2:
        msg = f"variance is divided among at least two named spaces of features: got {len(features)}."
        raise ValueError(msg)
    encoding = fit_encoding(features, responses, runs, **options)
    apart: dict[str, Any] = {**options, "n_draws": 0, "return_weights": False}
    alone = {name: fit_encoding({name: X}, responses, runs, **apart).r2 for name, X in features.items()}
    unique = {}
    for name in features:
        others = {other: X for other, X in features.items() if other != name}
        only = next(iter(others))
        r2_of_others = alone[only] if len(others) == 1 else fit_encoding(others, responses, runs, **apart).r2
        unique[name] = encoding.r2 - r2_of_others
    return VariancePartition(
        joint=encoding.r2,
        alone=alone,
        unique=unique,
        shared=encoding.r2 - sum(unique.values()),
        product=_product_measure(encoding, as_doubles(responses, name="responses")),
        encoding=encoding,
    )


def _product_measure(encoding: Encoding, responses: np.ndarray) -> dict[str, np.ndarray]:
    predicted = sum(part.astype(np.float64) for part in encoding.parts.values())
    measured = responses - (encoding.predictions - predicted)  # less the training mean, which every fold adds
    squares = np.square(measured).sum(axis=0)
    return {name: (part * (2 * measured - predicted)).sum(axis=0) / squares for name, part in encoding.parts.items()}
