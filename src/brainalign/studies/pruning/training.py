"""Training a classifier of pictures, and training it further after a block went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainalign.studies.pruning.augmentation import shift_and_flip
from brainalign.studies.pruning.passes import evaluating

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""From pictures to pictures of the same classes."""

_PART = 256


@dataclass(frozen=True)
class TrainingRecipe:
    """How a network is trained: stochastic gradient descent with Nesterov momentum.

    Attributes
    ----------
    epochs : int
        How often every picture is seen.
    learning_rate : float
        At the start; divided by 10 after each milestone.
    batch_size : int
        Pictures a step.
    weight_decay : float
        Of weight matrices and kernels.
    momentum : float
        Share of the last step that goes on.
    milestones : tuple of float
        Shares of the epochs after which the learning rate falls.
    augment : callable, optional
        Changes the pictures of every step, for example `shift_and_flip`.
    """

    epochs: int
    learning_rate: float = 0.01
    batch_size: int = 128
    weight_decay: float = 1e-4
    momentum: float = 0.9
    milestones: tuple[float, ...] = (0.5, 0.75)
    augment: Augment | None = None

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch, counted from 0."""
        return self.learning_rate / 10 ** sum(epoch >= share * self.epochs for share in self.milestones)


# Keras adds weight_decay * w^2 to the loss, whose gradient is twice what torch adds for the same number.
PUBLISHED_RECIPE = TrainingRecipe(epochs=200, weight_decay=2e-4, augment=shift_and_flip)
"""The study's recipe for CIFAR-10, as its read-me, its code and its released files give it.

The files have an L2 penalty of 1e-4, which is a weight decay of 2e-4 here. The code shows no augmentation; this is the
one with which the networks were introduced. Left out is that Keras divides the rate by 1 + 1e-6 times the number of
steps, which makes it 7 % less at the end.
"""


def train_classifier(
    model: nn.Module, pictures: Tensor, labels: Tensor, recipe: TrainingRecipe, *, generator: torch.Generator
) -> float:
    """Train a network in place.

    Parameters
    ----------
    model : Module
        From pictures to logits; left in evaluation mode.
    pictures : Tensor of shape (n, channels, height, width)
        Training pictures.
    labels : Tensor of shape (n,)
        Their classes, whole numbers from 0.
    recipe : TrainingRecipe
        How.
    generator : torch.Generator
        For the order of the pictures, and for the augmentation.

    Returns
    -------
    float
        Mean loss of the last epoch.

    Raises
    ------
    ValueError
        For no epochs, or fewer than two pictures: batch normalization needs two.
    """
    if recipe.epochs < 1 or len(pictures) < 2 or len(pictures) != len(labels):
        msg = (
            f"training takes at least 1 epoch, and 2 pictures with a label each; got {recipe.epochs} epochs, "
            f"{len(pictures)} pictures and {len(labels)} labels."
        )
        raise ValueError(msg)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors}],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=True,
    )
    model.train()
    for epoch in range(recipe.epochs):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(epoch)
        loss = _epoch(model, pictures, labels, recipe, optimizer, generator)
    model.eval()
    return loss


def train_further(
    model: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    recipe: TrainingRecipe,
    *,
    n_pictures: int,
    generator: torch.Generator,
) -> float:
    """Train a network in place on some of the pictures, drawn anew at every call.

    Parameters
    ----------
    model, pictures, labels, recipe, generator
        As for `train_classifier`.
    n_pictures : int
        How many pictures are drawn, without repetition.

    Returns
    -------
    float
        Mean loss of the last epoch.

    Raises
    ------
    ValueError
        For more pictures than there are, and what `train_classifier` refuses.
    """
    if n_pictures > len(pictures):
        msg = f"n_pictures = {n_pictures}, but there are {len(pictures)}; give at most that many."
        raise ValueError(msg)
    drawn = torch.randperm(len(pictures), generator=generator)[:n_pictures]
    return train_classifier(model, pictures[drawn], labels[drawn], recipe, generator=generator)


def _epoch(
    model: nn.Module,
    pictures: Tensor,
    labels: Tensor,
    recipe: TrainingRecipe,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> float:
    losses = []
    for chosen in torch.randperm(len(pictures), generator=generator).split(recipe.batch_size):
        if len(chosen) < 2:  # a picture alone has no variance to be normalized by
            continue
        seen = pictures[chosen] if recipe.augment is None else recipe.augment(pictures[chosen], generator)
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(model(seen), labels[chosen])
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().tolist()


@torch.no_grad()
def classification_accuracy(model: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures whose class is named, from 0 to 1.

    Parameters
    ----------
    model : Module
        From pictures to logits.
    pictures : Tensor of shape (n, channels, height, width)
        Pictures that were not trained on.
    labels : Tensor of shape (n,)
        Their classes.

    Returns
    -------
    float
    """
    with evaluating(model):
        answers = torch.cat([model(part).argmax(dim=1) for part in pictures.split(_PART)])
    return (answers == labels).double().mean().tolist()
