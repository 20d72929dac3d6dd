"""Parameters of the chapter on pairs of scores that are possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters

SecondMeasure = Literal[
    "normalized_bures_similarity",
    "angular_procrustes_distance",
    "mean_canonical_correlation",
    "debiased_linear_cka",
    "rbf_cka",
    "linear_predictivity",
]


class RangesParameters(ChapterParameters):
    """Which two measures are driven apart, on how large data, and how far."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_side": 2, "n_steps": 30, "n_null": 20},
        "paper": {"n_steps": 1000},
    }

    second_measure: SecondMeasure = Field("normalized_bures_similarity", description="measure beside linear CKA")
    n_samples: int = Field(20, ge=6, le=500, description="samples of both representations (the study: 20)")
    n_features: int = Field(10, ge=2, le=200, description="features of both representations (the study: 10)")
    participation: float = Field(2.0, ge=1.1, le=200, description="participation ratio of the steep fixed reference")
    n_side: int = Field(5, ge=2, le=21, description="targets on a side of the unit square (the study: 5)")
    n_steps: int = Field(600, ge=10, le=10_000, description="steps of Adam (the study: 1000)")
    step_free: float = Field(0.01, gt=0, le=1, description="step when both sets move (the study: 0.01)")
    step_fixed: float = Field(0.1, gt=0, le=1, description="step when one set moves (the study: 0.1)")
    n_null: int = Field(500, ge=10, le=10_000, description="pairs of independent random sets")
    seed: int = Field(0, ge=0, description="seed of all random sets")
