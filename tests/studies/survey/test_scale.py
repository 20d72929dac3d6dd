import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.runs.stages import STAGES
from brainalign.studies.survey.scale import draw_scores, measure_drawn, null_correlations, place_heads, shape_names

TINY = "vit-tiny-16-augreg-in21k"


@pytest.fixture
def heads():
    """Two shapes, each drawn twice: heads at 1 and 2 (left) or -10 and -20, the second draw a hundred times that."""
    rows = [
        (draw, model, place * 100**draw)
        for draw in (0, 1)
        for model, places in (("left", (-10.0, -20.0)), ("right", (1.0, 2.0)))
        for place in places
    ]
    return pd.DataFrame(rows, columns=["draw", "model", "place"])


def test_models_of_one_shape_share_a_name():
    names = shape_names(["vit-base-16-augreg-in21k", "deit-base", "deit-small", "mae-base", "deit-base-distilled"])
    first = "vit-base-16-augreg-in21k"
    assert_equal(
        names,
        {
            "vit-base-16-augreg-in21k": first,
            "deit-base": first,
            "deit-small": "deit-small",
            "mae-base": first,
            "deit-base-distilled": "deit-base-distilled",  # one more position
        },
    )


def test_measured_heads(tmp_path, monkeypatch):
    monkeypatch.setenv(STAGES, str(tmp_path))
    found = measure_drawn([TINY, "vit-small-32-augreg-in21k"], largest_grid=8, max_heads=3, n_draws=2)
    assert_equal(len(found), 2 * 2 * 3)
    nodes = found.groupby("model")["n_nodes"].unique().map(list)
    # 14 rows of patches are brought down to 8, 7 stay.
    assert_equal(nodes.to_dict(), {TINY: [65], "vit-small-32-augreg-in21k": [50]})
    first, second = (found[found["draw"] == draw]["clustering"].to_numpy() for draw in (0, 1))
    assert (first != second).all()
    again = measure_drawn([TINY], largest_grid=8, max_heads=3, n_draws=1)
    assert_array_equal(again["clustering"], found[(found["model"] == TINY) & (found["draw"] == 0)]["clustering"])


def test_measured_heads_stand_for_all_heads_of_their_shape():
    """Two heads of each shape, 4 and 8 in truth: the fit is that of the repeated heads."""
    generator = np.random.default_rng(2)
    similar = pd.DataFrame(generator.uniform(size=(6, 3)), columns=list("xyz"))
    heads = similar.assign(draw=0, model=["a", "a", "b", "b", "c", "c"])
    shapes, counts = {"a": "a", "twin of b": "b", "b": "b"}, {"a": 4, "b": 6, "twin of b": 2, "c": 1000}
    placed, found = place_heads(heads, shapes, counts, list("xyz"))
    repeated = np.repeat(similar.to_numpy()[:4], [2, 2, 4, 4], axis=0)
    assert_allclose(found.mean, repeated.mean(axis=0))
    _, spreads, axes = np.linalg.svd(repeated - repeated.mean(axis=0))
    assert_allclose(found.axes[0], axes[0] * np.sign(axes[0].sum()))
    assert_allclose(found.explained, (spreads**2 / np.sum(spreads**2))[:2])
    assert_array_equal(placed["model"], ["a", "a", "b", "b"])
    assert_allclose(placed["place"], (similar.to_numpy()[:4] - found.mean) @ found.axes[0])
    with pytest.raises(ValueError, match="no head was measured of d"):
        place_heads(heads, {"d": "d"}, {"d": 1}, list("xyz"))


def test_scores_are_sums_over_as_many_heads_as_the_model_has(heads):
    shapes, counts = {"a": "left", "b": "left", "c": "right"}, {"a": 3, "b": 300, "c": 50}
    generator = np.random.default_rng(0)
    sums = draw_scores(heads, shapes, counts, n_draws=4000, generator=generator)
    assert_array_equal(sums.columns, ["a", "b", "c"])
    # Half of the scores are of the first draw, half of the second; heads of one draw only.
    assert_allclose(sums.mean(), [-15 * 3 * 50.5, -15 * 300 * 50.5, 1.5 * 50 * 50.5], rtol=0.06)
    small = sums["b"][sums["b"] > -300 * 20.5]
    assert_allclose([small.mean(), small.std()], [-15 * 300, 5 * np.sqrt(300)], rtol=0.05)
    means = draw_scores(heads, shapes, counts, n_draws=4000, generator=generator, by="mean")
    assert_allclose(means.mean(), np.array([-15, -15, 1.5]) * 50.5, rtol=0.06)
    medians = draw_scores(heads, shapes, {"a": 1, "b": 1, "c": 1}, n_draws=50, generator=generator, by="median")
    assert set(np.unique(medians["c"])) <= {1.0, 2.0, 100.0, 200.0}


def test_null_correlations_are_of_random_choices():
    generator = np.random.default_rng(1)
    accuracy = pd.Series(np.arange(12.0), index=list("abcdefghijkl"))
    scores = pd.DataFrame(generator.standard_normal((3000, 12)), columns=accuracy.index)
    r = null_correlations(scores, accuracy[::-1], n_models=6, generator=generator)
    assert_allclose([r.mean(), r.std()], [0, 1 / np.sqrt(5)], atol=0.02)  # of independent values: 1 / sqrt(n - 1)
    line = pd.DataFrame(np.tile(3 - 2 * accuracy, (20, 1)), columns=accuracy.index)
    assert_allclose(null_correlations(line, accuracy, n_models=5, generator=generator), -1)
    whole = null_correlations(scores[:5], accuracy, n_models=12, generator=generator)
    assert_allclose(whole, [np.corrcoef(row, accuracy)[0, 1] for row in scores[:5].to_numpy()])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda heads: draw_scores(heads, {"a": "top"}, {"a": 1}, n_draws=1, generator=None), "no head was measured"),
        (lambda heads: draw_scores(heads, {}, {}, n_draws=1, generator=None, by="max"), "'max'"),
        (lambda heads: measure_drawn([TINY], largest_grid=8, max_heads=3, n_draws=0), "n_draws = 0"),
        (
            lambda heads: null_correlations(heads[["place"]], pd.Series({"place": 1.0}), n_models=4, generator=None),
            "there are 1",
        ),
        (
            lambda heads: null_correlations(
                pd.DataFrame(np.eye(4), columns=list("abcd")), pd.Series({"a": 1.0}), n_models=4, generator=None
            ),
            "accuracy lacks some",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_computed(heads, call, message):
    with pytest.raises(ValueError, match=message):
        call(heads)
