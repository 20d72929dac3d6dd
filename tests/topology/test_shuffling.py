import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.topology import METRICS, SHUFFLES, attention_graph, graph_metrics, shuffle_weights
from tests.topology.small_models import small_model

MODEL = small_model(n=12)
WEIGHTS = (MODEL.positions, MODEL.query[0], MODEL.key[0])


@pytest.mark.parametrize("kind", SHUFFLES)
def test_one_array_is_shuffled_and_keeps_its_numbers(kind):
    shuffled = shuffle_weights(*WEIGHTS, kind=kind, generator=np.random.default_rng(0))
    moved = [(before != after).any() for before, after in zip(WEIGHTS, shuffled, strict=True)]
    assert moved == [kind != "keys", False, kind == "keys"]
    for before, after in zip(WEIGHTS, shuffled, strict=True):
        assert_array_equal(np.sort(before.ravel()), np.sort(after.ravel()))


def test_keys_stay_in_their_head_and_features_in_their_column():
    keys = shuffle_weights(*WEIGHTS, kind="keys", generator=np.random.default_rng(0))[2]
    for before, after in zip(WEIGHTS[2], keys, strict=True):
        assert_array_equal(np.sort(before.ravel()), np.sort(after.ravel()))
    positions = shuffle_weights(*WEIGHTS, kind="positions", generator=np.random.default_rng(0))[0]
    assert_array_equal(np.sort(positions, axis=0), np.sort(WEIGHTS[0], axis=0))
    moved = [WEIGHTS[0][:, i].argsort()[positions[:, i].argsort().argsort()].tolist() for i in (0, 1)]
    assert moved[0] != moved[1]  # each column by itself


def test_no_metric_sees_positions_change_places():
    rows = shuffle_weights(*WEIGHTS, kind="position rows", generator=np.random.default_rng(1))
    before, after = (graph_metrics(attention_graph(*w, 4), starts=32) for w in (WEIGHTS, rows))
    for metric in METRICS:
        # The search for communities starts elsewhere; the others agree to rounding.
        assert_allclose(after[metric], before[metric], rtol=0, atol=1e-3 if metric == "modularity" else 1e-10)


def test_the_other_shuffles_do_change_the_metrics():
    for kind in ("keys", "positions"):
        shuffled = shuffle_weights(*WEIGHTS, kind=kind, generator=np.random.default_rng(1))
        before, after = (graph_metrics(attention_graph(*w, 4))["degree_std"] for w in (WEIGHTS, shuffled))
        assert np.abs(after - before).min() > 1e-3


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind = 'rows' is unknown"):
        shuffle_weights(*WEIGHTS, kind="rows", generator=np.random.default_rng(0))
