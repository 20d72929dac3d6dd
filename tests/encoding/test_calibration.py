"""Every statistic finds what is planted and stays near its level otherwise, over many simulated brains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from brainalign.datasets.surfaces import load_surface, study_systems
from brainalign.encoding import STATISTICS, calibrate, rejection_rates, spin_parcels

LEVEL = 0.05
# 200 of the quick ones
N_SIMULATIONS = {"shifted predictions": 80, "redundancy": 100, "removal": 60, "match of maps": 150, "modality": 100}

VARIANTS = {
    "prediction": ["prediction"],
    "shifted predictions": ["shifted predictions, chosen penalty"],
    "match of maps": ["match of maps, shifts"],
    "redundancy": ["overlap", "participation ratio"],
    "removal": ["removal"],
    "polarity": ["both signs", "opposed ends"],
    "modality": ["modality"],
}


@pytest.fixture(scope="module")
def world():
    surface = load_surface(100)
    orders = spin_parcels(surface.sphere_centers, surface.is_left, 39, generator=np.random.default_rng(0))
    return study_systems(surface), orders


@pytest.fixture(scope="module", params=STATISTICS)
def measured(request, world):
    systems, orders = world
    n = N_SIMULATIONS.get(request.param, 200)
    options = {"n_simulations": n, "n_volumes": 240, "orders": orders, "generator": np.random.default_rng(3)}
    rates = rejection_rates(calibrate(request.param, systems, **options), level=LEVEL)
    return request.param, n, rates.set_index(["statistic", "truth"])["rate"]


def most(n):
    """A statistic at its level calls this share or less in all but one of 10,000 such tests."""
    return binom.ppf(1 - 1e-4, n, LEVEL) / n


def test_what_is_planted_is_found_and_nothing_and_decoys_at_the_nominal_rate(measured):
    statistic, n, rates = measured
    for variant in VARIANTS[statistic]:
        assert rates[variant, "planted"] > 0.75, variant
        assert rates[variant, "nothing"] <= most(n), variant
        assert rates[variant, "decoy"] <= most(n), variant


def test_what_fails_does_so_here(measured):
    """Rotations call too much where noise follows networks, shifts after a fit with one penalty call more than where
    the penalty is chosen; the mirror misses two layers of opposite sign.
    """
    statistic, n, rates = measured
    if statistic == "match of maps":
        assert rates["match of maps, rotations", "nothing"] > LEVEL + 0.02
    elif statistic == "shifted predictions":
        one, chosen = (rates[f"shifted predictions, {name} penalty"] for name in ("one", "chosen"))
        assert one["nothing"] + one["decoy"] > chosen["nothing"] + chosen["decoy"]
    elif statistic == "polarity":
        assert rates["mirror across halves", "planted"] < 0.5
        assert rates["mirror across halves", "nothing"] <= most(n)
    else:
        assert {name for name, _ in rates.index} == set(VARIANTS[statistic])


def test_rotations_are_left_out_without_orders(world):
    found = calibrate("match of maps", world[0], n_simulations=1, n_volumes=120, generator=np.random.default_rng(0))
    assert set(found["statistic"]) == {"match of maps, shifts"}


def test_rates_are_shares_with_exact_limits():
    p_values = pd.DataFrame({"statistic": "x", "truth": "nothing", "p": [0.01, 0.05, 0.2, 0.9]})
    row = rejection_rates(p_values).iloc[0]
    assert row["rate"] == 0.5
    assert row["low"] == pytest.approx(0.0676, abs=1e-4)  # Clopper and Pearson for 2 of 4
    assert row["high"] == pytest.approx(0.9324, abs=1e-4)


def test_wrong_input_is_refused(world):
    options = {"n_simulations": 1, "generator": np.random.default_rng(0)}
    with pytest.raises(ValueError, match="n_volumes = 119 120 or more"):
        calibrate("prediction", world[0], n_volumes=119, **options)
    with pytest.raises(ValueError, match="no statistic 'luck'; there are: prediction"):
        calibrate("luck", world[0], **options)
