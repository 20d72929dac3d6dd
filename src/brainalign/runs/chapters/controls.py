"""Parameters of the chapter of controls of topological alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.controlled_set import controlled_models
from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, files_reference


class ControlsParameters(ChapterParameters):
    """How many null models are drawn, of what, and which models the multiverse compares."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_null": 60,
            "n_draws": 9,
            "grids": [7, 14],
            "head_counts": [36, 72],
            "parcels": [100, 200],
            "sizes": ["xs"],
            "fine_margins": [1e-5, 1e-3],
            "shares_kept": [1.0, 0.3],
            "margins": [1e-5],
            "louvain_starts": 1,
        },
        "paper": {"n_null": 2000, "n_draws": 199, "louvain_starts": 8},
    }

    model: ModelReference = Field("minilm", description="the trained model, minilm, zoo:NAME, or file:FOLDER")
    max_positions: int = Field(50, ge=4, le=512, description="how many positions become nodes (the study takes 50)")
    n_null: int = Field(400, ge=20, le=100_000, description="null graphs of each kind")
    n_draws: int = Field(
        39, ge=9, le=9999, description="shuffled twins, random parcel sets and models of each head count"
    )
    grids: Annotated[list[Annotated[int, Field(ge=3, le=40)]], FromText] = Field(
        [7, 10, 14, 16, 24, 37], min_length=2, description="rows and columns of patches of the same head"
    )
    head_counts: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], FromText] = Field(
        [36, 72, 144, 288], min_length=2, description="numbers of heads of models that differ in nothing else"
    )
    parcels: Annotated[list[Literal[100, 200, 300, 400]], FromText] = Field(
        [100, 200, 300, 400], min_length=2, description="resolutions at which brains are rebuilt and rewired"
    )
    sizes: Annotated[list[Literal["xs", "s"]], FromText] = Field(
        ["xs", "s"], min_length=1, description="sizes of the models that are compared"
    )
    fine_margins: Annotated[list[Annotated[float, Field(gt=0, lt=0.5)]], FromText] = Field(
        [1e-5, 1e-4, 1e-3, 1e-2],
        min_length=1,
        description="smallest edge weights one at a time, that of the study first",
    )
    shares_kept: Annotated[list[Annotated[float, Field(gt=0, le=1)]], FromText] = Field(
        [1.0, 0.5, 0.4, 0.3, 0.2, 0.1], min_length=1, description="shares of edges kept one at a time, all first"
    )
    margins: Annotated[list[Annotated[float, Field(gt=0, lt=0.5)]], FromText] = Field(
        [1e-5, 1e-3], min_length=1, description="smallest edge weights of the multiverse, that of the study first"
    )
    louvain_starts: int = Field(2, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        controlled = controlled_models(self.sizes, range(4))
        model = files_reference(self.model)
        others = [] if model in controlled else [model]
        return (*others, *controlled, "icn-published", "hcp-connectomes", "hcp-subjects")
