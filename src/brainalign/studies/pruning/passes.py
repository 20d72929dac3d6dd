"""Passing samples through a network with blocks silenced, without computing anything twice.

A silenced block passes its input on. Up to that block nothing changes, so one pass of the whole network gives the input
of every block, and only what comes after a silenced block has to be computed again: half of the work on average.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brainalign.models.taps import tap
from brainalign.studies.pruning.batches import Inputs
from brainalign.studies.pruning.blocks import Block, find_blocks

_CLASSIFIERS = ("classifier", "fc", "head")


@dataclass(frozen=True)
class Reading:
    """What a network says of some samples.

    Attributes
    ----------
    representation : Tensor of shape (n_samples, n_features)
        What the classifier reads; without a classifier, the tokens of the last block, averaged.
    output : Tensor of shape (n_samples, ...)
        Logits; without a classifier, the representation.
    """

    representation: Tensor
    output: Tensor


def concatenate(readings: Sequence[Reading]) -> Reading:
    """One reading of all samples."""
    return Reading(
        torch.cat([reading.representation for reading in readings]),
        torch.cat([reading.output for reading in readings]),
    )


def find_classifier(model: nn.Module) -> nn.Linear | None:
    """The linear layer that gives the logits; None where the model ends in a representation."""
    if callable(getattr(model, "get_classifier", None)):  # timm
        found = model.get_classifier()
    else:
        found = next((getattr(model, name) for name in _CLASSIFIERS if hasattr(model, name)), None)
    return found if isinstance(found, nn.Linear) else None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode inside the block, and in the mode it was in after it."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@torch.no_grad()
def read(model: nn.Module, inputs: Inputs) -> Reading:
    """Representation and output of some samples.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    inputs : Tensor, or mapping of str to Tensor
        What it is called with.

    Returns
    -------
    Reading
    """
    classifier = find_classifier(model)
    if classifier is None:
        last = len(find_blocks(model)) - 1
        weight = next(model.parameters())
        form = {"dtype": weight.dtype, "device": weight.device}
        with tap(model, ["residual"], layers=[last], pool="mean", **form) as record:
            _call(model, inputs)
        (representation,) = (record[key] for key in record)
        return Reading(representation, representation)
    kept: list[Tensor] = []
    with classifier.register_forward_pre_hook(lambda module, args: kept.append(args[0])):
        output = _call(model, inputs)
    return Reading(kept[0], output if isinstance(output, Tensor) else output.logits)


@torch.no_grad()
def read_silenced(model: nn.Module, inputs: Inputs, chosen: Sequence[Block]) -> tuple[Reading, list[Reading]]:
    """Reading of the whole network, and with each chosen block silenced, one at a time.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    inputs : Tensor, or mapping of str to Tensor
        What it is called with.
    chosen : sequence of Block
        Blocks of `find_blocks` that keep the shape.

    Returns
    -------
    whole : Reading
    silenced : list of Reading
        One for each chosen block.
    """
    blocks = find_blocks(model)
    streams: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for block in chosen:
            stack.enter_context(_keeping_input(block, streams))
        whole = read(model, inputs)
    paths = [block.path for block in blocks]
    readings = []
    for block in chosen:
        until = blocks[: paths.index(block.path) + 1]
        with _passing_on(until, streams.pop(block.path)):
            readings.append(read(model, inputs))
    return whole, readings


def _call(model: nn.Module, inputs: Inputs) -> object:
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)


@contextmanager
def _keeping_input(block: Block, streams: dict[str, Tensor]) -> Iterator[None]:
    def keep(module: nn.Module, args: tuple, kwargs: dict) -> None:
        streams[block.path] = args[0] if args else next(iter(kwargs.values()))

    with block.module.register_forward_pre_hook(keep, with_kwargs=True):
        yield


@contextmanager
def _passing_on(blocks: Sequence[Block], stream: Tensor) -> Iterator[None]:
    """Every one of these blocks gives `stream` at no cost; the hooks on them still run."""
    try:
        for block in blocks:
            block.module.forward = lambda *args, **kwargs: stream
        yield
    finally:
        for block in blocks:
            block.module.__dict__.pop("forward", None)
