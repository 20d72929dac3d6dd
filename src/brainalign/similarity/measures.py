"""The registry of similarity measures: what each one computes, and what it promises.

Arrays are torch tensors. A measure is a function and one record here; the tests read the records and check every
promise, kept or not made, on random data.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from brainalign.similarity.alignment import (
    angular_procrustes_distance,
    normalized_bures_similarity,
    procrustes_distance,
    shape_distance,
)
from brainalign.similarity.correlation import mean_canonical_correlation, pwcca, svcca
from brainalign.similarity.dimensionality import effective_shared_dimensionality
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka, neuron_corrected_linear_cka, rbf_cka
from brainalign.similarity.neighbors import mutual_knn, soft_matching, soft_matching_distance
from brainalign.similarity.prediction import (
    linear_predictivity,
    linear_predictivity_cv,
    pls_predictivity,
    ridge_predictivity,
)
from brainalign.similarity.rsa import rsa

__all__ = ["INVARIANCES", "MEASURES", "Measure", "get_measure", "list_measures"]

INVARIANCES = ("orthogonal", "isotropic_scaling", "translation", "invertible_linear", "permutation")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A similarity measure with its declared properties.

    Call it as `measure(X, Y, **options)`, whatever its function names its two representations.

    Attributes
    ----------
    name : str
        Name in the registry, that of the function.
    function : callable
        Takes two tensors of shape (..., n_samples, n_features), returns one of shape (...).
    kind : str
        "score" (more is more alike), "distance" (0 is alike) or "angle" (a distance in radians).
    bounds : tuple of float
        Lowest and highest value; infinite where there is none.
    identity : float or None
        Value of a representation with itself. None where that depends on the representation.
    is_symmetric, is_metric, is_differentiable : bool
        Whether m(X, Y) = m(Y, X); whether the triangle inequality holds; whether a gradient exists almost everywhere.
    invariances : frozenset of str
        Which of `INVARIANCES`, done to the columns of either representation, leave the value as it is.
    source_invariances : frozenset of str
        For a measure with a direction: what can further be done to the source alone.
    arguments : tuple of str
        Names of the two representations in the function's signature; (source, target) where direction matters.
    centering, normalization, padding, folds : str
        What is done to the data first, in words; empty where nothing is.
    reference : str
        Publication that defines the measure.
    """

    name: str
    function: Callable[..., Tensor]
    kind: Literal["score", "distance", "angle"]
    bounds: tuple[float, float]
    identity: float | None
    is_symmetric: bool
    is_metric: bool
    is_differentiable: bool
    invariances: frozenset[str]
    reference: str
    source_invariances: frozenset[str] = field(default=frozenset())
    arguments: tuple[str, str] = ("X", "Y")
    centering: str = ""
    normalization: str = ""
    padding: str = ""
    folds: str = ""

    def __call__(self, X: Tensor, Y: Tensor, **options: Any) -> Tensor:
        """Compare `X` (the source, where there is a direction) with `Y`: tensors, arrays, tables or lists."""
        first, second = self.arguments
        return self.function(**{first: X, second: Y}, **options)


AnyMeasure = Measure | str | Callable[[Tensor, Tensor], Tensor]
"""A registered measure, its name, or any function of two representations."""

_SHAPE = frozenset({"orthogonal", "isotropic_scaling", "translation", "permutation"})
_SIZE_AND_SHAPE = _SHAPE - {"isotropic_scaling"}
_SUBSPACE = _SHAPE | {"invertible_linear"}
_QUARTER_TURN = 1.5707963267948966
_UNBOUNDED = float("inf")
_COLUMN_MEANS = "column means removed"

