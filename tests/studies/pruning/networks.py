"""Small networks with blocks that matter, and batches for them."""

from __future__ import annotations

import torch

from brainalign.studies.pruning import Batch, CifarResNet, resnet_cifar


def small_resnet(depth: int = 20, *, seed: int = 0) -> CifarResNet:
    """Random weights and running statistics, so that no part does nothing."""
    generator = torch.Generator().manual_seed(seed)
    model = resnet_cifar(depth, width=4, n_channels=1, generator=generator)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.2, 0.2, generator=generator)
                module.running_mean.normal_(0, 0.1, generator=generator)
    return model.eval()


def pictures(n: int = 24, *, seed: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.rand(n, 1, 8, 8, generator=generator)
    return Batch(inputs, torch.randint(10, (n,), generator=generator))
