"""Parameters of the chapter on the redundancy of artificial neurons and of regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from brainalign.runs.watched_film import WatchedFilmParameters


class RedundancyParameters(WatchedFilmParameters):
    """How many neurons and regions are compared, with how many surrogates."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_volumes": 240,
            "n_learning": 200,
            "n_atoms": 8,
            "n_units": 40,
            "n_simulations": 20,
            "n_draws": 19,
            "n_orders": 1,
        },
    }

    penalty: float = Field(1000.0, gt=0, description="ridge penalty wherever fits are repeated without some units")
    n_units: int = Field(100, ge=20, le=128, description="neurons drawn from each model, beside the parcels")
    n_simulations: int = Field(200, ge=20, le=5000, description="simulated brains that calibrate each statistic")
    n_draws: int = Field(99, ge=19, le=9999, description="surrogates of each set of time courses")
    n_orders: int = Field(3, ge=1, le=100, description="random orders in which units are taken away")
