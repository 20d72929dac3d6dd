"""Tiny models for tests: random positions and weights, as the models room hands them over."""

from types import SimpleNamespace

import numpy as np


def small_model(seed=0, *, n=8, width=6, layers=2, heads=3, per_layer=False):
    """Weights of a model of the given size."""
    rng = np.random.default_rng(seed)
    shape = (layers, n, width) if per_layer else (n, width)
    query, key = rng.normal(size=(2, layers, heads, width, 4))
    return SimpleNamespace(positions=rng.normal(size=shape), query=query, key=key, bias=None)
