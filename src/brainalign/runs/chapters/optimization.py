"""Parameters of the chapter on optimising similarity scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field

from brainalign.datasets.published_optimization import OPTIMIZATION_CURVES, has_optimization_curves
from brainalign.runs.parameters import ChapterParameters, FromText

Further = Literal["angular_cka", "normalized_bures_similarity", "linear_predictivity", "ridge_predictivity"]
Recording = Literal["FreemanZiemba2013", "Hatsopoulos2007", "Mante2013", "MajajHong2015", "siegel15-FEF"]
# Models of captions or of pictures of digit scenes, and the cortex whose dissimilarities were published.
Measured = Literal[
    "minilm",
    "zoo:mae-s",
    "zoo:mae-xs",
    "zoo:supervised-s",
    "zoo:supervised-xs",
    "zoo:distilled-s",
    "zoo:distilled-xs",
    "zoo:contrastive-s",
    "zoo:contrastive-xs",
    "objects-92",
]


class OptimizationParameters(ChapterParameters):
    """What noise climbs towards, under which measures, and how often."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_starts": 2,
            "further_measures": [],
            "n_trees": 1,
            "max_steps": 60,
            "further_references": ["zoo:mae-xs"],
        },
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

    reference: Literal[Recording, "power-law", Measured] = Field(
        "FreemanZiemba2013", description="recording whose spectrum is taken, power-law, a model, or objects-92 (IT)"
    )
    further_references: Annotated[list[Measured], FromText] = Field(
        ["minilm", "zoo:mae-s", "objects-92"],
        min_length=1,
        max_length=5,
        description="models and IT data that are set beside it",
    )
    n_samples: int = Field(270, ge=20, le=20_000, description="samples of a power-law reference, or scenes for a model")
    n_features: int = Field(40, ge=3, le=2000, description="features of a power-law reference, and of its noise")
    participation: float = Field(10.0, ge=1.5, le=2000, description="participation ratio of a power-law reference")
    n_scenes: int = Field(92, ge=20, le=360, description="scenes or captions for models of further_references")
    n_coordinates: int = Field(40, ge=3, le=90, description="principal components kept of models and IT data")
    further_measures: Annotated[list[Further], FromText] = Field(
        ["angular_cka", "normalized_bures_similarity", "linear_predictivity"],
        description="measures besides linear_cka and angular_procrustes",
    )
    n_starts: int = Field(10, ge=2, le=100, description="random starts under each measure (of a model: one a layer)")
    stop_above: float = Field(0.99, gt=0.5, lt=1, description="score at which a climb ends (the study: 0.99)")
    max_steps: int = Field(1000, ge=10, le=10_000, description="most steps of a climb (the study: 1000)")
    learning_rate: float = Field(0.1, gt=0, le=1, description="step of Adam (the study: 0.1)")
    n_trees: int = Field(3, ge=1, le=50, description="ultrametric trees whose categories are decoded")
    seed: int = Field(0, ge=0, description="seed of references, starts, trees and folds")

    def data(self) -> tuple[str, ...]:
        """What the references are made of, and the published curves where they are here (the chapter runs without)."""
        curves = (OPTIMIZATION_CURVES,) if has_optimization_curves() else ()
        measured = [name for name in (self.reference, *self.further_references) if name in get_args(Measured)]
        scenes = ("digits",) if set(measured) - {"objects-92"} else ()
        return (*curves, *scenes, *dict.fromkeys(measured))
