"""Climbs under several measures as tables, and what is reported of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.datasets.surrogates import recording_spectrum, surrogate_with_spectrum
from brainalign.similarity.optimization import (
    CapturedComponents,
    accuracy_at_scores,
    capture_scores,
    climb,
    compare_climbs,
    decoding_accuracy,
    needed_scores,
    principal_components,
    principal_variances,
    score_towards,
    summarize_climbs,
)
from tests.similarity.properties import normal

MEASURES = ["linear_cka", "normalized_bures_similarity"]


@pytest.fixture(scope="module")
def steep():
    return normal(2, 60, 5) * torch.tensor([8, 4, 1, 0.3, 0.2], dtype=torch.float64)


def test_tables_hold_what_single_climbs_give(steep):
    starts = normal(2, 60, 5, seed=1)
    tables = compare_climbs(steep, starts, MEASURES, max_steps=12)
    for copy in range(2):
        captured = CapturedComponents(steep[copy])
        (way,) = climb(
            score_towards(steep[copy], "linear_cka"), starts[copy : copy + 1], max_steps=12, observe=captured
        )
        is_it = tables.steps["measure"].eq("linear_cka") & tables.steps["start"].eq(copy)
        assert_allclose(tables.steps[is_it]["score"], way.scores)
        is_it = tables.captures["measure"].eq("linear_cka") & tables.captures["start"].eq(copy)
        assert_allclose(tables.captures[is_it]["score"], capture_scores(way.scores, way.observations), equal_nan=True)
        assert_allclose(tables.captures[is_it]["variance"], captured.variances)
        assert_allclose(tables.finals["linear_cka"][copy], way.final)


def test_one_reference_serves_all_starts(steep):
    tables = compare_climbs(steep[0], normal(3, 60, 5, seed=1), ["linear_cka"], max_steps=3)
    assert_array_equal(tables.captures["start"].unique(), [0, 1, 2])
    assert tables.steps.groupby("start")["step"].max().eq(3).all()


def test_options_reach_their_measure(steep):
    starts = normal(1, 60, 5, seed=1)
    tables = compare_climbs(
        steep[0], starts, ["ridge_predictivity"], options={"ridge_predictivity": {"alpha": 1.0}}, max_steps=0
    )
    expected, _ = score_towards(steep[0], "ridge_predictivity", alpha=1.0)(starts)
    assert_allclose(tables.steps["score"], expected)


def test_cka_captures_weak_components_later_than_procrustes(steep):
    summary = summarize_climbs(*_tables(compare_climbs(steep, normal(2, 60, 5, seed=1), MEASURES)))
    rare = summary[summary["quantity"] == "below 1 %"].groupby("measure")["value"].mean()
    assert not rare["linear_cka"] <= rare["normalized_bures_similarity"]  # later, or never


def _tables(climbs):
    return climbs.steps, climbs.captures


def test_summary_of_a_climb_by_hand():
    steps = pd.DataFrame({"measure": "m", "step": [0, 1, 2], "score": [0.1, 0.5, 0.995]})
    captures = pd.DataFrame(
        {
            "measure": "m",
            "component": range(4),
            "variance": [0.9, 0.0905, 0.009, 0.0005],
            "score": [0.2, 0.4, 0.9, np.nan],
        }
    )
    summary = summarize_climbs(steps, captures).set_index("quantity")["value"]
    expected = {
        "score of the start": 0.1, "steps": 2, "first component": 0.2, "below 1 %": 0.9, "below 0.1 %": np.nan,
        "never captured": 1,
    }  # fmt: skip
    assert_array_equal(summary.index, list(expected))
    assert_allclose(summary, list(expected.values()))
    without_rare = summarize_climbs(steps, captures.iloc[:2]).set_index("quantity")["value"]
    assert np.isnan(without_rare["below 1 %"])


def test_tables_of_different_climbs_are_refused():
    steps = pd.DataFrame({"measure": ["a"], "step": [0], "score": [0.1]})
    captures = pd.DataFrame({"measure": ["b"], "component": [0], "variance": [1.0], "score": [0.2]})
    with pytest.raises(ValueError, match="the tables hold different measures"):
        summarize_climbs(steps, captures)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 0.3), (0.6, 0.3), (0.61, 0.7), (0.9, 0.7), (0.95, np.nan), (1.0, np.nan)]
)
def test_needed_score_is_the_last_capture_among_components_that_hold_the_share(share, expected):
    """Not the capture of the weakest of them: the second of three can come after the third."""
    captures = pd.DataFrame(
        {
            "measure": "m",
            "start": 0,
            "component": [1, 0, 2, 3],
            "variance": [0.2, 0.6, 0.1, 0.1],
            "score": [0.7, 0.3, 0.5, np.nan],
        }
    )
    found = needed_scores(captures, share=share)
    assert found.columns.tolist() == ["measure", "start", "score"]
    assert_allclose(found["score"], [expected])


def test_needed_scores_are_told_apart_by_measure_and_start(steep):
    tables = compare_climbs(steep, normal(2, 60, 5, seed=1), MEASURES)
    found = needed_scores(tables.captures).set_index(["measure", "start"])["score"]
    assert_array_equal(found.index.tolist(), [(m, s) for m in MEASURES for s in range(2)])
    first = tables.captures.set_index(["measure", "start", "component"])["score"].xs(0, level="component")
    assert (found >= first.reindex(found.index)).all()


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan")])
def test_a_share_out_of_its_range_is_refused(share):
    with pytest.raises(ValueError, match=r"share = .* of the variance is not possible"):
        needed_scores(pd.DataFrame(), share=share)


def test_components_are_captured_as_those_of_random_data_with_the_same_spectrum():
    """Scores that ignore rotations see the spectrum of a reference and no more; a reference with clusters stands in."""
    labels = np.eye(4)[np.repeat(range(4), 15)]
    X = principal_components(torch.from_numpy(labels @ np.diag([6.0, 4, 3, 2])) @ normal(4, 12) + normal(60, 12) / 2, 8)
    spectrum, rng = principal_variances(X).numpy(), np.random.default_rng(0)
    null = torch.tensor(np.stack([surrogate_with_spectrum(spectrum, n_samples=60, generator=rng) for _ in range(8)]))
    starts = normal(8, 60, 8, seed=2)
    own, other = (
        compare_climbs(reference, starts, ["angular_procrustes"]).captures.groupby("component")["score"].mean()
        for reference in (X, null)
    )
    assert_allclose(own, other, atol=0.06)
    assert own.iloc[-1] - own.iloc[0] > 0.3  # so that agreement says something


def test_accuracy_is_that_of_the_data_which_first_reach_a_level():
    labels = np.repeat([0, 1], 15)
    X = torch.tensor(np.eye(2)[labels] * 5, dtype=torch.float64) + normal(30, 2) / 10
    (way,) = climb(score_towards(X, "linear_cka"), normal(1, 30, 2, seed=1), observe=lambda data, _: data)
    start, end = float(way.scores[0]), float(way.scores[-1])
    level = float(way.scores[5])
    found = accuracy_at_scores(way, labels, [start / 2, level, (end + 1) / 2], seed=0)
    assert_allclose(found, [np.nan, decoding_accuracy(way.observations[5], labels, seed=0), np.nan])


def test_published_values_are_met_on_a_surrogate_of_the_recording():
    """Freeman and Ziemba's units: start, steps to 0.99 and capture of the first component, from two starts.

    Published runs (Cloos et al. 2024, result files of the study's site): angular Procrustes 0.331, 44 steps, 0.374;
    normalized Bures similarity 0.499, 21 steps, 0.558.
    """
    rng = np.random.default_rng(0)
    shares = recording_spectrum("FreemanZiemba2013")
    references = [torch.tensor(surrogate_with_spectrum(shares, n_samples=270, generator=rng)).float() for _ in range(2)]
    starts = torch.randn(2, 270, 205, generator=torch.Generator().manual_seed(0))
    climbs = compare_climbs(torch.stack(references), starts, ["normalized_bures_similarity"])
    means = summarize_climbs(climbs.steps, climbs.captures).groupby("quantity")["value"].mean()
    assert_allclose(means["score of the start"], 0.499, atol=0.02)
    assert_allclose(means["steps"], 21, atol=2)
    assert_allclose(means["first component"], 0.558, atol=0.02)
