"""fMRI of people who listened to the first chapter of Alice in Wonderland, with the time of every word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.catalogue.entries import entry, locate

REGIONS = ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
"""Left and right anterior temporal lobe, left posterior temporal lobe, left inferior parietal lobule, left premotor
cortex, left inferior frontal gyrus; in the order of the files' columns."""

RADII = (6, 10)
"""Radius in millimetres of the spheres whose mean signal a region is."""

REPETITION_TIME = 2.0
"""Seconds from one volume to the next."""

N_VOLUMES = 362
FIRST_VOLUME = 20.0
"""Seconds on the clock of the words at which the first kept volume begins: ten volumes before it were discarded."""

CONTROLS = ("word_rate", "sound_power")
"""Predictors of the sound: one file a listener, the same for all."""

LINGUISTIC = (
    "word_frequency", "break", "top_down_p", "top_down_x", "bottom_up_p", "bottom_up_x", "grammar_surprisal",
    "bigram_words", "trigram_words", "bigram_categories", "trigram_categories",
)  # fmt: skip
"""Predictors of the study's authors, each convolved with a haemodynamic response and made orthogonal to word rate
over the whole scan: word frequency, prosodic breaks, nodes of two kinds of syntax trees (p and x in the files) counted
from the top and from the bottom, surprisal under a grammar, and under chains of two and three words or categories."""

_PATH = re.compile(r"alice_data_shared/6mm/s(\d+)-timecourses\.txt")
_PREDICTORS = "alice_data_shared/sept18-generic-predictors-under-hrf-with-logfrqhal.txt"
_WORDS = "alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid"
_INTERVAL = re.compile(r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "([^"]*)"')
_SILENCE = ("", "sp")
_DISCARDED = 10  # volumes that motion and predictors still have


@dataclass(frozen=True)
class AliceRecording:
    """What the scanner saw while the story was read aloud.

    Attributes
    ----------
    responses : ndarray of shape (n_listeners, n_volumes, n_regions)
        Mean signal of each region, in arbitrary units that differ between listeners.
    listeners : ndarray of shape (n_listeners,)
        Their numbers in the files, rising.
    motion : ndarray of shape (n_listeners, n_volumes, 6)
        Three shifts of the head in millimetres and three turns in radians, against the first volume.
    predictors : DataFrame of n_volumes rows
        `CONTROLS`, then `LINGUISTIC`: what the study's authors computed from the story, one value per volume.
    refused : dict of int to str
        Listeners of the files that are left out, with the reason.
    """

    responses: NDArray[np.float64]
    listeners: NDArray[np.int64]
    motion: NDArray[np.float64]
    predictors: pd.DataFrame
    refused: dict[int, str]


def load_alice(listeners: Sequence[int] | None = None, *, radius: int = 6) -> AliceRecording:
    """Six regions of all listeners whose files hold a signal, or of chosen ones.

    Parameters
    ----------
    listeners : sequence of int, optional
        Numbers of listeners. By default all that can be used: one whose signal is constant is left out, and
        ``refused`` says so.
    radius : {6, 10}
        Radius of the regions in millimetres.

    Returns
    -------
    AliceRecording
        Of 362 volumes at 2 s.

    Raises
    ------
    ValueError
        An unknown radius or listener, one named twice, a chosen listener without a signal, or a file of another
        layout, of which the text gives the name.
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Brennan et al. 2016, Brain and Language 157-158; the README of its files.
    """
    if radius not in RADII:
        msg = f"radius = {radius!r} is not available; choose {' or '.join(map(str, RADII))} (mm)."
        raise ValueError(msg)
    chosen = available_listeners() if listeners is None else _check_listeners(listeners)
    signals, refused = {}, {}
    for listener in chosen:
        signal = _read_numbers(f"alice_data_shared/{radius}mm/s{listener}-timecourses.txt", N_VOLUMES, len(REGIONS))
        flat = [region for region, values in zip(REGIONS, signal.T, strict=True) if np.ptp(values) == 0]
        if flat:
            refused[listener] = f"the signal is constant in {', '.join(flat)}"
        else:
            signals[listener] = signal
    if (refused and listeners is not None) or not signals:
        reasons = "; ".join(f"listener {listener}: {reason}" for listener, reason in refused.items())
        msg = f"{reasons}. Leave such listeners out."
        raise ValueError(msg)
    motion = [_read_motion(listener) for listener in signals]
    predictors = _read_predictors(next(iter(signals)))
    return AliceRecording(
        np.stack(list(signals.values())), np.array(list(signals)), np.stack(motion), predictors, refused
    )


