import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy.stats import pearsonr

from brainalign.topology import METRICS, icn_profiles
from brainalign.topology.metrics import graph_metrics
from brainalign.topology.profiles import as_profiles, icn_similarity, standardize_profiles
from tests.topology.test_modularity import attention_graph

# Sums in another order; the profiles below are far from flat.
ROUNDING = 1e-9

# Five numbers in the range of the metrics, of which not all are alike.
profiles_of_one = arrays(np.float64, 5, elements=st.floats(0.0, 10.0)).filter(lambda x: np.std(x) > 1e-3)


def random_profiles(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 3, size=(*shape, 5))


@given(profiles_of_one, profiles_of_one)
@settings(max_examples=200, deadline=None)
def test_similarity_is_pearson_r_of_five_numbers(profile, icn):
    similarity = icn_similarity(profile, [icn])
    assert_array_equal(similarity.shape, [1])
    assert_allclose(similarity[0], pearsonr(profile, icn).statistic, rtol=0, atol=ROUNDING)
    assert_array_less(np.abs(similarity), np.nextafter(1, 2))


@given(profiles_of_one, profiles_of_one, st.floats(-10, 10), st.floats(0.01, 100))
@settings(max_examples=100, deadline=None)
def test_offset_and_unit_of_a_profile_do_not_matter(profile, icn, offset, unit):
    expected = icn_similarity(profile, [icn])
    assert_allclose(icn_similarity(unit * profile + offset, [icn]), expected, rtol=0, atol=ROUNDING)
    assert_allclose(icn_similarity(profile, [unit * icn + offset]), expected, rtol=0, atol=ROUNDING)
    assert_allclose(icn_similarity(-profile, [icn]), -expected, rtol=0, atol=ROUNDING)


@given(profiles_of_one, profiles_of_one, st.permutations(range(5)))
@settings(max_examples=100, deadline=None)
def test_the_order_of_metrics_does_not_matter_where_both_sides_share_it(profile, icn, order):
    expected = icn_similarity(profile, [icn])
    assert_allclose(icn_similarity(profile[order], [icn[order]]), expected, rtol=0, atol=ROUNDING)


def test_what_matters():
    profiles, icns = random_profiles(20), random_profiles(3, seed=1)
    similarity = icn_similarity(profiles, icns)
    units = [10.0, 1.0, 1.0, 1.0, 1.0]
    # Metrics of one side in another order, and another unit for one metric on both sides.
    for other in (icn_similarity(profiles[:, [1, 0, 2, 3, 4]], icns), icn_similarity(profiles * units, icns * units)):
        assert_array_less(0.01, np.abs(other - similarity).max(axis=1))


def test_the_same_shape_has_similarity_one_and_never_more():
    profiles = random_profiles(1000)
    itself = np.diag(icn_similarity(profiles, profiles))
    assert_allclose(itself, 1, rtol=0, atol=1e-14)
    assert_array_less(itself, np.nextafter(1, 2))
    mirrored = np.diag(icn_similarity(-profiles, profiles))
    assert_array_less(np.nextafter(-1, -2), mirrored)


