"""Properties of METER that hold for any sizes and weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal, assert_array_less
from open_clip.transformer import QuickGELU, VisionTransformer
from torch.testing import assert_close

from brainalign.models.meter import TASKS, Meter, MeterConfig, interpolate_positions, load_meter
from tests.models.meter.golden import CONFIG, hashed_state_dict, hashed_tensor

# The sums are taken in another order; double precision.
EXACT = {"rtol": 0, "atol": 1e-12}
# No two sizes are equal, so that none stands for another.
ODD = MeterConfig(
    image_size=12,
    patch_size=4,
    image_width=20,
    image_heads=5,
    image_layers=3,
    text_width=12,
    text_heads=2,
    text_layers=1,
    text_mlp=28,
    vocabulary=31,
    text_positions=15,
    pad_id=2,
    width=24,
    heads=3,
    layer_pairs=4,
    mlp_ratio=2,
    tasks=TASKS,
    n_answers=7,
    token_types=3,
    clip_text=None,
)
PAD = ODD.pad_id


def built(config=ODD, seed=0):
    return Meter(config, torch.Generator().manual_seed(seed)).double().eval()


@pytest.fixture(scope="module")
def model():
    """A METER whose attention is far from flat."""
    model = built()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.5, generator=generator)
    return model


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(2)
    image = torch.randn(3, 3, 12, 12, generator=generator, dtype=torch.float64)
    ids = torch.randint(3, 31, (3, 8), generator=generator)
    ids[0, 5:] = PAD
    ids[1, 7:] = PAD
    return image, ids


def assert_outputs_close(actual, expected, tokens=slice(None)):
    assert_close(actual.cls, expected.cls, **EXACT)
    assert_close(actual.image_features, expected.image_features, **EXACT)
    assert_close(actual.text_features[:, tokens], expected.text_features, **EXACT)


def test_shapes_follow_the_configuration(model, batch):
    output = model(*batch, keep_attention=True)
    assert output.text_features.shape == (3, 8, 24)
    assert output.image_features.shape == (3, 10, 24)
    assert output.cls.shape == (3, 48)
    assert {name: (len(maps), *maps[0].shape[1:]) for name, maps in output.attention.items()} == {
        "image": (3, 5, 10, 10),
        "text": (1, 2, 8, 8),
        "fusion_text_self": (4, 3, 8, 8),
        "fusion_text_cross": (4, 3, 8, 10),
        "fusion_image_self": (4, 3, 10, 10),
        "fusion_image_cross": (4, 3, 10, 8),
    }
    assert model.mlm_logits(output).shape == (3, 8, 31)
    assert model.itm_logits(output).shape == model.nlvr2_logits(output, output).shape == (3, 2)
    assert model.vqa_logits(output).shape == (3, 7)
    assert model.snli_logits(output).shape == (3, 3)
    assert model.rank_scores(output).shape == (3,)


def test_fused_attention_equals_the_maps(model, batch):
    fused, explicit = model(*batch), model(*batch, keep_attention=True)
    assert fused.attention is None
    assert_outputs_close(explicit, fused)


def test_maps_are_distributions_that_leave_out_padding(model, batch):
    maps = model(*batch, keep_attention=True).attention
    for name, layers in maps.items():
        for attention in layers:
            assert_close(attention.sum(dim=-1), torch.ones(attention.shape[:-1], dtype=torch.float64))
            if name in ("text", "fusion_text_self", "fusion_image_cross"):
                assert_array_equal(attention[0, ..., 5:].detach(), 0)


def test_more_padding_changes_nothing(model, batch):
    image, ids = batch
    longer = torch.nn.functional.pad(ids, (0, 4), value=PAD)
    assert_outputs_close(model(image, longer), model(image, ids), slice(8))


def test_padding_is_found_by_its_id(model, batch):
    image, ids = batch
    assert_outputs_close(model(image, ids), model(image, ids, (ids != PAD).long()))


def test_an_explicit_mask_hides_words(model, batch):
    image, ids = batch
    mask = ids != PAD
    mask[:, 3] = False
    hidden, exchanged = model(image, ids, mask), model(image, ids.index_fill(1, torch.tensor(3), 30), mask)
    assert_close(hidden.cls, exchanged.cls, **EXACT)
    with pytest.raises(AssertionError):
        assert_close(hidden.cls, model(image, ids).cls, rtol=0, atol=1e-3)


def test_items_of_a_batch_do_not_mix(model, batch):
    image, ids = batch
    together = model(image, ids)
    for i in range(3):
        alone = model(image[i : i + 1], ids[i : i + 1])
        assert_close(alone.cls[0], together.cls[i], **EXACT)
    order = [2, 0, 1]
    assert_close(model(image[order], ids[order]).cls, together.cls[order], **EXACT)


def test_both_streams_of_a_pair_read_what_the_pair_before_wrote(model, batch):
    """With one pair, the image stream can not depend on the weights of the text stream's layer, nor the reverse."""
    one = Meter(replace(ODD, layer_pairs=1)).double().eval()
    weights = {k: v for k, v in model.state_dict().items() if k in one.state_dict()}
    one.load_state_dict(weights)
    before = one(*batch)
    for changed, kept in (("text", "image"), ("image", "text")):
        layer = getattr(one, f"cross_modal_{changed}_layers")
        saved = {k: v.clone() for k, v in layer.state_dict().items()}
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.add_(0.3)
        after = one(*batch)
        assert_close(getattr(after, f"{kept}_features"), getattr(before, f"{kept}_features"), rtol=0, atol=0)
        with pytest.raises(AssertionError):
            assert_close(getattr(after, f"{changed}_features"), getattr(before, f"{changed}_features"))
        layer.load_state_dict(saved)


