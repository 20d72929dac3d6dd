"""Early layers with an early region, late layers with a late one: planted, absent, and merely better with depth."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_equal
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from brainalign.encoding.hierarchy import (
    Regions,
    hierarchy,
    hierarchy_interval,
    layer_scores,
    people_ceiling,
    shuffled_hierarchy,
)

N_STIMULI, N_PEOPLE, N_LAYERS = 40, 8, 6


def distances(points):
    return squareform(pdist(points))


def noisy(generator, points, noise=0.5, n=N_PEOPLE):
    return np.array([distances(points + noise * generator.standard_normal(points.shape)) for _ in range(n)])


def planted(seed=0, *, mixed=True):
    """Two regions that share nothing; layers that go over from the first to the second, or that know neither."""
    generator = np.random.default_rng(seed)
    early, late, other = generator.standard_normal((3, N_STIMULI, 5))
    depth = np.linspace(0, 1, N_LAYERS)
    points = [
        (1 - d) * early + d * late if mixed else other + d * generator.standard_normal(other.shape) for d in depth
    ]
    layers = np.array([distances(layer) for layer in points])
    return layers, Regions(noisy(generator, early), noisy(generator, late))


def interval(layers, regions, **options):
    return hierarchy_interval(layers, regions, n_draws=99, generator=np.random.default_rng(1), **options)


def test_scores_are_rank_correlations_over_pairs():
    layers, regions = planted()
    upper = np.triu_indices(N_STIMULI, 1)
    scores = layer_scores(layers, regions.early)
    assert_equal(scores.shape, (N_PEOPLE, N_LAYERS))
    assert_allclose(scores[3, 2], spearmanr(layers[2][upper], regions.early[3][upper]).statistic)


def test_a_planted_hierarchy_is_found_and_has_a_direction():
    layers, regions = planted()
    found = interval(layers, regions)
    assert 0.5 < found.low < found.value < found.high
    turned = interval(layers[::-1], regions)
    assert_allclose(turned.value, -found.value)
    assert turned.high < -0.5
    exchanged = interval(layers, Regions(regions.late, regions.early))
    assert_allclose(exchanged.value, -found.value)


def test_the_value_is_the_mean_over_people_less_the_twins():
    layers, regions = planted()
    twin, _ = planted(seed=5, mixed=False)
    own, other = (
        hierarchy(layer_scores(model, regions.early), layer_scores(model, regions.late)).mean()
        for model in (layers, twin)
    )
    assert_allclose(interval(layers, regions).value, own)
    assert_allclose(interval(layers, regions, twins=[twin, twin]).value, own - other)
    assert_allclose(interval(layers, regions, twins=[layers]).value, 0, atol=1e-12)


def test_shuffled_stimuli_are_around_zero_and_below_what_is_planted():
    layers, regions = planted()
    null = shuffled_hierarchy(layers, regions, n_draws=99, generator=np.random.default_rng(2))
    assert abs(np.median(null)) < 0.1
    assert null.max() < interval(layers, regions).value


def test_intervals_hold_zero_where_there_is_no_hierarchy():
    holds = []
    for seed in range(10):
        found = interval(*planted(seed, mixed=False))
        holds.append(found.low <= 0 <= found.high)
    assert sum(holds) >= 9


def test_layers_that_merely_become_better_lean_to_the_cleaner_region_unless_ceilings_are_taken_out():
    generator = np.random.default_rng(4)
    truth = generator.standard_normal((N_STIMULI, 5))
    layers = np.array([distances(truth + noise * generator.standard_normal(truth.shape)) for noise in (4, 2, 1, 0.5)])
    regions = Regions(noisy(generator, truth, 1.5), noisy(generator, truth, 0.3))
    ceilings = tuple(people_ceiling(region).truth for region in regions)
    scores = [layer_scores(layers, region) for region in regions]
    plain, fair = hierarchy(*scores).mean(), hierarchy(*scores, ceilings).mean()
    assert plain > 0.2
    assert abs(fair) < plain / 3


def test_the_ceiling_of_alike_people_is_one_and_the_lower_estimate_is_lower():
    _, regions = planted()
    low, high, truth = people_ceiling(regions.early)
    assert 0 < low < truth < high < 1
    assert_allclose(people_ceiling(regions.early[[0, 0, 0]]), (1, 1, 1))


def test_people_who_share_nothing_have_no_ceiling():
    generator = np.random.default_rng(0)
    one, two, three = (distances(generator.standard_normal((N_STIMULI, 3))) for _ in range(3))
    assert np.isnan(people_ceiling([one, -one, two, three]).truth)


@pytest.mark.parametrize(
    ("layers", "people", "message"),
    [
        (np.zeros((2, 5, 4)), np.zeros((3, 5, 5)), "layers must be finite square"),
        (np.full((2, 5, 5), np.nan), np.zeros((3, 5, 5)), "finite"),
        (np.triu(np.ones((2, 5, 5))), np.zeros((3, 5, 5)), "layers must be symmetric"),
        (np.zeros((2, 5, 5)), np.zeros((3, 6, 6)), "same stimuli; got 5 and 6"),
        (
            np.ones((2, 5, 5)),
            [distances(np.arange(5.0)[:, None] ** k) for k in (1, 2, 3)],
            "same dissimilarity for all pairs",
        ),
    ],
)
def test_matrices_that_cannot_be_compared_are_refused(layers, people, message):
    with pytest.raises(ValueError, match=message):
        layer_scores(layers, people)


def test_too_little_to_judge_is_refused():
    layers, regions = planted()
    with pytest.raises(ValueError, match="people must be at least 3; got 2"):
        interval(layers, Regions(regions.early[:2], regions.late[:2]))
    with pytest.raises(ValueError, match="at least two layers"):
        interval(layers[:1], regions)
    with pytest.raises(ValueError, match="ceilings positive"):
        interval(layers, regions, ceilings=(0.0, 1.0))
    with pytest.raises(ValueError, match="same people"):
        interval(layers, Regions(regions.early, regions.late[:5]))
    with pytest.raises(ValueError, match="n_draws at least 19"):
        hierarchy_interval(layers, regions, n_draws=3, generator=np.random.default_rng(0))
