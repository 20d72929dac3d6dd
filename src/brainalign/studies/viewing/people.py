"""Models that are shown the film which a person watched in the scanner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from brainalign.catalogue.entries import folder_of
from brainalign.datasets.hcp_movies import REPETITION_TIME, RUNS, load_hcp_movies
from brainalign.datasets.naturalistic import NaturalisticRecording
from brainalign.datasets.stimulus_files import frame_paths
from brainalign.datasets.surfaces import load_surface
from brainalign.models.neurons import NeuronKind
from brainalign.studies.viewing.branches import STREAMS, Stream, learn_branches
from brainalign.studies.viewing.recordings import FrameFiles, luminance, measured_brain
from brainalign.studies.viewing.together import Viewing, WatchedFilm, watch_together
from brainalign.studies.viewing.viewers import show_stimuli, study_viewers

DATA = "hcp-7t-movies"
_FRAMES_AT_ONCE = 64
FRAMES = "frames"
"""Folder below that of the data, with a folder of pictures for every film."""


class WatchedWithPerson(WatchedFilm, Protocol):
    """The same, or a film that a person watched in the scanner, with models of full size.

    Attributes
    ----------
    film : {"digits", "hcp"}
        Digit scenes with a simulated cortex, or real films.
    subject, own_clip, own_meter, learning_runs, watched_runs, frame_rate
        For real films, see `watch_with_person`.
    """

    film: str
    subject: str
    own_clip: str
    own_meter: str
    learning_runs: Sequence[int]
    watched_runs: Sequence[int]
    frame_rate: float


def watch_chosen(
    chosen: WatchedWithPerson, streams: Mapping[str, Stream], *, kind: NeuronKind | None = None
) -> Viewing:
    """Let models watch with a person or with the simulated cortex, as the parameters say.

    Parameters
    ----------
    chosen : WatchedWithPerson
        The film, and everything that `watch_together` or `watch_with_person` ask for.
    streams : mapping of str to Stream
        Branches to describe; only their viewers watch.
    kind : {"context", "query_key", "neurons"}, optional
        What a neuron is, if not what the parameters say.

    Returns
    -------
    Viewing
    """
    kind = kind or chosen.neuron
    if chosen.film == "digits":
        return watch_together(chosen, streams, kind=kind)
    return watch_with_person(
        chosen.subject,
        clip=chosen.own_clip,
        meter=chosen.own_meter,
        learning_runs=chosen.learning_runs,
        watched_runs=chosen.watched_runs,
        parcels=chosen.parcels,
        n_atoms=chosen.n_atoms,
        seed=chosen.seed,
        streams=streams,
        kind=kind,
        pool=chosen.pool,
        frame_rate=chosen.frame_rate,
    )


def watch_with_person(
    subject: str,
    *,
    clip: str,
    meter: str,
    learning_runs: Sequence[int],
    watched_runs: Sequence[int],
    parcels: int,
    n_atoms: int,
    seed: int,
    streams: Mapping[str, Stream] = STREAMS,
    kind: NeuronKind = "context",
    pool: str = "mean",
    frame_rate: float = 1.0,
) -> Viewing:
    """Let models watch, frame by frame, what a person of the Human Connectome Project watched.

    Parameters
    ----------
    subject : str
        Number of the subject, the name of the folder.
    clip, meter : str
        References of a CLIP and of a METER; see `brainalign.models.loading.load_model`.
    learning_runs, watched_runs : sequence of int
        Out of 1 to 4: those on which dictionaries are learned, and those whose responses are asked about.
    parcels : {100, 200, 300, 400}
        Resolution of the atlas.
    n_atoms : int
        Atoms of every branch.
    seed : int
        Of the dictionaries.
    streams : mapping of str to Stream
        Branches to describe; only their viewers watch.
    kind : {"context", "query_key", "neurons"}
        What a neuron is.
    pool : {"mean", "summary"}
        How patches and words become one number per volume.
    frame_rate : float
        Frames a second in the folders of frames.

    Returns
    -------
    Viewing
        The brain's volumes are those of the clips of `watched_runs`; see
        `brainalign.studies.viewing.recordings.measured_brain`.

    Raises
    ------
    MissingDataError
        When the recording, the frames or a model is not here; the text says how to get it.
    ValueError
        Runs named twice, or files of another layout.

    Notes
    -----
    A model sees the frame at the beginning of every volume, with the words that label it (WordNet) as its caption.
    Frames lie in ``frames/FILM/000001.jpg`` and so on below `brainalign data where hcp-7t-movies`, with FILM out of
    `brainalign.datasets.hcp_movies.FILMS`, for example from
    ``ffmpeg -i 7T_MOVIE1_CC1.mp4 -vf fps=1 frames/MOVIE1_CC1/%06d.jpg``. There are two cuts of the films: people who
    were scanned from 22 August 2014 on saw those of the files with ``_v2``, the others those without. Nothing in the
    files says which a person saw; the release lists it, and frames of the other cut are shifted against the responses.
    """
    recording = load_hcp_movies(subject, (*learning_runs, *watched_runs), mesh="32k")
    is_learned = recording.samples["run"].isin([RUNS[run] for run in learning_runs]).to_numpy()
    brain = measured_brain(recording.choose(~is_learned), load_surface(parcels))
    is_shown = recording.samples["clip"].to_numpy() > 0
    shown, n_learned = recording.choose(is_shown), int((is_shown & is_learned).sum())
    learn, watch = slice(0, n_learned), slice(n_learned, None)
    watching = {stream.viewer for stream in streams.values()}
    viewers = {name: viewer for name, viewer in study_viewers(clip, meter).items() if name in watching}
    frames, captions = FrameFiles(_frames_of(shown, frame_rate)), captions_of(shown)
    neurons = show_stimuli(frames, captions, viewers, kind=kind, pool=pool, batch=_FRAMES_AT_ONCE)
    branches = learn_branches(neurons, streams, learn=learn, watch=watch, n_atoms=n_atoms, seed=seed)
    n_words = np.array([len(texts) for texts in shown.samples["texts"]], dtype=float)
    controls = np.stack([luminance(frames), n_words], axis=1)[watch]
    return Viewing(neurons, branches, brain, learn, watch, {}, controls)


def captions_of(recording: NaturalisticRecording) -> list[str]:
    """One text a volume: what is known of it, with commas between; empty where nothing is."""
    return [", ".join(texts) for texts in recording.samples["texts"]]


def _frames_of(recording: NaturalisticRecording, rate: float) -> list[Path]:
    # A film may end a volume before its scan does.
    return frame_paths(folder_of(DATA) / FRAMES, recording.samples, rate=rate, hold=2 * REPETITION_TIME)
