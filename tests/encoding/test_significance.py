import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.encoding import benjamini_hochberg, correlation_scores, fit_encoding, p_values
from brainalign.encoding.significance import _block_orders, _random_phases, _reordered, _rephased, _shifts

from .planted import autocorrelated

KINDS = ["blocks", "circular", "phase"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("run_lengths", [[25], [26], [7, 12]])
def test_spectra_give_the_products_with_shifted_predictions(rng, run_lengths):
    run_lengths, n = np.array(run_lengths), sum(run_lengths)
    P, Y = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    phases = _shifts(run_lengths, 1000, rng)
    found = _rephased(run_lengths, phases)(P, Y)
    starts = np.cumsum(run_lengths) - run_lengths
    every = np.stack(np.unravel_index(np.arange(1, np.prod(run_lengths)), run_lengths), axis=1)
    for row, shifts in zip(found, every, strict=True):
        shifted = np.vstack(
            [np.roll(P[s : s + k], r, axis=0) for s, k, r in zip(starts, run_lengths, shifts, strict=True)]
        )
        assert_allclose(row, (shifted * Y).sum(axis=0), atol=1e-10)


@pytest.mark.parametrize("n", [20, 21])
def test_spectra_give_the_products_with_rephased_predictions(rng, n):
    P, Y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    (phases,) = _random_phases(np.array([n]), 5, rng)
    found = _rephased(np.array([n]), [phases])(P, Y)
    for row, phase in zip(found, phases, strict=True):
        surrogate = np.fft.irfft(np.fft.rfft(P, axis=0) * np.exp(-1j * phase)[:, None], n=n, axis=0)
        assert_allclose(row, (surrogate * Y).sum(axis=0), atol=1e-10)
        assert_allclose((surrogate**2).sum(axis=0), (P**2).sum(axis=0))


def test_blocks_stay_whole_and_within_their_run(rng):
    orders = _block_orders(np.array([25, 32]), 10, 50, rng)
    assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(57), (50, 1)))
    assert orders[:, :25].max() == 24
    steps = np.diff(orders, axis=1) == 1
    assert ((~steps).sum(axis=1) <= 2 + 3 + 1).all()
    P, Y = rng.normal(size=(57, 200)), rng.normal(size=(57, 200))
    expected = np.stack([(P[order] * Y).sum(axis=0) for order in orders])
    assert_allclose(_reordered(orders)(P, Y), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_p_value_is_the_share_of_null_scores_at_least_as_high(rng, kind):
    P, Y = autocorrelated(rng, 120, 5), autocorrelated(rng, 120, 5)
    found = p_values(P, Y, kind, 99, np.random.default_rng(1))
    assert_allclose(found * 100, np.round(found * 100))
    alone = [p_values(P[:, [i]], Y[:, [i]], kind, 99, np.random.default_rng(1))[0] for i in range(5)]
    assert_allclose(found, alone)  # all targets get the same draws
    assert_allclose(p_values(P, P, kind, 99, np.random.default_rng(1)), 0.01)
    assert_allclose(p_values(3 * P + 7, Y, kind, 99, np.random.default_rng(1)), found)


@pytest.mark.parametrize("kind", KINDS)
def test_rate_of_false_positives_is_nominal_for_autocorrelated_noise(kind):
    """2000 independent pairs: .05 with a standard error of .005. Blocks cut the autocorrelation and come out higher."""
    rng = np.random.default_rng(2)
    P, Y = autocorrelated(rng, 200, 2000), autocorrelated(rng, 200, 2000)
    p = p_values(P, Y, kind, 199, rng)
    most = 0.075 if kind == "blocks" else 0.065
    assert 0.035 < (p <= 0.05).mean() < most
    assert 0.17 < (p <= 0.2).mean() < 0.24


def test_shuffled_samples_would_find_far_too_much():
    """What the blocks are for: with single samples in random order, a block of 1, the rate is far from nominal."""
    rng = np.random.default_rng(2)
    P, Y = autocorrelated(rng, 200, 500), autocorrelated(rng, 200, 500)
    assert (p_values(P, Y, "blocks", 199, rng, block=1) <= 0.05).mean() > 0.1


def test_rate_of_false_positives_of_whole_encoding_models():
    """200 simulated experiments of 10 targets each, with noise for stimulus and brain.

    Targets of an experiment share the stimulus, so the standard error is somewhat above .005.
    """
    rng = np.random.default_rng(3)
    p = []
    for _ in range(200):
        features, responses = autocorrelated(rng, 80, 2), autocorrelated(rng, 80, 10)
        options = {"penalties": (1.0, 100.0), "n_folds": 3, "gap": 4, "n_draws": 99, "generator": rng}
        p.append(fit_encoding(features, responses, **options).p_values)
    assert 0.02 < (np.array(p) <= 0.05).mean() < 0.065


def test_runs_are_rearranged_by_themselves(rng):
    """A run that is offset by 10 in both series would correlate, were it not centered."""
    runs = np.repeat([0, 1], [60, 70])
    P, Y = rng.normal(size=(130, 40)), rng.normal(size=(130, 40))
    P, Y = P + 10 * runs[:, None], Y + 10 * runs[:, None]
    for kind in KINDS:
        assert 0.3 < p_values(P, Y, kind, 99, rng, runs=runs).mean() < 0.7
    assert correlation_scores(P, Y).min() > 0.9
    assert correlation_scores(P, Y, runs).max() < 0.5


def test_folds_are_centered_as_in_the_score(rng):
    folds = np.repeat([0, 1, 2], 40)
    P, Y = rng.normal(size=(120, 20)), rng.normal(size=(120, 20))
    found = p_values(P, Y, "circular", 500, rng, folds=folds)
    shifted = p_values(P + 50 * folds[:, None], Y - 30 * folds[:, None], "circular", 500, rng, folds=folds)
    assert_allclose(shifted, found)  # 119 shifts, all of them


def test_all_shifts_are_used_where_there_are_no_more_than_draws(rng):
    P, Y = rng.normal(size=(50, 30)), rng.normal(size=(50, 30))
    found = p_values(P, Y, "circular", 1000, rng)
    assert_allclose(found * 50, np.round(found * 50))
    assert_array_equal(found, p_values(P, Y, "circular", 49, np.random.default_rng(9)))


def test_constant_predictions_are_not_significant(rng):
    P = np.full((60, 2), 1 / 3)
    for kind in KINDS:
        assert_array_equal(p_values(P, rng.normal(size=(60, 2)), kind, 99, rng), 1.0)
    assert_array_equal(correlation_scores(P, rng.normal(size=(60, 2))), 0.0)


def test_benjamini_hochberg_bounds_false_discoveries(rng):
    q = benjamini_hochberg([0.001, 0.011, 0.02, 0.5])
    assert_allclose(q, [0.004, 0.022, 0.08 / 3, 0.5])
    with pytest.raises(ValueError, match="between 0 and 1: got 2 others"):
        benjamini_hochberg([0.1, 1.1, np.nan])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "bootstrap"}, "kind must be 'blocks', 'circular' or 'phase'.*got 'bootstrap'"),
        ({"n_draws": 0}, "n_draws and block at least 1"),
        ({"generator": None}, "generator a numpy.random.Generator"),
        ({"kind": "blocks", "block": 20}, r"runs of \[40\] samples allow 2 orders of blocks of 20, at least 20"),
        ({"runs": np.repeat(np.arange(20), 2), "kind": "phase"}, "allow 1 phases"),
        ({"runs": [0] * 3}, "label every one of the 40"),
        ({"responses": np.ones((40, 3)) * np.arange(40)[:, None]}, "the same targets: got .40, 2. and .40, 3."),
    ],
)
def test_bad_input(rng, options, message):
    given = {
        "predictions": rng.normal(size=(40, 2)),
        "responses": rng.normal(size=(40, 2)),
        "n_draws": 9,
        "generator": rng,
    }
    with pytest.raises(ValueError, match=message):
        p_values(**given | options)
