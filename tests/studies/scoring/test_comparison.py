"""Layers against brains: the planted layer is found, other stimuli choose it, and noise scores nothing."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose

from brainalign.similarity import ridge_predictivity
from brainalign.studies.scoring import COMPARISONS, compare_layers

# Scores of a layer that is the brain itself: 1, but for the penalty of the regression.
EXACT = 1e-6


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_layer_that_is_the_brain_is_found_and_scores_the_most():
    responses = normal(80, 10)
    layers = torch.stack([normal(80, 10, seed=1), 3 * responses + 7, normal(80, 10, seed=2)], dim=1)
    found = compare_layers(layers, responses)
    assert set(found) == set(COMPARISONS)
    regression = found.pop("regression")
    for name, score in found.items():
        assert_allclose(score, 1, atol=EXACT, err_msg=name)
    halves = responses.split(40)
    unit = [(half - half.mean(0)) / (half - half.mean(0)).square().mean().sqrt() for half in halves]
    expected = [ridge_predictivity(source=u, target=h, alpha=1000.0) for u, h in zip(unit, halves, strict=True)]
    assert_allclose(regression, torch.stack(expected).mean())


def test_the_layer_is_chosen_on_one_half_and_scored_on_the_other():
    responses = normal(60, 6)
    early, late = normal(60, 6, seed=1), normal(60, 6, seed=2)
    early[:30], late[30:] = responses[:30], responses[30:]
    # The layer that is best on the half that chooses knows nothing of the other half.
    found = compare_layers(torch.stack([early, late], dim=1), responses)
    assert abs(found["debiased CKA"]) < 0.2
    single = compare_layers(early[:, None], responses)
    assert single["debiased CKA"] > 0.4


def test_features_without_relation_score_about_nothing_where_the_measure_is_unbiased():
    found = [compare_layers(normal(60, 3, 8, seed=i), normal(60, 8, seed=50 + i)) for i in range(10)]
    assert abs(sum(scores["debiased CKA"] for scores in found) / 10) < 0.05
    assert abs(sum(scores["RSA"] for scores in found) / 10) < 0.05
    assert min(scores["CKA"] for scores in found) > 0.1  # the bias of plain CKA, which a table inherits
    assert max(scores["regression"] for scores in found) < 0.05


def test_a_measure_of_ones_own_is_used_under_its_name():
    scores = compare_layers(normal(30, 2, 4), normal(30, 4, seed=1), {"rows": lambda X, Y: torch.tensor(len(X))})
    assert scores == {"rows": 15.0}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="same stimuli, at least 24: got 30 and 29"):
        compare_layers(normal(30, 2, 4), normal(29, 4))
    with pytest.raises(ValueError, match="at least 24: got 20 and 20"):
        compare_layers(normal(20, 2, 4), normal(20, 4))
