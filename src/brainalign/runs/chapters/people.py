"""Parameters of the chapter with all four findings, on people or on their stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from brainalign.runs.watched_film import WatchedWithPersonParameters


class PeopleParameters(WatchedWithPersonParameters):
    """How the four findings are computed."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_volumes": 240, "n_learning": 200, "n_atoms": 8, "n_units": 40, "n_draws": 19},
        "paper": {"film": "hcp", "n_atoms": 64, "parcels": 400, "floor": 0.05},
    }

    penalty: float = Field(1000.0, gt=0, description="ridge penalty wherever whole fits are repeated on shifted time")
    n_units: int = Field(100, ge=20, le=512, description="neurons of each model, and regions, that are compared")
    n_draws: int = Field(99, ge=19, le=9999, description="surrogates of each set of time courses")
    floor: float = Field(0.1, ge=0, lt=1, description="correlation that one branch must pass for a parcel to count")
