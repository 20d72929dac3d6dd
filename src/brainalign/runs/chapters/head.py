"""Parameters of the chapter that takes one head through every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, ModelReference, files_reference


class HeadParameters(ChapterParameters):
    """Which head is shown, and against what."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"default": {}, "smoke": {"n_twins": 19}}

    model: ModelReference = Field("minilm", description="the model, minilm, zoo:NAME, or file:FOLDER of your own")
    layer: int = Field(1, ge=0, description="layer of the head, counted from 0")
    head: int = Field(9, ge=0, description="head within the layer, counted from 0")
    max_positions: int = Field(50, ge=4, le=512, description="how many positions become nodes (the study takes 50)")
    n_twins: int = Field(199, ge=19, le=9999, description="how many random twins of the head make up the null model")
    louvain_starts: int = Field(8, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")
    icn_source: Literal["published", "hcp"] = Field(
        "published", description="brain networks, as published or rebuilt from the HCP connectome"
    )

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return (files_reference(self.model), "icn-published", "hcp-connectomes", "cortical-surface")
