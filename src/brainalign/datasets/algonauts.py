"""fMRI of four people who watched Friends and four films, in 1000 parcels (Algonauts 2025, CNeuroMod)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.catalogue.entries import locate
from brainalign.datasets.choices import check_choice
from brainalign.datasets.connectomes import NETWORKS
from brainalign.datasets.naturalistic import NaturalisticRecording, check_columns, check_signal, sample_table
from brainalign.datasets.text_tables import read_text_table

SUBJECTS = (1, 2, 3, 5)
REPETITION_TIME = 1.49
"""Seconds from one volume, and from one row of a transcript, to the next."""

N_PARCELS = 1000
COLLECTIONS = ("movie10", "friends")
"""What a file holds: four films, or seasons 1 to 6 of the series."""

SEGMENTS = {"bourne": 10, "figures": 12, "life": 5, "wolf": 17}
"""Into how many segments each film of ``movie10`` is cut."""

SHOWN_TWICE = ("figures", "life")
"""Films that every subject watched twice."""

# Parcels per network, left hemisphere then right, in the order of NETWORKS: counted in the label file
# Schaefer2018_1000Parcels_7Networks_order.txt of the atlas's authors.
_PARCELS_PER_NETWORK = ((81, 91, 61, 55, 29, 57, 126), (81, 103, 61, 66, 31, 70, 88))

_NAME = "algonauts-2025"
_ATLAS = "space-MNI152NLin2009cAsym_atlas-Schaefer18_parcel-1000Par7Net"
_SUFFIX = {"movie10": "bold", "friends": "desc-s123456_bold"}
_KEY = re.compile(r"ses-(\d+)_task-(\w+?)(?:_run-(\d+))?")
_TRANSCRIPT_COLUMNS = ("text_per_tr", "words_per_tr", "onsets_per_tr", "durations_per_tr")


def load_algonauts(
    subject: int = 1,
    stimuli: Sequence[str] | None = ("life",),
    *,
    collection: str = "movie10",
    transcripts: bool = True,
) -> NaturalisticRecording:
    """Responses of one subject to films or episodes, with the words spoken in every volume.

    Parameters
    ----------
    subject : {1, 2, 3, 5}
        Number of the subject.
    stimuli : sequence of str, optional
        Films (``"life"``), seasons (``"s01"``), episodes (``"s01e02"``) or single segments (``"life03"``,
        ``"s01e02a"``). By default a short film that was shown twice; None for everything in the file.
    collection : {"movie10", "friends"}
        Which file. Of ``friends``, subject 2 lacks s05e20a, and subject 5 lacks s04e01a, s04e01b and s04e13b.
    transcripts : bool
        Whether to read what is spoken; without, all texts are empty.

    Returns
    -------
    NaturalisticRecording
        In the unit of the files. A run is one presentation of one segment; the further column ``session`` counts the
        visits to the scanner. Targets are the parcels in the order of the atlas, with their network. The scan of a
        segment can go on a little after its transcript ends: nothing is said there.

    Raises
    ------
    ValueError
        An unknown subject, collection or stimulus; a film of which a segment is missing; a file of another layout.
    MissingDataError
        When a file is not here; the text says how to get it.

    Notes
    -----
    Files below `brainalign data where algonauts-2025`, as DataLad puts them:
    ``fmri/sub-0X/func/sub-0X_task-movie10_space-..._bold.h5`` (``_task-friends_..._desc-s123456_bold.h5``), one
    dataset of shape (volumes, 1000) a presentation, named ``ses-SESSION_task-SEGMENT`` or, where the film was shown
    twice, ``ses-SESSION_task-SEGMENT_run-NUMBER``; and ``stimuli/transcripts``, see `load_algonauts_words`.

    References
    ----------
    Gifford et al. 2025, arXiv 2501.00504, and the README of the data. Networks: Schaefer et al. 2018.
    """
    check_choice("subject", subject, SUBJECTS)
    check_choice("collection", collection, COLLECTIONS)
    path = f"fmri/sub-{subject:02d}/func/sub-{subject:02d}_task-{collection}_{_ATLAS}_{_SUFFIX[collection]}.h5"
    signals, tables = [], []
    with _open(path) as file:
        for segment, repeat, session, key in _choose(list(file), stimuli, collection, path):
            signals.append(check_signal(np.asarray(file[key]), N_PARCELS, f"{path}, dataset {key},"))
            times = REPETITION_TIME * np.arange(len(signals[-1]))
            texts = _texts(segment, len(times)) if transcripts else [()] * len(times)
            tables.append(sample_table(key, segment, times, repeat, texts).assign(session=session))
    targets = pd.DataFrame({"parcel": np.arange(1, N_PARCELS + 1), "network": _networks()})
    samples = pd.concat(tables, ignore_index=True)
    return NaturalisticRecording(f"sub-{subject:02d}", np.concatenate(signals), samples, targets, REPETITION_TIME)


def load_algonauts_words(segment: str) -> pd.DataFrame:
    """Every word spoken in a segment, with its time.

    Parameters
    ----------
    segment : str
        For example ``"life03"`` or ``"s01e02a"``.

    Returns
    -------
    DataFrame
        Columns ``word``, ``onset`` and ``offset`` (seconds after the start of the segment), in the order of the file.

    Raises
    ------
    ValueError
        A name that is no segment, or a file of another layout.
    MissingDataError
        When the file is not here.

    Notes
    -----
    Files ``stimuli/transcripts/movie10/FILM/movie10_SEGMENT.tsv`` and ``stimuli/transcripts/friends/sN/friends_
    SEGMENT.tsv``: a row for every 1.49 s, with the text and lists of words, onsets and durations, or nothing. A word
    stands in the row in which it ends.
    """
    rows, path = _read_transcript(segment)
    words = []
    for number, row in enumerate(rows.itertuples(index=False)):
        lists = [_as_list(value, path, number) for value in row[1:]]
        if len({len(values) for values in lists}) != 1:
            msg = f"{path}, row {number}: {[len(values) for values in lists]} words, onsets, durations; as many each."
            raise ValueError(msg)
        words += [(str(word), float(onset), float(onset) + float(d)) for word, onset, d in zip(*lists, strict=True)]
    return pd.DataFrame(words, columns=["word", "onset", "offset"])


def _choose(
    keys: list[str], stimuli: Sequence[str] | None, collection: str, path: str
) -> list[tuple[str, int, int, str]]:
    """Segment, repeat, session and key of the wanted datasets, by segment and repeat."""
    found = []
    for key in keys:
        match = _KEY.fullmatch(key)
        if match is None:
            msg = f"{path} has a dataset '{key}'; expected names like ses-001_task-life01_run-1. Obtain the file anew."
            raise ValueError(msg)
        found.append((match[2], int(match[3] or 1), int(match[1]), key))
    names = sorted({segment for segment, *_ in found})
    for stimulus in stimuli if stimuli is not None else ():
        if not any(_belongs(name, stimulus) for name in names):
            parts = sorted({name.rstrip("0123456789") if collection == "movie10" else name[:3] for name in names})
            msg = f"{path} has nothing of '{stimulus}'; it has (parts of) {', '.join(parts)}."
            raise ValueError(msg)
    if stimuli is not None:
        found = [row for row in found if any(_belongs(row[0], stimulus) for stimulus in stimuli)]
    if not found:
        msg = f"{path}: no stimulus was named, or the file is empty. Name one, for example 'life'."
        raise ValueError(msg)
    if collection == "movie10":
        _check_complete(found, SEGMENTS if stimuli is None else [film for film in stimuli if film in SEGMENTS], path)
    return sorted(found)


def _belongs(segment: str, stimulus: str) -> bool:
    """Whether a segment is, or is part of, a film, season or episode."""
    return segment == stimulus or (
        segment.startswith(stimulus) and (stimulus in SEGMENTS or re.fullmatch(r"s\d\d(e\d\d)?", stimulus) is not None)
    )


def _check_complete(found: list[tuple[str, int, int, str]], films: Sequence[str] | dict[str, int], path: str) -> None:
    present = {(segment, repeat) for segment, repeat, *_ in found}
    for film in films:
        repeats = (1, 2) if film in SHOWN_TWICE else (1,)
        expected = {(f"{film}{number:02d}", repeat) for number in range(1, SEGMENTS[film] + 1) for repeat in repeats}
        missing = sorted(expected - present)
        if missing:
            named = ", ".join(f"{segment} (presentation {repeat})" for segment, repeat in missing)
            msg = f"{path} lacks {named}. Obtain the file anew, or name the segments to read one by one."
            raise ValueError(msg)


def _texts(segment: str, n_volumes: int) -> list[tuple[str, ...]]:
    spoken = _read_transcript(segment)[0]["text_per_tr"].str.strip()
    texts = [(text,) if text else () for text in spoken[:n_volumes]]
    return texts + [()] * (n_volumes - len(texts))


def _read_transcript(segment: str) -> tuple[pd.DataFrame, str]:
    film = segment.rstrip("0123456789")
    episode = re.fullmatch(r"s(\d\d)e\d\d[a-z]", segment)
    if episode:
        path = f"stimuli/transcripts/friends/s{int(episode[1])}/friends_{segment}.tsv"
    elif film in SEGMENTS and film != segment:
        path = f"stimuli/transcripts/movie10/{film}/movie10_{segment}.tsv"
    else:
        msg = f"'{segment}' is no segment; name one like life03 or s01e02a."
        raise ValueError(msg)
    # A row without words counts as time, even if nothing at all stands in its line.
    rows = read_text_table(locate(_NAME, path), delimiter="\t", blank_rows=True, dtype=str, keep_default_na=False)
    check_columns(rows, _TRANSCRIPT_COLUMNS, path)
    return rows[list(_TRANSCRIPT_COLUMNS)], path


def _as_list(value: str, path: str, row: int) -> list:
    try:
        parsed = ast.literal_eval(value) if value.strip() else []
    except (SyntaxError, ValueError):
        parsed = None
    if not isinstance(parsed, list):
        msg = f"{path}, row {row}: {value!r} is no list. Obtain the file anew."
        raise ValueError(msg)
    return parsed


def _networks() -> NDArray[np.str_]:
    return np.concatenate([np.repeat(NETWORKS, counts) for counts in _PARCELS_PER_NETWORK])


@contextmanager
def _open(path: str) -> Iterator[h5py.File]:
    found = locate(_NAME, path)
    if not h5py.is_hdf5(found):
        msg = f"{path} is not an HDF5 file; perhaps only DataLad's pointer to it. Run there: datalad get {path}"
        raise ValueError(msg)
    with h5py.File(found, "r") as file:
        yield file