def test_each_stream_reads_the_other(model, batch):
    image, ids = batch
    output, other_image = model(image, ids), model(-image, ids)
    other_text = model(image, ids.flip(0))
    for actual, expected in (
        (other_image.text_features, output.text_features),
        (other_text.image_features, output.image_features),
    ):
        assert_array_less(1e-3, (actual - expected).abs().max().detach())


def test_gradients_reach_every_weight_that_is_trained(batch):
    model = built().train()
    output, second = model(*batch), model(*batch, image_token_type=2)
    logits = (
        model.mlm_logits(output)[:, :5],
        model.itm_logits(output),
        model.vqa_logits(output),
        model.snli_logits(output),
        model.rank_scores(output),
        model.nlvr2_logits(output, second),
    )
    sum(x.square().sum() for x in logits).backward()
    unused = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert unused == set()
    still = {name for name, p in model.named_parameters() if p.requires_grad and not p.grad.any()}
    # A bias of the keys shifts all logits of a row alike: softmax does not see it.
    assert {name for name in still if not name.endswith("key.bias")} == set()


def test_pieces_that_nothing_reads_are_not_trained():
    frozen = {name for name, p in built(CONFIG).named_parameters() if not p.requires_grad}
    assert frozen == {
        "vit_model.positional_embedding",
        "vit_model.ln_final.weight",
        "vit_model.ln_final.bias",
        "text_transformer.pooler.dense.weight",
        "text_transformer.pooler.dense.bias",
    }


def test_dropout_acts_in_training_only(batch):
    model = built()
    assert_close(model(*batch).cls, model(*batch).cls, rtol=0, atol=0)
    model.train()
    assert_array_less(1e-6, (model(*batch).cls - model(*batch).cls).abs().max().detach())
    still = built(replace(ODD, dropout=0.0)).train()
    assert_close(still(*batch).cls, still(*batch).cls, rtol=0, atol=0)


def test_first_weights_come_from_the_generator():
    state = torch.get_rng_state()
    first, again, other = built(seed=3).state_dict(), built(seed=3).state_dict(), built(seed=4).state_dict()
    assert_array_equal(torch.get_rng_state(), state)
    for name, tensor in first.items():
        assert_array_equal(tensor, again[name])
        assert torch.isfinite(tensor).all(), name
    name = "cross_modal_text_layers.3.crossattention.self.key.weight"
    assert_array_less(0.01, (first[name] - other[name]).abs().max())
    assert_close(first[name].std().item(), 0.02, rtol=0.1, atol=0)
    assert_array_equal(first["text_transformer.embeddings.word_embeddings.weight"][PAD], np.zeros(12))
    assert_array_equal(first["rank_output.weight"], first["itm_score.fc.weight"][1:])


