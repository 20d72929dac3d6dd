"""Layers of any two networks, batch by batch: the same numbers as from stored activations."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

import brainalign
from brainalign.similarity import compare_layers, debiased_linear_cka


def convolutional(seed=0, *, inplace=True):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=inplace), nn.Conv2d(6, 4, 3), nn.ReLU(inplace=inplace),
        nn.Flatten(), nn.Linear(64, 10),
    ).double().eval()  # fmt: skip


def pictures(n, seed=0):
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stored_activations(model, inputs):
    kept = []
    for layer in model:
        inputs = layer(inputs)
        kept.append(inputs.clone().flatten(1))
    return kept


def hsic_by_hand(X, Y):
    """Song et al. 2012, equation 5, with explicit n x n matrices, in numpy."""
    K, L = (np.array(Z @ Z.mT) for Z in (X, Y))
    n = len(K)
    np.fill_diagonal(K, 0)
    np.fill_diagonal(L, 0)
    one = np.ones(n)
    last = 2 / (n - 2) * one @ K @ L @ one
    return (np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2)) - last) / (n * (n - 3))


@torch.inference_mode()
def test_one_batch_is_debiased_cka_of_all_samples():
    first, second = convolutional(0, inplace=False), convolutional(1, inplace=False)
    inputs = pictures(40)
    found = compare_layers(first, second, [inputs]).values
    expected = [
        [float(debiased_linear_cka(X, Y)) for Y in stored_activations(second, inputs)]
        for X in stored_activations(first, inputs)
    ]
    assert_allclose(found.to_numpy(), expected, atol=1e-6)


@torch.inference_mode()
def test_batches_are_averaged_before_the_ratio():
    first, second = convolutional(0, inplace=False), convolutional(1, inplace=False)
    batches = pictures(44).split([16, 16, 12])
    found = compare_layers(first, second, batches)
    parts = [[stored_activations(model, batch) for batch in batches] for model in (first, second)]
    weights = np.array([16, 16, 12]) / 44
    for i, j in [(0, 0), (3, 6), (6, 2)]:
        xy, xx, yy = (
            sum(w * hsic_by_hand(X[s], Y[t]) for w, X, Y in zip(weights, parts[a], parts[b], strict=True))
            for (a, s), (b, t) in [((0, i), (1, j)), ((0, i), (0, i)), ((1, j), (1, j))]
        )
        assert_allclose(found.values.iloc[i, j], xy / np.sqrt(xx * yy), atol=1e-6)
    assert (found.n_samples, found.n_batches) == (44, 3)


def test_layers_that_work_in_place_do_not_change_what_was_seen():
    batches = pictures(24).split(12)
    found = compare_layers(convolutional(inplace=True), convolutional(inplace=True), batches).values
    expected = compare_layers(convolutional(inplace=False), convolutional(inplace=False), batches).values
    assert_allclose(found, expected, atol=1e-9)
    assert_allclose(np.diag(found), 1, atol=1e-9)


def test_batches_estimate_what_all_samples_give():
    model, other = convolutional(0), convolutional(1)
    inputs = pictures(600)
    whole = compare_layers(model, other, [inputs]).values
    streamed = compare_layers(model, other, inputs.split(30))
    assert_allclose(streamed.values, whole, atol=0.05)
    inside = (streamed.low <= whole) & (whole <= streamed.high)
    assert inside.to_numpy().mean() > 0.7


def recorded(model, inputs):
    """Activations of all layers in double precision, as they left the layers."""
    kept = []
    for layer in model:
        inputs = layer(inputs)
        kept.append(inputs.double().flatten(1))
    return kept


@torch.inference_mode()
@pytest.mark.parametrize("n", [16, 64])
@pytest.mark.parametrize(
    ("scale", "brightest", "offset"), [(1, 1, 0), (1e3, 1, 0), (1, 1e4, 0), (1e3, 1e4, 0), (1, 1, 100), (1e18, 1e2, 0)]
)
def test_single_precision_gives_what_explicit_double_precision_gives(n, scale, brightest, offset):
    """Small and big activations, one picture far from all others, and activations far from zero."""
    first, second = convolutional(0, inplace=False).float(), convolutional(1, inplace=False).float()
    for model in (first, second):
        model[0].bias += offset
    inputs = scale * pictures(n).float()
    inputs[0] *= brightest
    X, Y = recorded(first, inputs), recorded(second, inputs)
    own = [[hsic_by_hand(Z - Z.mean(dim=0), Z - Z.mean(dim=0)) for Z in layers] for layers in (X, Y)]
    expected = [
        [hsic_by_hand(A - A.mean(dim=0), B - B.mean(dim=0)) / np.sqrt(own[0][i] * own[1][j]) for j, B in enumerate(Y)]
        for i, A in enumerate(X)
    ]
    assert_allclose(compare_layers(first, second, [inputs]).values, expected, atol=1e-5)


def test_layers_without_relation_are_around_zero_and_their_null_is():
    """Networks that read different halves of random pictures."""

    class Half(nn.Module):
        def __init__(self, channel):
            super().__init__()
            self.channel, self.net = channel, nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.Tanh()).double()

        def forward(self, x):
            return self.net(x[:, self.channel])

    torch.manual_seed(0)
    found = compare_layers(
        Half(0).eval(), Half(1).eval(), pictures(400).split(20), n_draws=39, generator=torch.Generator().manual_seed(1)
    )
    assert found.values.abs().to_numpy().max() < 0.15
    assert (found.null.to_numpy() > 0).all()
    assert (found.null.to_numpy() < 0.2).all()
    assert (found.low.to_numpy() < 0.05).all()


def test_patterns_repeated_calls_and_odd_outputs():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.act = nn.Linear(5, 5), nn.Linear(5, 5), nn.ReLU()
            self.attention = nn.MultiheadAttention(5, 1, batch_first=True)

        def forward(self, x, scale=1.0):
            x = self.act(self.b(self.act(self.a(x))))
            return {"hidden": self.attention(x[:, None], x[:, None], x[:, None])[0], "scale": scale}

    torch.manual_seed(0)
    model, batches = Twice().eval(), torch.randn(2, 12, 5)
    assert list(compare_layers(model, model, batches, layers_a=["a", "act"], layers_b="[ab]").values.index) == [
        "a", "act", "act#2",
    ]  # fmt: skip
    assert list(compare_layers(model, model, batches, layers_a="att*", layers_b="a").values.index) == ["attention"]
    by_name = compare_layers(model, model, [{"x": batch} for batch in batches], layers_a="a", layers_b="b")
    labelled = compare_layers(model, model, [(batch, 7) for batch in batches], layers_a="a", layers_b="b")
    assert_allclose(by_name.values, labelled.values)


def test_a_layer_that_does_not_vary_has_no_value():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    nn.init.zeros_(model[0].weight)
    nn.init.constant_(model[0].bias, -1)
    assert compare_layers(model, model, torch.randn(1, 8, 3)).values.isna().all(axis=None)


def test_the_rounding_of_equal_rows_is_no_variation():
    model = nn.Sequential(nn.Linear(3, 4)).eval()
    nn.init.zeros_(model[0].weight)
    nn.init.constant_(model[0].bias, 0.1)
    assert compare_layers(model, model, torch.randn(1, 7, 3)).values.isna().all(axis=None)


def test_half_precision_and_the_way_it_is_called():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).eval()
    batches = torch.randn(2, 8, 3)
    expected = compare_layers(model, model, batches).values
    assert_allclose(compare_layers(model.bfloat16(), model, batches.bfloat16()).values, expected, atol=0.02)
    doubled = compare_layers(
        model.float(), model, [{"text": batch} for batch in batches], call=lambda net, batch: net(batch["text"])
    )
    assert_allclose(doubled.values, expected, atol=0.02)


def test_the_networks_are_left_as_they_were():
    model = convolutional()
    compare_layers(model, model, [pictures(8)])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    with pytest.raises(ValueError, match="at least 4 samples: got 3"):
        compare_layers(model, model, [pictures(3)])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


LINEAR = nn.Sequential(nn.Linear(3, 4)).eval()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"measure": "linear_cka"}, "only 'debiased_linear_cka'.*got 'linear_cka'"),
        ({"model_a": nn.Sequential(nn.Linear(3, 4))}, "model_a .* training mode; call .eval"),
        ({"model_b": "resnet50"}, "model_b must be a torch.nn.Module"),
        ({"loader": []}, "no batch"),
        ({"loader": torch.randn(1, 3, 3)}, "at least 4 samples: got 3"),
        ({"loader": torch.full((1, 8, 3), torch.nan)}, "layer 0 gives values that are not finite"),
        ({"layers_a": "conv*"}, "no layer matches layers_a = 'conv"),
        ({"layers_b": ["0", "x"]}, "no layer matches layers_b = 'x'"),
        ({"n_draws": 3}, "generator"),
        ({"n_draws": -1}, "n_draws"),
        ({"loader": [torch.randn(8, 3)], "call": lambda model, batch: None}, "none was called"),
        ({"model_a": nn.Sequential(nn.Linear(3, 4), nn.Flatten(0)).eval()}, r"layer 1 gives \(32,\)"),
    ],
)
def test_what_cannot_be_compared(arguments, message):
    given = {"model_a": LINEAR, "model_b": LINEAR, "loader": torch.randn(1, 8, 3)} | arguments
    with pytest.raises(ValueError, match=message):
        compare_layers(**given)


def test_it_is_at_hand_from_the_package():
    assert brainalign.compare_layers is compare_layers
