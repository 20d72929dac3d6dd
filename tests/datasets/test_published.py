import numpy as np
from numpy.testing import assert_array_equal, assert_array_less, assert_equal

from brainalign.datasets import NETWORKS, published_icn_profiles
from brainalign.topology import METRICS


def test_networks_and_metrics():
    profiles = published_icn_profiles()
    assert_array_equal(profiles.index, NETWORKS)
    assert_equal(profiles.index.name, "network")
    assert_array_equal(profiles.columns, METRICS)


def test_values_are_in_the_range_of_their_metric():
    profiles = published_icn_profiles()
    assert_array_equal(profiles.dtypes, np.float64)
    assert_array_less(0, profiles)
    assert_array_less(profiles[["clustering", "modularity", "average_shortest_path"]], 1)
    # The arithmetic mean of the lengths is not below the harmonic one.
    assert_array_less(1 / profiles["global_efficiency"], profiles["average_shortest_path"])


def test_numbers_typed_again():
    profiles = published_icn_profiles()
    assert_array_equal(profiles.loc["Visual"], [0.30732, 0.09138, 1.72070, 0.68256, 1.40809])
    assert_array_equal(profiles.loc["Limbic"], [0.19319, 0.10693, 1.27279, 0.81837, 0.81964])
    assert_equal(profiles.loc["Frontoparietal", "global_efficiency"], 2.82512)
    assert_equal(profiles.loc["DefaultMode", "degree_std"], 1.29786)
