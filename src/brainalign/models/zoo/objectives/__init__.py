"""Training objectives of the mini-zoo, by the name that recipes use."""

from collections.abc import Mapping
from types import MappingProxyType

from brainalign.models.zoo.objectives.contrast import Captioned, Clip, ClipHard, Contrastive
from brainalign.models.zoo.objectives.fusion import Fusion, GroundedFusion
from brainalign.models.zoo.objectives.labels import Cells, Convolutional, Distilled, Supervised
from brainalign.models.zoo.objectives.masked_patches import MaskedAutoencoder
from brainalign.models.zoo.objectives.objective import Objective
from brainalign.models.zoo.objectives.sentences import MaskedWords, NextWords

OBJECTIVES: Mapping[str, type[Objective]] = MappingProxyType(
    {
        "supervised": Supervised,
        "distilled": Distilled,
        "mae": MaskedAutoencoder,
        "contrastive": Contrastive,
        "captioned": Captioned,
        "convolutional": Convolutional,
        "cells": Cells,
        "clip": Clip,
        "clip-hard": ClipHard,
        "meter": Fusion,
        "meter-grounded": GroundedFusion,
        "bert": MaskedWords,
        "gpt": NextWords,
    }
)

__all__ = ["OBJECTIVES", "Objective"]
