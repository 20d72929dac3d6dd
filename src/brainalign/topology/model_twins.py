"""Twins of a whole model: its weights drawn anew or shuffled, and its positions with them, whatever they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from brainalign.topology.alignment import head_metrics
from brainalign.topology.nulls import TWINS, random_twin
from brainalign.topology.profiles import as_profiles
from brainalign.topology.recipes import SpatialWeights
from brainalign.topology.shuffling import shuffle_weights

Weights = TypeVar("Weights", bound=SpatialWeights)


def draw_twin(weights: Weights, kind: str, generator: np.random.Generator) -> Weights:
    """A twin of a model: random weights in place of its own, or its own shuffled.

    Parameters
    ----------
    weights : SpatialWeights
        Of the model, a dataclass. Its ``kernel``, where it has one, is the rotation that made the bias.
    kind : str
        One of `TWINS` or `SHUFFLES`, see `random_twin` and `shuffle_weights`.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    SpatialWeights
        Of the class that was given.

    Raises
    ------
    ValueError
        For an unknown kind.

    Notes
    -----
    A rotation is not learned: random twins go through the rotation of their model, and of shuffled ones the angles are
    shuffled where those of others have their positions shuffled. Any other bias for pairs of positions is drawn with
    the mean and spread that it has in its head, or its entries are shuffled within the head; its nodes change places
    in all heads alike. Graphs of such a bias alone have no other weights to draw. Positions that stand in for others
    are drawn as if they were the model's own.
    """
    make = random_twin if kind in TWINS else shuffle_weights
    kernel = getattr(weights, "kernel", None)
    if kernel is not None:
        angles, query, key = make(kernel.angles, weights.query, weights.key, kind=kind, generator=generator)
        kernel = kernel if kind in TWINS else kernel.turned_by(angles)
        return replace(weights, query=query, key=key, bias=kernel.bias(query, key), kernel=kernel)
    positions = np.zeros((2, 1)) if weights.positions is None else weights.positions
    if kind == "position rows" and weights.bias is not None:
        order = generator.permutation(weights.bias.shape[-1])
        table = None if weights.positions is None else weights.positions[..., order, :]
        return replace(weights, positions=table, bias=weights.bias[..., order[:, None], order])
    positions, query, key = make(positions, weights.query, weights.key, kind=kind, generator=generator)
    bias = None if weights.bias is None else _twin_of_bias(weights.bias, kind, generator)
    return replace(weights, positions=None if weights.positions is None else positions, query=query, key=key, bias=bias)


def twin_profiles(
    weights: SpatialWeights, *, n_twins: int, kind: str, generator: np.random.Generator, starts: int = 8
) -> NDArray[np.float64]:
    """Graph profiles of the heads of many twins of a model.

    Parameters
    ----------
    weights : SpatialWeights
        Of the trained model.
    n_twins : int
        How many twins are drawn, at least 1.
    kind : str
        See `draw_twin`.
    generator : numpy.random.Generator
        Source of randomness.
    starts : int
        Starts of the search for communities, see `graph_metrics`.

    Returns
    -------
    ndarray of shape (n_twins, n_layers, n_heads, 5)
        Metrics in the order of `METRICS`.

    Raises
    ------
    ValueError
        For an unknown kind, or no twin.
    """
    if n_twins < 1:
        msg = f"n_twins = {n_twins} leaves no null model; give at least 1."
        raise ValueError(msg)
    shape = weights.query.shape[:2]
    drawn = []
    for _ in range(n_twins):  # one at a time: all graphs of all twins together would not fit in memory
        measured = head_metrics(draw_twin(weights, kind, generator), starts=starts)
        drawn.append(as_profiles(measured).reshape(*shape, -1))
    return np.stack(drawn)


def _twin_of_bias(bias: NDArray[np.floating], kind: str, generator: np.random.Generator) -> NDArray[np.floating]:
    flat = bias.reshape(*bias.shape[:2], -1)
    if kind in TWINS:
        mean, sd = flat.mean(axis=-1, keepdims=True), flat.std(axis=-1, keepdims=True)
        return generator.normal(mean, sd, size=flat.shape).reshape(bias.shape)
    return generator.permuted(flat, axis=-1).reshape(bias.shape)
