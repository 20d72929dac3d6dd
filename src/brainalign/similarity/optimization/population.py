"""A simulated brain area: neurons that respond to known features of the stimuli.

Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["linear_nonlinear_responses"]


def linear_nonlinear_responses(features: Tensor, n_neurons: int, *, noise: float, generator: torch.Generator) -> Tensor:
    """Responses of a planted population: a random weighted sum of features, cut off below 0, with noise.

    Parameters
    ----------
    features : Tensor of shape (n_stimuli, n_features)
        What the neurons respond to. Give all stimuli at once, those of training and the held-out ones: weights are
        drawn anew in every call.
    n_neurons : int
        Size of the population.
    noise : float
        Standard deviation of the noise of each neuron, in units of the spread of its own signal; 0 for none.
    generator : torch.Generator
        Draws weights, thresholds and noise.

    Returns
    -------
    Tensor of shape (n_stimuli, n_neurons)
        In arbitrary units; noise can make a response negative.

    Raises
    ------
    ValueError
        For features that are no table, hold one that never changes, or numbers that do not fit.

    Notes
    -----
    With the standardized features z of a stimulus, neuron i responds by max(0, w_i'z / sqrt(n_features) + b_i) plus
    noise, all of w_i and b_i standard normal.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> linear_nonlinear_responses(torch.eye(6), 4, noise=0.5, generator=generator).shape
    torch.Size([6, 4])
    """
    if features.ndim != 2 or n_neurons < 1 or not 0 <= noise < float("inf"):
        msg = (
            f"features must have shape (n_stimuli, n_features), n_neurons be 1 or more and noise 0 or more: got "
            f"{tuple(features.shape)}, {n_neurons} and {noise}."
        )
        raise ValueError(msg)
    spread = features.std(dim=0)
    if not (spread > 0).all():
        msg = f"feature {int((~(spread > 0)).nonzero()[0, 0])} is the same for all stimuli; leave it out."
        raise ValueError(msg)
    z = (features - features.mean(dim=0)) / spread
    weights, thresholds = (torch.randn(n, n_neurons, generator=generator).to(z) for n in (z.shape[1], 1))
    signal = (z @ weights / z.shape[1] ** 0.5 + thresholds).clamp_min(0)
    return signal + noise * signal.std(dim=0) * torch.randn(signal.shape, generator=generator).to(z)
