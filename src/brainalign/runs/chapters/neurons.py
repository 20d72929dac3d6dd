"""Parameters of the chapter on artificial neurons and brain networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from brainalign.runs.watched_film import WatchedFilmParameters


class NeuronsParameters(WatchedFilmParameters):
    """Which neurons of which models predict which simulated cortex."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_volumes": 240, "n_learning": 200, "n_atoms": 8, "n_simulations": 20, "n_draws": 19},
    }

    penalty: float = Field(1000.0, gt=0, description="ridge penalty wherever whole fits are repeated on shifted time")
    n_simulations: int = Field(200, ge=20, le=5000, description="simulated brains that calibrate each statistic")
    n_draws: int = Field(99, ge=19, le=9999, description="rotations of the cortex in that calibration")
