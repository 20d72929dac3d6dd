"""The reader of Algonauts 2025, on miniature files of the published layout made here."""

import re

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.algonauts import SEGMENTS, load_algonauts, load_algonauts_words

ATLAS = "space-MNI152NLin2009cAsym_atlas-Schaefer18_parcel-1000Par7Net"
HEAD = "text_per_tr\twords_per_tr\tonsets_per_tr\tdurations_per_tr\n"
ROWS = "\t\t\t\nI see,\t['I', 'see,']\t[1.6, 2.0]\t[0.3, 0.8]\n\t\t\t\n\"it's\"\t[\"it's\"]\t[5.0]\t[0.25]\n"
N_VOLUMES = 6


def h5_of(subject, collection):
    end = "bold" if collection == "movie10" else "desc-s123456_bold"
    name = f"sub-{subject:02d}_task-{collection}_{ATLAS}_{end}.h5"
    return folder_of("algonauts-2025") / f"fmri/sub-{subject:02d}/func/{name}"


def write(path, keys):
    """Each dataset holds its own number, plus the volume in the first parcel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, key in enumerate(keys):
            values = np.full((N_VOLUMES, 1000), number, np.float32)
            values[:, 0] += np.arange(N_VOLUMES) / 10
            file[key] = values


def write_transcript(path, text=HEAD + ROWS):
    path = folder_of("algonauts-2025") / "stimuli/transcripts" / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def movie10_keys():
    """As the files have them: sorted by session, films that are shown twice with the number of the run."""
    keys = []
    for film, n in SEGMENTS.items():
        for i in range(1, n + 1):
            runs = ("_run-1", "_run-2") if film in ("life", "figures") else ("",)
            keys += [f"ses-{len(keys) + 1:03d}_task-{film}{i:02d}{run}" for run in runs]
    return keys


@pytest.fixture(autouse=True)
def miniature(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    write(h5_of(1, "movie10"), movie10_keys())
    write(h5_of(1, "friends"), ["ses-001_task-s01e02a", "ses-001_task-s01e02b", "ses-002_task-s01e01a"])
    for film, n in SEGMENTS.items():
        for i in range(1, n + 1):
            write_transcript(f"movie10/{film}/movie10_{film}{i:02d}.tsv")
    write_transcript("friends/s1/friends_s01e02a.tsv")


def test_a_film_shown_twice_has_runs_times_words_and_repeats():
    found = load_algonauts(1)
    assert_equal(found.responses.shape, (2 * 5 * N_VOLUMES, 1000))
    samples = found.samples
    assert_array_equal(samples["stimulus"].unique(), [f"life{i:02d}" for i in range(1, 6)])
    assert_allclose(samples["time"][:N_VOLUMES], 1.49 * np.arange(N_VOLUMES))
    assert_equal(samples["texts"][:N_VOLUMES].tolist(), [(), ("I see,",), (), ("it's",), (), ()])
    numbers = [movie10_keys().index(run) for run in samples["run"]]
    assert_array_equal(found.responses[:, 1], numbers)
    assert_array_equal(samples["session"], [int(run[4:7]) for run in samples["run"]])
    assert_array_equal(samples["repeat"], [int(run[-1]) for run in samples["run"]])
    stacked = found.stack_repeats(found.repeated_stimuli())
    assert_equal(stacked.shape, (2, 5 * N_VOLUMES, 1000))
    assert_array_equal(stacked[1] - stacked[0], np.ones_like(stacked[0]))


def test_everything_or_single_segments_can_be_read():
    assert_equal(load_algonauts(1, None).samples["run"].nunique(), 10 + 24 + 10 + 17)
    assert_equal(
        load_algonauts(1, ["wolf03", "bourne01"]).samples["stimulus"].unique().tolist(), ["bourne01", "wolf03"]
    )
    season = load_algonauts(1, ["s01"], collection="friends", transcripts=False)
    assert_equal(season.samples["stimulus"].unique().tolist(), ["s01e01a", "s01e02a", "s01e02b"])
    assert_equal(season.samples["texts"].tolist(), [()] * len(season.samples))
    episode = load_algonauts(1, ["s01e02a"], collection="friends")
    assert_equal(episode.samples["texts"][1], ("I see,",))


def test_parcels_carry_the_networks_of_the_atlas():
    targets = load_algonauts(1, ["life01"]).targets.set_index("parcel")["network"]
    # Names of single parcels in the label file of the atlas's authors.
    names = {1: "Visual", 81: "Visual", 82: "Somatomotor", 173: "DorsalAttention", 288: "VentralAttention"}
    names |= {289: "Limbic", 318: "Frontoparietal", 375: "DefaultMode", 500: "DefaultMode", 501: "Visual"}
    names |= {582: "Somatomotor", 745: "DorsalAttention", 812: "Limbic", 912: "Frontoparietal", 913: "DefaultMode"}
    assert_equal({parcel: targets[parcel] for parcel in names}, names)
    assert_equal(len(targets), 1000)


def test_words_have_their_times():
    words = load_algonauts_words("life03")
    assert_equal(words["word"].tolist(), ["I", "see,", "it's"])
    assert_allclose(words[["onset", "offset"]], [[1.6, 1.9], [2.0, 2.8], [5.0, 5.25]])


def test_a_transcript_longer_than_the_scan_is_cut():
    write_transcript("movie10/life/movie10_life01.tsv", HEAD + ROWS * 3)
    texts = load_algonauts(1, ["life01"]).samples["texts"]
    assert_equal(len(texts), 2 * N_VOLUMES)
    assert_equal(texts[5], ("I see,",))


def test_lines_without_anything_count_as_time():
    write_transcript("movie10/life/movie10_life01.tsv", HEAD + "\n" + ROWS)
    assert_equal(load_algonauts(1, ["life01"]).samples["texts"].tolist()[:4], [(), (), ("I see,",), ()])


def test_a_text_keeps_its_signs():
    write_transcript("movie10/life/movie10_life01.tsv", HEAD + "NA\u2028nö\t['nö']\t[1.0]\t[0.1]\n")
    assert_equal(load_algonauts(1, ["life01"]).samples["texts"][0], ("NA\u2028nö",))


def test_unknown_subjects_and_stimuli_are_named_with_what_there_is():
    with pytest.raises(ValueError, match="subject = 4 is not available"):
        load_algonauts(4)
    with pytest.raises(ValueError, match="collection = 'ood' is not available"):
        load_algonauts(1, collection="ood")
    with pytest.raises(ValueError, match=re.escape("has nothing of 'lif'; it has (parts of) bourne, figures")):
        load_algonauts(1, ["lif"])
    with pytest.raises(ValueError, match=re.escape("has nothing of 's05e20a'; it has (parts of) s01.")):
        load_algonauts(1, ["s05e20a"], collection="friends")
    with pytest.raises(ValueError, match="no stimulus was named"):
        load_algonauts(1, [])
    with pytest.raises(ValueError, match="'life' is no segment"):
        load_algonauts_words("life")


def test_a_film_that_lacks_a_presentation_is_refused_but_its_segments_can_be_read():
    write(h5_of(2, "movie10"), [key for key in movie10_keys() if "life03_run-2" not in key])
    with pytest.raises(ValueError, match=re.escape("lacks life03 (presentation 2). Obtain the file anew, or name")):
        load_algonauts(2, ["life"])
    assert_equal(load_algonauts(2, ["life03"]).samples["repeat"].unique().tolist(), [1])


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("ses-001_task-life01_run-1", np.zeros((4, 999)), "dataset ses-001_task-life01_run-1, has the shape (4, 999)"),
        ("ses-001_task-life01_run-1", np.full((4, 1000), np.nan), "holds nan in sample 0, target 0"),
        ("life01", np.zeros((4, 1000)), "has a dataset 'life01'; expected names like ses-001_task-life01_run-1"),
    ],
)
def test_files_of_another_layout_are_refused(key, values, message):
    path = h5_of(3, "movie10")
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file[key] = values
    with pytest.raises(ValueError, match=re.escape(message)):
        load_algonauts(3, ["life01"])


def test_what_is_missing_or_only_a_pointer_says_how_to_get_it():
    with pytest.raises(MissingDataError, match=r"sub-05_task-movie10.*datalad install"):
        load_algonauts(5)
    path = h5_of(5, "movie10")
    path.parent.mkdir(parents=True)
    path.write_text("/annex/objects/MD5E-s96468992--d41d8cd98f00b204e9800998ecf8427e.h5\n")
    with pytest.raises(ValueError, match=r"only DataLad's pointer to it\. Run there"):
        load_algonauts(5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\n\n", "lacks the columns text_per_tr, words_per_tr"),
        (HEAD + "I\t['I']\t[1.0]\n", "movie10_life01.tsv, line 2 has 3 cells, the header 4"),
        (HEAD + "I\t['I']\t[1.0]\t[0.1]\t\n", "line 2 has 5 cells"),
        (HEAD + "\"I\t['I']\t[1.0]\t[0.1]\n" + ROWS, "movie10_life01.tsv, line"),
        (HEAD.replace("onsets_per_tr", "text_per_tr"), "two columns are named 'text_per_tr'"),
        (HEAD + "I\t['I'\t[1.0]\t[0.1]\n", "row 0: \"['I'\" is no list"),
        (HEAD + "I\t['I']\t[1.0, 2.0]\t[0.1]\n", "row 0: [1, 2, 1] words, onsets, durations"),
    ],
)
def test_transcripts_of_another_layout_are_refused(text, message):
    write_transcript("movie10/life/movie10_life01.tsv", text)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_algonauts_words("life01")
