"""Pictures to be named by a network, and how networks are trained on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from brainalign.datasets.cifar import load_cifar10
from brainalign.datasets.digits import load_digit_images
from brainalign.studies.pruning.training import PUBLISHED_RECIPE, TrainingRecipe

TaskName = Literal["digits", "cifar-10"]
"""Pictures that there are."""

_N_TRAINING_DIGITS = 1200


@dataclass(frozen=True)
class PictureTask:
    """Pictures to train on and to test with, and the recipes that suit them.

    Attributes
    ----------
    train, test : Tensor of shape (n, channels, height, width)
        Pictures, float32.
    train_labels, test_labels : Tensor of shape (n,)
        Their classes, whole numbers from 0.
    training : TrainingRecipe
        For a network with first weights.
    tuning : TrainingRecipe
        For a trained network that lost a block.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    training: TrainingRecipe
    tuning: TrainingRecipe

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one picture."""
        return tuple(self.train.shape[1:])


def load_task(name: TaskName, *, generator: torch.Generator, device: torch.device | str = "cpu") -> PictureTask:
    """Pictures of a task, divided into those for training and for the test.

    Parameters
    ----------
    name : {"digits", "cifar-10"}
        Handwritten digits of 8 x 8 pixels, ink from 0 to 1, divided by chance into 1200 and 597. Or CIFAR-10: colour
        photographs of 32 x 32 pixels, 50000 and 10000 as their authors divided them, from 0 to 1 minus the mean
        training picture.
    generator : torch.Generator
        Divides the digits; not used for CIFAR-10.
    device : device
        Where the pictures are put.

    Returns
    -------
    PictureTask
        The recipe for CIFAR-10 is the study's; how long the digits are trained, and at which rate, is for the caller to
        set with `dataclasses.replace`.

    Raises
    ------
    MissingDataError, ChecksumError
        When the pictures cannot be had; see `brainalign.catalogue.entries.locate`.
    ValueError
        For another name.
    """
    if name == "digits":
        return _digits(generator, device)
    if name == "cifar-10":
        return _cifar10(device)
    msg = f"there are no pictures '{name}'; give digits or cifar-10."
    raise ValueError(msg)


def _digits(generator: torch.Generator, device: torch.device | str) -> PictureTask:
    images, labels = load_digit_images()
    pictures = torch.tensor(images, dtype=torch.float32, device=device)[:, None]
    classes = torch.tensor(labels, device=device)
    order = torch.randperm(len(pictures), generator=generator)
    train, test = order[:_N_TRAINING_DIGITS], order[_N_TRAINING_DIGITS:]
    tuning = TrainingRecipe(1, batch_size=64, milestones=())
    return PictureTask(pictures[train], classes[train], pictures[test], classes[test], TrainingRecipe(1), tuning)


def _cifar10(device: torch.device | str) -> PictureTask:
    found = load_cifar10()
    train, test = (
        torch.tensor(images, device=device).float() / 255 for images in (found.train_images, found.test_images)
    )
    mean = train.mean(dim=0)
    return PictureTask(
        train - mean,
        torch.tensor(found.train_labels, device=device),
        test - mean,
        torch.tensor(found.test_labels, device=device),
        PUBLISHED_RECIPE,
        # A short training has no room for the falls of the rate.
        replace(PUBLISHED_RECIPE, milestones=()),
    )
