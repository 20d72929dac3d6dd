import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.datasets import alice
from brainalign.datasets.alice import (
    CONTROLS,
    FIRST_VOLUME,
    LINGUISTIC,
    N_VOLUMES,
    REGIONS,
    REPETITION_TIME,
    available_listeners,
    load_alice,
    load_alice_words,
)

LISTENERS = (18, 23, 33, 38)
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 12.5
xmax = 30
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "word"
        xmin = 12.5
        xmax = 30
        intervals: size = {size}
"""


def write_words(path, intervals):
    text = GRID.format(size=len(intervals))
    for number, (begin, end, word) in enumerate(intervals, 1):
        text += f"        intervals [{number}]:\n            xmin = {begin}\n            xmax = {end}\n"
        text += f'            text = "{word}"\n'
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """Files of four listeners in the real layout and under the real names; 33 is silent, as in the real files."""
    generator = np.random.default_rng(0)
    data, stimuli = tmp_path / "alice_data_shared", tmp_path / "alice_stim_shared"
    stimuli.mkdir()
    paths = [file.path for file in alice.entry("alice-story").files]
    written = {}
    for listener in LISTENERS:
        for path in paths:
            if f"/s{listener}-" in path:
                rows, columns = (372, 6) if "-rp_" in path else (362, 6 if "timecourses" in path else 1)
                values = generator.normal(size=(rows, columns))
                if listener == 33 and "timecourses" in path:
                    values[:] = 0
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                np.savetxt(tmp_path / path, values)
                written[path] = values
    generic = data / "sept18-generic-predictors-under-hrf-with-logfrqhal.txt"
    written["generic"] = generator.normal(size=(372, 12))
    np.savetxt(generic, written["generic"], delimiter="\t")
    write_words(
        stimuli / "DownTheRabbitHoleFinal_exp120_pad_1.TextGrid",
        [(12.5, 20.1, "sp"), (20.1, 20.5, "Alice"), (20.5, 20.7, "was "), (20.7, 21, ""), (21, 21.25, "n't")],
    )
    monkeypatch.setattr(alice, "locate", lambda _name, path: tmp_path / path)
    monkeypatch.setattr(alice, "available_listeners", lambda: list(LISTENERS))
    return tmp_path, written


@pytest.mark.parametrize("radius", [6, 10])
def test_signals_are_those_of_the_files_and_the_silent_listener_is_left_out_by_name(miniature, radius):
    _, written = miniature
    recording = load_alice(radius=radius)
    assert_array_equal(recording.listeners, [18, 23, 38])
    assert_equal(recording.refused, {33: f"the signal is constant in {', '.join(REGIONS)}"})
    for listener, signal in zip(recording.listeners, recording.responses, strict=True):
        assert_allclose(signal, written[f"alice_data_shared/{radius}mm/s{listener}-timecourses.txt"])


def test_motion_and_predictors_lose_the_ten_discarded_volumes(miniature):
    _, written = miniature
    recording = load_alice([38, 18])
    assert_array_equal(recording.listeners, [18, 38])
    (motion,) = (values for path, values in written.items() if path.startswith("alice_data_shared/s38-rp_"))
    assert_allclose(recording.motion[1], motion[10:])
    assert_equal(list(recording.predictors), [*CONTROLS, *LINGUISTIC])
    assert_allclose(recording.predictors["word_rate"], written["alice_data_shared/s18-rate.txt"][:, 0])
    assert_allclose(recording.predictors["sound_power"], written["alice_data_shared/s18-sndpwr.txt"][:, 0])
    assert_allclose(recording.predictors[list(LINGUISTIC)], written["generic"][10:, 1:])


def test_words_come_without_silence_and_blanks(miniature):
    words = load_alice_words()
    assert_equal(words.to_numpy().tolist(), [["Alice", 20.1, 20.5], ["was", 20.5, 20.7], ["n't", 21.0, 21.25]])


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"radius": 8}, r"radius = 8 is not available; choose 6 or 10 \(mm\)\."),
        ({"listeners": [18, 17]}, r"there is no listener 17; the files hold 18, 23, 33, 38\."),
        ({"listeners": [18, 18]}, r"listeners = \[18, 18\] must name at least one listener, each once\."),
        ({"listeners": []}, r"listeners = \[\] must name at least one"),
        ({"listeners": [18, 33]}, r"listener 33: the signal is constant in LATL, .*LIFG\. Leave such listeners out\."),
    ],
)
def test_what_is_not_available_is_refused(miniature, chosen, message):
    with pytest.raises(ValueError, match=message):
        load_alice(**chosen)


def test_one_constant_region_is_enough_to_leave_a_listener_out(miniature):
    path = miniature[0] / "alice_data_shared/6mm/s23-timecourses.txt"
    signal = np.loadtxt(path)
    signal[:, 2] = 7
    np.savetxt(path, signal)
    assert_equal(load_alice().refused[23], "the signal is constant in LPTL")


def test_a_file_of_another_layout_or_with_a_hole_is_named(miniature):
    path = miniature[0] / "alice_data_shared/6mm/s23-timecourses.txt"
    signal = np.loadtxt(path)
    np.savetxt(path, signal[:-1])
    with pytest.raises(ValueError, match=r"6mm/s23-timecourses\.txt has the shape"):
        load_alice([23])
    signal[4, 1] = np.nan
    np.savetxt(path, signal)
    with pytest.raises(ValueError, match=r"6mm/s23-timecourses\.txt holds nan in row"):
        load_alice()


def test_words_that_overlap_or_are_absent_are_refused(miniature):
    path = miniature[0] / "alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid"
    write_words(path, [(20, 20.5, "Alice"), (20.25, 21, "was")])
    with pytest.raises(ValueError, match=r"the word 'was' at 20\.25 s begins before"):
        load_alice_words()
    write_words(path, [(20, 20.5, "Alice"), (20.5, 20.5, "was")])
    with pytest.raises(ValueError, match=r"the word 'was' at 20\.50 s .* ends at once"):
        load_alice_words()
    write_words(path, [(12.5, 20, "sp")])
    with pytest.raises(ValueError, match="holds no words"):
        load_alice_words()


def test_the_real_recording_has_27_listeners_and_refuses_the_silent_one(mirror):
    mirror("alice-story")
    recording = load_alice()
    assert_equal(len(available_listeners()), 28)
    assert_equal(list(recording.refused), [33])
    assert_equal(recording.responses.shape, (27, N_VOLUMES, len(REGIONS)))
    assert_equal(recording.motion.shape, (27, N_VOLUMES, 6))
    # The first column of the predictors is word rate once more: it fits when ten volumes are dropped, not nine.
    rate = np.loadtxt(alice.locate("alice-story", alice._PREDICTORS))[:, 0]
    by_drop = [np.corrcoef(rate[n : n + N_VOLUMES], recording.predictors["word_rate"])[0, 1] for n in (8, 9, 10)]
    assert_allclose(by_drop, [0.498, 0.807, 0.980], atol=5e-4)


def test_the_real_words_lie_inside_the_scan_and_make_the_given_word_rate(mirror):
    mirror("alice-story")
    words = load_alice_words()
    assert_equal((len(words), words.word.iloc[0], words.word.iloc[-1]), (2127, "Alice", "cake"))
    end = FIRST_VOLUME + N_VOLUMES * REPETITION_TIME
    assert words.onset.min() >= FIRST_VOLUME
    assert words.offset.max() <= end
    counts, _ = np.histogram(words.onset, np.linspace(FIRST_VOLUME, end, N_VOLUMES + 1))
    rate = load_alice([18]).predictors["word_rate"]
    by_lag = [np.corrcoef(counts[: N_VOLUMES - lag], rate[lag:])[0, 1] for lag in range(6)]
    assert_equal(np.argmax(by_lag), 3)  # six seconds, the peak of a haemodynamic response
