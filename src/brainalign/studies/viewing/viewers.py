"""Models that watch a film: which ones the study asks for, and the neurons that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from brainalign.catalogue.references import parse_reference
from brainalign.datasets.films import Film
from brainalign.encoding.neurons import Neurons, as_neurons
from brainalign.models.controls import load_twin
from brainalign.models.loading import LoadedModel, load_model
from brainalign.models.neurons import NeuronKind, record_neurons
from brainalign.models.presentation import Captions, Pictures


@dataclass(frozen=True)
class Viewer:
    """A model, and what it gets to see.

    Attributes
    ----------
    reference : str
        Model, as `brainalign.models.loading.load_model` takes it.
    one_caption : bool
        Whether every volume comes with the caption of the first one. What the text stream then tells of the film has
        come over from the picture.
    """

    reference: str
    one_caption: bool = False


def study_viewers(clip: str, meter: str) -> dict[str, Viewer]:
    """The models of the study and their controls.

    Parameters
    ----------
    clip, meter : str
        References of a CLIP and a METER.

    Returns
    -------
    dict of str to Viewer
        Both models, their untrained twins, and METER with one caption.
    """
    return {
        "CLIP": Viewer(clip),
        "CLIP, random": Viewer(f"{clip}@random"),
        "METER": Viewer(meter),
        "METER, random": Viewer(f"{meter}@random"),
        "METER, one caption": Viewer(meter, one_caption=True),
    }


def watch_film(
    film: Film, viewers: Mapping[str, Viewer], *, kind: NeuronKind = "context", pool: str = "mean"
) -> dict[str, Neurons]:
    """Show a film of digit scenes to models of the mini-zoo; see `show_stimuli`."""
    return show_stimuli(film.images, film.captions, viewers, kind=kind, pool=pool)


def show_stimuli(
    pictures: Pictures,
    captions: Captions,
    viewers: Mapping[str, Viewer],
    *,
    kind: NeuronKind = "context",
    pool: str = "mean",
    batch: int = 256,
) -> dict[str, Neurons]:
    """Show pictures, each with its caption, to models and record their artificial neurons.

    Parameters
    ----------
    pictures, captions : sequences of n
        One of each a volume, in a form that `brainalign.models.presentation.present` takes of arrays and texts.
    viewers : mapping of str to Viewer
        Who watches.
    kind : {"context", "query_key", "neurons"}
        What a neuron is, see `brainalign.encoding.DEFINITIONS`.
    pool : {"mean", "summary"}
        How patches and words become one number per volume.
    batch : int
        Volumes at a time.

    Returns
    -------
    dict of str to Neurons
        Time courses over all volumes, by name of the viewer. Neurons that do not vary are left out.

    Raises
    ------
    ValueError, MissingDataError
        A model that is not there or cannot be shown pictures with captions.
    """
    neurons = {}
    for name, viewer in viewers.items():
        given = captions if not viewer.one_caption else _first_only(captions)
        recorded = record_neurons(_load(viewer.reference), pictures, given, kind=kind, pool=pool, batch=batch)
        neurons[name] = as_neurons(recorded)
    return neurons


def _first_only(captions: Captions) -> Captions:
    if isinstance(captions, np.ndarray):
        return np.repeat(captions[:1], len(captions), axis=0)
    return [captions[0]] * len(captions)


def _load(reference: str) -> LoadedModel:
    """The model; an untrained twin prepares pictures and words as its trained model does."""
    named = parse_reference(reference)
    trained = load_model(replace(named, random=False))
    return load_twin(trained) if named.random else trained
