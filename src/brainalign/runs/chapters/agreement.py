"""Parameters of the chapter on the agreement of alignment metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from brainalign.runs.parameters import ChapterParameters


class AgreementParameters(ChapterParameters):
    """Which table of scores, and how often models, metrics and columns are drawn again."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "default": {},
        "smoke": {"table": "simulated", "n_draws": 50, "n_permutations": 20},
        "paper": {"n_draws": 10_000, "n_permutations": 1000},
    }

    table: Literal["brainscore", "benchmarks", "simulated"] = Field(
        "brainscore", description="scores: 28 models on a leaderboard, 993 on five benchmarks, or simulated ones"
    )
    method: Literal["spearman", "pearson"] = Field("spearman", description="kind of correlation between metrics")
    min_models: int = Field(15, ge=5, le=80, description="fewest models that must have a score on a metric")
    n_draws: int = Field(1000, ge=20, le=100_000, description="how often models or metrics are drawn again")
    n_permutations: int = Field(200, ge=10, le=10_000, description="how many shuffled tables make up the null model")
    n_clusters: int = Field(
        6, ge=2, le=50, description="into how many groups the metrics are put, if there are as many"
    )
    seed: int = Field(0, ge=0, description="seed of all draws and of the simulated table")

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue that a run reads; the simulated table needs none."""
        return () if self.table == "simulated" else ("brainscore-tables",)
