"""Curves: profiles over metrics, and values over layers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from brainalign.figures.style import ACCENT, MUTED, NETWORK_COLORS, NETWORK_MARKERS, WIDTH, house_style


def show_profile_shapes(head: pd.Series, networks: pd.DataFrame) -> Figure:
    """Standardised profile of one head over those of the brain networks.

    Parameters
    ----------
    head : Series of length 5
        Standardised metrics, by name.
    networks : DataFrame of shape (n_networks, 5)
        Standardised metrics of the networks.

    Returns
    -------
    Figure
    """
    names = [name.replace("_", " ") for name in head.index]
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.4))
        for (network, row), color, marker in zip(networks.iterrows(), NETWORK_COLORS, NETWORK_MARKERS, strict=False):
            ax.plot(names, row, color=color, marker=marker, lw=1, ms=5, alpha=0.75, label=network)
        ax.plot(names, head, color="#C00000", lw=3, marker="*", ms=13, label="this head", zorder=3)
        ax.axhline(0, color=MUTED, lw=0.7, ls=":")
        ax.set(ylabel="standardised over the five metrics")
        ax.margins(x=0.04)
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def show_layer_trend(values: ArrayLike, null: ArrayLike, *, label: str, null_label: str) -> Figure:
    """Heads of every layer over the range of null models.

    Parameters
    ----------
    values : array_like of shape (n_layers, n_heads)
        Value of every head of the trained model.
    null : array_like of shape (n_null, n_layers)
        Mean over heads of every layer, of every null model.
    label, null_label : str
        What the values are; what the null is.

    Returns
    -------
    Figure
    """
    values, null = np.asarray(values), np.asarray(null)
    layers = np.arange(len(values))
    low, high = np.quantile(null, [0.025, 0.975], axis=0)
    with house_style():
        figure, ax = plt.subplots(figsize=(WIDTH, 3.2))
        ax.fill_between(layers, low, high, color=MUTED, alpha=0.35, label=f"{null_label}: 95 % of layer means")
        ax.plot(layers, null.mean(axis=0), color=MUTED, lw=1.2, ls="--")
        jitter = np.linspace(-0.16, 0.16, values.shape[1])
        ax.scatter(
            (layers[:, None] + jitter).ravel(), values.ravel(), color=ACCENT, alpha=0.5, s=16, label="trained: one head"
        )
        ax.plot(layers, values.mean(axis=1), color=ACCENT, marker="o", ms=6, label="trained: mean of the layer")
        ax.set(xlabel="layer", ylabel=label, xticks=layers)
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
