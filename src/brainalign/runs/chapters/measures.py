"""Parameters of the chapter on measures and what they ignore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters


class MeasuresParameters(ChapterParameters):
    """How many pictures are compared, and how often they are shuffled."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}, "smoke": {"n_shuffles": 5}}

    n_pictures: int = Field(200, ge=80, le=1797, description="how many pictures of digits are compared")
    n_shuffles: int = Field(50, ge=2, le=1000, description="how many shuffles make up the null model")
    seed: int = Field(0, ge=0, description="seed of the choice of pictures, the shuffles and the transforms")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return ("digits",)
