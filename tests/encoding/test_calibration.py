"""Every statistic finds what is planted and stays near its level otherwise, over 200 simulated brains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from brainalign.datasets.surfaces import load_surface, study_systems
from brainalign.encoding import calibrate, rejection_rates, spin_parcels

N_SIMULATIONS, LEVEL = 200, 0.05
# A statistic at its level calls this many or fewer in all but one of 10,000 such tests.
MOST = binom.ppf(1 - 1e-4, N_SIMULATIONS, LEVEL) / N_SIMULATIONS


@pytest.fixture(scope="module")
def world():
    surface = load_surface(100)
    orders = spin_parcels(surface.sphere_centers, surface.is_left, 39, generator=np.random.default_rng(0))
    return study_systems(surface), orders


@pytest.fixture(scope="module")
def rates(world):
    p_values = calibrate(*world, n_simulations=N_SIMULATIONS, n_volumes=260, generator=np.random.default_rng(3))
    return rejection_rates(p_values, level=LEVEL).set_index(["statistic", "truth"])["rate"]


STATISTICS = ["prediction", "match of maps, shifts", "polarity", "modality", "redundancy"]


@pytest.mark.parametrize("statistic", [*STATISTICS, "match of maps, rotations"])
def test_what_is_planted_is_found(rates, statistic):
    assert rates[statistic, "planted"] > 0.8


@pytest.mark.parametrize("truth", ["nothing", "decoy"])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_nothing_and_decoys_are_called_at_the_nominal_rate(rates, statistic, truth):
    assert rates[statistic, truth] <= MOST


def test_rotations_call_too_much_where_noise_follows_the_networks(rates):
    assert rates["match of maps, rotations", "nothing"] > LEVEL + 0.02


def test_rates_are_shares_with_exact_limits():
    p_values = pd.DataFrame({"statistic": "x", "truth": "nothing", "p": [0.01, 0.05, 0.2, 0.9]})
    row = rejection_rates(p_values).iloc[0]
    assert row["rate"] == 0.5
    assert row["low"] == pytest.approx(0.0676, abs=1e-4)  # Clopper and Pearson for 2 of 4
    assert row["high"] == pytest.approx(0.9324, abs=1e-4)


def test_too_short_brains_are_refused(world):
    with pytest.raises(ValueError, match="n_volumes = 119 120 or more"):
        calibrate(*world, n_simulations=1, n_volumes=119, generator=np.random.default_rng(0))
