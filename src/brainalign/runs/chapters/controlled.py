"""Parameters of the chapter on models that differ in their objective alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.controlled_set import controlled_models
from brainalign.runs.parameters import ChapterParameters, FromText


class ControlledParameters(ChapterParameters):
    """Which models of the controlled set are compared, and with which brain networks."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"sizes": ["xs"], "n_permutations": 999, "louvain_starts": 2},
    }

    sizes: Annotated[list[Literal["xs", "s"]], FromText] = Field(
        ["xs", "s"], min_length=1, description="sizes of the models, xs (3 layers of 3 heads) and s (4 of 4)"
    )
    seeds: Annotated[list[Literal[0, 1, 2, 3]], FromText] = Field(
        [0, 1, 2, 3], min_length=2, description="seeds, each with first weights and data of its own"
    )
    networks: Literal["published", "hcp"] = Field(
        "published", description="profiles of the brain networks, as released or rebuilt (HCP, 200 parcels)"
    )
    scaling: Literal["min-max", "rank"] = Field(
        "min-max", description="attention stretched by its two extremes, as in the study, or replaced by its ranks"
    )
    diagonal: bool = Field(True, description="whether a position may attend to itself, as in the study")
    n_permutations: int = Field(9999, ge=99, le=1_000_000, description="rearrangements in the permutation test")
    louvain_starts: int = Field(8, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of the permutations")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        models = controlled_models(self.sizes, self.seeds)
        return (*models, "icn-published" if self.networks == "published" else "hcp-connectomes")
