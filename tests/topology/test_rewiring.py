import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less

from brainalign.topology import REWIRINGS, rewire, rewire_within


def network(n=14, density=0.5, seed=0):
    """Symmetric random weights, some of them missing."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.uniform(0.1, 1, (n, n)) * (rng.random((n, n)) < density), k=1)
    return weights + weights.T


@pytest.mark.parametrize("keep", REWIRINGS)
@pytest.mark.parametrize("density", [0.4, 1.0])
def test_weights_and_degrees_stay_and_places_change(keep, density):
    before = network(density=density)
    after = rewire(before, keep=keep, generator=np.random.default_rng(1))
    assert_array_equal(after, after.T)
    assert_array_equal(np.diag(after), 0)
    assert_allclose(np.sort(after.ravel()), np.sort(before.ravel()))
    assert_array_equal((after > 0).sum(axis=0), (before > 0).sum(axis=0))
    assert np.abs(after - before).max() > 0.1
    assert ((after > 0) == (before > 0)).all() == (density == 1.0)


def test_strengths_are_kept_nearly():
    before = network(20, density=1.0)
    before *= np.outer(np.linspace(0.2, 1, 20), np.linspace(0.2, 1, 20))
    kept, lost = (
        [
            np.corrcoef(rewire(before, keep=keep, generator=np.random.default_rng(s)).sum(0), before.sum(0))[0, 1]
            for s in range(5)
        ]
        for keep in ("strength", "degree")
    )
    assert_array_less(0.95, kept)
    assert_array_less(lost, 0.8)


def test_diagonal_and_negative_values_are_no_edges():
    before = network(density=1.0)
    marked = before.copy()
    np.fill_diagonal(marked, np.inf)
    marked[2, 5] = marked[5, 2] = -0.4
    before[2, 5] = before[5, 2] = 0.0
    generators = (np.random.default_rng(3) for _ in range(2))
    assert_array_equal(
        *(rewire(x, keep="degree", generator=g) for x, g in zip((before, marked), generators, strict=True))
    )


def test_networks_are_rewired_by_themselves():
    whole, names = network(12, density=1.0), np.repeat(["a", "b"], 6)
    drawn = rewire_within(whole, names, keep="degree", generator=np.random.default_rng(0))
    assert_array_equal(drawn[:6, 6:], 0)
    for inside in (slice(6), slice(6, None)):
        assert_allclose(np.sort(drawn[inside, inside].ravel()), np.sort(whole[inside, inside].ravel()))


def test_bad_input_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="keep = 'weights' is unknown"):
        rewire(network(), keep="weights", generator=generator)
    with pytest.raises(ValueError, match=r"at least 3 parcels: got shape \(2, 2\)"):
        rewire(np.zeros((2, 2)), keep="degree", generator=generator)
    with pytest.raises(ValueError, match="not finite"):
        rewire(np.full((4, 4), np.nan), keep="degree", generator=generator)
    with pytest.raises(ValueError, match="symmetric"):
        rewire(np.triu(network()), keep="degree", generator=generator)
