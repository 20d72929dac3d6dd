"""How a measure says what it promises, where it is defined; nothing else has to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from torch import Tensor

__all__ = ["INVARIANCES", "Measure", "measure", "record_of"]

INVARIANCES = ("orthogonal", "isotropic_scaling", "translation", "invertible_linear", "permutation")

SHAPE = frozenset({"orthogonal", "isotropic_scaling", "translation", "permutation"})
SIZE_AND_SHAPE = SHAPE - {"isotropic_scaling"}
SUBSPACE = SHAPE | {"invertible_linear"}
QUARTER_TURN = 1.5707963267948966
UNBOUNDED = float("inf")
COLUMN_MEANS = "column means removed"

_RECORD = "measure_record"
_Function = TypeVar("_Function", bound=Callable[..., Tensor])


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


def measure(**promises: Any) -> Callable[[_Function], _Function]:
    """Register the function below as a measure.

    Parameters
    ----------
    **promises
        Fields of `Measure` except its name and function; the tests check every one of them on random data.

    Returns
    -------
    callable
        Returns the function as it is, with its record beside it.

    Raises
    ------
    ValueError
        For an invariance that is not one of `INVARIANCES`.
    """

    def register(function: _Function) -> _Function:
        record = Measure(name=function.__name__, function=function, **promises)
        unknown = (record.invariances | record.source_invariances) - set(INVARIANCES)
        if unknown:
            msg = f"{record.name}: unknown invariances {sorted(unknown)}; choose from {list(INVARIANCES)}."
            raise ValueError(msg)
        setattr(function, _RECORD, record)
        return function

    return register


def record_of(function: Any) -> Measure | None:
    """The record of a registered measure; None for anything else."""
    found = getattr(function, _RECORD, None)
    return found if isinstance(found, Measure) and found.function is function else None
