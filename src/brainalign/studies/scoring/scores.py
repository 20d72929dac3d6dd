"""Scores of models on every metric, one per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from brainalign.models import spatial_attention
from brainalign.studies.scoring.behavior import Answers, Trials, answer_trials, behavior_scores
from brainalign.studies.scoring.comparison import COMPARISONS, Comparison, compare_layers
from brainalign.studies.scoring.embedding import Embedding
from brainalign.studies.scoring.targets import Target
from brainalign.topology import METRICS, head_metrics, icn_similarity

__all__ = ["score_behavior", "score_networks", "score_similarity"]


def score_similarity(
    models: Mapping[str, Embedding],
    targets: Sequence[Target],
    comparisons: Mapping[str, Comparison] = COMPARISONS,
) -> pd.DataFrame:
    """Compare every model with every brain area by every measure.

    Parameters
    ----------
    models : mapping of str to Embedding
        Models by name; whatever turns pictures into layers of features, see `brainalign.studies.scoring.embedding`.
    targets : sequence of Target
        Brain areas.
    comparisons : mapping of str to Comparison
        Measures by name.

    Returns
    -------
    DataFrame
        Records for `brainalign.agreement.ScoreTable.from_records`: ``model``, ``metric`` ("human IT: CKA"), ``score``,
        ``category`` "neural", and as ``parent`` the area.

    Raises
    ------
    ValueError
        As `compare_layers`.
    """
    rows = []
    for model, embed in models.items():
        # Areas that saw the same pictures share them: a model is run once for all of these.
        pictures = {id(target.pictures): target.pictures for target in targets}
        layers = {key: embed(shown) for key, shown in pictures.items()}
        for target in targets:
            scores = compare_layers(layers[id(target.pictures)], target.responses, comparisons)
            rows += [(model, f"{target.name}: {measure}", score, target.name) for measure, score in scores.items()]
    return _records(rows, "neural")


def score_networks(references: Mapping[str, str], networks: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean similarity of every model's heads to sets of intrinsic connectivity networks, without any stimulus.

    Parameters
    ----------
    references : mapping of str to str
        Reference by name of the model, see `brainalign.catalogue.references.parse_reference`; of one with several
        towers, with the tower.
    networks : mapping of str to DataFrame
        Sets of network profiles by name, see `brainalign.topology.icn_profiles`.

    Returns
    -------
    DataFrame
        Records as in `score_similarity`, of category "neural" and parent "networks"; scores in [-1, 1], more is
        nearer.

    Raises
    ------
    ValueError, MissingDataError
        As `brainalign.models.spatial_attention`, and when a model's heads have no graph.

    Notes
    -----
    The published score is the position along the first axis of a space that all models span; it changes with the
    company. This mean does not. The graph of a head has one node per position, so models with other numbers of
    positions (37 for the pictures of the mini-zoo, 13 for its sentences) are not strictly comparable.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, for graphs, metrics and similarity.
    """
    rows = []
    for model, reference in references.items():
        profiles = head_metrics(spatial_attention(reference))[list(METRICS)]
        rows += [
            (model, f"networks: {name}", float(icn_similarity(profiles, icns).mean()), "networks")
            for name, icns in networks.items()
        ]
    return _records(rows, "neural")


def score_behavior(
    models: Mapping[str, Embedding],
    trials: Trials,
    *,
    families: Mapping[str, str],
    observer: Mapping[str, Mapping[str, Answers]] | None = None,
) -> pd.DataFrame:
    """Accuracy and errors of every model, by task and condition.

    Parameters
    ----------
    models : mapping of str to Embedding
        As in `score_similarity`.
    trials : Trials
        See `brainalign.studies.scoring.draw_trials`.
    families : mapping of str to str
        Family of every model.
    observer : mapping, optional
        Answers by task and condition of someone who is not among the models; tasks may be missing.

    Returns
    -------
    DataFrame
        Records as in `score_similarity`, of category "behavior"; the parent is the task.
    """
    answers = {model: answer_trials(embed, trials) for model, embed in models.items()}
    rows = []
    for task, truth in trials.truth.items():
        for condition in trials.asked:
            correct = {model: given[task][condition] == truth for model, given in answers.items()}
            outside = (observer or {}).get(task)
            seen = None if outside is None else outside[condition] == truth
            for metric, scores in behavior_scores(correct, families, seen).items():
                rows += [(model, f"{task}, {condition}: {metric}", score, task) for model, score in scores.items()]
    return _records(rows, "behavior")


def _records(rows: Iterable[tuple[str, str, float, str]], category: str) -> pd.DataFrame:
    records = pd.DataFrame(rows, columns=["model", "metric", "score", "parent"])
    return records.assign(category=category)
