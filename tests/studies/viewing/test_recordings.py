"""People who watched a film, on a miniature recording and tiny models of the true classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from brainalign.datasets.naturalistic import NaturalisticRecording
from brainalign.datasets.surfaces import NO_PARCEL, CorticalSurface, Hemisphere
from brainalign.studies.viewing.recordings import FrameFiles, luminance, parcel_means
from brainalign.studies.viewing.viewers import Viewer, show_stimuli
from tests.studies.viewing.tiny_models import save_bridgetower, save_clip

LEFT, RIGHT = "CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"
WORDS = ("a", "wolf", "runs", "sea")


def hemisphere(labels):
    labels = np.array(labels)
    points = np.zeros((len(labels), 3))
    return Hemisphere(points, np.zeros((0, 3), int), points, labels)


@pytest.fixture
def surface():
    """Two parcels on either side; the first vertex of the left and the last of the right have none."""
    left, right = hemisphere([NO_PARCEL, 0, 0, 1]), hemisphere([2, 3, 3, NO_PARCEL])
    return CorticalSurface(left, right, np.array(["Visual", "DefaultMode", "Visual", "Limbic"]))


def recording(structures, vertices, responses):
    n = len(responses)
    samples = pd.DataFrame({"run": "r", "stimulus": "film", "time": np.arange(n), "repeat": 1, "texts": [()] * n})
    targets = pd.DataFrame({"structure": structures, "vertex": vertices})
    return NaturalisticRecording("sub", np.asarray(responses, np.float32), samples, targets, 1.0)


def test_parcels_are_means_of_their_vertices(surface):
    structures = [LEFT, LEFT, LEFT, RIGHT, RIGHT, "CIFTI_STRUCTURE_THALAMUS_LEFT", LEFT]
    found = recording(structures, [0, 1, 2, 0, 1, -1, 3], [[9, 1, 3, 5, 7, 100, 2], [9, 2, 6, 5, 8, 100, 4]])
    assert_allclose(parcel_means(found, surface), [[2, 2, 5, 7], [4, 4, 5, 8]])


@pytest.mark.parametrize(
    ("structures", "vertices", "text"),
    [
        ([LEFT, RIGHT], [1, 4], "has the vertex 4, the surface 4 vertices: they are different meshes"),
        ([LEFT, RIGHT], [1, 0], "2 of 4 parcels have no vertex with a response; take a coarser atlas"),
    ],
)
def test_meshes_that_do_not_fit(structures, vertices, text, surface):
    with pytest.raises(ValueError, match=text):
        parcel_means(recording(structures, vertices, [[1.0, 2.0]]), surface)


def test_voxels_are_no_vertices(surface):
    samples = recording([LEFT], [1], [[1.0]]).samples
    voxels = NaturalisticRecording("sub", np.ones((1, 1)), samples, pd.DataFrame({"voxel": [3]}), 1.0)
    with pytest.raises(ValueError, match="targets have voxel; vertices of a surface"):
        parcel_means(voxels, surface)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    paths = []
    for number in range(6):
        path = folder / f"{number + 1:06d}.png"
        Image.fromarray(generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return FrameFiles([*paths, paths[-1]])


def test_frames_are_opened_when_asked_for(frames):
    assert len(frames) == 7
    assert_array_equal(np.asarray(frames[5]), np.asarray(frames[2:][-1]))
    assert [frame.size for frame in frames[:2]] == [(50, 40)] * 2


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip"), words=WORDS)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    return save_bridgetower(tmp_path_factory.mktemp("bridge"), words=WORDS)


CAPTIONS = ["a wolf runs", "sea", "", "wolf", "a sea", "runs", "a"]


def test_models_are_shown_frames_with_texts(clip, frames):
    viewers = {"trained": Viewer(clip), "twin": Viewer(f"{clip}@random"), "one": Viewer(clip, one_caption=True)}
    neurons = show_stimuli(frames, CAPTIONS, viewers, batch=3)
    trained = neurons["trained"]
    assert trained.activations.shape == (7, 2 * 3 * 24)
    picture = trained.of("image").activations
    assert_allclose(picture[5], picture[6])  # the same frame twice
    words = trained.of("text").activations
    assert np.abs(words[5] - words[6]).max() > 1e-3
    assert np.abs(neurons["twin"].of("image").activations - picture).max() > 1e-3
    assert set(neurons["one"].places["tower"]) == {"image"}  # with one text, no text neuron varies


def test_a_fused_model_reads_frames_with_texts(bridge, frames):
    (found,) = show_stimuli(frames, CAPTIONS, {"fused": Viewer(bridge)}, batch=4).values()
    assert {"image", "text", "fusion_image", "fusion_text"} == set(found.places["tower"])
    one = show_stimuli(frames, CAPTIONS, {"fused": Viewer(bridge, one_caption=True)}, batch=4)["fused"]
    assert len(one.of("fusion_text").activations) == 7  # what its text stream tells has come over from the picture


def test_luminance_is_the_mean_brightness():
    black, grey, white = (Image.new("RGB", (4, 3), (level,) * 3) for level in (0, 51, 255))
    assert_allclose(luminance([black, grey, white]), [0, 0.2, 1])
