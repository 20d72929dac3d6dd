"""Parameters of the chapter on accuracy, size and the published score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.controlled_set import controlled_models
from brainalign.runs.parameters import ChapterParameters, FromText


class ScaleParameters(ChapterParameters):
    """Which correlation is questioned, and how random weights in the shapes of published models are drawn."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "largest_model": 100,
            "largest_grid": 7,
            "max_heads": 4,
            "weight_draws": 1,
            "null_draws": 200,
            "grids": [14, 16],
            "sizes": ["xs"],
        },
        "paper": {"largest_grid": 37, "max_heads": 64, "weight_draws": 4, "null_draws": 10_000, "grid_heads": 24},
    }

    published_r: float = Field(0.266, gt=-1, lt=1, description="the published correlation of score and accuracy")
    n_models: int = Field(30, ge=6, le=1000, description="number of models that a correlation is taken over")
    sizes: Annotated[list[Literal["xs", "s"]], FromText] = Field(
        ["xs", "s"], min_length=1, description="sizes of the trained models, xs (3 layers of 3 heads) and s (4 of 4)"
    )
    largest_model: int = Field(
        100_000, ge=30, le=1_000_000, description="models with more weights than this, in millions, are not drawn"
    )
    largest_grid: int = Field(16, ge=4, le=40, description="pictures of more rows of patches are given so many")
    max_heads: int = Field(16, ge=4, le=4096, description="heads that are drawn and measured of each model")
    weight_draws: int = Field(2, ge=1, le=100, description="how often the weights of every model are drawn")
    null_draws: int = Field(2000, ge=100, le=100_000, description="correlations under each null model")
    grids: Annotated[list[Annotated[int, Field(ge=4, le=40)]], FromText] = Field(
        [7, 14, 16, 28, 37], min_length=2, description="rows of patches of one and the same random model"
    )
    grid_heads: int = Field(4, ge=2, le=72, description="heads of that model, at every number of patches")
    louvain_starts: int = Field(1, ge=1, le=128, description="random starts of which the best modularity is kept")
    seed: int = Field(0, ge=0, description="seed of every random number of this chapter")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads."""
        return (*controlled_models(self.sizes, range(4)), "zoo-cards", "icn-published")
