"""Parameters of the chapter on optimising similarity scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.datasets.published_optimization import OPTIMIZATION_CURVES, has_optimization_curves
from brainalign.runs.parameters import ChapterParameters, FromText

Further = Literal["angular_cka", "normalized_bures_similarity", "linear_predictivity", "ridge_predictivity"]


class OptimizationParameters(ChapterParameters):
    """What noise climbs towards, under which measures, and how often."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_starts": 2, "further_measures": [], "n_trees": 1, "max_steps": 60},
        "paper": {
            "reference": "Mante2013",
            "further_measures": [
                "angular_cka",
                "normalized_bures_similarity",
                "linear_predictivity",
                "ridge_predictivity",
            ],
        },
    }

    reference: Literal[
        "FreemanZiemba2013",
        "Hatsopoulos2007",
        "Mante2013",
        "MajajHong2015",
        "siegel15-FEF",
        "power-law",
        "minilm",
    ] = Field("FreemanZiemba2013", description="recording whose spectrum the reference has, power-law, or minilm")
    n_samples: int = Field(270, ge=20, le=20_000, description="samples of a power-law reference")
    n_features: int = Field(40, ge=3, le=2000, description="features of a power-law reference, and of its noise")
    participation: float = Field(10.0, ge=1.5, le=2000, description="participation ratio of a power-law reference")
    further_measures: Annotated[list[Further], FromText] = Field(
        ["angular_cka", "normalized_bures_similarity", "linear_predictivity"],
        description="measures besides linear_cka and angular_procrustes",
    )
    n_starts: int = Field(10, ge=2, le=100, description="random starts under each measure (of minilm: one a layer)")
    stop_above: float = Field(0.99, gt=0.5, lt=1, description="score at which a climb ends (the study: 0.99)")
    max_steps: int = Field(1000, ge=10, le=10_000, description="most steps of a climb (the study: 1000)")
    learning_rate: float = Field(0.1, gt=0, le=1, description="step of Adam (the study: 0.1)")
    n_trees: int = Field(3, ge=1, le=50, description="ultrametric trees whose categories are decoded")
    seed: int = Field(0, ge=0, description="seed of references, starts, trees and folds")

    def data(self) -> tuple[str, ...]:
        """The published curves, where they are here (the chapter runs without), and the model if it is asked for."""
        curves = (OPTIMIZATION_CURVES,) if has_optimization_curves() else ()
        return (*curves, "minilm") if self.reference == "minilm" else curves
