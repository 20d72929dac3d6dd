"""How well a model of pictures alone does: digits, masked patches, pairs of views, and a probe for all."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from brainalign.datasets.scenes import EMPTY, Scenes, draw_scenes
from brainalign.models.zoo.architectures import patch_cells
from brainalign.models.zoo.evaluation.measurement import Measurement
from brainalign.models.zoo.objectives.contrast import Contrastive
from brainalign.models.zoo.objectives.labels import Cells, Supervised
from brainalign.models.zoo.objectives.masked_patches import MaskedAutoencoder
from brainalign.models.zoo.objectives.objective import Objective

Measurements = dict[str, Measurement]

_NOISE_VARIANCE = 0.08**2
_VIEWS = 64


def measure_labels(objective: Supervised, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """Micro-averaged F1 over the ten digits, and how often the whole set is right."""
    return _digit_scores(objective.model(objective.pixels(scenes.images)), scenes)


def measure_cells(objective: Cells, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """As `measure_labels`, and how often the digit of an occupied cell is told from a patch inside it."""
    pooled, patches = objective.features(scenes.images)
    found = objective.heads["cell"](patches).argmax(-1).cpu().numpy()
    true = scenes.cells[:, patch_cells().numpy()]
    occupied = true != EMPTY
    accuracy = float((found == true)[occupied].mean())
    return _digit_scores(objective.heads["digits"](pooled), scenes) | {
        "digit of an occupied patch": Measurement(accuracy, chance=0.1, oracle={})
    }


def _digit_scores(logits: torch.Tensor, scenes: Scenes) -> Measurements:
    present, labels = logits.cpu().numpy() > 0, scenes.labels.astype(bool)
    share = labels.mean()
    exact = (present == labels).all(1).mean()
    return {
        # Saying "all ten are there" is the constant answer with the highest F1.
        "digits, F1": Measurement(
            float(f1_score(labels, present, average="micro", zero_division=0)),
            chance=float(2 * share / (1 + share)),
            oracle={},
        ),
        "digits, whole set": Measurement(float(exact), chance=0.0, oracle={}),
    }


def measure_masked_patches(
    objective: MaskedAutoencoder, scenes: Scenes, generator: np.random.Generator
) -> Measurements:
    """Explained variance of the pixels of masked patches that hold ink; 0 is their mean grey."""
    predicted, target, masked, inked = objective.reconstruct(scenes, generator)
    judged = masked & inked
    truth = target[judged]
    variance = (truth - truth.mean()).square().mean()
    explained = 1 - (predicted[judged] - truth).square().mean() / variance
    ceiling = {"all but the noise": float(1 - _NOISE_VARIANCE / variance)}
    return {"masked ink, R2": Measurement(float(explained), chance=0.0, oracle=ceiling)}


def measure_pairs(objective: Contrastive, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """How often the nearest of 127 other views is the one of the same scene."""
    views = objective.embed_views(scenes, generator)
    n_pools = len(scenes) // _VIEWS
    right = []
    for pool in views[:, : n_pools * _VIEWS].unflatten(1, (n_pools, _VIEWS)).unbind(1):
        flat = pool.flatten(0, 1)
        similarity = flat @ flat.T
        similarity.fill_diagonal_(-torch.inf)
        partner = torch.arange(2 * _VIEWS, device=flat.device).roll(_VIEWS)
        right.append((similarity.argmax(1) == partner).float().mean())
    return {"views paired": Measurement(float(torch.stack(right).mean()), chance=1 / (2 * _VIEWS - 1), oracle={})}


def probe_digits(objective: Objective, scenes: Scenes, generator: np.random.Generator) -> Measurements:
    """How well linear readouts of frozen features tell which digits a scene holds: mean area under the ROC curve.

    The features are the class token beside the mean patch, after the last norm. The readouts are fitted on scenes
    of training digits, and judged on `scenes`.
    """
    practice = draw_scenes(len(scenes), generator=generator)
    probe = make_pipeline(StandardScaler(), MultiOutputClassifier(LogisticRegression(C=0.1, max_iter=500)))
    probe.fit(_features(objective, practice), practice.labels)
    positive = np.stack([scores[:, 1] for scores in probe.predict_proba(_features(objective, scenes))], axis=1)
    return {"digit probe, AUC": Measurement(float(roc_auc_score(scenes.labels, positive)), chance=0.5, oracle={})}


def _features(objective: Objective, scenes: Scenes) -> np.ndarray:
    tokens = objective.model.forward_features(objective.pixels(scenes.images))
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1).cpu().numpy()
