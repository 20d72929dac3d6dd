"""Operations by hand."""

import pytest
from open_clip.transformer import VisionTransformer
from torch import nn

from brainalign.models.loading import load_model
from brainalign.studies.pruning import count_parameters, find_blocks, macs, remove_blocks
from brainalign.studies.pruning.surgery import remove_blocks as cut
from tests.studies.pruning.networks import small_resnet


def test_convolutions_and_linear_maps_count_and_nothing_else_does():
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(80, 7)
    )
    assert macs(model, (3, 8, 8)) == 3 * 9 * 5 * 16 + 80 * 7
    assert count_parameters(model) == 3 * 9 * 5 + 5 + 10 + 80 * 7 + 7
    assert count_parameters(model, running_statistics=True) == count_parameters(model) + 10


def test_operations_of_a_transformer_layer_are_those_of_its_matrices():
    model = load_model("minilm").module
    n, width, hidden = 16, 384, 1536
    a_layer = 4 * n * width**2 + 2 * n * width * hidden + 2 * n**2 * width
    assert macs(model, (n,)) == 6 * a_layer + width**2  # and the pooler, which reads one token
    assert macs(remove_blocks(model, ["encoder.layer.2"]), (n,)) == 5 * a_layer + width**2


def test_attention_that_libraries_fuse_is_counted_too():
    sizes = {"image_size": 8, "patch_size": 4, "width": 12, "layers": 1, "heads": 3, "mlp_ratio": 4.0, "output_dim": 6}
    tower = VisionTransformer(**sizes)
    n, width = 5, 12
    a_layer = 4 * n * width**2 + 8 * n * width**2 + 2 * n**2 * width
    assert macs(tower, (3, 8, 8)) == 4 * 3 * 16 * width + a_layer + width * 6


def test_counting_leaves_the_model_as_it_was():
    model = small_resnet().train()
    statistics = model.bn1.running_mean.clone()
    macs(model, (1, 8, 8))
    assert model.training
    assert model.bn1.running_mean.tolist() == statistics.tolist()


def test_double_precision_is_counted_alike():
    assert macs(small_resnet().double(), (1, 8, 8)) == macs(small_resnet(), (1, 8, 8))


def test_original_resnet50_has_the_published_savings():
    """The study's network takes the stride in the first convolution of a block, today's in the second."""
    model = load_model("timm:resnet50@random").module
    blocks = find_blocks(model)
    for block in blocks:
        block.module.conv1.stride, block.module.conv2.stride = block.module.conv2.stride, block.module.conv1.stride
    whole = macs(model, (3, 224, 224))
    spare = [block.path for block in blocks if not block.changes_shape]
    saved = {n: 100 * (1 - macs(cut(model, spare[:n]), (3, 224, 224)) / whole) for n in (7, 8)}
    assert saved == pytest.approx({7: 39.62, 8: 45.28}, abs=0.1)


@pytest.mark.parametrize("shape", [(), (3, 0, 8)])
def test_a_shape_without_values_is_refused(shape):
    with pytest.raises(ValueError, match=r"give \(channels, height"):
        macs(small_resnet(), shape)
