"""Networks without some blocks: smaller, working, and the same where nothing was cut."""

import copy

import pytest
import timm
import torch
from torch.testing import assert_close

from brainalign.models.loading import load_model
from brainalign.models.zoo import load_zoo
from brainalign.studies.pruning import (
    Batch,
    block_importance,
    count_parameters,
    find_blocks,
    macs,
    prune,
    remove_blocks,
    resnet_cifar,
)
from brainalign.studies.pruning.passes import read, read_silenced
from tests.studies.pruning.networks import pictures, small_resnet


def seeded(shape, *, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def tokens(n=6, length=7, vocabulary=20):
    return torch.randint(vocabulary, (n, length), generator=torch.Generator().manual_seed(0))


NETWORKS = {
    "our ResNet": (small_resnet, lambda: pictures().inputs),
    "timm ResNet": (
        lambda: timm.create_model("resnet26", num_classes=5, zero_init_last=False),
        lambda: seeded((6, 3, 64, 64)),
    ),
    "timm ViT, classifier": (lambda: load_zoo("zoo:supervised-xs"), lambda: seeded((12, 3, 24, 24))),
    "timm ViT, no classifier": (lambda: load_zoo("zoo:mae-xs"), lambda: seeded((12, 3, 24, 24))),
    "open_clip image tower": (lambda: load_zoo("zoo:clip-s").visual, lambda: seeded((12, 3, 24, 24))),
    "BERT of the zoo": (lambda: load_zoo("zoo:bert-s"), tokens),
    "GPT-2 of the zoo": (lambda: load_zoo("zoo:gpt-s"), tokens),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_silenced_block_says_what_the_network_without_it_says(name):
    make, inputs = NETWORKS[name]
    model, inputs = make().eval(), inputs()
    chosen = [block for block in find_blocks(model) if not block.changes_shape]
    whole, silenced = read_silenced(model, inputs, chosen)
    for block, reading in zip(chosen, silenced, strict=True):
        smaller = remove_blocks(model, [block.path])
        assert len(find_blocks(smaller)) == len(find_blocks(model)) - 1
        assert count_parameters(smaller) < count_parameters(model)
        alone = read(smaller, inputs)
        assert_close(reading.representation, alone.representation, rtol=1e-4, atol=1e-5)
        assert_close(reading.output, alone.output, rtol=1e-4, atol=1e-5)
        assert (reading.output - whole.output).abs().max() > 1e-4


def test_every_block_less_is_one_block_of_operations_less():
    model = resnet_cifar(56)
    for n_blocks, percent in {10: 37.52, 15: 56.29, 16: 60.04, 20: 75.05, 21: 78.80}.items():
        order = [f"stages.{stage}.{i}" for i in range(8, 1, -1) for stage in (1, 0, 2)]
        smaller = remove_blocks(model, order[:n_blocks])
        operations = macs(smaller, (3, 32, 32))
        assert operations == 125_747_840 - n_blocks * 4_718_592
        assert round(100 * (1 - operations / 125_747_840), 2) == percent


def test_the_smallest_published_network_has_the_published_parameters():
    kept = {"stages.0": 2, "stages.1": 2, "stages.2": 3}
    model = resnet_cifar(56)
    gone = [block.path for block in find_blocks(model) if int(block.path[-1]) >= kept[block.stage]]
    assert count_parameters(remove_blocks(model, gone), running_statistics=True) == 250_922


def test_the_weights_that_stay_are_the_same_and_the_model_is_untouched():
    model = small_resnet()
    before = copy.deepcopy(model.state_dict())
    smaller = remove_blocks(model, ["stages.2.1"])
    assert_close(smaller.stages[2][1].state_dict(), model.stages[2][2].state_dict(), rtol=0, atol=0)
    assert [name for name, _ in smaller.stages[2].named_children()] == ["0", "1"]
    with torch.no_grad():
        smaller.head.weight.zero_()
    assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_minilm_without_layers_is_saved_and_loaded(tmp_path):
    loaded = load_model("minilm")
    smaller = remove_blocks(loaded.module, ["encoder.layer.1", "encoder.layer.4"])
    assert smaller.config.num_hidden_layers == 4
    assert loaded.module.config.num_hidden_layers == 6
    smaller.save_pretrained(tmp_path)
    again = type(smaller).from_pretrained(tmp_path).eval()
    words = loaded.tokenize(["A three is above a four.", "Nothing"])
    with torch.no_grad():
        assert_close(again(**words).last_hidden_state, smaller(**words).last_hidden_state)


def test_minilm_is_pruned_and_its_representation_is_the_mean_over_words():
    loaded = load_model("minilm")
    words = dict(loaded.tokenize(["A three is above a four.", "Nothing", "one two", "a longer sentence about nothing"]))
    mask = words["attention_mask"][..., None]
    with torch.no_grad():
        hidden = loaded.module(**words).last_hidden_state
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    assert_close(read(loaded.module, words).representation, mean, rtol=1e-4, atol=1e-5)
    pruned = prune(loaded.module, Batch(words), 2, min_per_stage=1)
    assert len(find_blocks(pruned.model)) == 4
    assert pruned.order[0] == block_importance(loaded.module, Batch(words), min_per_stage=1).idxmin()


def test_gpt2_without_a_layer_goes_on_from_its_cache():
    """Layers know their place in the cache of keys and values; it must follow."""
    model = remove_blocks(load_zoo("zoo:gpt-s"), ["transformer.h.0"])
    ids = tokens(2, 5)
    with torch.no_grad():
        begun = model(ids[:, :3], use_cache=True)
        rest = model(ids[:, 3:], past_key_values=begun.past_key_values, use_cache=True)
        assert_close(rest.logits, model(ids, use_cache=False).logits[:, 3:], rtol=1e-4, atol=1e-5)
    assert len(begun.past_key_values) == len(find_blocks(model))


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (["stages.1.3"], r"'stages.1.3' is no block of CifarResNet. Did you mean 'stages\.\d\.\d'\? Its blocks are"),
        (["stages.1.0"], "the block 'stages.1.0' changes the shape, so what follows would not fit"),
        (["stages.0.0", "stages.0.1", "stages.0.2"], "the stage 'stages.0' would lose all its blocks"),
    ],
)
def test_what_cannot_be_cut_is_refused(paths, text):
    with pytest.raises(ValueError, match=text):
        remove_blocks(small_resnet(), paths)
