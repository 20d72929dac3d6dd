"""What spatial attention needs of a model: its positions and its query and key weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from brainalign.datasets.catalogue import FILE_REFERENCE, locate
from brainalign.models.layouts import LAYOUTS, Layout, match_layers, match_one

_CATALOGUED = {"minilm": ("model/model.safetensors", "model/config.json")}
_OWN = ("model.safetensors", "config.json")


@dataclass(frozen=True)
class SpatialAttention:
    """Positions and query/key weights of every head of a model.

    Attributes
    ----------
    model : str
        The reference it was read from.
    positions : ndarray of shape (n_positions, d)
        Position embedding.
    query, key : ndarray of shape (n_layers, n_heads, d, head_dim)
        W_Q and W_K, so that queries are ``positions @ query``.
    """

    model: str
    positions: NDArray[np.float64]
    query: NDArray[np.float64]
    key: NDArray[np.float64]

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return self.query.shape[0]

    @property
    def n_heads(self) -> int:
        """Number of heads in a layer."""
        return self.query.shape[1]

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.query.shape[-1]

    def head(self, layer: int, head: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """W_Q and W_K of one head, each of shape (d, head_dim).

        Raises
        ------
        ValueError
            When the model has no such layer or head.
        """
        if not (0 <= layer < self.n_layers and 0 <= head < self.n_heads):
            msg = (
                f"{self.model} has no head {head} in layer {layer}: layers go from 0 to {self.n_layers - 1}, "
                f"heads from 0 to {self.n_heads - 1}."
            )
            raise ValueError(msg)
        return self.query[layer, head], self.key[layer, head]


def spatial_attention(model: str = "minilm", *, max_positions: int = 50) -> SpatialAttention:
    """Positions, W_Q and W_K of a model, read tensor by tensor; no other weight is loaded.

    Parameters
    ----------
    model : str
        ``"minilm"``, or ``"file:FOLDER"``: a folder written by ``save_pretrained`` of transformers, with
        ``config.json`` and ``model.safetensors`` (BERT, RoBERTa, GPT-2, ViT, DeiT or MAE).
    max_positions : int
        How many positions of a text model are read (the study takes 50); picture models keep their whole grid.

    Returns
    -------
    SpatialAttention
        Arrays in float64.

    Raises
    ------
    ValueError
        Unknown model or architecture, or tensors that do not fit; the text says what exists.
    MissingDataError, ChecksumError
        See `brainalign.datasets.catalogue.locate`.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, and its code release, for which tensors are used.
    """
    if model not in _CATALOGUED and not model.startswith(FILE_REFERENCE):
        msg = f"unknown model '{model}'. Known are: {', '.join(_CATALOGUED)}, and file:FOLDER for one of your own."
        raise ValueError(msg)
    if max_positions < 2:
        msg = f"max_positions = {max_positions} leaves no graph; give at least 2."
        raise ValueError(msg)
    weights, config_path = (locate(model, name) for name in _CATALOGUED.get(model, _OWN))
    config = json.loads(config_path.read_text(encoding="utf-8"))
    return _read(model, weights, _layout_of(model, config), config, max_positions)


def _layout_of(model: str, config: dict) -> Layout:
    family = config.get("model_type")
    if family not in LAYOUTS:
        msg = f"'{model}' is of type {family!r}; types whose layout is known are: {', '.join(LAYOUTS)}."
        raise ValueError(msg)
    if config.get("position_embedding_type", "absolute") != "absolute":
        msg = f"'{model}' has no absolute position embedding ({config['position_embedding_type']}): nothing to read."
        raise ValueError(msg)
    return LAYOUTS[family]


def _read(model: str, weights: Path, layout: Layout, config: dict, max_positions: int) -> SpatialAttention:
    heads = _count_heads(model, layout, config)
    with safe_open(weights, framework="pt") as file:
        names = list(file.keys())
        positions = _read_tensor(file, match_one(layout.positions, names))
        positions = positions.reshape(positions.shape[-2:])[layout.first_position :]
        query, key = (
            _stack(file, match_layers(pattern, names), layout, part, heads)
            for part, pattern in enumerate((layout.query, layout.key))
        )
    if layout.caps_positions:
        positions = positions[:max_positions]
    return SpatialAttention(model, positions, query, key)


def _count_heads(model: str, layout: Layout, config: dict) -> int:
    heads = config.get(layout.head_count)
    if not isinstance(heads, int) or heads < 1:
        msg = f"'{model}': config.json gives {layout.head_count} = {heads!r}; a positive number of heads is needed."
        raise ValueError(msg)
    return heads


def _stack(file: safe_open, names: Sequence[str], layout: Layout, part: int, heads: int) -> NDArray[np.float64]:
    per_layer = [layout.split(_read_tensor(file, name), part) for name in names]
    stacked = np.stack(per_layer)  # (layers, d, heads * head_dim)
    if stacked.shape[-1] % heads:
        width = stacked.shape[-1]
        msg = f"{heads} heads do not divide the {width} columns of {names[0]}; is config.json that of this file?"
        raise ValueError(msg)
    split = stacked.reshape(*stacked.shape[:2], heads, -1)
    return np.ascontiguousarray(split.transpose(0, 2, 1, 3))


def _read_tensor(file: safe_open, name: str) -> NDArray[np.float64]:
    # By way of torch, because numpy has no bfloat16.
    return file.get_tensor(name).double().numpy()
