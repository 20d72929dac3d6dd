"""Orders of stages: by hand, and what chance gives."""

import numpy as np
import pytest

from brainalign.studies.pruning import shuffled_agreements, stage_order_agreement, stages_that_lost


def test_stages_are_read_from_the_blocks_that_are_left():
    assert stages_that_lost([(3, 3, 3), (3, 2, 3), (2, 2, 3), (2, 2, 2)]) == [1, 0, 2]


@pytest.mark.parametrize(
    ("left", "message"),
    [([(3, 3), (3, 2), (2, 1)], r"step 2 takes \[1, 1\]"), ([(3, 3), (4, 1)], r"step 1 takes \[-1, 2\]")],
)
def test_a_step_that_is_not_one_block_is_named(left, message):
    with pytest.raises(ValueError, match=message):
        stages_that_lost(left)


def test_an_order_agrees_with_itself_and_not_with_its_reverse():
    mixed, apart = [1, 1, 0, 1, 0, 2, 0, 2, 2], [1, 1, 0, 0, 2]
    assert stage_order_agreement(mixed, mixed) == 1
    assert stage_order_agreement(apart, apart[::-1]) == -1


def test_pairs_of_different_stages_are_counted():
    # Of four pairs, only the first block of stage 0 and the second of stage 1 keep their order.
    assert stage_order_agreement([0, 0, 1, 1], [1, 0, 1, 0]) == (1 - 3) / 4


def test_depths_may_differ():
    deep = [1] * 4 + [0] * 4 + [2] * 4
    assert stage_order_agreement([1, 0, 2], deep) == 1
    assert stage_order_agreement([1, 1, 0, 2, 2], deep) == 1
    assert stage_order_agreement([2, 0, 1], deep) == -1
    assert stage_order_agreement([1, 2, 0], deep) == pytest.approx(1 / 3)


def test_chance_agrees_with_stages_in_turn_and_not_with_one_after_the_other():
    deep = [1] * 4 + [0] * 4 + [2] * 3
    found = shuffled_agreements(deep, deep, 400, generator=np.random.default_rng(0))
    assert found.shape == (400,)
    assert abs(found.mean()) < 4 * found.std() / 20
    in_turn = [1, 0] * 4
    assert shuffled_agreements(in_turn, in_turn, 400, generator=np.random.default_rng(0)).mean() > 0.3


@pytest.mark.parametrize("order", [[0, 0], [0, 1, 1]])
def test_orders_of_other_stages_are_refused(order):
    with pytest.raises(ValueError, match=r"and \[0, 1, 2\] lose blocks"):
        stage_order_agreement(order, [0, 1, 2])
