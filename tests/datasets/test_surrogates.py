"""Made references have the spectrum, the sizes and the categories that they should have."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.datasets.published_optimization import (
    PUBLISHED_MEASURES,
    has_optimization_curves,
    published_optimization,
)
from brainalign.datasets.surrogates import (
    RECORDINGS,
    power_law_spectrum,
    recording_spectrum,
    surrogate_with_spectrum,
    ultrametric_tree,
)

PUBLISHED = ("FreemanZiemba2013", "Hatsopoulos2007", "Mante2013")
FOLDER = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def mirror(monkeypatch):
    """The published curves, from the mirror that the environment names or one beside the project."""
    monkeypatch.setenv("BRAINALIGN_MIRROR", os.environ.get("BRAINALIGN_MIRROR") or str(FOLDER))
    if not has_optimization_curves():
        pytest.skip("the curves published by Cloos et al. are not here: brainalign data get diffscore-curves")


def participation_ratio(shares):
    return np.sum(shares) ** 2 / np.sum(shares**2)


@pytest.mark.parametrize("name", RECORDINGS)
def test_spectrum_sums_to_1_falls_and_has_the_published_participation_ratio(name):
    shares, shape = recording_spectrum(name), RECORDINGS[name]
    assert shares.shape == (shape.n_features,)
    assert_allclose(shares.sum(), 1)
    assert (np.diff(shares) < 0).all()
    assert_allclose(participation_ratio(shares), shape.participation_ratio, rtol=0.02)


@pytest.mark.parametrize("name", PUBLISHED)
def test_typed_spectrum_is_the_published_one(name, mirror):
    captures, _ = published_optimization(name)
    published = captures[captures["measure"] == "linear_cka"]["variance"].to_numpy()
    assert_allclose(recording_spectrum(name), published, rtol=0.3)
    assert_allclose(recording_spectrum(name)[:2], published[:2], rtol=0.02)
    assert_allclose(participation_ratio(published), RECORDINGS[name].participation_ratio, atol=0.01)
    for threshold in (0.01, 0.001):
        ours, theirs = (np.argmax(shares < threshold) for shares in (recording_spectrum(name), published))
        assert abs(ours - theirs) <= 0.02 * len(published)


def test_published_curves_are_read_whole(mirror):
    captures, steps = published_optimization("Mante2013")
    assert set(captures["measure"]) == set(PUBLISHED_MEASURES.values())
    assert captures.groupby("measure").size().eq(727).all()
    cka = captures[captures["measure"] == "linear_cka"].set_index("component")["score"]
    assert_allclose(cka[0], 0.183, atol=5e-4)
    assert cka.isna().sum() == 677
    way = steps[steps["measure"] == "linear_cka"].set_index("step")["score"]
    assert_allclose(way[0], 0.0749, atol=5e-5)
    assert way.index.max() == 44
    assert way.iloc[-1] > 0.99 >= way.iloc[-2]


def test_curves_of_an_unpublished_reference_are_refused():
    message = "no curves are published for 'Mante'. Did you mean 'Mante2013'? There are: FreemanZiemba2013, Hats"
    with pytest.raises(ValueError, match=re.escape(message)):
        published_optimization("Mante")


@pytest.mark.parametrize("ratio", [1.5, 7.0, 40.0])
def test_power_law_has_the_wanted_participation_ratio_and_a_constant_exponent(ratio):
    shares = power_law_spectrum(40, participation_ratio=ratio)
    assert_allclose(participation_ratio(shares), ratio)
    slopes = np.diff(np.log(shares)) / np.diff(np.log(np.arange(1, 41)))
    assert_allclose(slopes, slopes[0], atol=1e-6)


def test_surrogate_has_exactly_the_spectrum_and_columns_without_mean():
    shares = power_law_spectrum(6, participation_ratio=3.0)
    X = surrogate_with_spectrum(shares, n_samples=30, generator=np.random.default_rng(0))
    assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    assert_allclose(X.T @ X, np.diag(shares * 30 * 6), atol=1e-9)
    other = surrogate_with_spectrum(shares, n_samples=30, generator=np.random.default_rng(1))
    assert np.abs(X - other).max() > 0.1


def test_tree_of_leaves_inherits_within_branches():
    leaves, categories = ultrametric_tree(generator=np.random.default_rng(0), n_features=2000)
    assert leaves.shape == (100, 2000)
    assert set(np.unique(leaves)) == {0, 1}
    assert_array_equal(categories, np.repeat(np.arange(10), 10))
    different = np.mean(leaves[:, None] != leaves[None], axis=-1)
    # A feature is drawn anew with chance 0.2, and differs with chance 1/2 if it was drawn on either way from the
    # last common parent: (1 - 0.8^(2 k)) / 2 for leaves that separate k levels up.
    expected = [(1 - 0.8 ** (2 * k)) / 2 for k in (1, 2, 3)]
    assert_allclose(
        [different[0, 1:10].mean(), different[0, 10:50].mean(), different[0, 50:].mean()], expected, atol=0.02
    )


def test_tree_without_changes_has_equal_leaves():
    leaves, _ = ultrametric_tree((2, 3), n_features=5, resampled=0.0, generator=np.random.default_rng(0))
    assert_array_equal(leaves, np.repeat(leaves[:1], 6, axis=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda _: recording_spectrum("Mante13"),
            "unknown recording 'Mante13'. Did you mean 'Mante2013'? Known are: M",
        ),
        (
            lambda _: power_law_spectrum(5, participation_ratio=6.0),
            "have a participation ratio from 1.01 to 5: got 6.0.",
        ),
        (
            lambda rng: surrogate_with_spectrum(np.ones(5), n_samples=5, generator=rng),
            "need more than 5 samples: got 5.",
        ),
        (lambda rng: surrogate_with_spectrum(-np.ones(5), n_samples=9, generator=rng), "got a smallest of -1.0."),
        (lambda rng: ultrametric_tree((2, 0), generator=rng), "got branches (2, 0), 50 features, chance 0.2."),
        (lambda rng: ultrametric_tree(resampled=1.5, generator=rng), "chance 1.5."),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(np.random.default_rng(0))
