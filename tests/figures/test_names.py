"""Names of measures get spaces; what names a model or a file never does."""

import pandas as pd
import pytest

from brainalign.figures import in_words, show_null_comparison, show_removal_times, show_variance_shares

KEPT = ["file:my_models/a_b", "hf:some_one/a_model", "a_folder/b_c.gguf", "zoo:mae_s/3", "file:my_model@a_b#text_part"]


@pytest.mark.parametrize("reference", KEPT)
def test_references_and_paths_stay_as_they_are(reference):
    assert in_words(reference) == reference
    assert in_words(f"degree_std of {reference} (low)") == f"degree std of {reference} (low)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("global_efficiency", "global efficiency"),
        ("left_out: degree_std", "left out: degree std"),
        ("cka_linear, ttest_no_relu", "cka linear, ttest no relu"),
        (0.5, "0.5"),
    ],
)
def test_names_of_measures_get_spaces(name, words):
    assert in_words(name) == words


@pytest.mark.parametrize("reference", KEPT)
def test_figures_show_the_reference_that_was_given(reference):
    nulls = show_null_comparison({reference: 0.5}, {reference: [0.1, 0.2]}, null_label="twins")
    assert nulls.axes[0].get_title().replace("\n", "") == reference
    shares = show_variance_shares(pd.DataFrame({"people": [1.0]}, index=[reference]), label="share")
    times = show_removal_times(pd.DataFrame({"1.1": [1.0], "1.2": [2.0]}, index=[reference]), label="step")
    for figure in (shares, times):
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [reference]
