"""All layers of one network against all layers of another, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from brainalign.arrays import unit_of
from brainalign.similarity.shuffling import check_generator, draw_order

__all__ = ["LayerComparison", "compare_layers"]

_NAME = "compare_layers"
_FEWEST = 4
_NORMAL_95 = 1.959963984540054
_COLUMNS_AT_ONCE = 2**14
_PRECISION = 1e-5  # of a product, relative to what the products of a batch are on average


@dataclass(frozen=True, eq=False)
class LayerComparison:
    """Debiased linear CKA of every layer of one network with every layer of another.

    Attributes
    ----------
    values : DataFrame of shape (n_layers_a, n_layers_b)
        In [-1, 1], 1 = same, around 0 for layers without relation. NaN where a layer does not vary.
    low, high : DataFrame of that shape
        Ends of a 95 % interval over other batches of the same kind (jackknife); NaN with fewer than 3 batches.
    null : DataFrame of that shape
        95 % quantile of the values when the samples of the second network are shuffled; NaN without draws.
    n_samples, n_batches : int
        What was seen.
    """

    values: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    null: pd.DataFrame
    n_samples: int
    n_batches: int


def compare_layers(
    model_a: nn.Module,
    model_b: nn.Module,
    loader: Iterable[Any],
    measure: str = "debiased_linear_cka",
    *,
    layers_a: str | Sequence[str] | None = None,
    layers_b: str | Sequence[str] | None = None,
    call: Callable[[nn.Module, Any], Any] | None = None,
    n_draws: int = 0,
    generator: torch.Generator | None = None,
) -> LayerComparison:
    """Compare all layers of two networks while they see the same batches; nothing but sums is kept of a batch.

    Parameters
    ----------
    model_a, model_b : Module
        Any two networks in eval mode: convolutional ones, `nn.Sequential`, models of timm or transformers. They may be
        the same.
    loader : iterable
        Batches of at least 4 samples: tensors, tuples of which the first is the input, or mappings of keyword
        arguments.
    measure : {"debiased_linear_cka"}
        The one measure whose parts are unbiased in every batch, so that they may be averaged.
    layers_a, layers_b : str or sequence of str, optional
        Patterns of names as `named_modules` gives them, for example ``"layer*.conv?"``. All modules without parts of
        their own by default.
    call : callable, optional
        Takes a network and a batch and calls the one with the other, where the networks need inputs of their own.
    n_draws : int
        Shuffles of the samples within every batch, for the null distribution; 0 for none.
    generator : torch.Generator, optional
        Source of the shuffles.

    Returns
    -------
    LayerComparison
        A layer that is called several times in one pass has a row for every call: ``relu``, ``relu#2``.

    Raises
    ------
    ValueError
        For another measure, a network in training mode, a pattern without a layer, a layer whose output is not one row
        a sample or holds values that are not finite, batches of fewer than 4 samples, no batches, a layer that is not
        called in every batch, or draws without a generator.

    Notes
    -----
    Of each batch, the U-centered Gram matrices of all layers are multiplied with each other; their inner products,
    which are unbiased estimates of HSIC (Song et al. 2012), are averaged over batches, weighted by the number of
    samples, before the ratio is taken (Nguyen, Raghu and Kornblith 2021, appendix). With a single batch this is
    `debiased_linear_cka` of it. With several it estimates the same number; products of samples in different batches are
    not used, which would need all activations at once. Memory is that of the pass and of one Gram matrix a layer.

    References
    ----------
    Nguyen, Raghu and Kornblith (2021). Do wide and deep networks learn the same things? ICLR.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 5), nn.Tanh()).eval()
    >>> batches = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(0))
    >>> compare_layers(model, model, batches).values.round(3).loc["0", "0"]
    np.float64(1.0)
    """
    models = (model_a, model_b)
    _check(measure, models, n_draws, generator)
    sums: list[Tensor] = []
    sizes: list[int] = []
    names: tuple[list[str], list[str]] | None = None
    with ExitStack() as stack:
        grams = [
            stack.enter_context(_listening(model, _choose(model, layers, label)))
            for model, layers, label in ((model_a, layers_a, "layers_a"), (model_b, layers_b, "layers_b"))
        ]
        stack.enter_context(torch.inference_mode())
        for batch in loader:
            found = [_pass(model, batch, call or _call, kept) for model, kept in zip(models, grams, strict=True)]
            names = _same_layers(names, tuple(list(part) for part in found))
            first, second = (torch.stack(list(part.values())) for part in found)
            sums.append(_inner_products(first, second, n_draws, generator))
            sizes.append(first.shape[-1])
    if names is None:
        msg = f"{_NAME}: the loader gives no batch."
        raise ValueError(msg)
    return _summarize(torch.stack(sums), torch.tensor(sizes, dtype=torch.float64), names)


def _check(measure: str, models: tuple[nn.Module, nn.Module], n_draws: int, generator: torch.Generator | None) -> None:
    if measure != "debiased_linear_cka":
        msg = (
            f"{_NAME}: only 'debiased_linear_cka' can be averaged over batches without bias: got {measure!r}. For "
            "others record the layers and call the measure or pairwise()."
        )
        raise ValueError(msg)
    for model, name in zip(models, ("model_a", "model_b"), strict=True):
        if not isinstance(model, nn.Module) or model.training:
            state = "in training mode; call .eval()" if isinstance(model, nn.Module) else type(model).__name__
            msg = f"{_NAME}: {name} must be a torch.nn.Module in eval mode: got one {state}."
            raise ValueError(msg)
    if n_draws < 0 or (n_draws and generator is None):
        msg = f"{_NAME}: n_draws must be 0 or more, and a generator given for draws: got {n_draws} and {generator}."
        raise ValueError(msg)
    if generator is not None:
        check_generator(generator, _NAME)


def _choose(model: nn.Module, patterns: str | Sequence[str] | None, label: str) -> dict[str, nn.Module]:
    modules = {name: module for name, module in model.named_modules() if name}
    if patterns is None:
        return {name: module for name, module in modules.items() if not any(True for _ in module.children())}
    chosen = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matching = {name: module for name, module in modules.items() if fnmatchcase(name, pattern)}
        if not matching:
            msg = f"{_NAME}: no layer matches {label} = {pattern!r}; names begin with {', '.join(list(modules)[:8])}."
            raise ValueError(msg)
        chosen |= matching
    return {name: module for name, module in modules.items() if name in chosen}


@contextmanager
def _listening(model: nn.Module, layers: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Gram matrices by layer, filled while the model is called; taken at once, before the next layer works in place."""
    grams: dict[str, Tensor] = {}
    units: dict[str, Tensor] = {}  # of the first batch: another one for each would weigh batches by their range
    calls: Counter[str] = Counter()

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        calls[name] += 1
        label = name if calls[name] == 1 else f"{name}#{calls[name]}"
        X = _rows(output, name)
        gram = _gram(X, name)
        unit = units.setdefault(label, unit_of(gram.diagonal().max()))
        grams[label] = _without_rounding(gram / unit, X.dtype)

    def begin(*_: Any) -> None:
        grams.clear()
        calls.clear()

    with ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(begin).remove)
        for name, module in layers.items():
            stack.callback(module.register_forward_hook(partial(keep, name)).remove)
        yield grams


