"""Parameters of the chapter on the agreement of alignment metrics."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.controlled_set import OBJECTIVES, seeded
from brainalign.runs.parameters import ChapterParameters

_CONTROLLED = tuple(f"{objective}-{size}" for size in ("s", "xs") for objective in OBJECTIVES)
_OTHERS = ("tower-s", "clip-s", "clip-hard-s", "clip-hard-scratch-s", "meter-s", "meter-plain-s")

RECIPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all": (*_CONTROLLED, *_OTHERS),
        "controlled": _CONTROLLED,
        "few": ("supervised-xs", "mae-xs", "contrastive-xs"),
    }
)
"""Recipes of the mini-zoo by the name of the set."""

SHIPPED_SEEDS: Mapping[str, int] = MappingProxyType(
    {"tower-s": 2, "clip-s": 2, "clip-hard-s": 2, "clip-hard-scratch-s": 1, "meter-s": 2, "meter-plain-s": 1}
)
"""How many seeds of a recipe there are, where not four."""


class AgreementParameters(ChapterParameters):
    """Which models are scored here, which public table follows, and how often models and metrics are drawn again."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {
            "models": "few",
            "n_seeds": 2,
            "objects": False,
            "n_scenes": 80,
            "n_trials": 100,
            "table": "simulated",
            "n_draws": 50,
            "n_permutations": 20,
        },
        "paper": {"n_scenes": 1000, "n_trials": 1000, "n_draws": 10_000, "n_permutations": 1000},
    }

    models: Literal["all", "controlled", "few"] = Field(
        "all", description="models that are scored here, all, those that differ in the objective only, or a few"
    )
    n_seeds: int = Field(4, ge=2, le=4, description="how many seeds of each recipe, as far as they are shipped")
    objects: bool = Field(True, description="whether human and monkey IT are among the brains, beside simulated areas")
    n_scenes: int = Field(200, ge=60, le=20_000, description="scenes of digits that the simulated areas see")
    n_trials: int = Field(250, ge=100, le=20_000, description="scenes of one digit that the models are asked about")
    table: Literal["brainscore", "benchmarks", "simulated"] = Field(
        "brainscore", description="public scores: 28 models on a leaderboard, 993 on five benchmarks, or simulated ones"
    )
    method: Literal["spearman", "pearson"] = Field("spearman", description="kind of correlation between metrics")
    min_models: int = Field(15, ge=5, le=80, description="fewest models that must have a score on a metric")
    n_draws: int = Field(1000, ge=20, le=100_000, description="how often models or metrics are drawn again")
    n_permutations: int = Field(200, ge=10, le=10_000, description="how many shuffled tables make up the null model")
    n_clusters: int = Field(
        6, ge=2, le=50, description="into how many groups the metrics are put, if there are as many"
    )
    seed: int = Field(0, ge=0, description="seed of all stimuli, brains and draws")

    def recipes(self) -> tuple[str, ...]:
        """Recipes of the mini-zoo whose models are scored."""
        return RECIPES[self.models]

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue, and models of the mini-zoo, that a run reads."""
        seeds = {name: range(min(self.n_seeds, SHIPPED_SEEDS.get(name, 4))) for name in self.recipes()}
        pictured = (seeded(name, seed) for name in seeds for seed in seeds[name])
        models = (*pictured, "zoo:teacher", "zoo:bert-s", "zoo:gpt-s", "minilm")
        objects = ("objects-92",) if self.objects else ()
        public = () if self.table == "simulated" else ("brainscore-tables",)
        return ("digits", *models, "icn-published", "hcp-connectomes", *objects, *public)
