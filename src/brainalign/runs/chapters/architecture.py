"""Parameters of the chapter on separate and unified streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from brainalign.runs.parameters import FromText
from brainalign.runs.watched_film import WatchedFilmParameters


class ArchitectureParameters(WatchedFilmParameters):
    """On how many cortices, and with how many atoms, the architectures are compared."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_volumes": 240,
            "n_learning": 200,
            "n_atoms": 8,
            "fewer_atoms": [4],
            "n_cortices": 2,
            "n_simulations": 20,
            "n_draws": 19,
        },
    }

    fewer_atoms: Annotated[list[Annotated[int, Field(ge=2, le=128)]], FromText] = Field(
        [8, 16], min_length=1, description="smaller dictionaries with which the comparison is repeated"
    )
    floor: float = Field(0.1, ge=0, lt=1, description="correlation that the better branch must pass to count a parcel")
    penalty: float = Field(1000.0, gt=0, description="ridge penalty of the fit to one half of the film")
    n_cortices: int = Field(5, ge=2, le=50, description="simulated cortices on which the architectures are compared")
    n_simulations: int = Field(200, ge=20, le=5000, description="simulated brains that calibrate the test")
    n_draws: int = Field(199, ge=19, le=9999, description="random exchanges of the two predictions")
