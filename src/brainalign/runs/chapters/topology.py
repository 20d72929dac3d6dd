"""Parameters of the chapter that shows the whole space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, files_reference


class TopologyParameters(ChapterParameters):
    """Which model is set beside which brain networks and which null model."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_twins": 19, "parcels": [100, 200]},
    }

    model: ModelReference = Field("minilm", description="the model, minilm, zoo:NAME, or file:FOLDER of your own")
    max_positions: int = Field(50, ge=4, le=512, description="how many positions become nodes (the study takes 50)")
    n_twins: int = Field(99, ge=19, le=9999, description="how many random twins of the model make up the null model")
    twin_kind: Literal["matched", "initial"] = Field(
        "matched", description="random weights matched to the trained ones, or as before training"
    )
    parcels: Annotated[list[Literal[100, 200, 300, 400]], FromText] = Field(
        [100, 200, 300, 400], min_length=1, description="resolutions at which the brain networks are rebuilt"
    )
    louvain_starts: int = Field(8, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return (files_reference(self.model), "icn-published", "hcp-connectomes", "cortical-surface")
