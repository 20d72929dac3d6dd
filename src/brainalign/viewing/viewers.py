"""Models that watch a film: which ones the study asks for, and the neurons that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brainalign.datasets.films import Film
from brainalign.encoding.neurons import Neurons, as_neurons
from brainalign.models.neurons import NeuronKind, record_neurons
from brainalign.models.zoo import load_zoo


@dataclass(frozen=True)
class Viewer:
    """A model, and what it gets to see.

    Attributes
    ----------
    reference : str
        Model of the mini-zoo, as `brainalign.models.zoo.load_zoo` takes it.
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
        Names of a CLIP and a METER of the mini-zoo.

    Returns
    -------
    dict of str to Viewer
        Both models, their untrained twins, and METER with one caption.
    """
    return {
        "CLIP": Viewer(f"zoo:{clip}"),
        "CLIP, random": Viewer(f"zoo:{clip}@random"),
        "METER": Viewer(f"zoo:{meter}"),
        "METER, random": Viewer(f"zoo:{meter}@random"),
        "METER, one caption": Viewer(f"zoo:{meter}", one_caption=True),
    }


def watch_film(
    film: Film, viewers: Mapping[str, Viewer], *, kind: NeuronKind = "context", pool: str = "mean"
) -> dict[str, Neurons]:
    """Show a film to models and record their artificial neurons.

    Parameters
    ----------
    film : Film
        Pictures and captions.
    viewers : mapping of str to Viewer
        Who watches.
    kind : {"context", "query_key", "neurons"}
        What a neuron is, see `brainalign.encoding.DEFINITIONS`.
    pool : {"mean", "summary"}
        How patches and words become one number a volume.

    Returns
    -------
    dict of str to Neurons
        Time courses over all volumes, by name of the viewer. Neurons that do not vary are left out.

    Raises
    ------
    UsageError, MissingDataError
        A model that is not there.
    """
    neurons = {}
    for name, viewer in viewers.items():
        captions = np.repeat(film.captions[:1], len(film), axis=0) if viewer.one_caption else film.captions
        recorded = record_neurons(load_zoo(viewer.reference), film.images, captions, kind=kind, pool=pool)
        neurons[name] = as_neurons(recorded)
    return neurons
