"""The leaderboard is read with its nesting: on small files of the same layout, and on the real ones where they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign.agreement import ScoreTable
from brainalign.datasets.brainscore import (
    load_brainscore_leaderboard,
    load_public_benchmarks,
    mean_of_children,
    model_families,
    read_leaderboard,
)

# Regions average benchmarks, a study its conditions; a failed run is an X, and gaps count as 0.
SMALL = """model_id,average_vision,neural_vision,V1,lab.Some2013.V1-pls,IT,Kar2019-ost,Some2013.IT-pls,behavior_vision,\
Some2018-i2n,Geirhos2021-error_consistency,Geirhos2021colour-error_consistency,Geirhos2021edge-error_consistency
alpha,0.35,0.3,0.4,0.4,0.2,X,0.4,0.4,0.5,0.3,0.4,0.2
beta,0.275,0.25,0.3,0.3,0.2,,0.4,0.3,0.6,,,
gamma,0.0,0.0,0.0,,0.0,X,,0.0,,,,
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "leaderboard.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_scores_failures_and_nesting(written):
    board = read_leaderboard(written(SMALL))
    assert board.scores.index.tolist() == ["alpha", "beta", "gamma"]
    assert board.scores.loc["alpha", "Some2013.IT-pls"] == 0.4
    assert board.scores.isna().sum().sum() == 12
    assert board.failed.stack()[lambda marked: marked].index.tolist() == [
        ("alpha", "Kar2019-ost"),
        ("gamma", "Kar2019-ost"),
    ]
    assert board.nesting["parent"].to_dict() == {
        "average_vision": None,
        "neural_vision": "average_vision",
        "V1": "neural_vision",
        "lab.Some2013.V1-pls": "V1",
        "IT": "neural_vision",
        "Kar2019-ost": "IT",
        "Some2013.IT-pls": "IT",
        "behavior_vision": "average_vision",
        "Some2018-i2n": "behavior_vision",
        "Geirhos2021-error_consistency": "behavior_vision",
        "Geirhos2021colour-error_consistency": "Geirhos2021-error_consistency",
        "Geirhos2021edge-error_consistency": "Geirhos2021-error_consistency",
    }
    categories = board.nesting["category"]
    assert categories["average_vision"] == "overall"
    assert categories[["V1", "Kar2019-ost"]].tolist() == ["neural", "neural"]
    assert categories[["Some2018-i2n", "Geirhos2021edge-error_consistency"]].tolist() == ["behavior", "behavior"]


def test_averages_count_gaps_as_zero(written):
    board = read_leaderboard(written(SMALL))
    again = mean_of_children(board)
    assert list(again) == [
        "average_vision",
        "neural_vision",
        "V1",
        "IT",
        "behavior_vision",
        "Geirhos2021-error_consistency",
    ]
    assert_allclose(again, board.scores[again.columns].fillna(0), atol=1e-12)


def test_an_export_of_today_has_comments_other_columns_and_another_order(written):
    """Comments, rank, name and number of the model, versions in names, breadth first, empty cells for failures."""
    text = (
        "# Generated on 2026-01-01\n# Date from 2020-08-27 to 2026-01-01\n"
        '"rank","model","Model ID","filtered_score","average_vision_v0","neural_vision_v0",'
        '"behavior_vision_v0","V1_v0",'
        '"Some2018-i2n_v2","Marques2020_v0","V1-orientation_v0","Marques2020_DeValois1982-pref_or_v1"\n'
        '"1","alpha","42","","0.3","0.2","0.4","0.2","0.4","0.2","0.2","0.2"\n'
        '"2","beta","7","","0.2","0.1","0.3","0.1","0.3","","","0.1"\n'
    )
    board = read_leaderboard(written(text))
    assert board.scores.index.tolist() == ["alpha", "beta"]
    assert "rank" not in board.scores
    assert board.nesting.loc["Marques2020_DeValois1982-pref_or", "parent"] == "V1-orientation"
    assert board.nesting.loc["V1-orientation", "parent"] == "Marques2020"
    assert board.nesting.loc["Marques2020", "parent"] == "V1"
    assert not board.failed.to_numpy().any()


