"""The simulated cortex holds exactly what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.datasets.cortex import Drive, Truth, plan_cortex, simulate_cortex

SYSTEMS = {"a": np.arange(6) < 2, "b": np.arange(6) >= 2}


def sources(n=2000, k=2):
    return np.random.default_rng(0).standard_normal((n, k))


def simulated(drives, **options):
    return simulate_cortex(sources(), drives, SYSTEMS, generator=np.random.default_rng(1), **options)


def test_signal_is_the_delayed_source_times_its_gain():
    cortex = simulated([Drive(1, "a", -0.7, 3)], spread=0.0)
    z = sources()[:, 1]
    z = (z - z.mean()) / z.std()
    np.testing.assert_allclose(cortex.signal[3:, 0], -0.7 * z[:-3])
    assert not cortex.signal[:3].any()
    assert not cortex.signal[:, SYSTEMS["b"]].any()
    np.testing.assert_allclose(cortex.gains, np.outer([0.0, -0.7], SYSTEMS["a"]))


def test_drives_of_one_system_add_up():
    both = simulated([Drive(0, "b", 0.5), Drive(1, "b", 0.2, 1)], spread=0.0).signal
    alone = [simulated([drive], spread=0.0).signal for drive in (Drive(0, "b", 0.5), Drive(1, "b", 0.2, 1))]
    np.testing.assert_allclose(both, sum(alone))


def test_parcels_differ_within_the_spread():
    gains = simulated([Drive(0, "b", 1.0)], spread=0.5).gains[0, SYSTEMS["b"]]
    assert len(set(gains)) == 4
    assert ((gains >= 0.5) & (gains <= 1.5)).all()


def test_noise_has_the_variance_memory_and_kinship_that_were_asked_for():
    long = np.random.default_rng(0).standard_normal((40000, 1))
    noise = simulate_cortex(
        long, [], SYSTEMS, noise=2.0, memory=0.6, shared=0.3, generator=np.random.default_rng(1)
    ).responses
    # Standard errors are below 0.02 with 40,000 samples.
    np.testing.assert_allclose(noise.std(axis=0), 2.0, atol=0.06)
    lagged = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in noise.T]
    np.testing.assert_allclose(lagged, 0.6, atol=0.03)
    together = np.corrcoef(noise.T)
    np.testing.assert_allclose([together[0, 1], together[2, 5]], 0.3, atol=0.04)
    np.testing.assert_allclose(together[0, 2:], 0.0, atol=0.04)


def test_ceiling_is_what_a_perfect_prediction_reaches():
    cortex = simulated([Drive(0, "a", 0.5)])
    expected = [np.corrcoef(cortex.signal[:, p], cortex.responses[:, p])[0, 1] for p in (0, 1)]
    np.testing.assert_allclose(cortex.ceiling, [*expected, 0, 0, 0, 0])
    assert 0.3 < cortex.ceiling[0] < 0.7


def test_a_plan_follows_the_truth():
    variables = {"x": sources(50, 4), "y": sources(50, 3)}
    truth = {"a": Truth(("x",), 2), "b": Truth(("x", "y"), 0)}
    mixed, drives = plan_cortex(variables, truth, gain=0.8, n_directions=2, generator=np.random.default_rng(0))
    assert mixed.shape == (50, 6)
    assert [drive.system for drive in drives] == ["a"] * 2 + ["b"] * 4
    assert [drive.delay for drive in drives] == [2, 2, 0, 0, 0, 0]
    np.testing.assert_allclose([abs(drive.gain) for drive in drives], [0.8] * 2 + [0.8 / np.sqrt(2)] * 4)
    # Each source is a mixture of the variables that its system follows.
    left = mixed[:, :4] - variables["x"] @ np.linalg.lstsq(variables["x"], mixed[:, :4], rcond=None)[0]
    np.testing.assert_allclose(left, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("drive", "text"),
    [
        (Drive(2, "a", 1.0), r"there are 2 sources and the systems a, b"),
        (Drive(0, "c", 1.0), r"system='c'.* is impossible"),
        (Drive(0, "a", 1.0, -1), r"delays go from 0 to 1999 volumes"),
        (Drive(0, "a", 1.0, 2000), r"delays go from 0 to 1999 volumes"),
    ],
)
def test_impossible_drives_are_refused(drive, text):
    with pytest.raises(ValueError, match=text):
        simulated([drive])


@pytest.mark.parametrize("wrong", [{"noise": 0}, {"memory": 1}, {"shared": 1.1}, {"spread": -0.1}])
def test_noise_out_of_range_is_refused(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(ValueError, match=rf"{name} = {value:g} "):
        simulated([], **wrong)


def test_parcels_must_belong_to_one_system():
    with pytest.raises(ValueError, match="1 belong to none and 2 to several"):
        simulate_cortex(sources(), [], {"a": [1, 1, 1, 0], "b": [1, 1, 0, 0]}, generator=np.random.default_rng(0))


def test_sources_that_do_not_vary_are_named():
    flat = sources()
    flat[:, 1] = 3.0
    with pytest.raises(ValueError, match=r"sources \[1\] do not vary"):
        simulate_cortex(flat, [], SYSTEMS, generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"got shape \(2000,\)"):
        simulate_cortex(flat[:, 0], [], SYSTEMS, generator=np.random.default_rng(0))


def test_a_plan_with_an_unknown_variable_is_refused():
    with pytest.raises(ValueError, match="the system 'a' can not follow 'sound'"):
        plan_cortex({"x": sources()}, {"a": Truth(("sound",), 0)}, generator=np.random.default_rng(0))
