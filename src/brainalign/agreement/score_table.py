"""Scores of models on metrics, with the place of every metric in a hierarchy. Tables are pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd

from brainalign.numeric import as_numbers

__all__ = ["ScoreTable"]

FEWEST_MODELS = 3
"""With two models every correlation is 1 or -1."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of models on metrics; more is better, NaN is missing.

    Attributes
    ----------
    scores : DataFrame of shape (n_models, n_metrics)
        Numbers. The index names the models, the columns name the metrics.
    metrics : DataFrame
        The hierarchy, indexed by name; it may hold more than the metrics of the table. ``category`` is the group whose
        share of an aggregate is asked for ("neural", "behavior"); ``parent`` names the metric that averages this one
        with others, or is None.
    families : Series of length n_models
        Family of every model. Models of one family are alike and do not count as independent. By default every model is
        a family of its own.

    Raises
    ------
    ValueError
        For duplicate models or metrics, text or infinite numbers among the scores, a metric without a single score,
        fewer than three models, a hierarchy that does not name every metric or that runs in a circle, or families of
        other models. The text says what to do.

    Examples
    --------
    >>> scores = pd.DataFrame({"V1": [0.1, 0.2, 0.3], "choices": [0.5, None, 0.9]}, index=["a", "b", "c"])
    >>> metrics = pd.DataFrame({"category": ["neural", "behavior"], "parent": None}, index=["V1", "choices"])
    >>> ScoreTable(scores, metrics).categories
    ('neural', 'behavior')
    """

    scores: pd.DataFrame
    metrics: pd.DataFrame
    families: pd.Series = field(default_factory=lambda: pd.Series(dtype=object))

    def __post_init__(self) -> None:
        scores = _checked_scores(self.scores)
        metrics = _checked_hierarchy(self.metrics, scores.columns)
        families = self.families if len(self.families) else pd.Series(scores.index, index=scores.index, dtype=object)
        absent = scores.index.difference(families.index)
        if len(absent) or families.reindex(scores.index).isna().any():
            msg = f"families must name the family of every model; {_listed(absent)} has none. Give it one of its own."
            raise ValueError(msg)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "metrics", metrics)
        object.__setattr__(self, "families", families.reindex(scores.index))

    @classmethod
    def from_records(cls, records: pd.DataFrame) -> Self:
        """Build a table from one score per row.

        Parameters
        ----------
        records : DataFrame
            Columns ``model``, ``metric``, ``score`` and ``category``; ``parent`` and ``family`` where they are known. A
            score that is NaN, or a row that is not there, is missing.

        Returns
        -------
        ScoreTable
            Models and metrics in the order in which they first come.

        Raises
        ------
        ValueError
            For a missing column, two scores of one model on one metric, a metric in two categories, or what the table
            itself refuses.
        """
        absent = [name for name in ("model", "metric", "score", "category") if name not in records]
        if absent:
            msg = f"records need the columns model, metric, score and category: {', '.join(absent)} is not there."
            raise ValueError(msg)
        twice = records[records.duplicated(["model", "metric"])]
        if len(twice):
            model, metric = twice.iloc[0][["model", "metric"]]
            msg = f"model '{model}' has {len(twice) + 1} or more scores on '{metric}'; average the repeats first."
            raise ValueError(msg)
        records = records.assign(**{name: None for name in ("parent", "family") if name not in records})
        metrics = _one_row_each(records, "metric", ["category", "parent"])
        families = _one_row_each(records, "model", ["family"])["family"]
        scores = records.pivot(index="model", columns="metric", values="score")
        scores = scores.reindex(index=records["model"].unique(), columns=records["metric"].unique())
        return cls(scores, metrics, pd.Series(dtype=object) if families.isna().all() else families)

    @property
    def category(self) -> pd.Series:
        """Category of every metric, in the order of the columns of the scores."""
        return self.metrics.loc[self.scores.columns, "category"]

    @property
    def categories(self) -> tuple[str, ...]:
        """Categories of the metrics, in the order in which they first come."""
        return tuple(self.category.unique())

    def leaves(self) -> ScoreTable:
        """The table without metrics that are averages of others: these correlate with their parts by construction."""
        parents = self.metrics["parent"].to_dict()
        averages = {ancestor for name in self.scores.columns for ancestor in _ancestors(parents, name)}
        return self.select([name for name in self.scores.columns if name not in averages])

    def without_hierarchy(self) -> ScoreTable:
        """The leaves, each directly in its category: all metrics of a category count the same."""
        leaves = self.leaves()
        flat = pd.DataFrame({"category": leaves.category, "parent": None}, index=leaves.scores.columns)
        return replace(leaves, metrics=flat)

    def select(self, metrics: Sequence[str]) -> ScoreTable:
        """The table with these metrics only.

        Raises
        ------
        ValueError
            For a metric that is not in the table.
        """
        unknown = [name for name in metrics if name not in self.scores.columns]
        if unknown:
            msg = f"the table has no metric {_listed(unknown)}; it has {_listed(self.scores.columns)}."
            raise ValueError(msg)
        return replace(self, scores=self.scores[list(metrics)])

    def covered(self, min_models: int) -> ScoreTable:
        """The table with the metrics that at least `min_models` models have a score on.

        Raises
        ------
        ValueError
            When no metric has that many scores.
        """
        counts = self.scores.notna().sum()
        if counts.max() < min_models:
            msg = f"no metric has scores of {min_models} models; the best one has {counts.max()}. Ask for fewer."
            raise ValueError(msg)
        return self.select(list(counts.index[counts >= min_models]))

    def distinct(self) -> ScoreTable:
        """The table without models that have no score, or the very scores and gaps of a model above them.

        One network that was submitted seven times is one network; its copies would be ties in every metric.
        """
        kept = self.scores.notna().any(axis=1) & ~self.scores.duplicated()
        return replace(self, scores=self.scores[kept])

    def complete(self, n_metrics: int) -> ScoreTable:
        """The block without gaps of the `n_metrics` metrics that most models have, and the models that have them all.

        Raises
        ------
        ValueError
            When the table has fewer metrics, or fewer than three models have them all.
        """
        counts = self.scores.notna().sum()
        if not 1 <= n_metrics <= len(counts):
            msg = f"a block of {n_metrics} metrics cannot be cut from {len(counts)}; ask for 1 to {len(counts)}."
            raise ValueError(msg)
        best = counts.sort_values(ascending=False, kind="stable").index[:n_metrics]
        block = self.scores[[name for name in self.scores if name in best]].dropna()
        if len(block) < FEWEST_MODELS:
            msg = f"only {len(block)} models have all of the {n_metrics} best covered metrics; ask for fewer metrics."
            raise ValueError(msg)
        return replace(self, scores=block)

    def weights(self) -> pd.Series:
        """Weight of every metric in the mean of its category, when every parent is the plain mean of its children.

        Returns
        -------
        Series of length n_metrics
            Positive, with sum 1 in every category. A metric that is an average of others has no weight of its own and
            must be left out first, see `leaves`.

        Raises
        ------
        ValueError
            When the table holds a metric together with the average it enters.

        Notes
        -----
        The product of one over the number of siblings, from the metric up to its category: fifty conditions of one
        experiment count as much as a single score beside them. The siblings are those in this table.
        """
        paths = self._paths()
        for name, (_, *ancestors, _) in paths.items():
            counted = [node for node in ancestors if node in paths]
            if counted:
                msg = f"'{name}' enters '{counted[-1]}', and the table would count it twice; call leaves() first."
                raise ValueError(msg)
        siblings: dict[tuple[str, ...], set[str]] = {}
        for path in paths.values():
            for depth in range(1, len(path)):
                siblings.setdefault(path[:depth], set()).add(path[depth])
        return pd.Series(
            {
                name: float(np.prod([1 / len(siblings[path[:depth]]) for depth in range(1, len(path))]))
                for name, path in paths.items()
            }
        )

    def _paths(self) -> dict[str, tuple[str, ...]]:
        """For every metric its category, then the ancestors that lie in it, then the metric itself."""
        category, parents = self.metrics["category"].to_dict(), self.metrics["parent"].to_dict()
        paths = {}
        for name in self.scores.columns:
            own = category[name]
            inside = [node for node in _ancestors(parents, name) if category.get(node, own) == own]
            paths[name] = (own, *reversed(inside), name)
        return paths


def _ancestors(parents: Mapping[str, str | None], name: str) -> list[str]:
    """All averages that a metric enters, the nearest first."""
    found: list[str] = []
    node = parents[name]
    while node is not None:
        if node == name or node in found:
            msg = f"the hierarchy runs in a circle: '{node}' is its own ancestor. Correct the column parent."
            raise ValueError(msg)
        found.append(node)
        node = parents.get(node)
    return found


def _checked_scores(scores: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(scores, pd.DataFrame):
        msg = f"scores must be a DataFrame, models by metrics with their names: got {type(scores).__name__}."
        raise ValueError(msg)
    for axis, what in ((scores.index, "model"), (scores.columns, "metric")):
        twice = axis[axis.duplicated()]
        if len(twice):
            msg = f"the {what} '{twice[0]}' comes more than once; average or rename its scores first."
            raise ValueError(msg)
    if len(scores) < FEWEST_MODELS:
        msg = f"a score table needs at least {FEWEST_MODELS} models, got {len(scores)}; add models."
        raise ValueError(msg)
    if scores.shape[1] == 0:
        msg = "the score table has no metric; give at least one column."
        raise ValueError(msg)
    for name, kind in scores.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            column = scores[name]
            text = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
            example = f", for example {text.iloc[0]!r} of model '{text.index[0]}'" if len(text) else ""
            msg = (
                f"metric '{name}' holds what is not a number{example}. If that means missing, turn it into NaN with "
                "pandas.to_numeric(column, errors='coerce')."
            )
            raise ValueError(msg)
    numbers = scores.astype(float)
    as_numbers(numbers, name="scores")  # refuses what stands for missing values
    if np.isinf(numbers.to_numpy()).any():
        name = numbers.columns[np.isinf(numbers.to_numpy()).any(axis=0)][0]
        msg = f"metric '{name}' holds an infinite score; replace it by NaN or correct it."
        raise ValueError(msg)
    empty = numbers.columns[numbers.isna().all()]
    if len(empty):
        msg = f"no model has a score on {_listed(empty)}; leave such metrics out: scores.dropna(axis=1, how='all')."
        raise ValueError(msg)
    return numbers


def _checked_hierarchy(metrics: pd.DataFrame, names: pd.Index) -> pd.DataFrame:
    absent = [column for column in ("category", "parent") if column not in metrics]
    if absent:
        msg = f"metrics needs the columns category and parent: {', '.join(absent)} is not there (parent may be None)."
        raise ValueError(msg)
    if metrics.index.has_duplicates:
        msg = f"metrics names '{metrics.index[metrics.index.duplicated()][0]}' more than once; keep one row each."
        raise ValueError(msg)
    unnamed = names.difference(metrics.index)
    if len(unnamed) or metrics.loc[names, "category"].isna().any():
        missing = list(unnamed) or list(metrics.loc[names].index[metrics.loc[names, "category"].isna()])
        msg = f"metrics gives no category for {_listed(missing)}; add a row with its category and its parent."
        raise ValueError(msg)
    kept = metrics[["category", "parent"]].astype(object)
    kept["parent"] = kept["parent"].where(kept["parent"].notna(), None)
    parents = kept["parent"].to_dict()
    for name in parents:
        _ancestors(parents, name)
    return kept


def _one_row_each(records: pd.DataFrame, key: str, columns: list[str]) -> pd.DataFrame:
    rows = records.drop_duplicates([key, *columns]).set_index(key)[columns]
    if rows.index.has_duplicates:
        name = rows.index[rows.index.duplicated()][0]
        msg = f"the records of {key} '{name}' disagree about its {' or '.join(columns)}; use one for all of them."
        raise ValueError(msg)
    return rows


def _listed(names: Sequence[str] | pd.Index) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
