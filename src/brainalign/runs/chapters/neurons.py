"""Parameters of the chapter on artificial neurons and brain networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, NumberFromText


class NeuronsParameters(ChapterParameters):
    """Which neurons of which models meet which simulated cortex."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_volumes": 240,
            "n_learning": 200,
            "n_atoms": 8,
            "n_simulations": 20,
            "n_draws": 19,
            "n_cortices": 2,
        },
    }

    clip: Literal["clip-hard-s", "clip-s"] = Field(
        "clip-hard-s", description="the CLIP of the mini-zoo, whose two towers never meet"
    )
    meter: Literal["meter-s", "meter-plain-s"] = Field(
        "meter-s", description="the METER of the mini-zoo, whose two streams read each other"
    )
    neuron: Literal["context", "query_key", "neurons"] = Field(
        "context", description="what a neuron is: channel of a head, of a query-key product, or MLP unit"
    )
    pool: Literal["mean", "summary"] = Field(
        "mean", description="over all patches and words, or the token that stands for the whole"
    )
    n_atoms: int = Field(32, ge=8, le=128, description="temporal atoms of each branch (earlier work took 64)")
    n_volumes: int = Field(1200, ge=240, le=10000, description="volumes that the simulated cortex watches")
    n_learning: int = Field(600, ge=200, le=10000, description="volumes from which dictionaries are learned before")
    parcels: Annotated[Literal[100, 200, 300, 400], NumberFromText] = Field(100, description="resolution of the atlas")
    noise: float = Field(1.0, gt=0, le=20, description="noise of the cortex; one direction of the truth has 0.5")
    penalty: float = Field(1000.0, gt=0, description="ridge penalty wherever whole fits are repeated on shifted time")
    n_simulations: int = Field(200, ge=20, le=5000, description="simulated brains that calibrate each statistic")
    n_draws: int = Field(99, ge=19, le=9999, description="surrogates, rotations and exchanges of each test")
    n_cortices: int = Field(3, ge=2, le=50, description="simulated cortices on which the architectures are compared")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return ("digits", "cortical-surface", "hcp-connectomes", f"zoo:{self.clip}", f"zoo:{self.meter}")
