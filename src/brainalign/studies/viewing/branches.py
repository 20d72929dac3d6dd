"""Branches: neurons of one kind of input, summed up by a dictionary that was learned on another part of the film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainalign.encoding.dictionary import Dictionary, dictionary
from brainalign.encoding.neurons import Neurons
from brainalign.studies.viewing.generators import named_generator

SEPARATE: dict[str, tuple[str, ...]] = {"picture": ("image",), "text": ("text",)}
FUSED: dict[str, tuple[str, ...]] = {"picture": ("fusion_image",), "text": ("fusion_text",)}
WHOLE: dict[str, tuple[str, ...]] = {"picture": ("image", "fusion_image"), "text": ("text", "fusion_text")}


@dataclass(frozen=True)
class Stream:
    """Two branches of a viewer.

    Attributes
    ----------
    viewer : str
        Name of the viewer.
    towers : mapping of str to tuple of str
        Towers of the branches ``"picture"`` and ``"text"``, from the first on.
    """

    viewer: str
    towers: Mapping[str, tuple[str, ...]]


STREAMS = {
    "CLIP": Stream("CLIP", SEPARATE),
    "CLIP, random": Stream("CLIP, random", SEPARATE),
    "METER before fusion": Stream("METER", SEPARATE),
    "METER": Stream("METER", FUSED),
    "METER, random": Stream("METER, random", FUSED),
    "METER, one caption": Stream("METER, one caption", FUSED),
}
"""Streams that are compared: METER's neurons are those of its fusion, its towers stand beside them."""

WHOLE_STREAMS = {
    "CLIP": Stream("CLIP", SEPARATE),
    "CLIP, random": Stream("CLIP, random", SEPARATE),
    "METER": Stream("METER", WHOLE),
    "METER, random": Stream("METER, random", WHOLE),
}
"""Streams from the first layer to the last, for questions about depth."""


@dataclass(frozen=True)
class Branch:
    """Neurons of one branch and their temporal atoms.

    Attributes
    ----------
    neurons : Neurons
        Over all volumes.
    towers : tuple of str
        Where they are, from the first tower on.
    dictionary : Dictionary
        Learned on the volumes for learning.
    atoms : ndarray of shape (n_watched, n_atoms)
        Time courses on the volumes that the cortex watches.
    explained : float
        Share of the neurons' variance on those volumes that the atoms keep, at most 1.
    """

    neurons: Neurons
    towers: tuple[str, ...]
    dictionary: Dictionary
    atoms: NDArray[np.float64]
    explained: float

    @property
    def depths(self) -> NDArray[np.int64]:
        """Layer of every neuron, counted through all towers of the branch from 0, of shape (n_neurons,)."""
        places = self.neurons.places
        depths, begin = np.empty(len(places), dtype=np.int64), 0
        for tower in self.towers:
            own = (places["tower"] == tower).to_numpy()
            depths[own] = begin + self.neurons.layers[own]
            begin = int(depths[own].max()) + 1
        return depths


def learn_branches(
    neurons: Mapping[str, Neurons],
    streams: Mapping[str, Stream],
    *,
    learn: slice,
    watch: slice,
    n_atoms: int,
    seed: int,
) -> dict[tuple[str, str], Branch]:
    """Learn a dictionary of every branch on one part of the film and follow its atoms through another.

    Parameters
    ----------
    neurons : mapping of str to Neurons
        By viewer, for example from `watch_film`.
    streams : mapping of str to Stream
        Which branches there are.
    learn, watch : slice
        Volumes for learning, and those that the cortex watches; they must not overlap.
    n_atoms : int
        Atoms of every branch: the same number, or the larger branch would win by its size.
    seed : int
        Of the order in which neurons are visited.

    Returns
    -------
    dict of (stream, branch) to Branch

    Raises
    ------
    ValueError
        Parts that overlap, a viewer or tower that is not there, or what `brainalign.encoding.dictionary` refuses.
    """
    if missing := {stream.viewer for stream in streams.values()} - set(neurons):
        msg = f"nobody called {', '.join(sorted(missing))} has watched; there are: {', '.join(neurons)}."
        raise ValueError(msg)
    n_all = min(len(own.activations) for own in neurons.values())
    if set(range(n_all)[learn]) & set(range(n_all)[watch]):
        msg = f"{learn} and {watch} overlap: a dictionary must not see the volumes on which it is tested."
        raise ValueError(msg)
    branches = {}
    for name, stream in streams.items():
        for kind, towers in stream.towers.items():
            own = neurons[stream.viewer].of(*towers)
            generator = named_generator(seed, f"{n_atoms} atoms of {name}, {kind}")
            found = dictionary(own.activations[learn], n_atoms, generator=generator)
            atoms, explained = found.project(own.activations[watch]), found.explained(own.activations[watch])
            branches[name, kind] = Branch(own, towers, found, atoms, explained)
    return branches
