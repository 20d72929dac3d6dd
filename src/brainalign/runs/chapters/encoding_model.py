"""Parameters of the chapter that explains encoding models on a cortex whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters


class EncodingModelParameters(ChapterParameters):
    """How large, how noisy and how often repeated the simulated scan is, and how models of it are tested."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_volumes": 160, "n_parcels": 60, "n_irrelevant": 20, "n_draws": 99},
    }

    n_volumes: int = Field(400, ge=120, le=5000, description="volumes of the simulated scan")
    n_parcels: int = Field(120, ge=30, le=3000, description="parcels, a third each early, late and deaf")
    n_sources: int = Field(4, ge=1, le=50, description="features of the stimulus that drive the cortex")
    n_irrelevant: int = Field(60, ge=20, le=2000, description="features that drive nothing")
    n_repeats: int = Field(4, ge=2, le=50, description="times that the stimulus is shown")
    early: int = Field(1, ge=0, le=6, description="delay of the early system in volumes")
    late: int = Field(3, ge=0, le=6, description="delay of the late system in volumes")
    gain: float = Field(0.4, gt=0, le=5, description="strength of each feature in units of the noise")
    memory: float = Field(0.7, ge=0, le=0.95, description="correlation of noise and features from volume to volume")
    n_folds: int = Field(5, ge=2, le=20, description="parts of the scan that are held out in turn")
    gap: int = Field(6, ge=6, le=30, description="volumes next to a held-out part that are not trained on")
    n_draws: int = Field(500, ge=99, le=100_000, description="shifts in time, and draws of listeners")
    seed: int = Field(0, ge=0, description="seed of the simulation and of all draws")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return ("alice-story",)
