"""Encoding models: predicting a brain's responses from features of a stimulus. Arrays are numpy."""

from brainalign.encoding.banded import BandedFit, fit_banded_ridge, space_shares
from brainalign.encoding.calibration import STATISTICS, calibrate, rejection_rates
from brainalign.encoding.ceilings import inter_subject_correlation, noise_ceiling, normalize_scores
from brainalign.encoding.delays import delay
from brainalign.encoding.depth import (
    MirrorTest,
    OpposedEnds,
    atom_profiles,
    depth_quarters,
    layer_profiles,
    mirror_index,
    mirror_test,
    opposed_ends,
)
from brainalign.encoding.dictionary import Dictionary, dictionary
from brainalign.encoding.encoding_model import Encoding, fit_encoding
from brainalign.encoding.heads import score_heads
from brainalign.encoding.inputs import usable_targets
from brainalign.encoding.modality import ModalityTest, compare_modalities, modality_index, modality_size
from brainalign.encoding.network_maps import (
    dice,
    match_networks,
    rotated_maps,
    shifted_maps,
    spin_parcels,
    strongest_parcels,
    system_scores,
)
from brainalign.encoding.neurons import DEFINITIONS, Neurons, as_neurons
from brainalign.encoding.polarity import Polarity, neuron_weights, polarity
from brainalign.encoding.preprocessing import clean
from brainalign.encoding.redundancy import (
    Redundancy,
    effective_dimensions,
    map_overlap,
    mean_overlap,
    redundancy,
    spectrum_surrogate,
    variance_spectrum,
    without_mean,
)
from brainalign.encoding.removal import Removal, removal_curve, removal_test
from brainalign.encoding.ridge import PENALTIES, RidgeFit, fit_ridge
from brainalign.encoding.scoring import correlation_scores
from brainalign.encoding.significance import benjamini_hochberg, p_values
from brainalign.encoding.splits import Split, check_leakage, contiguous_folds, leave_one_run_out
from brainalign.encoding.timing import convolve_hrf, frames_to_volumes, words_to_volumes
from brainalign.encoding.variance import VariancePartition, partition_variance

__all__ = [
    "DEFINITIONS",
    "PENALTIES",
    "STATISTICS",
    "BandedFit",
    "Dictionary",
    "Encoding",
    "MirrorTest",
    "ModalityTest",
    "Neurons",
    "OpposedEnds",
    "Polarity",
    "Redundancy",
    "Removal",
    "RidgeFit",
    "Split",
    "VariancePartition",
    "as_neurons",
    "atom_profiles",
    "benjamini_hochberg",
    "calibrate",
    "check_leakage",
    "clean",
    "compare_modalities",
    "contiguous_folds",
    "convolve_hrf",
    "correlation_scores",
    "delay",
    "depth_quarters",
    "dice",
    "dictionary",
    "effective_dimensions",
    "fit_banded_ridge",
    "fit_encoding",
    "fit_ridge",
    "frames_to_volumes",
    "inter_subject_correlation",
    "layer_profiles",
    "leave_one_run_out",
    "map_overlap",
    "match_networks",
    "mean_overlap",
    "mirror_index",
    "mirror_test",
    "modality_index",
    "modality_size",
    "neuron_weights",
    "noise_ceiling",
    "normalize_scores",
    "opposed_ends",
    "p_values",
    "partition_variance",
    "polarity",
    "redundancy",
    "rejection_rates",
    "removal_curve",
    "removal_test",
    "rotated_maps",
    "score_heads",
    "shifted_maps",
    "space_shares",
    "spectrum_surrogate",
    "spin_parcels",
    "strongest_parcels",
    "system_scores",
    "usable_targets",
    "variance_spectrum",
    "without_mean",
    "words_to_volumes",
]
