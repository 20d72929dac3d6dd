"""Parameters of the chapter on the polarity of artificial neurons over layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.watched_film import WatchedFilmParameters


class PolarityParameters(WatchedFilmParameters):
    """Which neurons of which models have signs, and how often those are tossed."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_volumes": 240, "n_learning": 200, "n_atoms": 8, "n_simulations": 20, "n_tosses": 50},
    }

    neuron: Literal["context", "query_key", "neurons"] = Field(
        "neurons", description="what a neuron is; the sign of a context channel means nothing, that of an MLP unit does"
    )
    penalty: float = Field(1000.0, gt=0, description="ridge penalty wherever whole fits are repeated on shifted time")
    n_simulations: int = Field(200, ge=20, le=5000, description="simulated brains that calibrate each statistic")
    n_tosses: int = Field(500, ge=50, le=9999, description="times that the signs of atoms or channels are tossed")
