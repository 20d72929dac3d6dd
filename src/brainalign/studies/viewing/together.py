"""A film, the models and the cortex that watch it, in one call, as several chapters need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainalign.datasets.films import draw_film, film_variables
from brainalign.datasets.surfaces import load_surface
from brainalign.encoding.neurons import Neurons
from brainalign.models.neurons import NeuronKind
from brainalign.studies.viewing.brains import Brain, simulate_brain
from brainalign.studies.viewing.branches import STREAMS, Branch, Stream, learn_branches
from brainalign.studies.viewing.generators import named_generator
from brainalign.studies.viewing.viewers import study_viewers, watch_film


@dataclass(frozen=True)
class Viewing:
    """Models and a brain that have watched the same film. Measured responses, and neurons by volume, fit in as well.

    Attributes
    ----------
    neurons : dict of str to Neurons
        By viewer, over all volumes.
    branches : dict of (stream, branch) to Branch
        With atoms on the volumes that the brain watched.
    brain : Brain
        Its responses to those volumes.
    learn, watch : slice
        Volumes on which dictionaries are learned, and those that the brain watched.
    variables : dict of str to ndarray of shape (n_watched, n_variables)
        What is true of the film there, by group; empty where it is not known.
    controls : ndarray of shape (n_watched, n_controls) or None
        What can be told of the film without a model, luminance and number of words; None where it is not measured.
    """

    neurons: dict[str, Neurons]
    branches: dict[tuple[str, str], Branch]
    brain: Brain
    learn: slice
    watch: slice
    variables: dict[str, NDArray[np.float64]]
    controls: NDArray[np.float64] | None = None


class WatchedFilm(Protocol):
    """What a chapter says of a film of digit scenes and of who watches it; its parameters have these names.

    Attributes
    ----------
    clip, meter : str
        Models of the mini-zoo.
    neuron, pool : str
        What a neuron is, and what of a picture or a caption it sums up, see `watch_film`.
    n_atoms : int
        Temporal atoms of each branch.
    n_learning, n_volumes : int
        Volumes from which dictionaries are learned, and those that the cortex watches.
    parcels : int
        Resolution of the atlas.
    noise : float
        Noise of the cortex.
    seed : int
        Seed of every random number.
    """

    clip: str
    meter: str
    neuron: NeuronKind
    pool: str
    n_atoms: int
    n_learning: int
    n_volumes: int
    parcels: int
    noise: float
    seed: int


def watch_together(
    chosen: WatchedFilm, streams: Mapping[str, Stream] = STREAMS, *, kind: NeuronKind | None = None
) -> Viewing:
    """Let models and a simulated cortex watch a film of digit scenes.

    Parameters
    ----------
    chosen : WatchedFilm
        Models, neurons, lengths, noise and seed; a chapter gives its own parameters.
    streams : mapping of str to Stream
        Branches to describe; only their viewers watch.
    kind : {"context", "query_key", "neurons"}, optional
        What a neuron is, if not what the parameters say.

    Returns
    -------
    Viewing
        Every random number comes from a generator named after its use, so that chapters with the same parameters see
        the same film, neurons and cortex, whatever else they draw.
    """
    film = draw_film(chosen.n_learning + chosen.n_volumes, generator=named_generator(chosen.seed, "film"))
    learn, watch = slice(0, chosen.n_learning), slice(chosen.n_learning, None)
    watching = {stream.viewer for stream in streams.values()}
    viewers = {
        name: v for name, v in study_viewers(f"zoo:{chosen.clip}", f"zoo:{chosen.meter}").items() if name in watching
    }
    neurons = watch_film(film, viewers, kind=kind or chosen.neuron, pool=chosen.pool)
    parts = {"learn": learn, "watch": watch}
    branches = learn_branches(neurons, streams, **parts, n_atoms=chosen.n_atoms, seed=chosen.seed)
    variables = {name: values[watch] for name, values in film_variables(film).items()}
    generator = named_generator(chosen.seed, "cortex 0")
    brain = simulate_brain(variables, load_surface(chosen.parcels), noise=chosen.noise, generator=generator)
    return Viewing(neurons, branches, brain, learn, watch, variables)
