"""Attention on real input: maps of many pictures or texts, a batch at a time, and their running means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.catalogue.references import parse_reference
from brainalign.models.loading import LoadedModel
from brainalign.models.presentation import present
from brainalign.models.stimulus_batches import Stimuli, reads_pictures
from brainalign.models.taps import tap

Array = NDArray[np.float64]

_TOWERS = {"vision": "image"}  # what references call a tower and what taps call it


class AttentionMaps(NamedTuple):
    """Maps of one batch of inputs.

    Attributes
    ----------
    maps : ndarray of shape (batch, n_layers, n_heads, n, n)
        Attention of every token (row) to every token, in float64. Rows of tokens sum to 1.
    is_token : ndarray of shape (batch, n)
        False where a shorter text is padded; rows and columns there mean nothing.
    """

    maps: Array
    is_token: NDArray[np.bool_]


def stream_attention(model: LoadedModel, batches: Iterable[Stimuli]) -> Iterator[AttentionMaps]:
    """Show batches of inputs to a model, and give away the attention of each before the next one is read.

    Parameters
    ----------
    model : LoadedModel
        The tower that its reference names is listened to (``zoo:clip-s#vision``), or its only one.
    batches : iterable of Stimuli
        What it is shown, see `brainalign.models.stimulus_batches.batches_for`.

    Yields
    ------
    AttentionMaps
        One per batch. Nothing of earlier batches is kept.

    Raises
    ------
    ValueError
        When the model has several towers and the reference names none, and what `brainalign.models.taps.tap` and
        `brainalign.models.presentation.present` refuse.
    """
    tower = parse_reference(model.reference).tower
    towers = None if tower is None else [_TOWERS.get(tower, tower)]
    for stimuli in batches:
        with tap(model.module, ["attention"], towers=towers, pool=None) as record:
            present(model, stimuli.pictures, stimuli.captions)
        maps = record.stack("attention").double().numpy()
        is_token = np.ones((len(maps), maps.shape[-1]), dtype=bool)
        if not reads_pictures(model):
            is_token &= stimuli.captions[1].bool().numpy()
        yield AttentionMaps(maps, is_token)


def without_marks(is_token: ArrayLike, *, n_first: int = 1, n_last: int = 1) -> NDArray[np.bool_]:
    """Tokens of every input without those at its ends, which stand for no patch and no word.

    Parameters
    ----------
    is_token : array_like of shape (batch, n)
        False where an input is padded, at its end.
    n_first, n_last : int
        How many tokens at the begin and at the end are marks: the class token of a picture (1 and 0), or the marks of
        begin and end of a text (1 and 1).

    Returns
    -------
    ndarray of bool of shape (batch, n)

    Raises
    ------
    ValueError
        When an input would lose all its tokens, or a number is negative.
    """
    is_token = np.asarray(is_token, dtype=bool)
    lengths = is_token.sum(axis=1, keepdims=True)
    if min(n_first, n_last) < 0 or (lengths <= n_first + n_last).any():
        msg = f"n_first = {n_first}, n_last = {n_last}: an input of {lengths.min()} tokens would keep none."
        raise ValueError(msg)
    places = np.cumsum(is_token, axis=1) - 1
    return is_token & (places >= n_first) & (places < lengths - n_last)


class AverageMaps:
    """Mean of the maps of many inputs, in groups of inputs, without keeping the maps.

    Every pair of tokens is averaged over the inputs that have both: no padding enters, whatever the lengths. The groups
    make it possible to split the inputs in halves, and to draw them again, afterwards.

    Parameters
    ----------
    n_groups : int
        Groups, at least 1; input number k belongs to group k modulo `n_groups`. Memory grows with them, not with the
        number of inputs.
    """

    def __init__(self, n_groups: int = 1) -> None:
        if n_groups < 1:
            msg = f"n_groups = {n_groups} leaves nowhere to put an input; give at least 1."
            raise ValueError(msg)
        self.n_groups = n_groups
        self.n_inputs = 0
        self._sums: Array | None = None
        self._counts = np.zeros((n_groups, 0, 0))

    def add(self, maps: ArrayLike, is_token: ArrayLike) -> None:
        """Add a batch.

        Parameters
        ----------
        maps : array_like of shape (batch, ..., n, n)
            Attention, or whatever was made of it input by input. The axes between are the same in every batch; n may
            differ.
        is_token : array_like of shape (batch, n)
            Which rows and columns count.

        Raises
        ------
        ValueError
            When the two do not fit each other or the batches before.
        """
        maps, is_token = np.asarray(maps, dtype=np.float64), np.asarray(is_token, dtype=bool)
        if maps.ndim < 3 or is_token.shape != (len(maps), maps.shape[-1]) or maps.shape[-2] != maps.shape[-1]:
            msg = f"give maps (batch, ..., n, n) and is_token (batch, n): got {maps.shape} and {is_token.shape}."
            raise ValueError(msg)
        self._grow(maps.shape[1:])
        n = maps.shape[-1]
        pairs = is_token[:, :, None] & is_token[:, None, :]
        between = (1,) * (maps.ndim - 3)
        maps = np.where(pairs.reshape(len(maps), *between, n, n), maps, 0.0)
        groups = (self.n_inputs + np.arange(len(maps))) % self.n_groups
        belongs = (np.arange(self.n_groups)[:, None] == groups).astype(np.float64)
        self._sums[..., :n, :n] += np.tensordot(belongs, maps, axes=1)
        self._counts[..., :n, :n] += np.tensordot(belongs, pairs.astype(np.float64), axes=1)
        self.n_inputs += len(maps)

    @property
    def positions(self) -> NDArray[np.int64]:
        """Positions that some input has: the rows and columns of the mean."""
        return np.flatnonzero(np.diagonal(self._counts.sum(axis=0)) > 0)

    def mean(self, weights: ArrayLike | None = None) -> Array:
        """Mean over the inputs.

        Parameters
        ----------
        weights : array_like of shape (n_groups,), optional
            How often every group counts; once by default. Zeros leave groups out.

        Returns
        -------
        ndarray of shape (..., n, n)
            Rows and columns are the `positions`: those that some input has.

        Raises
        ------
        ValueError
            When no input was added, weights do not fit, or two positions never occur in one input that counts.
        """
        shares = np.ones(self.n_groups) if weights is None else np.asarray(weights, dtype=np.float64)
        if shares.shape != (self.n_groups,) or not (np.isfinite(shares) & (shares >= 0)).all():
            msg = f"weights must be {self.n_groups} numbers, 0 or more, one per group: got {shares}."
            raise ValueError(msg)
        counts = np.tensordot(shares, self._counts, axes=1)
        seen = self.positions
        if self._sums is None or not counts.any():
            msg = "no input counts: add maps first, and give some group with inputs a weight above 0."
            raise ValueError(msg)
        counts = counts[np.ix_(seen, seen)]
        if not (counts > 0).all():
            first, second = seen[np.argwhere(counts == 0)[0]]
            msg = f"positions {first} and {second} never occur in one input; add longer inputs, or use fewer groups."
            raise ValueError(msg)
        return np.tensordot(shares, self._sums, axes=1)[..., seen[:, None], seen] / counts

    def _grow(self, shape: tuple[int, ...]) -> None:
        if self._sums is None:
            self._sums = np.zeros((self.n_groups, *shape[:-2], 0, 0))
        if self._sums.shape[1:-2] != shape[:-2]:
            msg = f"the batches before had maps of shape {self._sums.shape[1:-2]} before (n, n), this one {shape[:-2]}."
            raise ValueError(msg)
        missing = max(0, shape[-1] - self._sums.shape[-1])
        edge = ((0, missing), (0, missing))
        self._sums = np.pad(self._sums, ((0, 0),) * (self._sums.ndim - 2) + edge)
        self._counts = np.pad(self._counts, ((0, 0), *edge))
