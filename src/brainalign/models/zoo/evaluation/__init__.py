"""Held-out results of the mini-zoo."""

from brainalign.models.zoo.evaluation.evaluate import evaluate_zoo
from brainalign.models.zoo.evaluation.measurement import Measurement

__all__ = ["Measurement", "evaluate_zoo"]
