"""Held-out results of a model of the mini-zoo, beside chance, ideal readers, controls and the untrained twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from brainalign.datasets.scenes import Scenes, draw_scenes
from brainalign.models.zoo.evaluation.captions import measure_fusion, measure_matching
from brainalign.models.zoo.evaluation.measurement import Measurement
from brainalign.models.zoo.evaluation.pictures import (
    measure_cells,
    measure_labels,
    measure_masked_patches,
    measure_pairs,
    probe_digits,
)
from brainalign.models.zoo.evaluation.sentences import measure_sentences
from brainalign.models.zoo.objectives import Objective
from brainalign.models.zoo.recipes import get_recipe
from brainalign.models.zoo.weights import load_objective, random_objective

Measure = Callable[[Objective, Scenes, np.random.Generator], dict[str, Measurement]]

_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "supervised": measure_labels,
        "distilled": measure_labels,
        "mae": measure_masked_patches,
        "contrastive": measure_pairs,
        "captioned": measure_matching,
        "convolutional": measure_labels,
        "cells": measure_cells,
        "clip": measure_matching,
        "clip-hard": measure_matching,
        "meter": measure_fusion,
        "meter-grounded": measure_fusion,
        "bert": measure_sentences,
        "gpt": measure_sentences,
    }
)
_SCENES, _STREAM = 1000, 20_261_122  # a stream of scenes that no training seed draws


def evaluate_zoo(
    name: str, seed: int = 0, *, folder: Path | None = None, n_scenes: int = _SCENES, stream: int = _STREAM
) -> dict[str, Measurement]:
    """Results of a trained model on scenes of handwritten digits that training never used.

    Parameters
    ----------
    name : str
        Model of the mini-zoo.
    seed : int
    folder : Path, optional
        Where its weights are; by default the shipped ones.
    n_scenes : int
        Number of scenes, at least 100: retrieval needs pools of 100.
    stream : int
        Seed of the scenes and of what is hidden in them.

    Returns
    -------
    dict of str to Measurement
        The model's own task first; models of the controlled set end with the probe that all of them share.

    Raises
    ------
    ValueError
        For an unknown name, or too few scenes.
    MissingDataError, ChecksumError
        See `brainalign.models.zoo.weights.read_config`.
    """
    if n_scenes < 100:
        msg = f"n_scenes = {n_scenes} is too few; give at least 100."
        raise ValueError(msg)
    trained = _measure(load_objective(name, seed, folder=folder), n_scenes, stream)
    twin = _measure(random_objective(name, seed), n_scenes, stream)
    return {metric: replace(result, random_twin=twin[metric].value) for metric, result in trained.items()}


@torch.no_grad()
def _measure(objective: Objective, n_scenes: int, stream: int) -> dict[str, Measurement]:
    recipe = get_recipe(objective.recipe.name)
    scenes = draw_scenes(
        n_scenes, generator=np.random.default_rng(stream), digits=recipe.digits, split="test", pairs=recipe.pairs
    )
    results = _MEASURES[recipe.objective](objective, scenes, np.random.default_rng([stream, 1]))
    if recipe.group == "controlled":
        results |= probe_digits(objective, scenes, np.random.default_rng([stream, 2]))
    return results
