"""Parameters of the chapter that introduces the models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, FromText

_SHOWN = ["meter-s", "meter-plain-s", "clip-hard-s", "clip-s", "bert-s", "gpt-s"]


class ModelsParameters(ChapterParameters):
    """Which models of the mini-zoo are measured again, and on how much."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"measured": ["meter-s", "clip-s"], "n_scenes": 100},
    }

    measured: Annotated[list[str], FromText] = Field(
        _SHOWN,
        min_length=2,
        description="models of the mini-zoo that are measured again, meter-s and clip-s among them",
    )
    weights_seed: int = Field(0, ge=0, description="which of the shipped seeds of these models")
    n_scenes: int = Field(400, ge=100, le=5000, description="held-out scenes that they are measured on")
    seed: int = Field(0, ge=0, description="seed of those scenes")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        seed = f"/{self.weights_seed}" if self.weights_seed else ""
        return ("digits", "zoo-cards", *(f"zoo:{name}{seed}" for name in self.measured))
