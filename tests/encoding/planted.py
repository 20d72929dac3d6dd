"""Time series with planted truth for the tests of encoding models."""

from __future__ import annotations

from scipy.signal import lfilter


def autocorrelated(rng, n_samples, n_series, lag_one=0.6):
    """Gaussian noise that is alike at neighboring samples, of unit variance, past its start."""
    innovations = rng.normal(size=(n_samples + 100, n_series)) * (1 - lag_one**2) ** 0.5
    return lfilter([1], [1, -lag_one], innovations, axis=0)[100:]


def planted_responses(rng, features, weights, share):
    """Responses in which the features have that share of the variance; the rest is autocorrelated noise."""
    signal = features @ weights
    signal = signal / signal.std(axis=0)
    noise = autocorrelated(rng, len(features), weights.shape[1])
    return share**0.5 * signal + (1 - share) ** 0.5 * noise