MEASURES: tuple[Measure, ...] = (
    Measure(
        name="linear_cka",
        function=linear_cka,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="Frobenius norms of the Gram matrices",
        reference="Kornblith et al. 2019",
    ),
    Measure(
        name="debiased_linear_cka",
        function=debiased_linear_cka,
        kind="score",
        bounds=(-1.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering="Gram matrices U-centered",
        normalization="norms of the U-centered Gram matrices",
        reference="Song et al. 2012; Murphy et al. 2024",
    ),
    Measure(
        name="rbf_cka",
        function=rbf_cka,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering="Gram matrices double-centered",
        normalization="bandwidth in units of the median distance; Frobenius norms of the Gram matrices",
        reference="Kornblith et al. 2019",
    ),
    Measure(
        name="neuron_corrected_linear_cka",
        function=neuron_corrected_linear_cka,
        kind="score",
        bounds=(-_UNBOUNDED, _UNBOUNDED),
        identity=None,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
        centering="Gram matrices U-centered",
        normalization="norms of the U-centered Gram matrices, without the products of a feature with itself",
        reference="Chun et al. 2025",
    ),
    Measure(
        name="angular_procrustes_distance",
        function=angular_procrustes_distance,
        kind="angle",
        bounds=(0.0, _QUARTER_TURN),
        identity=0.0,
        is_symmetric=True,
        is_metric=True,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="Frobenius norms",
        padding="zero columns, which change nothing",
        reference="Williams et al. 2021",
    ),
    Measure(
        name="procrustes_distance",
        function=procrustes_distance,
        kind="distance",
        bounds=(0.0, _UNBOUNDED),
        identity=0.0,
        is_symmetric=True,
        is_metric=True,
        is_differentiable=True,
        invariances=_SIZE_AND_SHAPE,
        centering=_COLUMN_MEANS,
        padding="zero columns, which change nothing",
        reference="Williams et al. 2021",
    ),
    Measure(
        name="normalized_bures_similarity",
        function=normalized_bures_similarity,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="Frobenius norms",
        padding="zero columns, which change nothing",
        reference="Tang et al. 2020; Harvey et al. 2024",
    ),
    Measure(
        name="shape_distance",
        function=shape_distance,
        kind="angle",
        bounds=(0.0, _QUARTER_TURN),
        identity=0.0,
        is_symmetric=True,
        is_metric=True,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="half-way whitened by default, then Frobenius norms",
        padding="zero columns, which change nothing",
        reference="Williams et al. 2021",
    ),
    Measure(
        name="mean_canonical_correlation",
        function=mean_canonical_correlation,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SUBSPACE,
        centering=_COLUMN_MEANS,
        normalization="whitened; mean over the narrower representation's dimensions",
        reference="Hotelling 1936; Raghu et al. 2017",
    ),
    Measure(
        name="svcca",
        function=svcca,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="principal components up to 99 % of the variance, whitened; mean over the fewer components",
        reference="Raghu et al. 2017",
    ),
    Measure(
        name="pwcca",
        function=pwcca,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=False,
        is_metric=False,
        is_differentiable=True,
        invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
        source_invariances=frozenset({"orthogonal", "invertible_linear"}),
        arguments=("source", "target"),
        centering=_COLUMN_MEANS,
        normalization="whitened; mean weighted by how much of the target's features each direction carries",
        reference="Morcos et al. 2018",
    ),
    # ---- Prediction, dissimilarities, neighbors and dimensionality: entries of those modules go below this line. ----
    Measure(
        name="linear_predictivity",
        function=linear_predictivity,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=False,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        source_invariances=frozenset({"invertible_linear"}),
        arguments=("source", "target"),
        centering=_COLUMN_MEANS,
        normalization="variance of the target, pooled over its features",
        reference="Cloos et al. 2024",
    ),
    Measure(
        name="linear_predictivity_cv",
        function=linear_predictivity_cv,
        kind="score",
        bounds=(-_UNBOUNDED, 1.0),
        identity=1.0,
        is_symmetric=False,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        source_invariances=frozenset({"invertible_linear"}),
        arguments=("source", "target"),
        centering="column means of the training samples removed",
        normalization="deviation of the target from its training means, pooled over its features",
        folds="5 contiguous ones by default, scores averaged",
        reference="Cloos et al. 2024",
    ),
    Measure(
        name="ridge_predictivity",
        function=ridge_predictivity,
        kind="score",
        bounds=(-_UNBOUNDED, 1.0),
        identity=None,
        is_symmetric=False,
        is_metric=False,
        is_differentiable=True,
        # The scale of the target is ignored as well, that of the source is not: the penalty stays.
        invariances=frozenset({"orthogonal", "translation", "permutation"}),
        arguments=("source", "target"),
        centering="column means of the training samples removed",
        normalization="deviation of the target from its training means, pooled over its features",
        folds="5 contiguous ones by default, scores averaged",
        reference="Cloos et al. 2024",
    ),
    Measure(
        name="pls_predictivity",
        function=pls_predictivity,
        kind="score",
        bounds=(-_UNBOUNDED, 1.0),
        identity=None,
        is_symmetric=False,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        arguments=("source", "target"),
        centering="column means of the training samples removed",
        normalization="deviation of the target from its training means, pooled over its features",
        folds="5 contiguous ones by default, scores averaged",
        reference="Wold et al. 1983; Schrimpf et al. 2018",
    ),
    Measure(
        name="rsa",
        function=rsa,
        kind="score",
        bounds=(-1.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=frozenset({"isotropic_scaling", "permutation"}),
        centering="by default, mean of each sample over its features removed",
        normalization="by default, length of each sample; mean and spread of the dissimilarities",
        reference="Kriegeskorte et al. 2008",
    ),
    Measure(
        name="mutual_knn",
        function=mutual_knn,
        kind="score",
        bounds=(0.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=False,
        invariances=frozenset({"orthogonal", "isotropic_scaling", "permutation"}),
        normalization="length of each sample by default; 10 neighbors by default",
        reference="Huh et al. 2024",
    ),
    Measure(
        name="soft_matching",
        function=soft_matching,
        kind="score",
        bounds=(-1.0, 1.0),
        identity=1.0,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
        centering=_COLUMN_MEANS,
        normalization="length of each feature",
        padding="none; features of unlike numbers share their weight",
        reference="Khosla and Williams 2024",
    ),
    Measure(
        name="soft_matching_distance",
        function=soft_matching_distance,
        kind="distance",
        bounds=(0.0, _UNBOUNDED),
        identity=0.0,
        is_symmetric=True,
        is_metric=True,
        is_differentiable=True,
        invariances=frozenset({"translation", "permutation"}),
        centering=_COLUMN_MEANS,
        padding="none; features of unlike numbers share their weight",
        reference="Khosla and Williams 2024",
    ),
    Measure(
        name="effective_shared_dimensionality",
        function=effective_shared_dimensionality,
        kind="score",
        bounds=(0.0, _UNBOUNDED),
        identity=None,
        is_symmetric=True,
        is_metric=False,
        is_differentiable=True,
        invariances=_SHAPE,
        centering=_COLUMN_MEANS,
        normalization="participation ratios",
        reference="Giaffar et al. 2024",
    ),
    # ---- End of that section. ----
)


def list_measures() -> tuple[str, ...]:
    """Names of all registered measures, in the order of the registry.

    Examples
    --------
    >>> list_measures()[0]
    'linear_cka'
    """
    return tuple(measure.name for measure in MEASURES)


def get_measure(name: str) -> Measure:
    """Look up a measure by its name.

    Parameters
    ----------
    name : str
        One of `list_measures()`.

    Returns
    -------
    Measure
        The function and its declared properties.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest one.

    Examples
    --------
    >>> get_measure("linear_cka").bounds
    (0.0, 1.0)
    """
    if name not in _BY_NAME:
        nearest = difflib.get_close_matches(str(name), _BY_NAME, n=1, cutoff=0.0)[0]
        msg = f"there is no measure {name!r}; the nearest name is {nearest!r}. list_measures() gives all names."
        raise ValueError(msg)
    return _BY_NAME[name]


def as_measure(measure: AnyMeasure) -> Measure | Callable[[Tensor, Tensor], Tensor]:
    """The measure of that name; what is no name is returned as it is."""
    return get_measure(measure) if isinstance(measure, str) else measure


def index_measures(measures: Iterable[Measure]) -> dict[str, Measure]:
    """Measures by name; a name that comes twice, or an invariance that is not known, is refused with ValueError."""
    index: dict[str, Measure] = {}
    for measure in measures:
        if measure.name in index:
            msg = f"two measures are named {measure.name!r}; give one of them another name."
            raise ValueError(msg)
        unknown = (measure.invariances | measure.source_invariances) - set(INVARIANCES)
        if unknown:
            msg = f"{measure.name}: unknown invariances {sorted(unknown)}; choose from {list(INVARIANCES)}."
            raise ValueError(msg)
        index[measure.name] = measure
    return index


_BY_NAME = index_measures(MEASURES)
