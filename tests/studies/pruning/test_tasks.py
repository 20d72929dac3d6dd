"""Tasks: the digits, and CIFAR-10 from miniature files through training, pruning and the order of stages."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from brainalign.datasets import cifar
from brainalign.studies.pruning import (
    PUBLISHED_RECIPE,
    Batch,
    block_labels,
    classification_accuracy,
    compare_criteria,
    load_task,
    resnet_cifar,
    shift_and_flip,
    stage_order_agreement,
    train_classifier,
    train_further,
)
from tests.datasets.cifar_files import pack, write_folder


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    batches = write_folder(tmp_path / "cifar-10-batches-py", 12)
    archive = pack(tmp_path / "cifar-10-batches-py", tmp_path / "small.tar.gz")
    monkeypatch.setattr(cifar, "locate", lambda name, path: archive)
    return batches


def test_digits_are_divided_by_chance():
    first, other = (load_task("digits", generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert first.train.shape == (1200, 1, 8, 8)
    assert first.test.shape == (597, 1, 8, 8)
    assert first.shape == (1, 8, 8)
    assert (len(first.train_labels), len(first.test_labels)) == (1200, 597)
    assert first.training.augment is None
    assert not torch.equal(first.train_labels, other.train_labels)


def test_cifar_pictures_lose_the_mean_of_the_training_pictures(miniature):
    task = load_task("cifar-10", generator=torch.Generator())
    assert task.train.shape == (60, 3, 32, 32)
    assert task.train.mean(dim=0).abs().max() < 1e-6
    rows = torch.stack([torch.tensor(rows) for rows, _ in miniature.values()]) / 255
    mean = rows[:5].reshape(60, -1).mean(dim=0)
    torch.testing.assert_close(task.test.flatten(1), rows[5] - mean)
    assert task.training == PUBLISHED_RECIPE
    assert task.tuning.rate(199) == task.tuning.learning_rate == 0.01


def test_other_pictures_are_refused():
    with pytest.raises(ValueError, match="there are no pictures 'mnist'"):
        load_task("mnist", generator=torch.Generator())


def test_the_published_recipe_decays_as_keras_does():
    assert PUBLISHED_RECIPE.augment is shift_and_flip
    weight = torch.tensor(3.0, requires_grad=True)
    (1e-4 * weight**2).backward()  # the penalty in the released files
    assert weight.grad.item() == pytest.approx(PUBLISHED_RECIPE.weight_decay * 3)


def test_a_network_of_cifar_pictures_is_trained_pruned_and_compared(miniature):
    generator = torch.Generator().manual_seed(0)
    task = load_task("cifar-10", generator=generator)
    network = resnet_cifar(14, width=4, generator=generator)
    first = network.head.weight.detach().clone()
    train_classifier(network, task.train, task.train_labels, replace(task.training, epochs=1), generator=generator)
    assert not torch.equal(network.head.weight, first)
    accuracy = partial(classification_accuracy, pictures=task.test, labels=task.test_labels)
    tune = partial(
        train_further,
        pictures=task.train,
        labels=task.train_labels,
        recipe=replace(task.tuning, epochs=1),
        n_pictures=24,
        generator=generator,
    )
    runs = compare_criteria(
        network,
        Batch(task.train[:16], task.train_labels[:16]),
        ["linear_cka", "random"],
        3,
        accuracy=accuracy,
        input_shape=task.shape,
        min_per_stage=1,
        fine_tune=tune,
        generator=generator,
    )
    assert runs["step"].tolist() == [0, 1, 2, 3] * 2
    assert runs[["cut", "tuned"]].stack().between(0, 1).all()
    assert set(runs["block"]) <= {"", *block_labels(network).values()}
    stages = runs[(runs["criterion"] == "linear_cka") & (runs["step"] > 0)]["block"].str[0].astype(int).tolist()
    assert sorted(stages) == [0, 1, 2]
    assert stage_order_agreement(stages, stages) == 1
