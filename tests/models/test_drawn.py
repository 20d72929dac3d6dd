import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from brainalign.catalogue.references import parse_reference
from brainalign.models import spatial_attention
from brainalign.models.attention_shapes import STAND_IN_SHAPES, attention_shape, read_shape
from brainalign.models.drawn import draw_weights, drawn_attention, head_counts, n_nodes
from brainalign.models.opening import open_checkpoint
from brainalign.topology import head_metrics
from tests.models.families import FAMILIES, save

OWN = [
    name
    for name, family in FAMILIES.items()
    if family.table is not None and not name.startswith(("BridgeTower", "METER"))
]
GROUPED = ["LLaMA", "Qwen3", "Phi-3", "Qwen2.5-VL, text"]
LEARNED = ["BERT", "GPT-2", "ViT", "DINOv2", "timm's ViT", "timm's distilled DeiT", "CLIP, vision", "CLIP, text"]
LEARNED += ["open_clip, vision", "open_clip, text"]


def shape_of(saved, name):
    _, reference = saved(name)
    parsed = parse_reference(reference)
    return read_shape(open_checkpoint(parsed), parsed.tower), reference


def draw(shape, seed=0, **options):
    return draw_weights(shape, generator=np.random.default_rng(seed), **options)


def assert_same_shapes(drawn, read):
    for part in ("positions", "query", "key", "bias"):
        arrays = getattr(drawn, part), getattr(read, part)
        assert_equal(*(None if array is None else (array.shape, array.dtype) for array in arrays), err_msg=part)
    for part in ("tower", "position_kind", "n_prefix", "grid"):
        assert_equal(getattr(drawn, part), getattr(read, part), err_msg=part)


@pytest.mark.parametrize("name", [*OWN, "BEiT", "BEiT, one bias for all layers", "timm's BEiT"])
def test_shapes_are_those_that_are_read(saved, name):
    shape, reference = shape_of(saved, name)
    assert_same_shapes(draw(shape), spatial_attention(reference))


@pytest.mark.parametrize("name", GROUPED)
def test_weights_of_rotary_models_have_the_shapes_that_are_read(saved, name):
    shape, reference = shape_of(saved, name)
    drawn, read = draw(shape), spatial_attention(reference, positions="none")
    assert_equal((drawn.query.shape, drawn.key.shape), (read.query.shape, read.key.shape))
    assert_equal(drawn.position_kind, "stand-in")
    n_rows = min(50, STAND_IN_SHAPES[shape.layout.modality][0])
    assert_equal(drawn.positions.shape, (read.n_layers, n_rows, read.query.shape[2]))
    # The study scales what it borrows to the spread of every layer's weights.
    spread = [(Q.std() + K.std()) / 2 for Q, K in zip(drawn.query, drawn.key, strict=True)]
    assert_allclose(drawn.positions.std(axis=(1, 2)), spread, rtol=0.01)


@pytest.mark.parametrize("name", ["vit-tiny-16-augreg-in21k", "deit-tiny-distilled"])
def test_rows_of_the_registry(name):
    assert_same_shapes(drawn_attention(name, generator=np.random.default_rng(0)), spatial_attention(f"{name}@random"))


@pytest.mark.parametrize("name", ["timm's ViT", "timm's BEiT", "BEiT, one bias for all layers"])
def test_another_grid(saved, name):
    shape, reference = shape_of(saved, name)
    drawn = draw(shape, grid=3)
    assert_same_shapes(drawn, spatial_attention(reference, grid=3))
    assert_equal(drawn.grid, (3, 3))


@pytest.mark.parametrize("name", LEARNED)
def test_spread_is_that_of_the_library_before_training(tmp_path, name):
    module, config = FAMILIES[name].make()
    save(module, config, tmp_path)
    tower = FAMILIES[name].tower
    read = spatial_attention(f"file:{tmp_path}" + (f"#{tower}" if tower else ""))
    drawn = draw(read_shape(open_checkpoint(parse_reference(f"file:{tmp_path}")), tower))
    for part in ("query", "key", "positions"):
        theirs, ours = (getattr(weights, part) for weights in (read, drawn))
        # Two estimates from n numbers, each of standard error sd / sqrt(2 n).
        assert_allclose(ours.std(), theirs.std(), rtol=5 / np.sqrt(ours.size), err_msg=part)
        assert_allclose(ours.mean() / ours.std(), 0, atol=5 / np.sqrt(ours.size), err_msg=part)


def test_heads_share_keys_in_groups(saved):
    shape, _ = shape_of(saved, "LLaMA")
    assert_equal((shape.n_heads, shape.n_key_heads), (6, 2))
    key = draw(shape).key
    assert_array_equal(key[:, 0], key[:, 2])
    assert_array_equal(key[:, 3], key[:, 5])
    assert (key[:, 2] != key[:, 3]).all()
    chosen = draw(shape, max_heads=2 * shape.n_layers).key  # heads 0 and 3: of different groups
    assert (chosen[:, 0] != chosen[:, 1]).all()


