"""Groups of models, families as units, and what a survey says of groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign.models.registry import GROUPS, models
from brainalign.studies.survey import CONTRASTS, GROUP_LABELS, compare_groups, describe_models
from brainalign.studies.survey.families import OWN

ONE_CONTRAST = [("language", "plain ViT")]


def designed(values):
    """A value per model, and the groups and families of models, from values by (group, family)."""
    rows = [
        (f"{group} {family} {number}", group, family, value)
        for (group, family), found in values.items()
        for number, value in enumerate(found)
    ]
    table = pd.DataFrame(rows, columns=["model", "group", "family", "value"]).set_index("model")
    return table["value"], table[["group", "family"]]


def compared(values, **options):
    series, described = designed(values)
    options = {"contrasts": ONE_CONTRAST, "n_resamples": 999} | options
    return compare_groups(series, described, generator=np.random.default_rng(0), **options)


def test_every_group_of_the_study_has_a_label_and_contrasts_name_labels():
    assert set(GROUP_LABELS) == set(GROUPS)
    assert len(set(GROUP_LABELS.values())) == len(GROUPS)
    assert {group for pair in CONTRASTS for group in pair} <= set(GROUP_LABELS.values())


def test_models_of_the_study_keep_the_group_of_the_registry():
    rows = models(study="topology")
    described = describe_models([row.id for row in rows])
    assert described["group"].tolist() == [GROUP_LABELS[row.group] for row in rows]
    assert described["family"].tolist() == [row.family for row in rows]
    assert described.loc["clip-base-16-text", ["group", "modality"]].tolist() == ["multimodal language", "text"]


@pytest.mark.parametrize(
    ("reference", "group", "family", "modality"),
    [
        ("zoo:mae-xs/3", "local-reconstructive", "mae", "vision"),
        ("zoo:distilled-s", "local-reconstructive", "distilled", "vision"),
        ("zoo:supervised-s/1", "plain ViT", "supervised", "vision"),
        ("zoo:contrastive-xs", "global-semantic", "contrastive", "vision"),
        ("zoo:clip-hard-s#text", "multimodal language", "clip", "text"),
        ("zoo:meter-plain-s#vision", "multimodal vision", "meter", "vision"),
        ("zoo:captioned-s", "multimodal vision", "captioned", "vision"),
        ("zoo:gpt-s/1", "language", "gpt", "text"),
        ("minilm", "language", "minilm", "text"),
        ("smollm2", "language, rotary", "smollm2", "text"),
        ("dinov2-s-saliency", "global-semantic", "dinov2-saliency", "vision"),
        ("hf:google-bert/bert-base-cased", "language", "bert", "text"),
        ("hf:openai/clip-vit-base-patch16#vision", "multimodal vision", "clip", "vision"),
        ("file:my-model", OWN, "file:my-model", "unknown"),
    ],
)
def test_other_models_are_placed_by_what_they_were_trained_for(reference, group, family, modality):
    row = describe_models([reference]).loc[reference]
    assert row[["group", "family", "modality"]].tolist() == [group, family, modality]


def test_families_count_once_whatever_their_number_of_models():
    values = {
        ("language", "bert"): [1.0] * 20, ("language", "gpt"): [3.0],
        ("plain ViT", "vit"): [0.0, 1.0], ("plain ViT", "deit"): [0.5],
    }  # fmt: skip
    (row,) = compared(values).to_dict("records")
    assert_allclose(row["difference"], 2.0 - 0.5)
    assert (row["n_first"], row["n_second"]) == (2, 2)
    assert_allclose(row["effect"], 1.5 / np.sqrt((1 + 1) / 2))


def test_p_is_the_share_of_all_ways_to_deal_the_families():
    values = {("language", str(i)): [10.0 + i] for i in range(3)} | {
        ("plain ViT", str(i)): [float(i)] for i in range(4)
    }
    (row,) = compared(values).to_dict("records")
    assert_allclose(row["p"], 1 / 35)
    assert_allclose(row["least_p"], 1 / 35)
    # Nearly the same in both groups: all divisions differ as much.
    (row,) = compared({("language", "a"): [1.0], ("plain ViT", "b"): [1.1]}).to_dict("records")
    assert row["p"] == row["least_p"] == 1.0
    (row,) = compared({("language", "a"): [1.0], ("plain ViT", "b"): [2.0], ("plain ViT", "c"): [9.0]}).to_dict(
        "records"
    )
    assert_allclose([row["p"], row["least_p"]], [2 / 3, 1 / 3])


def test_p_is_uniform_where_groups_do_not_differ():
    rng = np.random.default_rng(1)
    groups = [("language", str(i)) for i in range(3)] + [("plain ViT", str(i)) for i in range(3)]
    p = [compared({place: rng.normal(size=2) for place in groups}, n_resamples=9)["p"].iloc[0] for _ in range(300)]
    assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 0.05  # twenty divisions: p is 0.1, 0.2, ...
    assert abs(np.mean(p) - 0.55) < 0.06


def test_models_of_one_family_do_not_make_a_difference_certain():
    rng = np.random.default_rng(2)
    families = [("language", "a"), ("language", "b"), ("plain ViT", "c"), ("plain ViT", "d")]
    p = compared({place: rng.normal() + 0.01 * rng.normal(size=50) for place in families})["p"].iloc[0]
    assert p >= 2 / 6


def test_the_interval_holds_the_difference_and_is_missing_with_one_family():
    values = {("language", str(i)): [i / 10] for i in range(8)} | {("plain ViT", str(i)): [-i / 10] for i in range(8)}
    (row,) = compared(values).to_dict("records")
    assert row["low"] < row["difference"] < row["high"]
    (wider,) = compared(values, level=0.99).to_dict("records")
    assert wider["low"] < row["low"]
    (single,) = compared({("language", "a"): [1.0], ("plain ViT", "b"): [2.0, 3.0]}).to_dict("records")
    assert np.isnan([single["low"], single["high"], single["effect"]]).all()


def test_contrasts_without_models_are_left_out_and_the_others_corrected_together():
    shifts = {"language": 9, "plain ViT": 0, "global-semantic": 1}
    values = {(group, str(i)): [shift + i] for group, shift in shifts.items() for i in range(3)}
    found = compared(values, contrasts=CONTRASTS)
    assert found[["first", "second"]].to_numpy().tolist() == [
        ["global-semantic", "plain ViT"], ["language", "plain ViT"]
    ]  # fmt: skip
    assert_allclose(found["p_holm"], [min(1, found["p"].max()), 2 * found["p"].min()])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {("language", "a"): [1.0]},
            "there are models of language, so none of these can be compared: language - plain",
        ),
        ({("language", "a"): [np.nan], ("plain ViT", "b"): [1.0]}, "some values are missing or not finite"),
        (
            {("language", "a"): [1.0]} | {("plain ViT", str(i)): [1.0] for i in range(20)},
            "21 families are too many for all divisions: take at most 20",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(values, text):
    with pytest.raises(ValueError, match=text):
        compared(values)


def test_a_model_without_a_group_is_refused():
    with pytest.raises(ValueError, match="no group is known of stranger"):
        compare_groups(pd.Series({"stranger": 1.0}), designed({})[1], generator=np.random.default_rng(0))