@pytest.mark.parametrize("shape", [(48, 48), (64, 64), (32, 80)])
def test_image_tower_is_that_of_open_clip(shape):
    """The same names and the same numbers; other sizes with positions interpolated for both."""
    tower = load_meter(hashed_state_dict(), text_heads=4, heads=4).vit_model.visual
    grid = [side // 16 for side in shape]
    peer = VisionTransformer(48, 16, 128, 2, 2, 4.0, act_layer=QuickGELU, pool_type="none")
    peer.proj = None
    peer.double().load_state_dict(tower.state_dict())
    peer.positional_embedding.data = interpolate_positions(tower.positional_embedding, *grid).data
    image = hashed_tensor("input.image", (2, 3, *shape))
    tokens, _ = tower(image)
    assert_close(tokens, peer.eval()(image), **EXACT)


def test_positions_of_another_grid():
    table = torch.randn(1 + 9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert interpolate_positions(table, 3, 3) is table
    larger = interpolate_positions(table, 6, 4)
    assert larger.shape == (25, 5)
    assert_array_equal(larger[0], table[0])
    constant = interpolate_positions(torch.ones(10, 2, dtype=torch.float64), 5, 7)
    assert_close(constant, torch.ones(36, 2, dtype=torch.float64))


def test_longest_text_is_read(model, batch):
    image, _ = batch
    assert ODD.max_text_length == 12
    ids = torch.full((3, 12), 5)
    assert torch.isfinite(model(image, ids).cls).all()


@pytest.mark.parametrize(
    ("image", "ids", "mask", "text"),
    [
        ((3, 3, 12, 12), (3, 13), None, "the texts have 13 tokens; the model has positions for 12"),
        ((3, 3, 12, 12), (2, 5), None, r"text_ids have shape \(2, 5\); 3 images need \(3, n_tokens\)"),
        ((3, 3, 12, 12), (3,), None, r"text_ids have shape \(3,\)"),
        ((3, 3, 12, 12), (3, 5), (3, 4), r"text_mask has shape \(3, 4\), text_ids have \(3, 5\)"),
        ((3, 1, 12, 12), (3, 5), None, r"image has shape \(3, 1, 12, 12\); it must be \(batch, 3, height, width\)"),
        ((3, 3, 12, 13), (3, 5), None, "multiples of the patch size 4"),
        ((3, 3, 12), (3, 5), None, r"image has shape \(3, 3, 12\)"),
        ((3, 3, 0, 12), (3, 5), None, r"image has shape \(3, 3, 0, 12\)"),
    ],
)
def test_wrong_shapes(image, ids, mask, text, model):
    image, ids = torch.zeros(image, dtype=torch.float64), torch.full(ids, 5)
    with pytest.raises(ValueError, match=text):
        model(image, ids, None if mask is None else torch.ones(mask))


def test_wrong_contents(model, batch):
    image, ids = batch
    with pytest.raises(ValueError, match="token id 31 is outside the vocabulary of 31"):
        model(image, ids.index_fill(1, torch.tensor(2), 31))
    with pytest.raises(ValueError, match="text 1 is all padding"):
        model(image, ids.index_fill(0, torch.tensor(1), PAD))
    with pytest.raises(ValueError, match="image_token_type = 3"):
        model(image, ids, image_token_type=3)


def test_missing_head(batch):
    model = built(replace(ODD, tasks=("itm",)))
    with pytest.raises(ValueError, match="no head 'mlm'; it has: itm"):
        model.mlm_logits(model(*batch))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"heads": 5}, "heads = 5 does not divide width = 24"),
        ({"patch_size": 5}, "patch_size = 5 does not divide image_size = 12"),
        ({"layer_pairs": 0}, "layer_pairs = 0 is too small"),
        ({"tasks": ("mlm", "vqq")}, r"unknown tasks \['vqq'\]; METER has heads for: mlm, itm, vqa"),
        ({"dropout": 1.0}, "dropout = 1.0 is no probability below 1"),
        ({"text_positions": 4}, "leaves room for 1 tokens after pad_id 2; give at least 5"),
    ],
)
def test_wrong_configurations(change, text):
    with pytest.raises(ValueError, match=text):
        replace(ODD, **change)
