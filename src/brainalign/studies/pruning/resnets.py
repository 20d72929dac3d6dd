"""The residual networks of the CIFAR family: three stages of basic blocks, of any depth 6n + 2."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

_N_STAGES, _LAYERS_A_BLOCK, _LAYERS_OUTSIDE = 3, 2, 2


class _EndPadded(nn.Conv2d):
    """A 3 x 3 convolution of stride 2 whose zeros come at the end, as in Keras; at both ends where a side is odd.

    Torch puts zeros at both ends in any case, so that over an even side its windows begin one pixel earlier.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps of shape (batch, n_in, height, width) to (batch, n_out, ...)."""
        height, width = x.shape[-2:]
        return super().forward(pad(x, (width % 2, 1, height % 2, 1)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a skip: relu(skip(x) + branch(x)).

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    stride : int
        Of the first convolution and of the skip. The skip is a 1 x 1 convolution where the shape changes, else it
        passes its input on.
    end_padded : bool
        Whether a stride of 2 puts its zeros at the end, as Keras does.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, *, end_padded: bool = False) -> None:
        super().__init__()
        if end_padded and stride == 2:
            self.conv1 = _EndPadded(n_in, n_out, 3, stride=stride)
        else:
            self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(n_out)
        keeps_shape = n_in == n_out and stride == 1
        self.downsample = None if keeps_shape else nn.Conv2d(n_in, n_out, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps of shape (batch, n_in, height, width) to (batch, n_out, ...)."""
        skip = x if self.downsample is None else self.downsample(x)
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(skip + self.bn2(self.conv2(inner)))


class CifarResNet(nn.Module):
    """A first convolution, three stages of residual blocks, global pooling, and a linear classifier.

    Parameters
    ----------
    n_blocks : sequence of int
        Blocks in each of the three stages.
    width : int
        Channels of the first stage; each further stage has twice as many, at half the side.
    n_classes, n_channels : int
        Classes, and channels of a picture.
    end_padded : bool
        As for `ResidualBlock`.
    """

    def __init__(
        self, n_blocks: Sequence[int], width: int, n_classes: int, n_channels: int, *, end_padded: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_channels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        stages, n_in = [], width
        for stage, n in enumerate(n_blocks):
            n_out = width * 2**stage
            first = ResidualBlock(n_in, n_out, stride=1 if stage == 0 else 2, end_padded=end_padded)
            stages.append(nn.Sequential(first, *(ResidualBlock(n_out, n_out, 1) for _ in range(n - 1))))
            n_in = n_out
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(n_in, n_classes)

    def get_classifier(self) -> nn.Linear:
        """The last layer, under the name by which timm's models give it."""
        return self.head

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures of shape (batch, n_channels, height, width) to logits of shape (batch, n_classes)."""
        maps = self.stages(torch.relu(self.bn1(self.conv1(pictures))))
        return self.head(maps.mean(dim=(-2, -1)))


def resnet_cifar(
    depth: int,
    *,
    width: int = 16,
    n_classes: int = 10,
    n_channels: int = 3,
    generator: torch.Generator | None = None,
) -> CifarResNet:
    """An untrained residual network of the CIFAR family.

    Parameters
    ----------
    depth : int
        Layers: 6 n + 2 with n blocks in each of three stages (20, 32, 44, 56, 110).
    width : int
        Channels of the first stage; 16 in the papers.
    n_classes, n_channels : int
        Classes, and channels of a picture.
    generator : torch.Generator, optional
        Draws the first weights; by default one with seed 0.

    Returns
    -------
    CifarResNet
        Convolutions have biases, and a skip that changes the shape is a 1 x 1 convolution, as in the released
        networks of the study.

    Raises
    ------
    ValueError
        For a depth that is not 6 n + 2, or a size below 1.

    References
    ----------
    He et al. (2016). Deep residual learning for image recognition. CVPR, section 4.2.
    Pons et al. (2024). Effective layer pruning through similarity metric perspective. arXiv 2405.17081.

    Examples
    --------
    >>> resnet_cifar(20)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    n_blocks, rest = divmod(depth - _LAYERS_OUTSIDE, _N_STAGES * _LAYERS_A_BLOCK)
    if rest or n_blocks < 1:
        msg = f"depth = {depth} is not 6 n + 2; give 8, 14, 20, 26, 32, 44, 56, 110 or another of these."
        raise ValueError(msg)
    sizes = {"width": width, "n_classes": n_classes, "n_channels": n_channels}
    if wrong := {name: size for name, size in sizes.items() if size < 1}:
        msg = f"{', '.join(f'{name} = {size}' for name, size in wrong.items())} must be at least 1."
        raise ValueError(msg)
    model = CifarResNet([n_blocks] * _N_STAGES, width, n_classes, n_channels)
    _draw_weights(model, generator or torch.Generator().manual_seed(0))
    return model


@torch.no_grad()
def _draw_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Normal with variance 2 / fan-in, biases 0: what the released files name as their first weights."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
            module.bias.zero_()
