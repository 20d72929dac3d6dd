"""Parameters of the chapter on listeners to a story."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, NumberFromText, files_reference


class AliceParameters(ChapterParameters):
    """Which language model reads the story, how it is compared with the listeners, and against which null models."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"context": 0, "other_contexts": [0], "n_twins": 1, "n_shuffles": 5, "n_folds": 2, "n_draws": 99},
    }

    model: ModelReference = Field("minilm", description="a language model with its tokenizer, minilm or file:FOLDER")
    context: int = Field(12, ge=0, le=400, description="words before each word that the model reads with it")
    other_contexts: Annotated[list[int], FromText] = Field(
        [0, 3], min_length=1, max_length=4, description="shorter or longer contexts to compare with"
    )
    depth: float = Field(0.5, ge=0, le=1, description="layer that stands for the model, 0 the first and 1 the last")
    radius: Annotated[Literal[6, 10], NumberFromText] = Field(
        6, description="radius of the brain regions in millimetres"
    )
    region: Literal["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"] = Field(
        "LATL", description="region that every attention head is shown for"
    )
    remove_motion: bool = Field(True, description="whether head motion is regressed out of the signal")
    delays: Annotated[list[int], FromText] = Field(
        [2, 3, 4], min_length=1, max_length=8, description="delays of the features in volumes of 2 s"
    )
    n_folds: int = Field(6, ge=2, le=20, description="parts of the story that are held out in turn")
    gap: int = Field(6, ge=3, le=30, description="volumes next to a held-out part that are not trained on")
    n_twins: int = Field(2, ge=1, le=50, description="untrained twins of the model")
    n_shuffles: int = Field(30, ge=5, le=10_000, description="times that the words of the story change places")
    n_draws: int = Field(1000, ge=99, le=100_000, description="shifts in time, and draws of listeners")
    seed: int = Field(0, ge=0, description="seed of twins, shuffles, shifts and draws")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return (files_reference(self.model), "alice-story")