@given(profiles_of_one)
@settings(max_examples=100, deadline=None)
def test_standardised_profiles_have_mean_zero_and_sd_one(profile):
    standardised = standardize_profiles(profile)
    assert_allclose([standardised.mean(), standardised.std()], [0, 1], rtol=0, atol=ROUNDING)
    assert_array_less(-1e-300, np.diff(standardised[np.argsort(profile)]))  # the order is kept
    assert_allclose(standardize_profiles(standardised), standardised, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("lead", [(), (4,), (2, 3), (0,), (2, 0, 3)])
def test_leading_dimensions_are_kept(lead):
    profiles, icns = random_profiles(*lead), random_profiles(7, seed=1)
    similarity = icn_similarity(profiles, icns)
    assert_array_equal(similarity.shape, (*lead, 7))
    for index in np.ndindex(lead):
        expected = [pearsonr(profiles[index], icn).statistic for icn in icns]
        assert_allclose(similarity[index], expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("order", [METRICS, METRICS[::-1], sorted(METRICS), ("size", *METRICS[2:], *METRICS[:2])])
def test_every_container_gives_the_same_whatever_its_order(order):
    array = random_profiles(6)
    values = dict(zip(METRICS, array.T, strict=True)) | {"size": np.full(6, np.nan)}
    ordered = {name: values[name] for name in order}
    for container in (array, array.tolist(), ordered, pd.DataFrame(ordered), pd.DataFrame(ordered).to_dict("list")):
        assert_array_equal(as_profiles(container), array)
    assert_array_equal(icn_similarity(ordered, pd.DataFrame(ordered).iloc[::-1]), icn_similarity(array, array[::-1]))


def test_graph_metrics_of_all_heads_of_a_model_are_taken():
    graphs = np.stack([attention_graph(10, 1.0, seed) for seed in range(6)]).reshape(2, 3, 10, 10)
    metrics = graph_metrics(graphs)
    profiles = as_profiles(metrics)
    assert_array_equal(profiles.shape, [2, 3, 5])
    assert_array_equal(profiles[1, 2], [metrics[name][1, 2] for name in METRICS])
    assert_array_equal(icn_similarity(metrics, icn_profiles()).shape, [2, 3, 7])


def test_the_published_networks_are_all_alike():
    similarity = icn_similarity(icn_profiles(), icn_profiles())
    assert_array_equal(similarity.shape, [7, 7])
    assert_allclose(similarity, similarity.T, rtol=0, atol=1e-15)
    pairs = similarity[np.triu_indices(7, k=1)]
    assert_allclose(pairs.min(), 0.81, rtol=0, atol=0.005)
    assert_allclose(pairs.max(), 0.999, rtol=0, atol=0.0005)
    # Of the seven axes of the space, one would nearly do.
    unit_vectors = standardize_profiles(icn_profiles()) / np.sqrt(5)
    assert_allclose(np.linalg.norm(unit_vectors, axis=1), 1)
    energy = np.linalg.svd(unit_vectors, compute_uv=False) ** 2 / 7
    assert_allclose(100 * energy[:3], [93.7, 4.7, 1.5], rtol=0, atol=0.05)
    assert_allclose(energy[4], 0, atol=1e-15)  # five numbers less their mean leave four axes


@given(st.floats(-1e6, 1e6), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_a_flat_profile_is_refused_whatever_its_height(height, n_flat):
    profiles = random_profiles(5)
    profiles[:n_flat] = height
    message = rf"^{n_flat} profiles have five equal metrics and so no shape to compare\."
    with pytest.raises(ValueError, match=message):
        standardize_profiles(profiles)


FRAME = pd.DataFrame(random_profiles(3), columns=METRICS)


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        (
            FRAME.drop(columns=["modularity", "degree_std"]),
            r"profiles lack modularity, degree_std; needed are clustering, modularity, global_efficiency, "
            r"average_shortest_path, degree_std\.",
        ),
        ({"clustering": [0.1]}, r"profiles lack modularity, global_efficiency, average_shortest_path, degree_std;"),
        (np.ones((3, 4)), r"profiles must end in 5 metrics \(clustering, .*\): got shape \(3, 4\)\."),
        (1.0, r"profiles must end in 5 metrics .*: got shape \(\)\."),
        (np.full((2, 5), np.nan), r"^10 values of the profiles are not finite; a graph without any edge has no path"),
        (graph_metrics(np.zeros((4, 4))), r"^1 values of the profiles are not finite; .* Leave it out\."),
    ],
)
def test_what_is_no_profile_is_refused_with_its_numbers(profiles, message):
    for function in (as_profiles, standardize_profiles, lambda x: icn_similarity(x, FRAME)):
        with pytest.raises(ValueError, match=message):
            function(profiles)


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_icns_of_another_shape_are_refused(shape):
    message = rf"icns must have shape \(n_networks, 5\): got {(*shape, 5)}\.".replace("got (", r"got \(")
    with pytest.raises(ValueError, match=message.replace(")\\.", r"\)\.")):
        icn_similarity(FRAME, random_profiles(*shape))


def test_a_metric_can_be_left_out():
    profiles, icns = np.random.default_rng(0).uniform(0, 3, size=(9, 5)), icn_profiles().to_numpy()
    kept = [0, 1, 3, 4]
    expected = [[np.corrcoef(p[kept], icn[kept])[0, 1] for icn in icns] for p in profiles]
    names = [METRICS[i] for i in kept]
    assert_allclose(icn_similarity(profiles, icns, metrics=names), expected, atol=1e-12)
    assert_allclose(icn_similarity(profiles, icns, metrics=names[::-1]), expected, atol=1e-12)


@pytest.mark.parametrize("metrics", [METRICS[:2], [METRICS[0]] * 3, [*METRICS[:3], "degree"]])
def test_too_few_or_unknown_metrics_are_refused(metrics):
    with pytest.raises(ValueError, match="give at least 3 different ones of clustering"):
        icn_similarity(np.arange(5.0), icn_profiles(), metrics=metrics)
