"""Parameters of the chapter that opens up CLIP and METER."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters, ModelReference, files_reference


class OpenedParameters(ChapterParameters):
    """Which models are opened up, and on how many scenes their streams are compared and moved."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"n_scenes": 50, "n_volumes": 40, "n_twins": 2, "n_permutations": 19, "n_draws": 99},
        "paper": {
            "clip": "open_clip:ViT-B-16/openai",
            "meter": "meter:pretrain-224",
            "vit": "timm:vit_base_patch16_224.augreg_in21k",
            "reader": "hf:FacebookAI/roberta-base",
        },
    }

    clip: ModelReference = Field("zoo:clip-hard-s", description="a CLIP, whose two towers never meet")
    meter: ModelReference = Field("zoo:meter-s", description="a METER, whose two streams read each other")
    vit: ModelReference = Field("zoo:tower-s", description="a model of pictures alone, as the study has a ViT")
    reader: ModelReference = Field("zoo:bert-s", description="a model of text alone, as the study has a RoBERTa")
    neuron: Literal["context", "query_key", "neurons"] = Field(
        "context", description="what a neuron is: channel of a head, of a query-key product, or MLP unit"
    )
    pool: Literal["mean", "summary"] = Field(
        "mean", description="over all patches and words, or the token that stands for the whole"
    )
    head: int = Field(0, ge=0, description="head whose neuron is followed through the film, counted from 0")
    n_scenes: int = Field(300, ge=50, le=5000, description="scenes on which streams are compared and moved")
    n_volumes: int = Field(160, ge=40, le=5000, description="volumes of the film that the neurons watch")
    n_twins: int = Field(5, ge=2, le=50, description="untrained twins of each model")
    n_permutations: int = Field(199, ge=19, le=9999, description="times that pictures and captions are shuffled")
    n_draws: int = Field(499, ge=99, le=100_000, description="times that scenes are drawn again for intervals")
    seed: int = Field(0, ge=0, description="seed of scenes, twins, shuffles and draws")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        models = [files_reference(model) for model in (self.clip, self.meter, self.vit, self.reader)]
        return ("digits", *dict.fromkeys(models))
