"""Narrow types give what double precision gives, and masked or filled values are refused, wherever an array enters."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from brainalign import encoding
from brainalign.encoding.refits import shifted_scores
from brainalign.encoding.shifts import share_at_least, shifted_products
from brainalign.encoding.subjects import left_out_subject_scores, mean_over_subjects

N = 96
_RNG = np.random.default_rng(0)


def whole(*shape, low=-100):
    """Whole numbers that int8 and float16 hold, of which the sum of two does not fit int8."""
    return _RNG.integers(low, 120, shape).astype(np.float64)


WIDE, TABLE, COURSE = whole(N, 6), whole(N, 4), whole(N)
LOADINGS, LAYERS = whole(6, 12), np.repeat(np.arange(4), 3)
SCORES, OTHER_SCORES = whole(8, low=1), whole(8, low=1)
STACK = np.stack([TABLE, TABLE[::-1] + 3, np.roll(TABLE, 5, axis=0)])
SQUARE = np.array([[2.0, 1, 0], [1, 2, 1], [0, 1, 2]])
MASKS = {"a": [1, 1, 0, 0], "b": [0, 1, 1, 0]}
FOLDS = encoding.contiguous_folds(N, 2)
FIXED = {"penalty": 10.0, "margin": 4}


def rng():
    return np.random.default_rng(1)


CALLS = {
    "atom_profiles": (lambda x: encoding.atom_profiles(x, WIDE[0], LAYERS), LOADINGS),
    "atom_profiles, weights": (lambda x: encoding.atom_profiles(LOADINGS, x, LAYERS), WIDE[0]),
    "layer_profiles": (lambda x: encoding.layer_profiles(x, LAYERS), LOADINGS[0]),
    "depth_quarters": (encoding.depth_quarters, LAYERS.astype(float)),
    "mirror_test": (lambda x: encoding.mirror_test(x, LOADINGS, LAYERS, COURSE, **FIXED), WIDE),
    "mirror_test, response": (lambda x: encoding.mirror_test(WIDE, LOADINGS, LAYERS, x, **FIXED), COURSE),
    "opposed_ends": (lambda x: encoding.opposed_ends(WIDE, x, LAYERS, COURSE, **FIXED), LOADINGS),
    "polarity": (lambda x: encoding.polarity(WIDE, LOADINGS, LAYERS, x, **FIXED), COURSE),
    "polarity, layers": (
        lambda x: encoding.polarity(WIDE, LOADINGS, x, COURSE, **FIXED), LAYERS.astype(float)
    ),
    "neuron_weights": (lambda x: encoding.neuron_weights(x, TABLE[:6]), LOADINGS),
    "removal_curve": (lambda x: encoding.removal_curve(x, TABLE, FOLDS, penalty=1.0, generator=rng()), WIDE),
    "removal_curve, responses": (
        lambda x: encoding.removal_curve(WIDE, x, FOLDS, penalty=1.0, generator=rng()), TABLE
    ),
    "removal_test": (
        lambda x: encoding.removal_test(x, TABLE, FOLDS, penalty=1.0, n_orders=1, n_draws=19, generator=rng()), WIDE
    ),
    "shifted_scores": (lambda x: shifted_scores(x, TABLE, FOLDS, penalty=1.0, shifts=[0, 5]), WIDE),
    "shifted_scores, responses": (lambda x: shifted_scores(WIDE, x, FOLDS, penalty=1.0, shifts=[0, 5]), TABLE),
    "shifted_products": (lambda x: shifted_products(x, TABLE), WIDE),
    "share_at_least": (lambda x: share_at_least(3.0, x), COURSE),
    "modality_index": (lambda x: encoding.modality_index(x, OTHER_SCORES), SCORES),
    "modality_size": (lambda x: encoding.modality_size(OTHER_SCORES, x), SCORES),
    "compare_modalities": (
        lambda x: encoding.compare_modalities(x, TABLE[::-1], TABLE, block=8, n_draws=19, generator=rng()), STACK[1]
    ),
    "left_out_subject_scores": (lambda x: left_out_subject_scores(WIDE, x, penalties=[1.0], n_folds=2), STACK),
    "mean_over_subjects": (lambda x: mean_over_subjects(x, n_draws=19, generator=rng()), TABLE[:5]),
    "noise_ceiling": (encoding.noise_ceiling, STACK),
    "inter_subject_correlation": (encoding.inter_subject_correlation, STACK),
    "normalize_scores": (lambda x: encoding.normalize_scores(x, OTHER_SCORES), SCORES),
    "normalize_scores, ceiling": (lambda x: encoding.normalize_scores(SCORES, x), OTHER_SCORES),
    "spin_parcels": (lambda x: encoding.spin_parcels(x, np.arange(8) < 4, 2, generator=rng()), whole(8, 3)),
    "dice": (lambda x: encoding.dice(x, [1, 1, 0, 0]), np.array([1.0, 0, 1, 0])),
    "strongest_parcels": (encoding.strongest_parcels, TABLE),
    "rotated_maps": (lambda x: encoding.rotated_maps(x, [[1, 0, 3, 2]]), TABLE),
    "shifted_maps": (lambda x: encoding.shifted_maps(x, TABLE, n_delays=2, **FIXED), WIDE),
    "shifted_maps, responses": (lambda x: encoding.shifted_maps(WIDE, x, n_delays=2, **FIXED), TABLE),
    "match_networks": (lambda x: encoding.match_networks(x, MASKS, np.stack([TABLE[:5]] * 19)), TABLE[:5]),
    "match_networks, masks": (
        lambda x: encoding.match_networks(TABLE[:5], {"a": x}, np.stack([TABLE[:5]] * 19)), np.array([1.0, 1, 0, 0])
    ),
    "system_scores": (lambda x: encoding.system_scores(WIDE, x, MASKS, FOLDS, **FIXED), TABLE),
    "redundancy": (lambda x: encoding.redundancy(x, n_draws=19, generator=rng()), WIDE),
    "mean_overlap": (encoding.mean_overlap, SQUARE),
    "effective_dimensions": (encoding.effective_dimensions, SQUARE * 50),
    "variance_spectrum": (encoding.variance_spectrum, SQUARE),
    "without_mean": (encoding.without_mean, SQUARE),
    "spectrum_surrogate": (lambda x: encoding.spectrum_surrogate(x, generator=rng()), WIDE),
    "map_overlap": (encoding.map_overlap, np.array([[1.0, 0, 1], [1, 1, 0]])),
    "dictionary": (lambda x: encoding.dictionary(x, n_atoms=2, sparsity=0.5, generator=rng()), WIDE),
    "benjamini_hochberg": (encoding.benjamini_hochberg, np.array([0.0, 1, 1])),
}  # fmt: skip


def numbers(found):
    """All numbers of a result, in order."""
    if dataclasses.is_dataclass(found):
        found = [getattr(found, field.name) for field in dataclasses.fields(found)]
    if isinstance(found, pd.DataFrame):
        found = found.select_dtypes("number").to_numpy()
    if isinstance(found, list | tuple):
        return np.concatenate([numbers(part) for part in found])
    return np.ravel(np.asarray(found, dtype=float))


@pytest.mark.parametrize("kind", [np.int8, np.float16])
@pytest.mark.parametrize("case", CALLS)
def test_narrow_types_give_what_double_precision_gives(case, kind):
    call, values = CALLS[case]
    expected = numbers(call(values))
    assert np.isfinite(expected).any()
    # Where a function computes in the precision it is given, half becomes single.
    assert_allclose(numbers(call(values.astype(kind))), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CALLS)
def test_masked_values_are_refused(case):
    call, values = CALLS[case]
    masked = np.ma.array(values, mask=False)
    assert_allclose(numbers(call(masked)), numbers(call(values)), rtol=1e-9, atol=1e-12)
    masked[(-1,) * values.ndim] = np.ma.masked
    with pytest.raises(ValueError, match=r"masked|missing"):
        call(masked)


@pytest.mark.parametrize("case", [case for case in CALLS if "layers" not in case and case != "depth_quarters"])
def test_fill_values_are_refused(case):
    call, values = CALLS[case]
    filled = values.copy()
    filled[(-1,) * values.ndim] = 9.969209968386869e36
    with pytest.raises(ValueError, match="fill value"):
        call(filled)


def test_numbers_of_parcels_are_no_mask():
    with pytest.raises(ValueError, match=r"first must hold True and False.* got 3"):
        encoding.dice([1, 3, 0, 1], [1, 1, 0, 0])
