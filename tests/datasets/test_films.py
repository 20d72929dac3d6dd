"""Films of scenes: what is shown stays for a while, and the variables say what is there."""

from __future__ import annotations

import numpy as np
import pytest

from brainalign.datasets.films import draw_film, film_variables
from brainalign.datasets.scenes import EMPTY, caption_tokens


@pytest.fixture(scope="module")
def film():
    return draw_film(400, generator=np.random.default_rng(0), mean_length=4.0)


def test_a_scene_keeps_its_caption_and_digits_but_is_drawn_anew(film):
    same = np.flatnonzero(np.diff(film.scene) == 0)
    np.testing.assert_array_equal(film.captions[same], film.captions[same + 1])
    np.testing.assert_array_equal(film.cells[same], film.cells[same + 1])
    assert (np.abs(film.images[same] - film.images[same + 1]).max(axis=(1, 2)) > 0).all()
    np.testing.assert_array_equal(film.captions, caption_tokens(film.words))


def test_scenes_come_in_order_and_stay_as_long_as_asked(film):
    assert film.scene[0] == 0
    assert set(np.diff(film.scene)) == {0, 1}
    assert 3 < len(film) / (film.scene[-1] + 1) < 5


def test_a_mean_length_of_one_shows_every_scene_once():
    film = draw_film(20, generator=np.random.default_rng(0), mean_length=1.0)
    np.testing.assert_array_equal(film.scene, np.arange(20))


def test_variables_say_what_is_there(film):
    variables = film_variables(film)
    assert {name: values.shape[1] for name, values in variables.items()} == {
        "picture": 19,
        "caption": 24,
        "place": 18,
        "change": 1,
    }
    digits, filled = variables["picture"][:, :10], variables["picture"][:, 10:]
    np.testing.assert_array_equal(filled.sum(axis=1), (film.cells != EMPTY).sum(axis=1))
    np.testing.assert_array_equal(digits.sum(axis=1), filled.sum(axis=1))  # all digits of a scene differ
    np.testing.assert_array_equal(variables["caption"][:, :10].argmax(axis=1), film.words[:, 0])
    np.testing.assert_array_equal(variables["place"][:, 9:].argmax(axis=1), film.places[:, 1])
    assert variables["change"].sum() == film.scene[-1] + 1


@pytest.mark.parametrize(("n", "length"), [(0, 3.0), (5, 0.5)])
def test_impossible_lengths_are_refused(n, length):
    with pytest.raises(ValueError, match=rf"n_volumes = {n} and mean_length = {length:g} must both be 1 or more"):
        draw_film(n, generator=np.random.default_rng(0), mean_length=length)
