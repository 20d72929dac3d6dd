"""What a network costs: operations and parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from brainalign.studies.pruning.passes import evaluating


def macs(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Multiply-accumulate operations of one sample: those of convolutions, linear maps and attention.

    Parameters
    ----------
    model : Module
        Any network.
    input_shape : sequence of int
        Shape of one sample: (channels, height, width) of a picture, (n_tokens,) of a text.

    Returns
    -------
    int
        Additions of biases, normalizations and activations do not count, as in the study.

    Raises
    ------
    ValueError
        For an empty shape, or one with a size below 1.

    Examples
    --------
    >>> from brainalign.studies.pruning import resnet_cifar
    >>> macs(resnet_cifar(56), (3, 32, 32))
    125747840
    """
    shape = tuple(input_shape)
    if not shape or min(shape) < 1:
        msg = f"input_shape = {shape}; give (channels, height, width) of a picture or (n_tokens,) of a text."
        raise ValueError(msg)
    weight = next(model.parameters())
    form = {"dtype": weight.dtype if len(shape) > 1 else torch.long, "device": weight.device}
    # With gradients: without, some attention goes through one fused operator, which is not counted.
    with evaluating(model), torch.enable_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape, **form))
    return counter.get_total_flops() // 2


def count_parameters(model: nn.Module, *, running_statistics: bool = False) -> int:
    """Numbers that training sets.

    Parameters
    ----------
    model : Module
        Any network.
    running_statistics : bool
        Whether the running means and variances of batch normalization count, too; in Keras, and so in the study, they
        do.

    Returns
    -------
    int
    """
    trained = sum(parameter.numel() for parameter in model.parameters())
    if not running_statistics:
        return trained
    return trained + sum(
        buffer.numel() for name, buffer in model.named_buffers() if name.endswith(("running_mean", "running_var"))
    )
