"""Scores of one's own models on many metrics: brains, networks and behavior, as records of a score table.

Features and responses are torch tensors, tables are pandas, the rest is numpy.
"""

from brainalign.scoring.behavior import Trials, draw_trials, teacher_answers
from brainalign.scoring.comparison import COMPARISONS, Comparison, compare_layers
from brainalign.scoring.embedding import Embedding, zoo_embedding
from brainalign.scoring.networks import network_scores
from brainalign.scoring.scores import score_behavior, score_networks, score_similarity
from brainalign.scoring.targets import Target, object_ink, object_targets, planted_targets
from brainalign.scoring.zoo import PICTURE_RECIPES, TEXT_MODELS, TWIN_RECIPES, list_models

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
    "network_scores",
    "object_ink",
    "object_targets",
    "planted_targets",
    "score_behavior",
    "score_networks",
    "score_similarity",
    "teacher_answers",
    "zoo_embedding",
]
