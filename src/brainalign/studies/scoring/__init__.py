"""Scores of one's own models on many metrics: brains, networks and behavior, as records of a score table.

Features and responses are torch tensors, tables are pandas, the rest is numpy.
"""

from brainalign.studies.scoring.behavior import Trials, draw_trials, teacher_answers
from brainalign.studies.scoring.comparison import COMPARISONS, Comparison, compare_layers
from brainalign.studies.scoring.embedding import Embedding, photograph_embedding, zoo_embedding
from brainalign.studies.scoring.scores import score_behavior, score_networks, score_similarity
from brainalign.studies.scoring.targets import Target, object_ink, object_targets, planted_targets
from brainalign.studies.scoring.zoo import PICTURE_RECIPES, TEXT_MODELS, TWIN_RECIPES, list_models

__all__ = [
    "COMPARISONS",
    "PICTURE_RECIPES",
    "TEXT_MODELS",
    "TWIN_RECIPES",
    "Comparison",
    "Embedding",
    "Target",
    "Trials",
    "compare_layers",
    "draw_trials",
    "list_models",
    "object_ink",
    "object_targets",
    "photograph_embedding",
    "planted_targets",
    "score_behavior",
    "score_networks",
    "score_similarity",
    "teacher_answers",
    "zoo_embedding",
]
