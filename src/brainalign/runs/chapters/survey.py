"""Parameters of the chapter that surveys many models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.catalogue.model_list import model_rows
from brainalign.runs.controlled_set import controlled_models, seeded
from brainalign.runs.parameters import ChapterParameters, FromText, ModelReference, files_reference

_ONE_TOWER = {"tower-s": 2, "bert-s": 2, "gpt-s": 2}
_TWO_TOWERS = {"clip-s": 2, "clip-hard-s": 2, "clip-hard-scratch-s": 1, "meter-s": 2, "meter-plain-s": 1}
_FEW = ("supervised-xs", "distilled-xs", "mae-xs")


class SurveyParameters(ChapterParameters):
    """Which models are surveyed, with which weights, and how many twins of each are drawn."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"models": "few", "n_twins": 2, "louvain_starts": 1, "n_resamples": 199, "nodes": [13, 37]},
        "paper": {"models": "study", "n_twins": 2, "louvain_starts": 8},
    }

    models: Literal["zoo", "few", "study"] = Field(
        "zoo", description="MiniLM with the mini-zoo, a few of them, or those of the 151 of the study that are here"
    )
    also: Annotated[list[ModelReference], FromText] = Field([], description="further models, such as file:FOLDER")
    weights: Literal["trained", "drawn"] = Field(
        "trained", description="trained weights, or random ones in the true shapes, for which nothing is fetched"
    )
    networks: Literal["published", "hcp"] = Field(
        "published", description="profiles of the brain networks, as released or rebuilt (HCP, 200 parcels)"
    )
    max_positions: int = Field(50, ge=4, le=512, description="how many positions of a text become nodes")
    grid: int = Field(0, ge=0, le=40, description="rows and columns of patches of all pictures, 0 for their own")
    max_heads: int = Field(0, ge=0, description="largest number of heads measured of a model, 0 for all")
    n_twins: int = Field(9, ge=2, le=999, description="twins of each kind that are drawn of every model")
    nodes: Annotated[list[Annotated[int, Field(ge=4, le=512)]], FromText] = Field(
        [7, 13, 25, 37, 50, 100, 197], min_length=2, description="numbers of nodes at which MiniLM is measured again"
    )
    n_resamples: int = Field(9999, ge=99, le=1_000_000, description="draws of families for the intervals")
    louvain_starts: int = Field(2, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def references(self) -> list[str]:
        """Models that the chapter surveys, MiniLM first where it is among them."""
        if self.models == "study":
            chosen = [name for name, row in model_rows().items() if row["study"] == "topology"]
        elif self.models == "few":
            chosen = ["minilm", *(seeded(name, seed) for name in _FEW for seed in (0, 1)), "zoo:bert-s", "zoo:gpt-s"]
        else:
            towers = [
                f"{seeded(name, seed)}#{tower}"
                for name, n_seeds in _TWO_TOWERS.items()
                for seed in range(n_seeds)
                for tower in ("vision", "text")
            ]
            single = [seeded(name, seed) for name, n_seeds in _ONE_TOWER.items() for seed in range(n_seeds)]
            chosen = ["minilm", *controlled_models(("s", "xs"), range(4)), *single, *towers]
        return [*chosen, *(name for name in self.also if name not in chosen)]

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        brain = "icn-published" if self.networks == "published" else "hcp-connectomes"
        models = [] if self.models == "study" else self.references()
        return tuple(dict.fromkeys([*map(files_reference, ["minilm", *models, *self.also]), brain]))

    def optional_data(self) -> tuple[str, ...]:
        """Models of the study, which are surveyed if they are on this machine."""
        if self.models != "study" or self.weights == "drawn":
            return ()
        needed = set(self.data())
        found = dict.fromkeys(files_reference(name) for name in self.references())
        return tuple(reference for reference in found if reference not in needed)
