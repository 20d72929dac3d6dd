"""Parameters of the chapter on biased and debiased CKA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, FromText


class CkaParameters(ChapterParameters):
    """How wide the random matrices get, how many pictures and repeats there are, and which brains are shown."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"widest": 500, "n_repeats": 5, "brains": []},
        "paper": {"widest": 250_000, "n_repeats": 100, "n_shuffles": 9999},
    }

    widest: int = Field(21_000, ge=10, le=250_000, description="widest random matrix (the study goes to 250000)")
    n_pictures: Annotated[list[Annotated[int, Field(ge=8, le=1797)]], FromText] = Field(
        [10, 20, 50, 100, 200, 500, 1000], min_length=2, description="numbers of pictures that are compared"
    )
    fractions: Annotated[list[Annotated[float, Field(ge=0, le=1)]], FromText] = Field(
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], min_length=2, description="shares of the pictures that are shuffled"
    )
    brains: Annotated[list[Literal["haxby-25mm", "objects-92"]], FromText] = Field(
        ["haxby-25mm", "objects-92"], description="sets of brain data that are shown; may be none"
    )
    n_voxels: Annotated[list[Annotated[int, Field(ge=2, le=129)]], FromText] = Field(
        [4, 8, 16, 32, 64, 128], min_length=2, description="sizes of the brain regions, of 129 voxels in all"
    )
    n_shuffles: int = Field(499, ge=19, le=99_999, description="shuffles that brain data are compared with")
    n_repeats: int = Field(30, ge=2, le=1000, description="repeats with other random pictures, regions and shuffles")
    seed: int = Field(0, ge=0, description="seed of the shuffles (random matrices keep the published seed)")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return ("cka-published", "digits", *self.brains)
