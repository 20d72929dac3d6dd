"""Frames and features of what was shown, by stimulus and time."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.catalogue.entries import MissingDataError
from brainalign.datasets.stimulus_files import frame_paths, load_features, save_features

TR = 1.49


def samples(**times):
    rows = [(stimulus, time) for stimulus, values in times.items() for time in values]
    return pd.DataFrame(rows, columns=["stimulus", "time"])


@pytest.fixture
def frames(tmp_path):
    """Five frames of film a, three of film b."""
    for stimulus, n in (("a", 5), ("b", 3)):
        (tmp_path / stimulus).mkdir()
        for number in range(1, n + 1):
            (tmp_path / stimulus / f"{number:06d}.jpg").touch()
    return tmp_path


def test_frames_are_those_on_the_screen_when_a_sample_begins(frames):
    paths = frame_paths(frames, samples(b=[0.0, 1.0], a=[0.4, 0.5, 2.49]), rate=2)
    found = [f"{path.parent.name}{int(path.stem)}" for path in paths]
    assert_equal(found, ["b1", "b3", "a1", "a2", "a5"])


def test_the_last_frame_stays_only_as_long_as_it_is_held(frames):
    table = samples(b=[1.0, 1.5, 2.0])
    assert_equal([path.stem for path in frame_paths(frames, table, rate=2, hold=0.51)], ["000003"] * 3)
    message = "'b' is shown from 0 to 1.50 s, samples begin at 1.00 to 2.00 s. Leave those outside away"
    with pytest.raises(ValueError, match=re.escape(message)):
        frame_paths(frames, table, rate=2, hold=0.5)
    with pytest.raises(ValueError, match=r"samples begin at -0\.50"):
        frame_paths(frames, samples(b=[-0.5]), rate=2)


def test_missing_and_misnumbered_frames_are_named(frames):
    with pytest.raises(MissingDataError, match=r"c holds no frames named 000001\.jpg"):
        frame_paths(frames, samples(c=[0.0]), rate=2)
    (frames / "a/000002.jpg").unlink()
    with pytest.raises(ValueError, match="holds 4 frames numbered 1 to 5"):
        frame_paths(frames, samples(a=[0.0]), rate=2)
    with pytest.raises(ValueError, match="rate = 0 must be a number of frames per second"):
        frame_paths(frames, samples(a=[0.0]), rate=0)


def test_features_come_back_for_every_sample_in_its_order(tmp_path):
    features = {"life01": np.arange(400.0)[:, None] * [1.0, -1.0], "life02": np.full((3, 2), 0.5)}
    save_features(tmp_path / "clip.npz", features, step=TR, source="CLIP ViT-B/32, block 11")
    kept = load_features(tmp_path / "clip.npz")
    assert_equal((kept.step, kept.source), (TR, "CLIP ViT-B/32, block 11"))
    # Times as readers compute them: every volume must find its own row, whatever the rounding.
    table = samples(life02=[2.0], life01=TR * np.arange(400))
    assert_array_equal(kept.at(table)[:, 0], [0.5, *range(400)])
    late = samples(life02=[3 * TR])
    assert_array_equal(kept.at(late, hold=TR), [[0.5, 0.5]])
    with pytest.raises(ValueError, match=re.escape("'life02' is shown from 0 to 4.47 s")):
        kept.at(late)
    with pytest.raises(ValueError, match=re.escape("there are no features of life03 (1 stimuli)")):
        kept.at(samples(life03=[0.0]))


def test_photographs_have_one_row_each(tmp_path):
    save_features(tmp_path / "p.npz", {"nsd00003": [[3.0]], "nsd00001": [[1.0]]}, step=None, source="x")
    table = samples(nsd00001=[0.0, 0.0], nsd00003=[0.0])
    assert_array_equal(load_features(tmp_path / "p.npz").at(table), [[1], [1], [3]])
    with pytest.raises(ValueError, match="'a' has 2 rows; without a step every"):
        save_features(tmp_path / "p.npz", {"a": [[1.0], [2.0]]}, step=None, source="x")


@pytest.mark.parametrize(
    ("features", "step", "message"),
    [
        ({}, 1.0, "expected arrays of shape (rows, features), one per stimulus: got {}."),
        ({"a": [1.0]}, 1.0, "got {'a': (1,)}"),
        ({"a": [[1.0]], "b": [[1.0, 2.0]]}, 1.0, "all stimuli need the same number of features"),
        ({"a": [[np.nan]]}, 1.0, "the features of 'a' must be finite floating-point numbers"),
        ({"a": [[1]]}, 1.0, "the features of 'a' must be finite floating-point numbers"),
        ({"a": [[1.0]]}, -1.0, "step = -1.0 must be a number of seconds above 0"),
    ],
)
def test_features_of_wrong_shape_or_value_are_not_kept(tmp_path, features, step, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        save_features(tmp_path / "f.npz", features, step=step, source="x")
    assert_equal(list(tmp_path.iterdir()), [])


def test_a_file_without_its_manifest_or_with_another_is_refused(tmp_path):
    path = tmp_path / "f.npz"
    with pytest.raises(ValueError, match=re.escape("f.csv must end in .npz.")):
        save_features(tmp_path / "f.csv", {"a": [[1.0]]}, step=1.0, source="x")
    save_features(path, {"a": [[1.0]]}, step=1.0, source="x")
    np.savez(path, a=np.array([[2.0, 3.0]]))
    with pytest.raises(ValueError, match=re.escape("the manifest of f.npz states another checksum")):
        load_features(path)
    path.with_suffix(".json").write_text(json.dumps({"step": 1.0}))
    with pytest.raises(ValueError, match=re.escape("the manifest of f.npz lacks source, shapes, sha256")):
        load_features(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(MissingDataError, match=r"f\.json is missing: features are kept as"):
        load_features(path)
