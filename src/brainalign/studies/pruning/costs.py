"""What a network costs: operations, parameters, time and energy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from brainalign.studies.pruning.batches import Inputs
from brainalign.studies.pruning.passes import evaluating, read

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the energy counters of the processor (RAPL)."""


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


@dataclass(frozen=True)
class Effort:
    """What it took to run a network.

    Attributes
    ----------
    latency : float
        Seconds for one batch, the median over repeats.
    energy : float or None
        Joules for one batch, the mean over repeats, of everything that ran on the processor meanwhile. None where the
        machine shows no counter, or hides it.
    """

    latency: float
    energy: float | None


def measure_effort(
    model: nn.Module,
    inputs: Inputs,
    *,
    repeats: int = 20,
    clock: Callable[[], float] = time.perf_counter,
    energy_counters: Path = POWERCAP,
) -> Effort:
    """Time and energy of running a network on a batch.

    Parameters
    ----------
    model : Module
        The network.
    inputs : Tensor, or mapping of str to Tensor
        The batch.
    repeats : int
        How often it is run, after one run that is not counted.
    clock : callable
        Gives the time in seconds.
    energy_counters : Path
        Folder of the processor's energy counters.

    Returns
    -------
    Effort

    Raises
    ------
    ValueError
        For fewer than 1 repeat.
    """
    if repeats < 1:
        msg = f"repeats = {repeats} must be at least 1."
        raise ValueError(msg)
    device = next(model.parameters()).device
    times = []
    with evaluating(model):
        _run(model, inputs, device)
        spent = read_energy(energy_counters)
        for _ in range(repeats):
            start = clock()
            _run(model, inputs, device)
            times.append(clock() - start)
        total = read_energy(energy_counters)
    energy = None if spent is None or total is None or total < spent else (total - spent) / repeats
    return Effort(median(times), energy)


def read_energy(folder: Path = POWERCAP) -> float | None:
    """Joules that the processor has used, by a counter that starts anew now and then.

    Parameters
    ----------
    folder : Path
        Where Linux shows the counters.

    Returns
    -------
    float or None
        Sum over the processor's packages; None where there is no counter or it may not be read.
    """
    counters = sorted(folder.glob("intel-rapl:[0-9]*/energy_uj"))
    packages = [path for path in counters if path.parent.name.count(":") == 1]  # deeper ones are parts of these
    try:
        return sum(int(path.read_text()) for path in packages) * 1e-6 if packages else None
    except OSError:
        return None


def _run(model: nn.Module, inputs: Inputs, device: torch.device) -> None:
    read(model, inputs)
    if device.type == "cuda":  # its work is only queued
        torch.cuda.synchronize(device)