def _rows(output: Any, name: str) -> Tensor:
    """A layer's output as one row a sample."""
    output = next(iter(output.values())) if isinstance(output, Mapping) else output
    output = output[0] if isinstance(output, tuple | list) else output
    if not isinstance(output, Tensor) or not output.is_floating_point() or output.ndim < 2:
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        msg = f"{_NAME}: layer {name} gives {found}, expected one row of numbers a sample; leave it out."
        raise ValueError(msg)
    X = output.detach().flatten(1)
    X = X.float() if X.dtype in (torch.float16, torch.bfloat16) else X
    return X


def _gram(X: Tensor, name: str) -> Tensor:
    """Gram matrix of the centered rows, in double precision; only this goes over all numbers of a layer."""
    rounding = (16 * torch.finfo(X.dtype).eps) ** 2 * float(X[0].double().square().sum())
    gram = _products(X, X.dtype)
    if gram.diagonal().max() <= rounding:  # all rows are equal
        return torch.zeros_like(gram)
    # One sample far from the others makes products whose rounding in single precision hides what the others share.
    if not torch.finfo(X.dtype).eps * gram.diagonal().max() <= _PRECISION * _u_center(gram).norm() / len(gram):
        gram = _products(X, torch.float64)
    if not torch.isfinite(gram).all():
        msg = f"{_NAME}: layer {name} gives values that are not finite; leave it out, or mend the network."
        raise ValueError(msg)
    return gram


def _products(X: Tensor, precision: torch.dtype) -> Tensor:
    """Inner products of the centered rows, a part of the columns at a time; sums of parts are in double precision."""
    gram = X.new_zeros(len(X), len(X), dtype=torch.float64)
    for part in X.split(_COLUMNS_AT_ONCE, dim=1):
        part = part.to(precision)
        part = part - part.mean(dim=0)
        gram += part @ part.mT
    return gram


def _without_rounding(gram: Tensor, precision: torch.dtype) -> Tensor:
    """U-centered Gram matrix, exactly 0 where it is nothing but rounding: all samples but one are equal."""
    centered = _u_center(gram)
    is_rounding = centered.norm() <= 16 * torch.finfo(precision).eps * gram.norm()
    return torch.zeros_like(centered) if is_rounding else centered


