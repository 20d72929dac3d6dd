"""Parameters of the chapter on people and monkeys who see objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from brainalign.runs.parameters import ChapterParameters, FromText

PictureModel = Literal[
    "clip-s", "clip-hard-s", "clip-hard-scratch-s", "tower-s", "meter-s", "supervised-s", "distilled-s", "mae-s",
    "contrastive-s", "captioned-s",
]  # fmt: skip
"""Models of the mini-zoo that see pictures, of one size."""


class ObjectsParameters(ChapterParameters):
    """How voxels are predicted from what is shown, which models see the pictures, and how often names are exchanged."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "n_folds": 3, "n_exchanges": 99, "models": ["clip-s", "mae-s"], "n_twins": 2, "n_permutations": 99,
            "n_draws": 99,
        },
    }  # fmt: skip

    haxby: Literal["sample", "subject 1", "subject 2", "subject 3", "subject 4", "subject 5", "subject 6"] = Field(
        "sample", description="the small sample at 25 mm, or a full subject"
    )
    mask: Literal["brain", "gray", "vt"] = Field(
        "brain", description="voxels that are modelled, brain or gray of the sample, brain or vt of a subject"
    )
    delays: Annotated[list[Annotated[int, Field(ge=0, le=8)]], FromText] = Field(
        [0, 1, 2, 3], min_length=1, max_length=8, description="delays of the features in volumes of 2.5 s"
    )
    n_folds: int = Field(12, ge=3, le=12, description="groups of runs that are held out in turn, 12 for single runs")
    penalty: float = Field(300, gt=0, le=1e6, description="ridge penalty while names are exchanged, one for all voxels")
    n_exchanges: int = Field(1999, ge=99, le=100_000, description="times that the categories of every run trade names")
    n_chosen: int = Field(5, ge=1, le=20, description="voxels that are chosen for faces and for houses")
    models: Annotated[list[PictureModel], FromText] = Field(
        ["clip-s", "clip-hard-s", "tower-s", "supervised-s", "mae-s", "contrastive-s"],
        min_length=1,
        description="models of the mini-zoo that see the pictures",
    )
    depth: float = Field(1.0, ge=0, le=1, description="layer that stands for a model, 0 the first and 1 the last")
    n_twins: int = Field(5, ge=1, le=50, description="untrained twins of every model")
    n_permutations: int = Field(499, ge=99, le=100_000, description="times that the 92 pictures are shuffled")
    n_draws: int = Field(2000, ge=99, le=100_000, description="draws of runs for the intervals")
    seed: int = Field(0, ge=0, description="seed of exchanges, shuffles, twins and draws")

    @model_validator(mode="after")
    def _mask_is_there(self) -> Self:
        allowed = ("brain", "gray") if self.haxby == "sample" else ("brain", "vt")
        if self.mask not in allowed:
            msg = (
                f"objects: mask = {self.mask!r} is not allowed with haxby = {self.haxby!r}; "
                f"allowed is {' or '.join(allowed)}."
            )
            raise ValueError(msg)
        return self

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue, and models of the mini-zoo, that a run reads."""
        recording = "haxby-25mm" if self.haxby == "sample" else "haxby-subjects"
        return (recording, "objects-92", *(f"zoo:{name}" for name in self.models))
