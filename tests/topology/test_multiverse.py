import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign.topology import hold_shares, multiverse, one_at_a_time, sign_flip_p

BASE = np.array([1.0, 1.2, 0.9, 1.1, 1.0, 1.3])


def estimate(scaling, metrics):
    """A claim that one scaling turns, and one that always holds."""
    return {"turned": BASE * (1 if scaling == "min-max" else -1), "safe": BASE + metrics}


@pytest.fixture
def table():
    return multiverse({"scaling": ["min-max", "rank"], "metrics": [5, 4]}, estimate)


def test_all_combinations_are_run(table):
    assert len(table) == 2 * 2 * 2
    assert table.groupby("claim").size().to_dict() == {"turned": 4, "safe": 4}
    own = table[table["is_study"]]
    assert own[["scaling", "metrics"]].drop_duplicates().to_numpy().tolist() == [["min-max", 5]]
    turned = own[own["claim"] == "turned"].iloc[0]
    assert_allclose(turned["estimate"], BASE.mean())
    assert_allclose(turned["effect"], BASE.mean() / BASE.std(ddof=1))
    assert turned["p"] == sign_flip_p(BASE) == 2 / 64


def test_shares_of_analyses(table):
    shares = hold_shares(table)
    assert list(shares.index) == ["turned", "safe"]
    assert shares.loc["turned", ["holds", "holds_clearly", "reversed_clearly"]].tolist() == [0.5, 0.5, 0.5]
    assert shares.loc["safe", ["holds", "holds_clearly", "reversed_clearly"]].tolist() == [1, 1, 0]
    assert_allclose(shares.loc["turned", ["in_study", "least", "largest"]].tolist(), BASE.mean() * np.array([1, -1, 1]))
    strict = hold_shares(table, alpha=0.01)
    assert strict["holds_clearly"].tolist() == [0, 0]


def test_an_analysis_that_fails_is_recorded():
    def sometimes(*, density):
        if density == 0.1:
            message = "a graph without edges"
            raise ValueError(message)
        return {"claim": BASE}

    table = multiverse({"density": [0.5, 0.1]}, sometimes)
    assert table["problem"].tolist() == ["", "a graph without edges"]
    assert hold_shares(table).loc["claim", "analyses"] == 1


def test_a_value_that_is_missing_is_a_failed_analysis():
    table = multiverse({"a": [0, 1]}, lambda a: {"claim": BASE if a else [np.nan, 1.0]})
    assert table["problem"].str.contains("finite differences").tolist() == [True, False]
    assert np.isnan(hold_shares(table).loc["claim", "in_study"])


def test_nothing_to_choose_or_nothing_that_works():
    with pytest.raises(ValueError, match="every choice needs at least one option"):
        multiverse({"a": [1], "b": []}, lambda **_: {})
    with pytest.raises(ValueError, match="no choice has none"):
        multiverse({}, lambda **_: {})
    with pytest.raises(ValueError, match=r"none of 2 analyses worked\. The first says"):
        multiverse({"a": [1, 2]}, lambda **_: {"claim": [1.0]})
    assert isinstance(multiverse({"a": [1]}, lambda **_: {"claim": BASE}), pd.DataFrame)


CHOICES = {"scaling": ["min-max", "rank"], "metrics": [5, 4, 3]}


def test_one_choice_at_a_time_is_a_part_of_the_multiverse():
    calls = []

    def counted(**chosen):
        calls.append(tuple(chosen.values()))
        return estimate(**chosen)

    table = one_at_a_time(CHOICES, counted)
    assert calls == [("min-max", 5), ("rank", 5), ("min-max", 4), ("min-max", 3)]  # the study's own only once
    assert table.groupby("claim").size().to_dict() == {"turned": 5, "safe": 5}
    assert table["is_study"].sum() == 2 * 2
    every = multiverse(CHOICES, estimate)
    for row in table[table["claim"] == "turned"].itertuples():
        chosen = {"scaling": "min-max", "metrics": 5, row.choice: row.option}
        same = every[(every["claim"] == "turned") & (every[list(chosen)] == pd.Series(chosen)).all(axis=1)]
        assert_allclose([row.estimate, row.effect, row.p], same[["estimate", "effect", "p"]].to_numpy()[0])


def test_an_option_that_fails_leaves_the_others():
    def sometimes(*, density):
        if density == 0.1:
            message = "a graph without edges"
            raise ValueError(message)
        return {"claim": BASE}

    table = one_at_a_time({"density": [0.5, 0.1]}, sometimes)
    assert table["problem"].tolist() == ["", "a graph without edges"]
    with pytest.raises(ValueError, match=r"none of 1 analyses worked"):
        one_at_a_time({"density": [0.1]}, sometimes)
    with pytest.raises(ValueError, match="every choice needs at least one option"):
        one_at_a_time({"density": []}, sometimes)
