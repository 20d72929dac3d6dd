"""All four findings on a short film whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.encoding import delay
from brainalign.studies.viewing import (
    REGIONS,
    STREAMS,
    WHOLE_STREAMS,
    polarity_finding,
    prediction_finding,
    redundancy_finding,
    watch_together,
)
from brainalign.studies.viewing.findings import mean_delayed
from tests.chapters.values import values_of

pytestmark = pytest.mark.training

TESTS = {"penalty": 100.0, "margin": 20}


@pytest.fixture(scope="module")
def viewing():
    chosen = values_of("people", {"n_volumes": 400, "n_learning": 200, "n_atoms": 12, "noise": 0.3})
    streams = {"CLIP": STREAMS["CLIP"], "METER": WHOLE_STREAMS["METER"]}
    return watch_together(chosen, streams)


def test_planted_systems_are_predicted_and_the_rest_is_not(viewing):
    found = prediction_finding(viewing, **TESTS)
    assert list(found.index.names) == ["stream", "branch", "system"]
    assert found.loc[("CLIP", "picture", "visual"), "p"] <= 0.05
    assert found.loc[("CLIP", "text", "language"), "p"] <= 0.05
    rest = found.loc["CLIP"].xs("others", level="system")
    assert_array_equal(rest["score"] < found.loc[("CLIP", "text", "language"), "score"] / 2, True)
    assert_array_equal(found["p"].between(0, 1), True)


def test_neurons_and_regions_stand_beside_their_surrogates(viewing):
    found = redundancy_finding(viewing, n_units=30, n_draws=19, seed=0)
    assert list(found.index) == ["CLIP", "METER", REGIONS]
    assert_allclose(found.loc[["CLIP", "METER"], "p"], 1 / 20)  # nothing else than every surrogate below
    assert_array_equal(found.loc[["CLIP", "METER"], "overlap"] > found.loc[["CLIP", "METER"], "null"], True)
    assert_array_equal(found["independent"].between(1, 30), True)
    alone = replace(viewing, neurons={"METER": viewing.neurons["METER"]})
    again = redundancy_finding(alone, n_units=30, n_draws=19, seed=0)
    assert_allclose(again, found.loc[["METER", REGIONS]])  # draws are named after viewers


def test_branches_with_two_layers_have_no_mirror(viewing):
    found = polarity_finding(viewing, **TESTS)
    n_layers = {key: len(np.unique(branch.depths)) for key, branch in viewing.branches.items()}
    expected = {key for key, n in n_layers.items() if n > 2}
    assert expected
    assert set(found.index.droplevel("system")) == expected
    assert set(found.index.get_level_values("system")) == set(viewing.brain.studied)
    assert_array_equal(found["mirror"].between(-1, 1), True)
    few = {key: own for key, own in viewing.branches.items() if key not in expected}
    if few:
        with pytest.raises(ValueError, match="no branch has 3 layers or more"):
            polarity_finding(replace(viewing, branches=few), **TESTS)


def test_mean_over_delays(viewing):
    branch = viewing.branches["CLIP", "picture"]
    by_hand = np.mean([delay(branch.atoms, (late,)) for late in (1, 2, 3)], axis=0)
    assert_allclose(mean_delayed(branch, viewing.brain), by_hand)
