"""Score tables refuse what they cannot be, and know their hierarchy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from brainalign.agreement import ScoreTable

MODELS = ["a", "b", "c"]


def hierarchy(**places):
    return pd.DataFrame(places, index=["category", "parent"]).T


def small(**changed):
    scores = pd.DataFrame({"V1": [0.1, 0.2, 0.3], "choices": [0.5, np.nan, 0.9]}, index=MODELS)
    metrics = hierarchy(V1=("neural", None), choices=("behavior", None))
    return ScoreTable(**{"scores": scores, "metrics": metrics, **changed})


def scores_with(**columns):
    return pd.DataFrame({"V1": [0.1, 0.2, 0.3], "choices": [0.5, np.nan, 0.9], **columns}, index=MODELS)


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        (scores_with().set_axis(["a", "b", "a"]), "model 'a' comes more than once; average"),
        (scores_with().set_axis(["V1", "V1"], axis=1), "metric 'V1' comes more than once"),
        (scores_with(V1=[0.1, "X", 0.3]), "'V1' holds what is not a number, for example 'X' of model 'b'.*to_numeric"),
        (scores_with(V1=[True, False, True]), "'V1' holds what is not a number"),
        (scores_with(V1=[0.1, np.inf, 0.3]), "'V1' holds an infinite score"),
        (scores_with(V1=np.nan), "no model has a score on 'V1'; leave such metrics out: scores.dropna"),
        (scores_with().iloc[:2], "at least 3 models, got 2; add models"),
        (scores_with()[[]], "has no metric"),
    ],
)
def test_scores_that_make_no_table_are_refused_with_what_to_do(scores, text):
    with pytest.raises(ValueError, match=text):
        small(scores=scores)


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        (hierarchy(V1=("neural", None)), "no category for 'choices'; add a row"),
        (hierarchy(V1=("neural", None), choices=(None, None)), "no category for 'choices'"),
        (hierarchy(V1=("neural", "IT"), choices=("behavior", None), IT=("neural", "V1")), "in a circle"),
        (hierarchy(V1=("neural", None), choices=("behavior", None))[["category"]], "parent is not there"),
    ],
)
def test_hierarchies_that_do_not_fit_are_refused(metrics, text):
    with pytest.raises(ValueError, match=text):
        small(metrics=metrics)


def test_families_must_name_every_model():
    with pytest.raises(ValueError, match="family of every model; 'c' has none"):
        small(families=pd.Series({"a": "x", "b": "x"}))
    assert small().families.nunique() == 3
    assert small(families=pd.Series({"c": "y", "b": "x", "a": "x"})).families.tolist() == ["x", "x", "y"]


def test_records_make_the_same_table_in_any_order():
    records = small().scores.melt(ignore_index=False, var_name="metric", value_name="score").reset_index(names="model")
    records["category"] = records["metric"].map({"V1": "neural", "choices": "behavior"})
    table = ScoreTable.from_records(records.dropna())
    assert_frame_equal(table.scores, small().scores, check_names=False)
    assert table.categories == ("neural", "behavior")
    turned = ScoreTable.from_records(records[::-1])
    assert_frame_equal(turned.scores.loc[MODELS, ["V1", "choices"]], small().scores, check_names=False)


def test_records_that_disagree_are_refused():
    records = pd.DataFrame({"model": MODELS, "metric": "V1", "score": [1.0, 2, 3], "category": "neural"})
    with pytest.raises(ValueError, match="model 'a' has 2 or more scores on 'V1'"):
        ScoreTable.from_records(pd.concat([records, records.iloc[:1]]))
    with pytest.raises(ValueError, match="metric 'V1' disagree about its category"):
        ScoreTable.from_records(records.assign(category=["neural", "neural", "behavior"]))
    with pytest.raises(ValueError, match="category is not there"):
        ScoreTable.from_records(records.drop(columns="category"))
    families = ScoreTable.from_records(records.assign(family=["x", "x", "y"])).families
    assert families.tolist() == ["x", "x", "y"]


def nested():
    """A category of one region with a plain benchmark and a study of four conditions, and a plain region."""
    names = ["neural", "IT", "pls", "study", "s1", "s2", "s3", "s4", "V1"]
    parents = [None, "neural", "IT", "IT", "study", "study", "study", "study", "neural"]
    metrics = pd.DataFrame({"category": "neural", "parent": parents}, index=names)
    leaves = pd.DataFrame(np.random.default_rng(0).random((5, 6)), columns=["pls", "s1", "s2", "s3", "s4", "V1"])
    study = leaves[["s1", "s2", "s3", "s4"]].mean(axis=1)
    IT = (leaves["pls"] + study) / 2
    scores = leaves.assign(study=study, IT=IT, neural=(IT + leaves["V1"]) / 2)
    return ScoreTable(scores.rename(index=str), metrics)


def test_weights_of_leaves_make_the_mean_at_the_top():
    table = nested().leaves()
    assert list(table.scores) == ["pls", "s1", "s2", "s3", "s4", "V1"]
    weights = table.weights()
    assert weights.to_dict() == {"pls": 1 / 4, **dict.fromkeys(("s1", "s2", "s3", "s4"), 1 / 16), "V1": 1 / 2}
    assert_allclose(table.scores @ weights, nested().scores["neural"])


def test_weights_follow_the_metrics_that_are_left():
    weights = nested().select(["s1", "s3", "V1"]).weights()
    assert weights.to_dict() == {"s1": 1 / 4, "s3": 1 / 4, "V1": 1 / 2}


def test_a_metric_is_not_weighted_beside_the_average_it_enters():
    with pytest.raises(ValueError, match=r"call leaves\(\) first"):
        nested().weights()


def test_an_average_over_categories_does_not_join_them():
    metrics = hierarchy(overall=("overall", None), V1=("neural", "overall"), choices=("behavior", "overall"))
    table = small(scores=scores_with(overall=[0.3, 0.1, 0.6]), metrics=metrics).leaves()
    assert table.weights().to_dict() == {"V1": 1.0, "choices": 1.0}


def test_copies_and_empty_rows_are_one_model_or_none():
    scores = pd.DataFrame(
        {"V1": [0.1, 0.1, 0.3, 0.1, None], "choices": [0.5, 0.5, 0.9, None, None]},
        index=["a", "copy", "b", "c", "none"],
    )
    metrics = pd.DataFrame({"category": ["neural", "behavior"], "parent": None}, index=["V1", "choices"])
    assert ScoreTable(scores, metrics).distinct().scores.index.tolist() == ["a", "b", "c"]


def test_a_complete_block_holds_the_best_covered_metrics_in_their_order():
    values = np.arange(15.0).reshape(5, 3)
    values[[0, 1], 0] = np.nan
    values[4, 1] = np.nan
    scores = pd.DataFrame(values, columns=["rare", "common", "full"], index=list("abcde"))
    table = ScoreTable(scores, pd.DataFrame({"category": "neural", "parent": None}, index=scores.columns))
    assert table.complete(1).scores.shape == (5, 1)
    block = table.complete(2).scores
    assert (list(block), list(block.index)) == (["common", "full"], list("abcd"))
    with pytest.raises(ValueError, match="only 2 models have all of the 3"):
        table.complete(3)
    with pytest.raises(ValueError, match="ask for 1 to 3"):
        table.complete(4)


def test_selections():
    assert list(small().covered(3).scores) == ["V1"]
    with pytest.raises(ValueError, match="no metric has scores of 4 models"):
        small().covered(4)
    with pytest.raises(ValueError, match="no metric 'V9'; it has 'V1', 'choices'"):
        small().select(["V9"])
