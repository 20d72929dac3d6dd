"""Part II: measures of how similar two representations are."""

from brainalign.similarity.alignment import (
    angular_procrustes_distance,
    normalized_bures_similarity,
    procrustes_distance,
    shape_distance,
)
from brainalign.similarity.classical_scaling import classical_scaling
from brainalign.similarity.comparators import compare_rdms
from brainalign.similarity.correlation import mean_canonical_correlation, pwcca, svcca
from brainalign.similarity.dimensionality import effective_shared_dimensionality, participation_ratio
from brainalign.similarity.expectations import (
    expected_gaussian_cka,
    expected_shuffled_cka,
    shuffled_debiased_cka_factor,
)
from brainalign.similarity.kernels import debiased_linear_cka, linear_cka, neuron_corrected_linear_cka, rbf_cka
from brainalign.similarity.layers import LayerComparison, compare_layers
from brainalign.similarity.measures import INVARIANCES, MEASURES, Measure, get_measure, list_measures
from brainalign.similarity.neighbors import (
    expected_mutual_knn,
    mutual_knn,
    soft_matching,
    soft_matching_distance,
)
from brainalign.similarity.noise_correction import noise_corrected
from brainalign.similarity.pairwise import pairwise
from brainalign.similarity.permutations import permutation_test
from brainalign.similarity.prediction import (
    linear_predictivity,
    linear_predictivity_cv,
    pls_predictivity,
    ridge_predictivity,
)
from brainalign.similarity.resampling import bootstrap_interval
from brainalign.similarity.rsa import rsa

__all__ = [
    "INVARIANCES",
    "MEASURES",
    "LayerComparison",
    "Measure",
    "angular_procrustes_distance",
    "bootstrap_interval",
    "classical_scaling",
    "compare_layers",
    "compare_rdms",
    "debiased_linear_cka",
    "effective_shared_dimensionality",
    "expected_gaussian_cka",
    "expected_mutual_knn",
    "expected_shuffled_cka",
    "get_measure",
    "linear_cka",
    "linear_predictivity",
    "linear_predictivity_cv",
    "list_measures",
    "mean_canonical_correlation",
    "mutual_knn",
    "neuron_corrected_linear_cka",
    "noise_corrected",
    "normalized_bures_similarity",
    "pairwise",
    "participation_ratio",
    "permutation_test",
    "pls_predictivity",
    "procrustes_distance",
    "pwcca",
    "rbf_cka",
    "ridge_predictivity",
    "rsa",
    "shape_distance",
    "shuffled_debiased_cka_factor",
    "soft_matching",
    "soft_matching_distance",
    "svcca",
]