def test_the_same_generator_gives_the_same_weights(saved):
    shape, _ = shape_of(saved, "BERT")
    first, again, other = draw(shape), draw(shape), draw(shape, seed=1)
    for part in ("positions", "query", "key"):
        assert_array_equal(getattr(first, part), getattr(again, part))
        assert (getattr(first, part) != getattr(other, part)).mean() > 0.99
    assert (first.query != first.key).mean() > 0.99


@pytest.mark.parametrize(
    ("max_heads", "expected"), [(1, (1, 1)), (5, (5, 1)), (11, (11, 1)), (23, (11, 2)), (33, (11, 3)), (99, (11, 3))]
)
def test_fewer_heads(saved, max_heads, expected):
    shape, _ = shape_of(saved, "BERT")
    drawn = draw(shape, max_heads=max_heads)
    assert_equal((drawn.n_layers, drawn.n_heads), expected)
    assert_equal(drawn.key.shape, drawn.query.shape)


def test_counts_and_nodes():
    assert_equal(head_counts("deit-tiny-distilled"), (12, 3))
    assert_equal(head_counts("qwen2.5-72b"), (80, 64))
    assert_equal(n_nodes("deit-tiny-distilled"), 198)
    assert_equal(n_nodes("deit-tiny-distilled", grid=7), 51)
    assert_equal(n_nodes("dinov2-small"), 1370)
    assert_equal(n_nodes("clip-large-14-vision"), 197)  # the study takes the first 197 of 257
    assert_equal(n_nodes("clip-large-14-vision", grid=16), 257)
    assert_equal(n_nodes("bert-base-uncased"), 50)
    assert_equal(n_nodes("bert-base-uncased", max_positions=20), 20)
    assert_equal(n_nodes("clip-base-32-text", max_positions=512), 77)
    assert_equal(n_nodes("beit-base-in22k"), 197)
    assert_equal(n_nodes("beit-base-in22k", grid=7), 50)
    assert_equal(n_nodes("qwen2.5-0.5b"), 50)


def test_a_large_model_is_drawn_in_the_memory_of_its_chosen_heads():
    drawn = drawn_attention("qwen2.5-72b", generator=np.random.default_rng(0), max_heads=2, max_positions=10)
    assert_equal(drawn.query.shape, (2, 1, 8192, 128))
    assert_equal(drawn.positions.shape, (2, 10, 8192))
    assert_equal(drawn.query.dtype, np.float32)


def test_weights_can_be_measured():
    drawn = drawn_attention("vit-tiny-16-augreg-in21k", generator=np.random.default_rng(0), grid=4, max_heads=3)
    table = head_metrics(drawn, starts=1)
    assert_equal(len(table), 3)
    assert_equal(set(table["n_nodes"]), {17})
    assert np.isfinite(table.to_numpy(dtype=float)).all()


def test_a_model_whose_shape_is_not_known():
    with pytest.raises(ValueError, match="the shape of 'deepseek-vl2-text' is not"):
        attention_shape("deepseek-vl2-text")
    with pytest.raises(ValueError, match="the registry has no model 'deit-tin'"):
        attention_shape("deit-tin")


def test_fusion_layers_have_no_positions(saved):
    _, reference = saved("BridgeTower, fusion of text")
    parsed = parse_reference(reference)
    with pytest.raises(ValueError, match="has no positions, and none are lent to it"):
        read_shape(open_checkpoint(parsed), parsed.tower)


@pytest.mark.parametrize("options", [{"grid": 1}, {"max_heads": 0}])
def test_numbers_that_leave_no_graph(saved, options):
    shape, _ = shape_of(saved, "timm's ViT")
    with pytest.raises(ValueError, match=re.escape("give at least 2 rows of patches and 1 head")):
        draw(shape, **options)
    with pytest.raises(ValueError, match="max_positions = 1 leaves no graph"):
        attention_shape("bert-base-uncased", max_positions=1)


def test_a_table_that_forms_no_grid(saved):
    shape, _ = shape_of(saved, "timm's ViT")
    odd = type(shape)(**{**vars(shape), "table": (14, shape.width)})
    with pytest.raises(ValueError, match="14 positions, which form no square grid"):
        draw(odd, grid=3)


@pytest.mark.parametrize("spread", [0.1, 2.5])
def test_logits_have_the_spread_that_is_asked_for(spread):
    drawn = drawn_attention("deit-tiny", generator=np.random.default_rng(0), grid=4, max_heads=4, logit_sd=spread)
    for layer in range(len(drawn.query)):
        assert_allclose(drawn.logits(layer).std(axis=(-2, -1)), spread, rtol=1e-4)
    plain = drawn_attention("deit-tiny", generator=np.random.default_rng(0), grid=4, max_heads=4)
    assert_array_equal(plain.key, drawn.key)
    with pytest.raises(ValueError, match="above 0"):
        drawn_attention("deit-tiny", generator=np.random.default_rng(0), grid=4, max_heads=4, logit_sd=0.0)
