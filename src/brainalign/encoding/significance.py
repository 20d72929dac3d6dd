"""Whether such a score could come about without any relation to the stimulus.

Neighboring volumes are alike, so that independent samples cannot be assumed: the null distributions here keep that.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from brainalign.encoding.inputs import check_runs
from brainalign.encoding.scoring import center_runs, check_predictions, lengths
from brainalign.numeric import as_doubles

__all__ = ["benjamini_hochberg", "p_values"]

_TARGETS_AT_ONCE = 2_000
_TARGETS_IN_CACHE = 128
_FEWEST_ARRANGEMENTS = 20  # below, no p-value could reach .05


def p_values(
    predictions: ArrayLike,
    responses: ArrayLike,
    kind: Literal["blocks", "circular", "phase"] = "circular",
    n_draws: int = 1000,
    generator: np.random.Generator | None = None,
    *,
    runs: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    block: int = 10,
) -> np.ndarray:
    """Share of null predictions that correlate with the responses at least as well as the predictions do.

    Parameters
    ----------
    predictions, responses : array_like of shape (n_samples, n_targets)
        Held-out predictions and what was measured.
    kind : {"blocks", "circular", "phase"}
        How the predictions are taken out of step: blocks of samples in another order; a shift in time, with the end
        moved to the front; or another phase for every frequency. Shift and phase keep the autocorrelation.
    n_draws : int
        Number of null predictions. All targets get the same ones.
    generator : numpy.random.Generator
        Source of the draws.
    runs : array_like of shape (n_samples,), optional
        Run labels: every run is rearranged by itself.
    folds : array_like of shape (n_samples,), optional
        Labels of the folds that held the samples out: both series are centered in each, as their score was. Left out:
        centered in every run.
    block : int
        Samples of a block, for "blocks": at least 10, and longer than the noise is alike.

    Returns
    -------
    ndarray of shape (n_targets,)
        One-sided p-values, at least 1 / (n_draws + 1); 1 for constant predictions.

    Raises
    ------
    ValueError
        For bad shapes or values, an unknown kind, no generator, or runs so short that fewer than 20 rearrangements
        exist.

    Notes
    -----
    p = (1 + number of null scores >= score) / (1 + n_draws) with the score of `correlation_scores` (Phipson and Smyth
    2010). Where there are no more shifts than draws, each is used once. Spectra give all shifts and phases of all
    targets as one matrix product. For noise of lag-one autocorrelation .85 the rate of p <= .05 stays at .05 under
    shifts and phases, and blocks of 10 samples raise it to .08. Folds of a fit share training samples, so that held-out
    predictions are not quite independent of the responses: shifts over the whole run allow for that, shifts within
    every fold do not.
    """
    predictions, responses = check_predictions(predictions, responses)
    runs = check_runs(runs, len(predictions))
    if kind not in ("blocks", "circular", "phase") or n_draws < 1 or generator is None or block < 1:
        msg = (
            "kind must be 'blocks', 'circular' or 'phase', n_draws and block at least 1, and generator a "
            f"numpy.random.Generator: got {kind!r}, {n_draws}, {block} and {generator!r}."
        )
        raise ValueError(msg)
    run_lengths = np.bincount(runs)
    centered_in = runs if folds is None else check_runs(folds, len(runs))
    if kind == "blocks":
        null_products = _reordered(_block_orders(run_lengths, block, n_draws, generator))
    else:
        phases = _shifts if kind == "circular" else _random_phases
        null_products = _rephased(run_lengths, phases(run_lengths, n_draws, generator))
    result = np.empty(predictions.shape[1])
    for start in range(0, len(result), _TARGETS_AT_ONCE):
        some = slice(start, start + _TARGETS_AT_ONCE)
        P, Y = center_runs(predictions[:, some], centered_in), center_runs(responses[:, some], centered_in)
        size = lengths(P, predictions[:, some])
        P = P / size
        null = null_products(P, Y)
        # What rounding alone tells apart is a tie: of a score that equals a null score, and of constant predictions.
        observed = np.einsum("it,it->t", P, Y) - 1e-10 * np.linalg.norm(Y, axis=0)
        result[some] = (1 + (null >= observed).sum(axis=0)) / (1 + len(null))
    return result


def benjamini_hochberg(p: ArrayLike) -> np.ndarray:
    """Adjust p-values for many targets, so that a bound on them bounds the share of false discoveries.

    Parameters
    ----------
    p : array_like of shape (n_targets,)
        P-values in [0, 1].

    Returns
    -------
    ndarray of shape (n_targets,)
        In [0, 1]. Taking all targets with q <= .05 as found, at most 5 % of them are expected to be false.

    Raises
    ------
    ValueError
        For p-values outside [0, 1] or not finite.

    Notes
    -----
    Benjamini and Hochberg (1995), by `scipy.stats.false_discovery_control`.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.02, 0.9]).round(3).tolist()
    [0.03, 0.03, 0.9]
    """
    p = as_doubles(p, name="p")
    if not ((p >= 0) & (p <= 1)).all():
        msg = f"p-values must be numbers between 0 and 1: got {int((~((p >= 0) & (p <= 1))).sum())} others."
        raise ValueError(msg)
    return false_discovery_control(p, method="bh")


def _shifts(run_lengths: np.ndarray, n_draws: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Phases of every frequency of every run under shifts in time, arrays of shape (n_draws, n_frequencies)."""
    n_shifts = prod(int(n) for n in run_lengths)
    _refuse_few_arrangements(n_shifts, run_lengths, "shifts")
    if n_shifts - 1 <= n_draws:
        shifts = np.unravel_index(np.arange(1, n_shifts), run_lengths)
    else:
        shifts = [generator.integers(n, size=n_draws) for n in run_lengths]
    return [
        2 * np.pi * np.outer(shift, np.arange(n // 2 + 1)) / n for shift, n in zip(shifts, run_lengths, strict=True)
    ]


def _random_phases(run_lengths: np.ndarray, n_draws: int, generator: np.random.Generator) -> list[np.ndarray]:
    n_free = int(((run_lengths - 1) // 2).sum())  # the mean and the highest frequency of an even length are real
    _refuse_few_arrangements(2**n_free, run_lengths, "phases")
    phases = []
    for n in run_lengths:
        phase = generator.uniform(0, 2 * np.pi, size=(n_draws, n // 2 + 1))
        phase[:, 0] = 0
        if n % 2 == 0:
            phase[:, -1] = np.pi * generator.integers(2, size=n_draws)
        phases.append(phase)
    return phases


def _rephased(run_lengths: np.ndarray, phases: list[np.ndarray]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Inner products of responses with predictions whose frequencies got other phases.

    By Parseval's theorem they are sums over frequencies of the cross spectrum, turned by the phase.
    """
    turned = []
    for phase, n in zip(phases, run_lengths, strict=True):
        count = np.full(n // 2 + 1, 2.0)  # the real transform leaves out the negative frequencies
        count[0] = 1.0
        if n % 2 == 0:
            count[-1] = 1.0
        turned.append(np.hstack([np.cos(phase) * count, -np.sin(phase) * count]) / n)
    weights, edges = np.hstack(turned), np.cumsum(run_lengths)[:-1]

    def products(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
        spectra = []
        for part, measured in zip(np.split(P, edges), np.split(Y, edges), strict=True):
            cross = np.fft.rfft(part, axis=0).conj() * np.fft.rfft(measured, axis=0)
            spectra += [cross.real, cross.imag]
        return weights @ np.vstack(spectra)

    return products


def _block_orders(run_lengths: np.ndarray, block: int, n_draws: int, generator: np.random.Generator) -> np.ndarray:
    """Sample numbers with the blocks of every run in another order, of shape (n_draws, n_samples)."""
    ends = np.cumsum(run_lengths)
    pieces = [
        np.split(np.arange(end - n, end), range(block, n, block)) for n, end in zip(run_lengths, ends, strict=True)
    ]
    _refuse_few_arrangements(prod(factorial(len(run)) for run in pieces), run_lengths, f"orders of blocks of {block}")
    orders = np.empty((n_draws, ends[-1]), dtype=np.intp)
    for draw in orders:
        draw[:] = np.concatenate([run[i] for run in pieces for i in generator.permutation(len(run))])
    return orders


def _reordered(orders: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Inner products of responses with predictions whose samples were put in another order."""

    def products(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
        null = np.empty((len(orders), P.shape[1]))
        for start in range(0, P.shape[1], _TARGETS_IN_CACHE):
            some = slice(start, start + _TARGETS_IN_CACHE)
            part, measured = np.ascontiguousarray(P[:, some]), np.ascontiguousarray(Y[:, some])
            for draw, order in enumerate(orders):
                null[draw, some] = np.einsum("it,it->t", part[order], measured)
        return null

    return products


def _refuse_few_arrangements(n_arrangements: int, run_lengths: np.ndarray, kind: str) -> None:
    if n_arrangements < _FEWEST_ARRANGEMENTS:
        msg = (
            f"runs of {run_lengths.tolist()} samples allow {n_arrangements} {kind}, at least {_FEWEST_ARRANGEMENTS} "
            "are needed for a p-value of .05; use another kind, shorter blocks or longer runs."
        )
        raise ValueError(msg)
