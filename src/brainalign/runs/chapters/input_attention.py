"""Parameters of the chapter that sets attention on real input beside the graphs without input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.controlled_set import OBJECTIVES, controlled_models
from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, files_reference

_SHOWN = [*(f"zoo:{objective}-s" for objective in OBJECTIVES), "zoo:bert-s", "zoo:gpt-s", "minilm"]


class InputParameters(ChapterParameters):
    """Which models are shown which inputs, and how agreement with the graphs without input is judged."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "models": ["zoo:mae-s", "zoo:bert-s"],
            "shown": "zoo:mae-s",
            "n_inputs": 32,
            "n_groups": 8,
            "seeds": [0, 1],
            "n_permutations": 99,
            "n_draws": 10,
            "louvain_starts": 1,
        },
    }

    models: Annotated[list[ModelReference], FromText] = Field(
        _SHOWN, min_length=1, description="models that are compared head by head, of pictures and of texts"
    )
    shown: ModelReference = Field("zoo:mae-s", description="the one of them whose graphs are drawn")
    causal_model: ModelReference = Field("zoo:gpt-s", description="model whose causal mask is put on and taken off")
    seeds: Annotated[list[Literal[0, 1, 2, 3]], FromText] = Field(
        [0, 1, 2, 3], min_length=2, description="seeds of the controlled set, whose models are put in order"
    )
    n_inputs: int = Field(
        192, ge=16, le=100_000, description="pictures, or sentences about them, that models are shown"
    )
    text: Literal["passages", "story"] = Field(
        "passages", description="what other text models read, passages of this book or the story of Alice"
    )
    max_positions: int = Field(50, ge=13, le=512, description="longest text in tokens (the study takes 50 positions)")
    n_groups: int = Field(16, ge=4, le=400, description="groups of inputs, for halves and intervals")
    n_permutations: int = Field(4999, ge=99, le=1_000_000, description="orders of heads in the null models")
    n_draws: int = Field(60, ge=10, le=10_000, description="times that the groups of inputs are drawn again")
    louvain_starts: int = Field(4, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of scenes, orders and draws")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        models = [files_reference(model) for model in (*self.models, self.shown, self.causal_model)]
        story = ("alice-story",) if self.text == "story" else ()
        return (*dict.fromkeys([*models, *controlled_models(["s"], self.seeds)]), "digits", "icn-published", *story)