def test_benchmarks_that_names_do_not_place_are_asked_for(written):
    path = written("model,average_vision,Novel2026-r,Other2026-q\nalpha,0.1,0.2,0.3\n")
    with pytest.raises(ValueError, match="what averages Novel2026-r, Other2026-q"):
        read_leaderboard(path)
    board = read_leaderboard(path, parents={"Novel2026-r": "IT", "Other2026-q": "engineering_vision"})
    assert board.nesting["category"].tolist() == ["overall", "neural", "engineering"]
    with pytest.raises(ValueError, match="run in a circle"):
        read_leaderboard(path, parents={"Novel2026-r": "Other2026-q", "Other2026-q": "Novel2026-r"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model_name,model_id,V1\nalpha,7,0.1\nalpha,7,0.2\n", r"model 'alpha \(7\)' comes more than once"),
        ("name,V1\nalpha,0.1\n", "no column model or model_id; its first columns are name, V1"),
        ("model,V1\nalpha,0.1\nalpha,0.2\n", "model 'alpha' comes more than once"),
        ("model,V1\nalpha,good\n", "score of 'alpha' on 'V1' is 'good'; a cell holds a number, X"),
        ("model,V1_v0,V1_v1\nalpha,0.1,0.2\n", "'V1' is there in two versions"),
    ],
)
def test_files_that_are_no_leaderboard_are_refused(written, text, problem):
    with pytest.raises(ValueError, match=problem):
        read_leaderboard(written(text))


@pytest.mark.parametrize("number", ["model_id", "Model ID"])
def test_submissions_of_one_name_are_told_apart_by_their_number(written, number):
    board = read_leaderboard(
        written(f'model_name,{number},rank,layers,V1\nalpha,7,1,"{{""IT"": 1}}",0.2\n alpha,9,2,,0.1\nbeta,3,3,,0\n')
    )
    assert board.scores["V1"].to_dict() == {"alpha (7)": 0.2, "alpha (9)": 0.1, "beta": 0.0}
    assert list(board.scores) == ["V1"]


def test_families_are_read_from_names():
    names = ["BiT-S-R50x1", "voneresnet-50", "resnext101_32x8d_wsl", "ReAlnet03", "deit_tiny_1", "AT_efficientnet-b0"]
    names += ["antialiased-r50", "hmax", "CLIP-RN50", "nasnet_mobile"]
    assert model_families(pd.Index(names)).tolist() == [
        "resnet", "resnet", "resnext", "cornet", "vit", "efficientnet", "resnet", "hmax", "resnet", "nasnet"
    ]  # fmt: skip


def test_the_public_leaderboard_has_gaps_copies_and_the_averages_of_its_site(mirror):
    mirror("brainscore-leaderboard")
    board = load_brainscore_leaderboard()
    assert board.scores.shape == (455, 130)
    gaps = (mean_of_children(board) - board.scores).abs()
    assert (gaps > 0.001).sum().to_dict() == {**dict.fromkeys(gaps, 0), "Geirhos2021-error_consistency": 10, "IT": 1}
    assert gaps.max().max() < 0.004
    own = board.scores[["neural_vision", "behavior_vision"]].dropna()
    overall = board.scores.loc[own.index, "average_vision"]
    assert own.corrwith(overall).pow(2).round(2).tolist() == [0.57, 0.9]
    table = ScoreTable(board.scores, board.nesting).leaves()
    table = table.select([name for name in table.scores if table.category[name] != "engineering"])
    assert table.scores.shape == (455, 81)
    assert table.distinct().scores.shape == (435, 81)
    assert table.distinct().complete(69).scores.shape == (118, 69)


def test_a_leaderboard_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no leaderboard 'private'; choose one of public, scaling"):
        load_brainscore_leaderboard("private")


def test_the_small_leaderboard_is_nested_as_it_was_averaged(mirror):
    mirror("brainscore-tables")
    board = load_brainscore_leaderboard("scaling")
    assert board.scores.shape == (28, 154)
    assert board.failed.sum().sum() == 22
    assert board.failed["Kar2019-ost"].sum() == 22
    again = mean_of_children(board)
    assert again.shape[1] == 26
    # Scores are given to three digits, and so are the parts.
    assert (again - board.scores[again.columns]).abs().max().max() < 0.001
    assert board.nesting["category"].value_counts().to_dict() == {
        "behavior": 66,
        "neural": 57,
        "engineering": 30,
        "overall": 1,
    }


def test_the_public_benchmarks_have_five_scores_a_model(mirror):
    mirror("brainscore-tables")
    records = load_public_benchmarks()
    assert len(records) == 4965
    wide = records.pivot(index="model", columns="metric", values="score")
    assert wide.shape == (993, 5)
    assert wide.notna().all(axis=1).sum() == 987
    assert set(records.loc[records["metric"] == "Behavioral", "category"]) == {"behavior"}
    correlations = wide.corr("spearman").to_numpy()[np.triu_indices(5, k=1)]
    assert correlations.min() > 0.4
    assert records.groupby("recipe")["model"].nunique().value_counts().to_dict()[3] > 100
    assert isinstance(records["family"].iloc[0], str)
    assert pd.api.types.is_float_dtype(records["score"])
