"""Training: what is learned, which rate an epoch has, and what is refused."""

from dataclasses import replace

import pytest
import torch

from brainalign.studies.pruning import (
    PUBLISHED_RECIPE,
    TrainingRecipe,
    classification_accuracy,
    train_classifier,
    train_further,
    training,
)
from tests.studies.pruning.networks import small_resnet

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def bars():
    """Vertical and horizontal bars: two classes."""
    generator = torch.Generator().manual_seed(0)
    images = 0.2 * torch.rand(64, 1, 8, 8, generator=generator)
    labels = torch.arange(64) % 2
    images[labels == 0, :, :, 3] += 1
    images[labels == 1, :, 3, :] += 1
    return images, labels


def trained(bars, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = small_resnet(8)
    loss = train_classifier(model, *bars, TrainingRecipe(3, learning_rate=0.05, batch_size=21), generator=generator)
    return model, loss


def test_two_classes_are_learned(bars):
    model, loss = trained(bars)
    assert not model.training
    assert loss < 0.5
    assert classification_accuracy(model, *bars) > 0.9


def test_the_same_generator_gives_the_same_network(bars):
    first, again, other = (trained(bars, seed=seed)[0].head.weight.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_accuracy_is_the_share_of_right_answers():
    model = torch.nn.Identity()
    assert classification_accuracy(model, torch.eye(4)[[0, 1, 2, 3]], torch.tensor([0, 1, 3, 3])) == 0.75


def test_the_published_rate_falls_after_100_and_150_epochs():
    rates = [PUBLISHED_RECIPE.rate(epoch) for epoch in (0, 99, 100, 149, 150, 199)]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001])


@pytest.mark.parametrize(("epochs", "n", "n_labels"), [(0, 4, 4), (1, 1, 1), (1, 4, 3)])
def test_training_on_nothing_is_refused(epochs, n, n_labels):
    with pytest.raises(ValueError, match=f"got {epochs} epochs, {n} pictures and {n_labels} labels"):
        train_classifier(
            small_resnet(8),
            torch.zeros(n, 1, 8, 8),
            torch.zeros(n_labels, dtype=torch.long),
            TrainingRecipe(epochs),
            generator=torch.Generator(),
        )


def test_training_further_draws_other_pictures_each_time(bars, monkeypatch):
    seen = []

    def note(model, pictures, labels, recipe, *, generator):
        seen.append([int((bars[0] == picture).flatten(1).all(dim=1).nonzero()) for picture in pictures])
        return 0.0

    monkeypatch.setattr(training, "train_classifier", note)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        train_further(small_resnet(8), *bars, TrainingRecipe(1), n_pictures=20, generator=generator)
    assert [len(set(drawn)) for drawn in seen] == [20, 20]
    assert set(seen[0]) != set(seen[1])


def test_more_pictures_than_there_are_is_refused(bars):
    with pytest.raises(ValueError, match="n_pictures = 65, but there are 64"):
        train_further(small_resnet(8), *bars, TrainingRecipe(1), n_pictures=65, generator=torch.Generator())


def test_every_step_is_trained_on_changed_pictures(bars):
    seen = []

    def darken(pictures, generator):
        seen.append(len(pictures))
        return 0 * pictures

    recipe = TrainingRecipe(2, batch_size=40, augment=darken)
    model = small_resnet(8)
    untouched = model.conv1.weight.detach().clone()
    train_classifier(model, *bars, replace(recipe, weight_decay=0.0), generator=torch.Generator().manual_seed(0))
    assert seen == [40, 24, 40, 24]
    assert torch.equal(model.conv1.weight, untouched)  # black pictures teach the first convolution nothing
