"""Artificial neurons: every recorded unit of a model as one time course with a place in the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles

DEFINITIONS = {
    "context": "channel of a head's context, before the output projection",
    "query_key": "channel of a head's query-key product",
    "neurons": "hidden unit of an MLP, after its activation",
}
"""What may count as an artificial neuron, and what it is."""

_NO_HEAD = -1


@dataclass(frozen=True)
class Neurons:
    """Time courses of artificial neurons, and where in the model each one is.

    Attributes
    ----------
    activations : ndarray of shape (n_samples, n_neurons)
        One time course per column.
    places : DataFrame of shape (n_neurons, 4)
        Columns ``tower``, ``layer``, ``head`` (-1 for hidden units of an MLP) and ``channel``.
    """

    activations: NDArray[np.float64]
    places: pd.DataFrame

    @property
    def layers(self) -> NDArray[np.int64]:
        """Layer of every neuron in its tower, of shape (n_neurons,)."""
        return self.places["layer"].to_numpy()

    def of(self, *towers: str) -> Neurons:
        """The neurons of some towers.

        Parameters
        ----------
        *towers : str
            Names as in the column ``tower``.

        Returns
        -------
        Neurons

        Raises
        ------
        ValueError
            A tower that is not there; the text says which ones are.
        """
        known = list(dict.fromkeys(self.places["tower"]))
        if missing := [tower for tower in towers if tower not in known]:
            msg = f"there are no neurons of the towers {missing}; recorded were: {', '.join(known)}."
            raise ValueError(msg)
        return self._choose(self.places["tower"].isin(towers).to_numpy())

    def of_head(self, tower: str, head: int) -> Neurons:
        """The neurons of one head in the last layer of a tower; of an MLP, which has no heads, all of that layer.

        Parameters
        ----------
        tower : str
            Name as in the column ``tower``.
        head : int
            Number of the head, from 0.

        Returns
        -------
        Neurons

        Raises
        ------
        ValueError
            A tower or a head that is not there; the text says which ones are.
        """
        own = self.of(tower)
        last = own._choose(own.layers == own.layers.max())
        heads = last.places["head"]
        if head not in heads.to_numpy() and (heads != _NO_HEAD).any():
            msg = f"the last layer of '{tower}' has heads {heads.min()} to {heads.max()}; got {head}."
            raise ValueError(msg)
        return last._choose(heads.isin([head, _NO_HEAD]).to_numpy())

    def draw(self, n_neurons: int, *, generator: np.random.Generator) -> Neurons:
        """Some neurons, chosen by chance and kept in order, so that models of different size can be compared.

        Raises
        ------
        ValueError
            More than there are, or none.
        """
        n_known = self.activations.shape[1]
        if not 0 < n_neurons <= n_known:
            msg = f"{n_neurons} of {n_known} neurons can not be drawn; give a number from 1 to {n_known}."
            raise ValueError(msg)
        return self._choose(np.sort(generator.choice(n_known, n_neurons, replace=False)))

    def _choose(self, which: NDArray) -> Neurons:
        return Neurons(self.activations[:, which], self.places.loc[which].reset_index(drop=True))


def as_neurons(recorded: Mapping[tuple[str, int, str], ArrayLike]) -> Neurons:
    """Put what was recorded of a model side by side, one column per neuron.

    Parameters
    ----------
    recorded : mapping of (tower, layer, kind) to array_like
        Pooled activations: (n_samples, n_heads, n_channels) of heads, (n_samples, n_units) of an MLP, for example a
        record of `brainalign.models.tap`. A layer with several attentions gives the neurons of all of them.

    Returns
    -------
    Neurons
        In the order of towers and layers. Units that do not vary over the samples (dead ones) are left out: they have
        no time course.

    Raises
    ------
    ValueError
        Nothing was recorded, tokens were not pooled, numbers of samples differ, or no unit varies.
    """
    if not recorded:
        msg = "nothing was recorded; call the model inside the block of tap()."
        raise ValueError(msg)
    parts = {key: as_doubles(values, name=str(key)) for key, values in recorded.items()}
    _check(parts)
    activations = np.concatenate([values.reshape(len(values), -1) for values in parts.values()], axis=1)
    places = pd.concat([_places(key, values.shape[1:]) for key, values in parts.items()], ignore_index=True)
    varies = np.ptp(activations, axis=0) > 0
    if not varies.any():
        msg = f"none of {activations.shape[1]} units varies over the {len(activations)} samples; show more stimuli."
        raise ValueError(msg)
    return Neurons(activations[:, varies], places[varies].reset_index(drop=True))


def _places(key: tuple[str, int, str], shape: Sequence[int]) -> pd.DataFrame:
    tower, layer, _ = key
    *head, channel = np.indices(shape).reshape(len(shape), -1)
    return pd.DataFrame({"tower": tower, "layer": layer, "head": head[0] if head else _NO_HEAD, "channel": channel})


def _check(parts: Mapping[tuple[str, int, str], NDArray[np.float64]]) -> None:
    for key, values in parts.items():
        if values.ndim not in (2, 3):
            msg = (
                f"{'.'.join(map(str, key))} has shape {values.shape}; expected (n_samples, heads, channels) or "
                "(n_samples, units). Pool the tokens while recording."
            )
            raise ValueError(msg)
    lengths = {len(values) for values in parts.values()}
    if len(lengths) > 1:
        msg = f"all parts must have the same samples; got {sorted(lengths)}. Record them in one run."
        raise ValueError(msg)
