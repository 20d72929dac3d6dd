"""Movement is 0, 1 or in between exactly where it is planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from brainalign.encoding.movement import beside_twins, movement_by_layer, movement_by_neuron, share_between

N = 60
CALL = {"n_draws": 199}


def planted(rng):
    """A network of three layers: one follows the picture, one the caption, one 3 and 4 parts of them."""
    picture, caption = rng.standard_normal((2, N, 2, 3))

    def run(p, c):
        return {
            ("image", 0, "context"): p,
            ("text", 0, "context"): c,
            ("fusion_text", 0, "cross_context"): 3 * p + 4 * c,
        }

    other = np.roll(np.arange(N), 1)
    pairs = {
        "before": (picture, caption),
        "picture": (picture[other], caption),
        "caption": (picture, caption[other]),
        "both": (picture[other], caption[other]),
    }
    return {name: run(*pair) for name, pair in pairs.items()}, picture, caption


def test_layers_move_with_what_they_follow():
    rng = np.random.default_rng(0)
    runs, picture, caption = planted(rng)
    tables = {
        name: movement_by_layer(runs["before"], runs[name], runs["both"], **CALL, generator=rng).set_index("tower")
        for name in ("before", "picture", "caption")
    }
    assert tables["before"]["value"].tolist() == [0, 0, 0]
    assert tables["picture"].loc["image", "value"] == 1
    assert tables["picture"].loc["text", "value"] == 0
    assert tables["caption"].loc["text", "value"] == 1
    assert tables["picture"].loc["fusion_text", "reads"] == "other"
    assert tables["picture"].loc["image", "reads"] == "own"
    moves = [x - np.roll(x, 1, axis=0) for x in (picture, caption)]
    expected = (9 * (moves[0] ** 2).sum()) / ((3 * moves[0] + 4 * moves[1]) ** 2).sum()
    mixed = tables["picture"].loc["fusion_text"]
    np.testing.assert_allclose(mixed["value"], expected, rtol=1e-12)
    assert mixed["low"] < mixed["value"] < mixed["high"]
    assert abs(mixed["value"] - 9 / 25) < 0.15


def test_intervals_cover_what_is_planted():
    """In 40 fresh worlds the 95 % interval misses the true share of 9/25 in at most a handful."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(40):
        runs, _, _ = planted(rng)
        row = movement_by_layer(runs["before"], runs["picture"], runs["both"], **CALL, generator=rng).iloc[2]
        missed += not row["low"] <= 9 / 25 <= row["high"]
    assert missed <= 7  # 2 expected; more than 7 by chance in 1 of 500


def test_single_neurons_keep_their_own_movement_and_dead_ones_are_left_out():
    rng = np.random.default_rng(2)
    picture, caption = rng.standard_normal((2, N))
    before = {("fusion", 0, "neurons"): np.stack([picture, caption, np.zeros(N)], axis=1)}
    shown = {("fusion", 0, "neurons"): np.stack([np.roll(picture, 1), caption, np.zeros(N)], axis=1)}
    both = {("fusion", 0, "neurons"): np.stack([np.roll(picture, 1), np.roll(caption, 1), np.zeros(N)], axis=1)}
    table = movement_by_neuron(before, shown, both)
    assert table["moved"].tolist() == [1, 0]
    assert table["tower"].tolist() == ["fusion", "fusion"]


def test_trained_models_stand_beside_the_mean_of_their_twins():
    place = {"tower": "image", "layer": 0, "reads": "own", "change": "picture"}
    rows = [
        {**place, "model": model, "twin": twin, "value": value, "low": value - 0.1, "high": value + 0.1}
        for model, twin, value in [("A", 0, 0.5), ("A", 1, 0.2), ("A", 2, 0.4), ("B", 1, 0.6), ("B", 2, 1.0)]
    ]
    table = beside_twins(pd.DataFrame(rows)).set_index("model")
    np.testing.assert_allclose(
        table.loc["A", ["value", "low", "high", "untrained"]].astype(float), [0.5, 0.4, 0.6, 0.3]
    )
    np.testing.assert_allclose(table.loc["B", ["value", "low", "high"]].astype(float), [0.8, 0.6, 1.0])
    assert np.isnan(table.loc["B", "untrained"])
    assert len(table) == 2


def test_variance_between_scenes():
    rng = np.random.default_rng(3)
    scenes = np.repeat(np.arange(50), 4)
    level = rng.standard_normal(50)[scenes]
    noise = rng.standard_normal((200, 2))
    shares = share_between(np.column_stack([level, level + noise[:, 0], noise[:, 1]]), scenes)
    assert shares[0] == pytest.approx(1)
    assert 0.4 < shares[1] < 0.85
    # Means of four numbers each: a quarter of the variance lies between scenes by chance alone.
    assert abs(shares[2] - 49 / 199) < 0.1
    mask = scenes[:, None] == np.arange(50)
    means = mask.T @ noise[:, 1] / 4
    by_hand = 4 * ((means - noise[:, 1].mean()) ** 2).sum() / ((noise[:, 1] - noise[:, 1].mean()) ** 2).sum()
    np.testing.assert_allclose(shares[2], by_hand, rtol=1e-12)


def test_wrong_records_are_refused():
    rng = np.random.default_rng(4)
    runs, *_ = planted(rng)
    before, both = runs["before"], runs["both"]
    fewer = {key: before[key] for key in list(before)[:2]}
    with pytest.raises(ValueError, match="same layers: got 3, 2 and 3"):
        movement_by_neuron(before, fewer, both)
    cut = {key: values[:5] for key, values in before.items()}
    with pytest.raises(ValueError, match=r"has shapes \(60, 2, 3\), \(5, 2"):
        movement_by_neuron(before, cut, both)
    with pytest.raises(ValueError, match="does not move when picture and caption are"):
        movement_by_neuron(before, before, before)
    with pytest.raises(ValueError, match="n_draws = 20 is too few"):
        movement_by_layer(before, both, both, n_draws=20, generator=rng)
    with pytest.raises(ValueError, match=r"shape \(4, 1\) and scenes \(3,\)"):
        share_between(np.ones((4, 1)), [0, 0, 1])
    with pytest.raises(ValueError, match="does not vary"):
        share_between(np.ones((3, 1)), [0, 0, 1])
