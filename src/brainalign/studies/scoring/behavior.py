"""What a model's last layer lets one tell: digits and places, in clean, noisy and occluded pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from brainalign.agreement import error_consistency
from brainalign.datasets.scenes import EMPTY, SIDE, Scenes, draw_scenes
from brainalign.models.zoo import as_pixels, load_zoo
from brainalign.studies.scoring.embedding import Embedding

Answers = NDArray[np.int64]

_NOISE = 0.2
_BLOCK, _HIDDEN = 2, 0.3


@dataclass(frozen=True, eq=False)
class Trials:
    """Scenes of one digit to learn a readout from, and others to be asked about.

    Attributes
    ----------
    practice : ndarray of shape (n_practice, 24, 24)
        Clean pictures of training handwriting.
    asked : mapping of str to ndarray of shape (n_trials, 24, 24)
        By condition ("clean", "noise", "occlusion") the same scenes of other handwriting.
    practice_truth, truth : mapping of str to ndarray of shape (n_practice,) or (n_trials,)
        By task ("digit", "place") the right answers: 0 to 9, or the cell, 0 to 8.
    """

    practice: NDArray[np.floating]
    asked: Mapping[str, NDArray[np.floating]]
    practice_truth: Mapping[str, Answers]
    truth: Mapping[str, Answers]


def draw_trials(n_practice: int, n_trials: int, *, generator: np.random.Generator) -> Trials:
    """Draw scenes of one digit and spoil them.

    Parameters
    ----------
    n_practice : int
        Scenes that readouts are fitted on; 200 or more, so that every digit and place comes several times.
    n_trials : int
        Scenes in each condition, 1 or more.
    generator : numpy.random.Generator
        Draws scenes, noise and what is hidden.

    Returns
    -------
    Trials
        "noise": normal noise with a standard deviation of 0.2 of full ink. "occlusion": of the squares of 2 x 2 pixels
        three in ten, at random, are empty.

    Raises
    ------
    ValueError
        For fewer scenes.
    """
    if n_practice < 200 or n_trials < 1:
        msg = f"readouts need 200 scenes to practise on and 1 to be asked about: got {n_practice} and {n_trials}."
        raise ValueError(msg)
    practice = draw_scenes(n_practice, generator=generator, digits=(1, 1))
    asked = draw_scenes(n_trials, generator=generator, digits=(1, 1), split="test")
    noisy = asked.images + _NOISE * generator.standard_normal(asked.images.shape)
    seen = generator.random((n_trials, SIDE // _BLOCK, SIDE // _BLOCK)) >= _HIDDEN
    conditions = {
        "clean": asked.images,
        "noise": noisy,
        "occlusion": asked.images * seen.repeat(_BLOCK, axis=1).repeat(_BLOCK, axis=2),
    }
    return Trials(practice.images, MappingProxyType(conditions), _truth(practice), _truth(asked))


def _truth(scenes: Scenes) -> Mapping[str, Answers]:
    place = (scenes.cells != EMPTY).argmax(axis=1)
    digit = np.take_along_axis(scenes.cells, place[:, None], axis=1)[:, 0]
    return MappingProxyType({"digit": digit, "place": place})


def answer_trials(embed: Embedding, trials: Trials) -> dict[str, dict[str, Answers]]:
    """A model's answers, read from its last layer.

    Parameters
    ----------
    embed : Embedding
        See `brainalign.studies.scoring.embedding`; readouts are fitted on clean pictures and never on spoiled ones.
    trials : Trials
        See `draw_trials`.

    Returns
    -------
    dict of str to dict of str to ndarray of shape (n_trials,)
        Answers by task and condition.

    Notes
    -----
    The readout is a linear discriminant analysis with the covariance shrunk as Ledoit and Wolf (2004) do.
    """
    practice = embed(trials.practice)[:, -1].numpy()
    asked = {condition: embed(pictures)[:, -1].numpy() for condition, pictures in trials.asked.items()}
    answers = {}
    for task, truth in trials.practice_truth.items():
        readout = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(practice, truth)
        answers[task] = {condition: readout.predict(features) for condition, features in asked.items()}
    return answers


def teacher_answers(trials: Trials) -> dict[str, dict[str, Answers]]:
    """Answers of the mini-zoo's convolutional network, which is no Transformer and needs no readout: the digits."""
    network = load_zoo("zoo:teacher")
    with torch.no_grad():
        answers = {
            condition: network(as_pixels(torch.as_tensor(pictures, dtype=torch.float32))).argmax(dim=1).numpy()
            for condition, pictures in trials.asked.items()
        }
    return {"digit": answers}


def behavior_scores(
    correct: Mapping[str, NDArray[np.bool_]], families: Mapping[str, str], observer: NDArray[np.bool_] | None = None
) -> dict[str, dict[str, float]]:
    """Accuracy of every model, and whether it errs where others do.

    Parameters
    ----------
    correct : mapping of str to ndarray of shape (n_trials,)
        By model, on which trials it was right.
    families : mapping of str to str
        Family of every model.
    observer : ndarray of shape (n_trials,), optional
        On which trials an observer was right that is not among the models.

    Returns
    -------
    dict of str to dict of str to float
        By metric, then by model. "accuracy" in [0, 1]. "errors of others": mean error consistency with the models of
        other families, in [-1, 1]; members of one family err alike because they are alike. "errors of the teacher":
        with the observer. NaN where it is not defined, as between two that are always right.

    Raises
    ------
    ValueError
        For different numbers of trials.
    """
    names = list(correct)
    table = np.stack([correct[name] for name in names])
    kin = np.array([families[name] for name in names])
    kappa = np.where(kin[:, None] == kin[None], np.nan, error_consistency(table[:, None], table[None]))
    found = {"accuracy": table.mean(axis=1), "errors of others": pd.DataFrame(kappa).mean(axis=1).to_numpy()}
    if observer is not None:
        found["errors of the teacher"] = error_consistency(table, observer)
    return {metric: dict(zip(names, values.tolist(), strict=True)) for metric, values in found.items()}
