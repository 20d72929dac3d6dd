"""Which positions a chapter takes of models with a table and of rotary ones, and what follows from it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.models import spatial_attention
from brainalign.models.position_choices import choose_positions, positions_in_words
from brainalign.topology import draw_twin, head_metrics, layer_graphs, twin_profiles
from brainalign.topology.graphs import logits_graph


@pytest.fixture
def rotary(saved):
    """A tiny Llama, as a folder of one's own."""
    return saved("LLaMA")[1]


def test_a_model_with_a_table_keeps_it_and_takes_no_other():
    for choice in ("auto", "own"):
        found = choose_positions("minilm", choice, lender="minilm")
        assert_array_equal(found.positions, spatial_attention("minilm").positions)
        assert positions_in_words(found) == "the model's own table"
    with pytest.raises(ValueError, match="minilm has the model's own table"):
        choose_positions("minilm", "stand-in")
    with pytest.raises(ValueError, match="no rotary positions"):
        choose_positions("minilm", "kernel")
    with pytest.raises(ValueError, match="'rotary' is unknown; choose one of auto, own, stand-in, kernel"):
        choose_positions("minilm", "rotary")


def test_a_rotary_model_borrows_by_itself_and_says_of_whom(rotary, saved):
    assert positions_in_words(choose_positions(rotary, lender="minilm")).startswith("the table of minilm")
    other = saved("BERT")[1]
    lent = choose_positions(rotary, "stand-in", lender=other, max_positions=20)
    assert (lent.position_kind, lent.lender, lent.n_positions) == ("stand-in", other, 20)
    assert "rotation" in positions_in_words(choose_positions(rotary, "kernel"))
    with pytest.raises(ValueError, match=r"no positions of its own.*'kernel'"):
        choose_positions(rotary, "own")


@pytest.mark.parametrize("choice", ["stand-in", "kernel"])
def test_what_chapters_do_with_a_rotary_model(rotary, choice):
    weights = choose_positions(rotary, choice, lender="minilm", max_positions=12)
    assert weights.n_positions == 12
    profiles = twin_profiles(weights, n_twins=2, kind="matched", generator=np.random.default_rng(0), starts=1)
    assert profiles.shape == (2, weights.n_layers, weights.n_heads, 5)
    last = weights.n_layers - 1, weights.n_heads - 1
    graph = layer_graphs(weights, last[0])[last[1]]
    assert_allclose(logits_graph(weights.logits(*last)), graph, rtol=1e-9)
    one = weights.only(*last)
    assert_allclose(layer_graphs(one, 0)[0], graph, rtol=1e-9)
    assert len(head_metrics(one, starts=1)) == 1
    with pytest.raises(ValueError, match="no head"):
        weights.only(0, weights.n_heads)


def test_a_kernel_knows_distances_alone_so_its_first_position_is_like_any_other(rotary):
    shorter, longer = (choose_positions(rotary, "kernel", max_positions=n) for n in (11, 12))
    assert_allclose(longer.without_first().bias, shorter.bias, rtol=1e-4, atol=1e-6)
    lent = choose_positions(rotary, lender="minilm", max_positions=12)
    assert_array_equal(lent.without_first().positions, lent.positions[:, 1:])


def test_twins_of_a_kernel_go_through_the_rotation_of_their_model(rotary):
    weights = choose_positions(rotary, "kernel", max_positions=12)
    assert_allclose(weights.kernel.bias(weights.query, weights.key), weights.bias, rtol=1e-4, atol=1e-6)
    twin = draw_twin(weights, "matched", np.random.default_rng(0))
    assert not np.isclose(twin.bias, weights.bias).all()
    for distance in range(-11, 12):  # constant along every diagonal, as the kernel of a text is
        assert np.ptp(np.diagonal(twin.bias, distance, axis1=-2, axis2=-1), axis=-1).max() < 1e-4
