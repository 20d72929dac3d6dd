"""Networks that Keras saved as a graph in JSON and weights in HDF5, read without Keras."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from brainalign.datasets.containers import open_hdf5


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a graph.

    Attributes
    ----------
    kind : str
        Its class in Keras, for example ``Conv2D``.
    settings : dict of str to object
        What the class was made with.
    inputs : tuple of str
        Names of the layers whose outputs it takes.
    weights : dict of str to ndarray
        By the last part of their names, without the number: ``kernel``, ``bias``, ``gamma``, ``beta``,
        ``moving_mean``, ``moving_variance``. In the axes of Keras: (height, width, in, out) of a convolution.
    """

    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]
    weights: Mapping[str, NDArray[np.float32]]


def read_keras(graph: Path, weights: Path) -> dict[str, KerasLayer]:
    """Layers of a network by name, in the order of the graph.

    Parameters
    ----------
    graph : Path
        JSON that ``to_json`` of Keras wrote.
    weights : Path
        HDF5 that ``save_weights`` of Keras wrote for this graph.

    Returns
    -------
    dict of str to KerasLayer

    Raises
    ------
    ValueError
        When a file is of another kind, or the two do not belong together: they must name the same layers.
    """
    try:
        layers = json.loads(graph.read_text(encoding="utf-8"))["config"]["layers"]
        described = {
            layer["name"]: (
                layer["class_name"],
                layer["config"],
                tuple(node[0] for nodes in layer["inbound_nodes"] for node in nodes),
            )
            for layer in layers
        }
    except (ValueError, LookupError, TypeError) as error:
        msg = f"{graph.name} is no graph of Keras ({type(error).__name__}); give the JSON beside the weights."
        raise ValueError(msg) from error
    with open_hdf5(weights, weights.name) as file:
        stored = _stored(file, weights.name)
    # The number of an input, addition or pooling counts how many Keras had made before, and differs between the files.
    with_weights = {name for name, arrays in stored.items() if arrays}
    if odd := sorted(with_weights - described.keys()):
        msg = f"{weights.name} has weights of {odd[0]}, which {graph.name} lacks; give the two files of one network."
        raise ValueError(msg)
    return {name: KerasLayer(*described[name], stored.get(name, {})) for name in described}


def _stored(file: h5py.File, name: str) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Weights by layer, found by the lists of names that Keras keeps as attributes."""
    try:
        return {
            layer: {path.rpartition("/")[2].partition(":")[0]: file[layer][path][()] for path in _names(file[layer])}
            for layer in _names(file, "layer_names")
        }
    except (KeyError, AttributeError, TypeError) as error:
        msg = f"{name} does not hold weights as Keras saves them ({error}); give a file of save_weights."
        raise ValueError(msg) from error


def _names(group: h5py.Group, attribute: str = "weight_names") -> list[str]:
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]
