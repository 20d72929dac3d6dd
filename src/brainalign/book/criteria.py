"""Criteria that say when a measurement bears a published claim out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import stdtrit

Quantities = Mapping[str, float | None]
"""Measured quantities by name; None where a measurement gave no finite number."""

ONE_SIDED, TWO_SIDED = "one-sided", "two-sided"

SINGLE = ""
"""Name of the quantity when there is only one."""


@dataclass(frozen=True)
class Evidence:
    """What a chapter recorded about a claim.

    Attributes
    ----------
    value : float, None or mapping of str to those
        The measured quantity, or several by name.
    null : sequence of float, optional
        The quantity under a null model, one value per draw.
    draws : mapping of str to sequence of float, optional
        Single values behind each quantity that is a mean over random draws.
    twins : float, None or mapping of str to those, optional
        What the value is when the models are untrained.
    """

    value: float | Quantities | None
    null: Sequence[float] | None = None
    draws: Mapping[str, Sequence[float | None]] | None = None
    twins: float | Quantities | None = None

    @property
    def quantities(self) -> Quantities:
        """The measured quantities by name; a single one has the empty name."""
        return self.value if isinstance(self.value, Mapping) else {SINGLE: self.value}


class _Criterion(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Equals(_Criterion):
    """Every published value is met to within a tolerance; `joint` values count only together."""

    kind: Literal["equals"]
    value: float | dict[str, float]
    tolerance: float = Field(ge=0)
    joint: bool = False
    sides: ClassVar[str] = TWO_SIDED

    @property
    def published(self) -> Quantities:
        """The published quantities by name."""
        return self.value if isinstance(self.value, dict) else {SINGLE: self.value}

    @property
    def text(self) -> str:
        """The criterion in words."""
        several = "all" if self.joint else "each"
        return f"{several} within {self.tolerance:g}" if len(self.published) > 1 else f"within {self.tolerance:g}"

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each published value is met; one that was not measured is not."""
        met = [
            _is_close(evidence.quantities.get(name), published, self.tolerance)
            for name, published in self.published.items()
        ]
        return [all(met)] if self.joint else met


class Predicted(_Criterion):
    """Every published value is one that a further random draw could have given.

    The published value is a single run, ours are several: it should lie in the prediction interval of one more run,
    mean ± t s sqrt(1 + 1/n) with Student's t of n - 1 degrees of freedom, widened by half the unit of the number.
    """

    kind: Literal["predicted"]
    value: dict[str, float]
    coverage: float = Field(0.95, gt=0, lt=1)
    unit: float = Field(0.0, ge=0, description="unit of the published numbers, 1 for counts")
    sides: ClassVar[str] = TWO_SIDED

    @property
    def published(self) -> Quantities:
        """The published quantities by name."""
        return self.value

    @property
    def text(self) -> str:
        """The criterion in words."""
        return f"each in the {100 * self.coverage:g} % prediction interval of our draws"

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each published value lies in the interval of the draws of its quantity.

        Raises
        ------
        ValueError
            When the evidence has no draws, or fewer than three of a quantity.
        """
        if evidence.draws is None:
            msg = "the criterion compares with single draws; record the evidence with draws=..."
            raise ValueError(msg)
        return [self._holds(evidence.draws.get(name, ()), published) for name, published in self.value.items()]

    def _holds(self, draws: Sequence[float | None], published: float) -> bool:
        if not draws or None in draws:
            return False
        if len(draws) < 3:
            msg = f"a prediction interval needs 3 draws or more, got {len(draws)}"
            raise ValueError(msg)
        values, n = np.asarray(draws, dtype=float), len(draws)
        quantile = stdtrit(n - 1, (1 + self.coverage) / 2)  # of Student's t; scipy.stats takes a second to import
        half = quantile * values.std(ddof=1) * np.sqrt(1 + 1 / n) + self.unit / 2
        return _is_close(values.mean(), published, half)


class Within(_Criterion):
    """Every measured value lies between two limits, of which one may be left out."""

    kind: Literal["within"]
    low: float = -float("inf")
    high: float = float("inf")

    @property
    def sides(self) -> str:
        """Whether values on both sides fail."""
        return ONE_SIDED if np.isinf(self.low) or np.isinf(self.high) else TWO_SIDED

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if not self.low < self.high or (np.isinf(self.low) and np.isinf(self.high)):
            msg = f"needs low or high, and low below high; got low {self.low:g}, high {self.high:g}"
            raise ValueError(msg)
        return self

    @property
    def text(self) -> str:
        """The criterion in words."""
        if np.isinf(self.low):
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if np.isinf(self.high) else f"from {self.low:g} to {self.high:g}"

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each measured value lies within the limits."""
        return [value is not None and self.low <= value <= self.high for value in evidence.quantities.values()]


class Ordering(_Criterion):
    """The named quantities grow in the published order."""

    kind: Literal["ordering"]
    names: list[str] = Field(min_length=2, description="from the smallest to the largest")
    sides: ClassVar[str] = ONE_SIDED

    @property
    def text(self) -> str:
        """The criterion in words."""
        return " < ".join(map(readable, self.names))

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each neighbouring pair is in the published order; equal values are not."""
        values = [evidence.quantities.get(name) for name in self.names]
        return [None not in pair and pair[0] < pair[1] for pair in itertools.pairwise(values)]


class Sign(_Criterion):
    """Every measured value has the published sign."""

    kind: Literal["sign"]
    sign: Literal["positive", "negative"]
    sides: ClassVar[str] = ONE_SIDED

    @property
    def text(self) -> str:
        """The criterion in words."""
        return self.sign

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each measured value has the sign."""
        values = evidence.quantities.values()
        return [value is not None and (value > 0 if self.sign == "positive" else value < 0) for value in values]


class GreaterThanNull(_Criterion):
    """The measured value exceeds a quantile of the null model, and stays below a limit where there is one."""

    kind: Literal["greater_than_null"]
    quantile: float = Field(gt=0, lt=1)
    high: float = float("inf")

    @property
    def sides(self) -> str:
        """Whether values on both sides fail."""
        return ONE_SIDED if np.isinf(self.high) else TWO_SIDED

    @property
    def text(self) -> str:
        """The criterion in words."""
        above = f"above {100 * self.quantile:g} % of the null model"
        return above if np.isinf(self.high) else f"{above}, and at most {self.high:g}"

    def parts(self, evidence: Evidence) -> list[bool]:
        """Whether each measured value is above the quantile.

        Raises
        ------
        ValueError
            When the evidence has no null model.
        """
        if not evidence.null:
            msg = "the criterion compares with a null model; record the evidence with null=..."
            raise ValueError(msg)
        limit = float(np.quantile(np.asarray(evidence.null, dtype=float), self.quantile))
        return [value is not None and limit < value <= self.high for value in evidence.quantities.values()]


Criterion = Annotated[Equals | Predicted | Within | Ordering | Sign | GreaterThanNull, Field(discriminator="kind")]
"""Any criterion; the field ``kind`` says which."""


def readable(name: str) -> str:
    """The name of a quantity in words, so that a narrow column can break it."""
    return name.replace("_", " ")


def _is_close(measured: float | None, published: float, tolerance: float) -> bool:
    # A little room for the binary fractions: 0.3 is within 0.1 of 0.2.
    return measured is not None and abs(measured - published) <= tolerance + 1e-12 * max(1.0, abs(published))
