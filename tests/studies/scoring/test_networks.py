"""Similarity to brain networks beside a formula written out head by head, for models of every kind of positions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from brainalign.models import SpatialAttention
from brainalign.studies.scoring import score_networks, scores
from brainalign.topology import METRICS, graph_metrics, icn_profiles

LAYERS = HEADS = 3  # as many heads as layers: an axis that is taken for the other still fits
NODES, WIDTH, HEAD_DIM = 9, 6, 4


def by_hand(positions, query, key, bias, icns):
    """Mean correlation of the heads' profiles with those of the networks, in loops."""
    found = []
    for layer in range(LAYERS):
        for head in range(HEADS):
            logits = np.zeros((NODES, NODES))
            if positions is not None:
                P = positions if positions.ndim == 2 else positions[layer]
                logits += P @ query[layer, head] @ key[layer, head].T @ P.T / HEAD_DIM**0.5
            if bias is not None:
                logits += bias[layer, head]
            attention = np.array([np.exp(row) / np.exp(row).sum() for row in logits])
            low, high = attention.min(), attention.max()
            stretched = 1e-5 + (attention - low) / (high - low) * (1 - 2e-5)
            metrics = graph_metrics((stretched + stretched.T) / 2)
            profile = [float(metrics[name]) for name in METRICS]
            found += [np.corrcoef(profile, network)[0, 1] for network in icns[list(METRICS)].to_numpy()]
    return np.mean(found)


@pytest.mark.parametrize("kind", ["one table", "a table per layer", "a table and a bias", "a bias alone"])
def test_the_score_is_that_of_the_formula(kind, monkeypatch):
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, LAYERS, HEADS, WIDTH, HEAD_DIM))
    per_layer = (LAYERS,) if kind == "a table per layer" else ()
    positions = None if kind == "a bias alone" else rng.normal(size=(*per_layer, NODES, WIDTH))
    bias = rng.normal(size=(LAYERS, HEADS, NODES, NODES)) if "bias" in kind else None
    weights = SpatialAttention("made", positions, query, key, bias=bias)
    monkeypatch.setattr(scores, "spatial_attention", {"made": weights}.get)
    icns = icn_profiles("published")
    (row,) = score_networks({"model": "made"}, {"published": icns}).itertuples()
    assert (row.model, row.metric, row.parent) == ("model", "networks: published", "networks")
    assert_allclose(row.score, by_hand(positions, query, key, bias, icns), rtol=0, atol=1e-10)
