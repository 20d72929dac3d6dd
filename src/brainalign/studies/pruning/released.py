"""The trained networks that the study of layer pruning released, as networks of this project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from brainalign.catalogue.entries import locate, state_of
from brainalign.datasets.keras_files import KerasLayer, read_keras
from brainalign.datasets.pruned_resnets import PRUNED_RESNET56
from brainalign.studies.pruning.resnets import CifarResNet

RELEASED_WEIGHTS = "pruned-resnet56-weights"
"""Entry of the catalogue."""

N_RELEASED = 20
"""Networks with weights: after one removal, after two, and so on. The whole network was not released."""

MEAN_COLOUR = (0.4914, 0.4822, 0.4465)
"""Red, green and blue of the training pictures of CIFAR-10, on average over pictures and pixels."""

_SIDE = 32  # of a picture of CIFAR-10


class _BlockNames(NamedTuple):
    conv1: str
    bn1: str
    conv2: str
    bn2: str
    skip: str | None


def has_released_networks() -> bool:
    """Whether the graphs and the weights are on this machine."""
    return all(state_of(name) in ("mirror", "here") for name in (PRUNED_RESNET56, RELEASED_WEIGHTS))


def load_released(n_removed: int) -> CifarResNet:
    """A trained network of the study.

    Parameters
    ----------
    n_removed : int
        Blocks that it lost, from 1 to `N_RELEASED`.

    Returns
    -------
    CifarResNet
        In evaluation mode. It takes pictures of shape (n, 3, 32, 32), from 0 to 1 minus the mean training picture.

    Raises
    ------
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.
    ValueError
        For another number of blocks.

    References
    ----------
    Pons et al. (2024). Effective layer pruning through similarity metric perspective. arXiv 2405.17081.
    """
    if not 1 <= n_removed <= N_RELEASED:
        msg = f"n_removed = {n_removed}; networks were released for 1 to {N_RELEASED} removed blocks."
        raise ValueError(msg)
    stem = f"pruned_models/ResNet56/ResNet56_CKA_p[1]_iterations[{n_removed - 1}]"  # the files count from 0
    return resnet_of(read_keras(locate(PRUNED_RESNET56, f"{stem}.json"), locate(RELEASED_WEIGHTS, f"{stem}.h5")))


def released_inputs(images: ArrayLike, mean: ArrayLike | None = None) -> Tensor:
    """Pictures as the released networks take them.

    Parameters
    ----------
    images : array_like of shape (n, 3, 32, 32)
        Colours from 0 to 255.
    mean : array_like of shape (3, 32, 32), optional
        Mean of all training pictures, from 0 to 255; that of 1000 of them is so noisy that it costs 14 points of
        accuracy. By default `MEAN_COLOUR` everywhere, which costs about one point.

    Returns
    -------
    Tensor of shape (n, 3, 32, 32)
        From 0 to 1, minus the mean.

    Raises
    ------
    ValueError
        For pictures of another shape.
    """
    pictures = torch.as_tensor(np.asarray(images)).float() / 255
    if pictures.ndim != 4 or tuple(pictures.shape[1:]) != (3, _SIDE, _SIDE):
        msg = f"pictures of shape {tuple(pictures.shape)}; give (n, 3, {_SIDE}, {_SIDE})."
        raise ValueError(msg)
    if mean is None:
        return pictures - torch.tensor(MEAN_COLOUR)[:, None, None]
    return pictures - torch.as_tensor(np.asarray(mean)).float() / 255


def resnet_of(layers: Mapping[str, KerasLayer]) -> CifarResNet:
    """The network of this project that computes what a graph of Keras says.

    Parameters
    ----------
    layers : dict of str to KerasLayer
        From `brainalign.datasets.keras_files.read_keras`.

    Returns
    -------
    CifarResNet
        With blocks as the graph has them; its logits are what the last layer of the graph gives to its softmax.

    Raises
    ------
    ValueError
        When the graph is of another kind, or a setting of a layer has no counterpart here; the text names the layer.
    """
    first, blocks, head = _follow(layers)
    widths = [_stored(layers, block.conv2, "kernel").shape[-1] for block in blocks]
    stages = [widths.count(width) for width in sorted(set(widths))]
    n_channels, width = _stored(layers, first.conv1, "kernel").shape[-2:]
    n_classes = _stored(layers, head, "kernel").shape[-1]
    model = CifarResNet(stages, width, n_classes, n_channels, end_padded=True)
    _fill(model.conv1, first.conv1, layers)
    _fill(model.bn1, first.bn1, layers)
    _fill(model.head, head, layers)
    for module, names in zip((block for stage in model.stages for block in stage), blocks, strict=True):
        for part in ("conv1", "bn1", "conv2", "bn2"):
            _fill(getattr(module, part), getattr(names, part), layers)
        if (module.downsample is None) != (names.skip is None):
            msg = f"the block that ends in '{names.bn2}' changes the shape in a way that has no counterpart here."
            raise ValueError(msg)
        if names.skip is not None:
            _fill(module.downsample, names.skip, layers)
    return model.eval()


class _First(NamedTuple):
    conv1: str
    bn1: str


def _follow(layers: Mapping[str, KerasLayer]) -> tuple[_First, list[_BlockNames], str]:
    """The layers of every part, from the classifier back to the input, with all that stands between them checked."""
    head = [*layers][-1]
    _expect(layers, head, "Dense", activation="softmax")
    (flat,) = layers[head].inputs
    (pool,) = layers[flat].inputs
    _expect(layers, flat, "Flatten")
    _expect(layers, pool, "AveragePooling2D", pool_size=[_SIDE // 4, _SIDE // 4], padding="valid")
    (at,) = layers[pool].inputs
    blocks = []
    while layers[layers[at].inputs[0]].kind == "Add":
        names, at = _block(layers, at)
        blocks.append(names)
    conv1, bn1, source = _convolved(layers, at)
    _expect(layers, source, "InputLayer")
    _expect_shape(layers, source)
    return _First(conv1, bn1), blocks[::-1], head


def _expect_shape(layers: Mapping[str, KerasLayer], source: str) -> None:
    shape = layers[source].settings["batch_input_shape"]
    if list(shape[1:3]) != [_SIDE, _SIDE]:
        msg = f"'{source}' takes pictures of {shape[1]} x {shape[2]} pixels; {_SIDE} x {_SIDE} are read here."
        raise ValueError(msg)


def _block(layers: Mapping[str, KerasLayer], end: str) -> tuple[_BlockNames, str]:
    """Names of the block that ends in an activation, and the layer that it takes its input from."""
    _expect(layers, end, "Activation", activation="relu")
    skip, bn2 = layers[layers[end].inputs[0]].inputs
    _expect(layers, bn2, "BatchNormalization")
    (conv2,) = layers[bn2].inputs
    conv1, bn1, source = _convolved(layers, layers[conv2].inputs[0])
    is_convolved = layers[skip].kind == "Conv2D"
    if source != (layers[skip].inputs[0] if is_convolved else skip):
        msg = f"the skip '{skip}' does not begin where its block does, at '{source}'; such a graph cannot be read."
        raise ValueError(msg)
    return _BlockNames(conv1, bn1, conv2, bn2, skip if is_convolved else None), source


def _convolved(layers: Mapping[str, KerasLayer], end: str) -> tuple[str, str, str]:
    """Convolution, normalization, and what goes in, of relu(normalization(convolution(x)))."""
    _expect(layers, end, "Activation", activation="relu")
    (norm,) = layers[end].inputs
    _expect(layers, norm, "BatchNormalization")
    (conv,) = layers[norm].inputs
    _expect(layers, conv, "Conv2D")
    return conv, norm, layers[conv].inputs[0]


def _expect(layers: Mapping[str, KerasLayer], name: str, kind: str, **settings: object) -> None:
    layer = layers[name]
    found = {key: layer.settings.get(key) for key in settings}
    if layer.kind != kind or found != settings:
        wanted = ", ".join([kind, *(f"{key} {value}" for key, value in settings.items())])
        given = ", ".join([layer.kind, *(f"{key} {value}" for key, value in found.items())])
        msg = f"the layer '{name}' is {given} where {wanted} was expected; the graph is no residual network of CIFAR."
        raise ValueError(msg)


@torch.no_grad()
def _fill(module: nn.Module, name: str, layers: Mapping[str, KerasLayer]) -> None:
    """Give a module the weights and the settings of a layer."""
    if isinstance(module, nn.BatchNorm2d):
        _expect(layers, name, "BatchNormalization", axis=[3], center=True, scale=True)
        module.eps = layers[name].settings["epsilon"]
        keys = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    else:
        keys = {"weight": "kernel", "bias": "bias"}
        if isinstance(module, nn.Conv2d):
            same = {"strides": list(module.stride), "padding": "same", "activation": "linear", "dilation_rate": [1, 1]}
            _expect(layers, name, "Conv2D", use_bias=True, data_format="channels_last", **same)
    for own, theirs in keys.items():
        target, values = getattr(module, own), _turned(_stored(layers, name, theirs))
        if target.shape != values.shape:
            msg = (
                f"{theirs} of '{name}' has the shape {tuple(values.shape)} in the axes of torch, not "
                f"{tuple(target.shape)}; the weights do not fit the graph."
            )
            raise ValueError(msg)
        target.copy_(values)


def _stored(layers: Mapping[str, KerasLayer], name: str, weight: str) -> Tensor:
    try:
        return torch.tensor(layers[name].weights[weight])
    except KeyError:
        msg = f"the layer '{name}' has no {weight} among the weights; give the two files of one network."
        raise ValueError(msg) from None


def _turned(weights: Tensor) -> Tensor:
    """From the axes of Keras (height, width, in, out) to those of torch (out, in, height, width)."""
    return weights.permute(3, 2, 0, 1) if weights.ndim == 4 else weights.T if weights.ndim == 2 else weights