def _u_center(gram: Tensor) -> Tensor:
    """Song et al. 2012: rows without the diagonal have mean 0, and the diagonal is 0."""
    n = gram.shape[-1]
    if n < _FEWEST:
        msg = f"{_NAME}: a batch needs at least {_FEWEST} samples: got {n}. Give larger batches, or drop the last one."
        raise ValueError(msg)
    gram = gram - torch.diag(gram.diagonal())
    rows = gram.sum(dim=-1)
    centered = gram - (rows[:, None] + rows[None, :]) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    return centered.fill_diagonal_(0)


def _pass(
    model: nn.Module, batch: Any, call: Callable[[nn.Module, Any], Any], grams: dict[str, Tensor]
) -> dict[str, Tensor]:
    call(model, batch)
    sizes = {name: len(gram) for name, gram in grams.items()}
    if len(set(sizes.values())) != 1:
        msg = f"{_NAME}: layers give other numbers of rows in one batch: {sizes or 'none was called'}. Leave them out."
        raise ValueError(msg)
    return dict(grams)


def _call(model: nn.Module, batch: Any) -> Any:
    parameter = next(model.parameters(), None)
    device = parameter.device if parameter is not None else None
    if isinstance(batch, Mapping):
        return model(**{key: value.to(device) for key, value in batch.items()})
    inputs = batch[0] if isinstance(batch, tuple | list) else batch
    return model(inputs.to(device))


def _same_layers(
    before: tuple[list[str], list[str]] | None, now: tuple[list[str], list[str]]
) -> tuple[list[str], list[str]]:
    if before is not None and before != now:
        odd = sorted(set(before[0]) ^ set(now[0]) | set(before[1]) ^ set(now[1]))
        msg = f"{_NAME}: {', '.join(odd[:5]) or 'layers'} are not called alike in all batches; leave them out."
        raise ValueError(msg)
    return now


def _inner_products(first: Tensor, second: Tensor, n_draws: int, generator: torch.Generator | None) -> Tensor:
    """Unbiased HSIC of all pairs, as measured and for each shuffle, then of each layer with itself.

    The last two entries of the first dimension hold, in their first column and row, the layers' own.
    """
    if first.shape[-1] != second.shape[-1]:
        msg = f"{_NAME}: the networks give {first.shape[-1]} and {second.shape[-1]} rows of one batch."
        raise ValueError(msg)
    n = first.shape[-1]
    scale = 1 / (n * (n - 3))
    second = second.to(first.device)
    products = [_flat_products(first, second)]
    for _ in range(n_draws):
        order = draw_order(n, generator).to(second.device)
        products.append(_flat_products(first, second[:, order][:, :, order]))
    own_first = first.square().sum(dim=(-2, -1))[:, None].expand_as(products[0])
    own_second = second.square().sum(dim=(-2, -1))[None, :].expand_as(products[0])
    return torch.stack([*products, own_first, own_second]).cpu() * scale


def _flat_products(first: Tensor, second: Tensor) -> Tensor:
    return first.flatten(1) @ second.flatten(1).mT


def _summarize(sums: Tensor, sizes: Tensor, names: tuple[list[str], list[str]]) -> LayerComparison:
    weights = (sizes / sizes.sum())[:, None, None, None]
    total = (weights * sums).sum(dim=0)
    ratios = _ratio(total)
    n_batches = len(sizes)
    frame = partial(pd.DataFrame, index=pd.Index(names[0], name="a"), columns=pd.Index(names[1], name="b"))
    unknown = torch.full_like(ratios[0], torch.nan)
    low = high = unknown
    if n_batches > 2:
        left_out = _ratio((total - weights * sums) / (1 - weights))[:, 0]
        spread = ((n_batches - 1) / n_batches * (left_out - left_out.mean(dim=0)).square().sum(dim=0)).sqrt()
        low, high = ratios[0] - _NORMAL_95 * spread, ratios[0] + _NORMAL_95 * spread
    null = ratios[1:].quantile(0.95, dim=0) if len(ratios) > 1 else unknown
    tables = (frame(table.numpy()) for table in (ratios[0], low.clamp(-1, 1), high.clamp(-1, 1), null))
    return LayerComparison(*tables, n_samples=int(sizes.sum()), n_batches=n_batches)


def _ratio(sums: Tensor) -> Tensor:
    """CKA of all pairs, as measured and for each shuffle; NaN where a layer's own product is not above 0."""
    own = sums[..., -2, :, :] * sums[..., -1, :, :]
    defined = (sums[..., -2, :, :] > 0) & (sums[..., -1, :, :] > 0)
    ratio = sums[..., :-2, :, :] / torch.where(defined, own, 1.0).sqrt().unsqueeze(-3)
    return torch.where(defined.unsqueeze(-3), ratio.clamp(-1, 1), torch.nan)