def load_alice_words() -> pd.DataFrame:
    """Every word of the story with its time, aligned by hand by the study's authors.

    Returns
    -------
    DataFrame
        Columns ``word``, ``onset`` and ``offset`` (seconds; the first kept volume begins at `FIRST_VOLUME`), in the
        order of the story. Silence is left out. Clitics such as "n't" and "'s" are words of their own, as in the file.

    Raises
    ------
    ValueError
        A file without words, or words that overlap.
    MissingDataError, ChecksumError
        When the file is not here or cannot be trusted.
    """
    found = _INTERVAL.findall(Path(_file(_WORDS)).read_text(encoding="utf-8"))
    rows = [(text.strip(), float(begin), float(end)) for begin, end, text in found if text.strip() not in _SILENCE]
    words = pd.DataFrame(rows, columns=["word", "onset", "offset"])
    if words.empty:
        msg = f"{_WORDS} holds no words; fetch it anew with: brainalign data get alice-story."
        raise ValueError(msg)
    wrong = np.flatnonzero((words.offset <= words.onset) | (words.onset < words.offset.shift(fill_value=-np.inf)))
    if wrong.size:
        row = words.iloc[wrong[0]]
        msg = f"{_WORDS}: the word '{row.word}' at {row.onset:.2f} s begins before the last one ends, or ends at once."
        raise ValueError(msg)
    return words


def available_listeners() -> list[int]:
    """Numbers of all listeners in the files, rising; with those whose signal turns out to be constant."""
    matches = (_PATH.fullmatch(file.path) for file in entry("alice-story").files)
    return sorted(int(match[1]) for match in matches if match)


def _check_listeners(listeners: Sequence[int]) -> list[int]:
    available = available_listeners()
    for listener in listeners:
        if listener not in available:
            msg = f"there is no listener {listener}; the files hold {', '.join(map(str, available))}."
            raise ValueError(msg)
    if len(set(listeners)) < len(listeners) or not len(listeners):
        msg = f"listeners = {list(listeners)} must name at least one listener, each once."
        raise ValueError(msg)
    return sorted(listeners)


def _read_motion(listener: int) -> NDArray[np.float64]:
    begin = f"alice_data_shared/s{listener}-rp_"
    (path,) = (file.path for file in entry("alice-story").files if file.path.startswith(begin))
    return _read_numbers(path, N_VOLUMES + _DISCARDED, 6)[_DISCARDED:]


def _read_predictors(listener: int) -> pd.DataFrame:
    rate = _read_numbers(f"alice_data_shared/s{listener}-rate.txt", N_VOLUMES, 1)
    power = _read_numbers(f"alice_data_shared/s{listener}-sndpwr.txt", N_VOLUMES, 1)
    others = _read_numbers(_PREDICTORS, N_VOLUMES + _DISCARDED, 1 + len(LINGUISTIC))[_DISCARDED:, 1:]
    return pd.DataFrame(np.hstack([rate, power, others]), columns=[*CONTROLS, *LINGUISTIC])


def _read_numbers(path: str, n_rows: int, n_columns: int) -> NDArray[np.float64]:
    numbers = np.loadtxt(_file(path), ndmin=2)
    if numbers.shape != (n_rows, n_columns):
        msg = f"{path} has the shape {numbers.shape}; expected {(n_rows, n_columns)}. Fetch it anew."
        raise ValueError(msg)
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        msg = f"{path} holds {numbers[row, column]} in row {row + 1}, column {column + 1}. Fetch it anew."
        raise ValueError(msg)
    return numbers


def _file(path: str) -> str:
    return str(locate("alice-story", path))
