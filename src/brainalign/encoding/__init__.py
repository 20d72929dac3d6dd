"""Encoding models: predicting a brain's responses from features of a stimulus. Arrays are numpy."""

from brainalign.encoding.banded import BandedFit, fit_banded_ridge, space_shares
from brainalign.encoding.calibration import calibrate, rejection_rates
from brainalign.encoding.ceilings import inter_subject_correlation, noise_ceiling, normalize_scores
from brainalign.encoding.delays import delay
from brainalign.encoding.dictionary import Dictionary, dictionary
from brainalign.encoding.encoding_model import Encoding, fit_encoding
from brainalign.encoding.inputs import usable_targets
from brainalign.encoding.modality import ModalityTest, compare_modalities, modality_index
from brainalign.encoding.network_maps import (
    dice,
    match_networks,
    rotated_maps,
    shifted_maps,
    spin_parcels,
    system_scores,
)
from brainalign.encoding.neurons import DEFINITIONS, Neurons, as_neurons
from brainalign.encoding.polarity import Polarity, atom_profiles, layer_profiles, mirror_index, neuron_weights, polarity
from brainalign.encoding.preprocessing import clean
from brainalign.encoding.redundancy import (
    Redundancy,
    map_overlap,
    mean_overlap,
    participation_ratio,
    redundancy,
    removal_curve,
    spectrum_surrogate,
)
from brainalign.encoding.ridge import PENALTIES, RidgeFit, fit_ridge
from brainalign.encoding.scoring import correlation_scores
from brainalign.encoding.significance import benjamini_hochberg, p_values
from brainalign.encoding.splits import Split, check_leakage, contiguous_folds, leave_one_run_out
from brainalign.encoding.timing import convolve_hrf, frames_to_volumes, words_to_volumes
from brainalign.encoding.variance import VariancePartition, partition_variance

__all__ = [
    "DEFINITIONS",
    "PENALTIES",
    "BandedFit",
    "Dictionary",
    "Encoding",
    "ModalityTest",
    "Neurons",
    "Polarity",
    "Redundancy",
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
    "dice",
    "dictionary",
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
    "modality_index",
    "neuron_weights",
    "noise_ceiling",
    "normalize_scores",
    "p_values",
    "participation_ratio",
    "partition_variance",
    "polarity",
    "redundancy",
    "rejection_rates",
    "removal_curve",
    "rotated_maps",
    "shifted_maps",
    "space_shares",
    "spectrum_surrogate",
    "spin_parcels",
    "system_scores",
    "usable_targets",
    "words_to_volumes",
]
