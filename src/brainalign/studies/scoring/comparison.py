"""How alike a model's layers and a brain area are, by several measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from brainalign.similarity import (
    debiased_linear_cka,
    get_measure,
    linear_cka,
    mutual_knn,
    normalized_bures_similarity,
    rsa,
)

Comparison = Callable[[Tensor, Tensor], Tensor]
"""Takes features (n_stimuli, n_features) and responses (n_stimuli, n_units); more is more alike."""


_PENALTY = 1000.0
"""Of the regression: a few dozen stimuli with about a hundred features of mean square 1 have some thousands in all."""


# Dissimilarities are squared distances and neighbours are near by distance: the measured responses are points whose
# distances are known and whose origin is not.
COMPARISONS: Mapping[str, Comparison] = {
    "CKA": linear_cka,
    "debiased CKA": debiased_linear_cka,
    "Procrustes": normalized_bures_similarity,
    "RSA": partial(rsa, rdm="euclidean"),
    "RSA of ranks": partial(rsa, rdm="euclidean", compare="spearman"),
    "regression": partial(get_measure("ridge_predictivity"), alpha=_PENALTY),
    "neighbors": partial(mutual_knn, closeness="euclidean"),
}
"""Measures by the names that a score table gives them. "Procrustes" is the cosine of the Procrustes angle;
"regression" the explained variance of held-out responses, which can be below 0."""


def compare_layers(
    layers: Tensor, responses: Tensor, comparisons: Mapping[str, Comparison] = COMPARISONS
) -> dict[str, float]:
    """Scores of a model, where the layer was chosen with other stimuli than it is scored on.

    Parameters
    ----------
    layers : Tensor of shape (n_stimuli, n_layers, n_features)
        Features of a model, the stimuli in random order.
    responses : Tensor of shape (n_stimuli, n_units)
        Responses of a brain area.
    comparisons : mapping of str to callable
        Measures by name.

    Returns
    -------
    dict of str to float
        Score by name: mean of the scores on either half of the stimuli.

    Raises
    ------
    ValueError
        For other numbers of stimuli, fewer than 24 (neighbours and folds need a dozen in each half), or what a
        measure refuses.

    Notes
    -----
    On one half of the stimuli the layer with the highest debiased CKA is found, and all measures score this layer on
    the other half; then the halves change places. With the best layer of the stimuli it is scored on, a model with more
    layers would have more tries. Features are centered and brought to a mean square of 1, because the penalty of
    the regression is fixed.
    """
    n = len(layers)
    if n != len(responses) or n < 24:
        msg = f"layers and responses must hold the same stimuli, at least 24: got {n} and {len(responses)}."
        raise ValueError(msg)
    halves = torch.arange(n).split(-(-n // 2))
    scores: dict[str, list[float]] = {name: [] for name in comparisons}
    for chosen_on, scored_on in (halves, halves[::-1]):
        layer = _best_layer(layers[chosen_on], responses[chosen_on])
        features = _unit_scale(layers[scored_on, layer])
        for name, comparison in comparisons.items():
            scores[name].append(float(comparison(features, responses[scored_on])))
    return {name: sum(both) / 2 for name, both in scores.items()}


def _best_layer(layers: Tensor, responses: Tensor) -> int:
    return int(torch.stack([debiased_linear_cka(layer, responses) for layer in layers.unbind(1)]).argmax())


def _unit_scale(features: Tensor) -> Tensor:
    centered = features - features.mean(dim=0)
    return centered / centered.square().mean().sqrt()
