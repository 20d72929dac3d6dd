"""Parameters of the chapter on tuning a model to a brain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, FromText

# Models of digit scenes with a head that names the digits: what is tuned must have a task to keep.
TunedModel = Literal["zoo:supervised-s", "zoo:supervised-xs", "zoo:distilled-s", "zoo:distilled-xs"]
TunedMeasure = Literal[
    "angular_cka",
    "angular_procrustes",
    "linear_cka",
    "debiased_linear_cka",
    "rbf_cka",
    "neuron_corrected_linear_cka",
    "angular_procrustes_distance",
    "procrustes_distance",
    "normalized_bures_similarity",
    "shape_distance",
    "mean_canonical_correlation",
    "svcca",
    "pwcca",
    "linear_predictivity",
    "linear_predictivity_cv",
    "ridge_predictivity",
    "pls_predictivity",
    "rsa",
    "soft_matching",
    "soft_matching_distance",
    "effective_shared_dimensionality",
]


class TuningParameters(ChapterParameters):
    """Which model is tuned to which brain, under which measures, and how far."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "model": "zoo:supervised-xs",
            "layer": 1,
            "measures": ["linear_cka"],
            "n_stimuli": 200,
            "n_held_out": 120,
            "n_steps": 4,
            "task_batch": 8,
            "n_seeds": 1,
            "n_shuffles": 5,
        },
    }

    model: TunedModel = Field("zoo:supervised-s", description="model of the mini-zoo that knows the digits of a scene")
    layer: int = Field(2, ge=0, le=3, description="layer that is compared with the brain, counted from 0")
    target: Literal["simulated", "objects-92"] = Field(
        "simulated", description="the brain, a simulated cortex or human IT and 92 object images"
    )
    measures: Annotated[list[TunedMeasure], FromText] = Field(
        ["linear_cka", "angular_procrustes", "rsa"],
        min_length=1,
        max_length=4,
        description="measures that the model is tuned under, controls under the first",
    )
    adapter_rank: int = Field(0, ge=0, le=64, description="rank of low-rank adapters; 0 tunes all weights")
    n_stimuli: int = Field(2000, ge=66, le=20_000, description="training scenes that the simulated cortex saw")
    n_held_out: int = Field(200, ge=68, le=5000, description="held-out scenes of handwriting never seen")
    n_neurons: int = Field(40, ge=2, le=91, description="neurons of the cortex, or coordinates of the dissimilarities")
    noise: float = Field(0.5, ge=0, le=10, description="noise of a neuron in units of the spread of its signal")
    n_steps: int = Field(24, ge=4, le=5000, description="steps of Adam")
    batch_size: int = Field(48, ge=12, le=5000, description="stimuli a step that are compared with the brain")
    task_batch: int = Field(24, ge=4, le=512, description="scenes a step for the task")
    learning_rate: float = Field(0.001, gt=0, le=1, description="step of Adam")
    similarity_weight: float = Field(1.0, gt=0, le=1000, description="weight of the score in the loss")
    task_weight: float = Field(1.0, ge=0, le=1000, description="weight of the task in the loss")
    n_seeds: int = Field(3, ge=1, le=50, description="cortices, each with tunings of its own")
    n_shuffles: int = Field(50, ge=5, le=5000, description="shuffles that give the unit of a change")
    seed: int = Field(0, ge=0, description="seed of scenes, cortices, batches and shuffles")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        objects = ("objects-92",) if self.target == "objects-92" else ()
        return ("digits", self.model, *objects)
