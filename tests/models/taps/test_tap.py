"""How a record grows, is pooled, and leaves the model as it was."""

from contextlib import suppress

import pytest
import torch
from numpy.testing import assert_array_less
from torch import nn
from torch.testing import assert_close

from brainalign.models.taps import KINDS, find_towers, tap
from brainalign.models.taps.multihead import OpenForward, opened
from tests.models.taps.families import BATCH, END, FAMILIES, LENGTH, PAD, family_model, inputs

EXACT = {"rtol": 0, "atol": 0}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
# Position of the end token in each text of `inputs`.
ENDS = torch.tensor([3, 6, 5])
TEXT_TOWERS = ("text", "fusion_text")
TEXTS = {
    "BERT": "cls",
    "GPT-2": "eot",
    "LLaMA": "eot",
    "CLIP": "eot",
    "open_clip": "eot",
    "METER": "cls",
    "BLIP": "cls",
}


def record_of(family, what=KINDS, x=None, **options):
    with torch.no_grad(), tap(family_model(family), what, **options) as record:
        FAMILIES[family].call(family_model(family), inputs() if x is None else x)
    return record


def by_hand(tokens, pool, tower, n_first):
    """Pooling as one would write it for one batch; `tokens` is (batch, n_tokens, ...)."""
    if pool == "cls":
        return tokens[:, 0]
    if tower not in TEXT_TOWERS:
        return tokens[:, n_first:].mean(dim=1)
    words = [row[: end + 1] for row, end in zip(tokens, ENDS, strict=True)]
    return torch.stack([row.mean(dim=0) if pool == "mean" else row[-1] for row in words])


@pytest.mark.parametrize(
    ("family", "pool"),
    [
        ("timm ViT", "cls"),
        ("timm ViT", "mean"),
        ("SigLIP", "mean"),
        *((family, pool) for family in ("open_clip, tokens first", *TEXTS) for pool in ("cls", "mean", "eot")),
    ],
)
def test_pooled_is_pooling_of_the_unpooled(family, pool):
    towers = [name for name in FAMILIES[family].towers if pool != "eot" or name in TEXT_TOWERS]
    n_first = {tower.name: tower.n_first for tower in find_towers(family_model(family))}
    pooled, full = (record_of(family, pool=choice, towers=towers) for choice in (pool, None))
    assert set(pooled) == set(full)
    for tower, layer, what in full:
        tokens = full[tower, layer, what]
        if what.endswith("attention"):
            tokens = tokens.transpose(1, 2)
        expected = by_hand(tokens, pool, tower, n_first[tower])
        assert_close(pooled[tower, layer, what], expected, **CLOSE)


@pytest.mark.parametrize("family", TEXTS)
def test_summary_of_a_text(family):
    summary, named = (
        record_of(family, ["residual"], towers=["text"], pool=pool) for pool in ("summary", TEXTS[family])
    )
    assert len(summary) >= 1
    for key in summary:
        assert_close(summary[key], named[key], **EXACT)


def test_summary_of_an_image_without_class_token_is_the_mean():
    summary, mean = (record_of("SigLIP", ["residual"], towers=["image"], pool=pool) for pool in ("summary", "mean"))
    assert_close(summary["image", 1, "residual"], mean["image", 1, "residual"], **EXACT)


def test_end_of_text_is_where_the_model_reads_it():
    with torch.no_grad():
        last = {f: record_of(f, ["residual"]).stack("residual", "text")[:, -1] for f in ("open_clip", "CLIP", "SigLIP")}
        clip = family_model("open_clip")
        expected = clip.encode_text(inputs()["ids"])
        assert_close(clip.ln_final(last["open_clip"]) @ clip.text_projection, expected, **CLOSE)
        for family in ("CLIP", "SigLIP"):
            model = family_model(family).text_model
            x = inputs()
            expected = model(input_ids=x["ids"], attention_mask=x["mask"]).pooler_output
            head = getattr(model, "head", nn.Identity())
            assert_close(head(model.final_layer_norm(last[family])), expected, **CLOSE)


def test_a_mask_holds_for_its_own_call_only():
    model, x = family_model("BERT"), inputs()
    with torch.no_grad(), tap(model, ["residual"], pool="mean") as record:
        model(input_ids=x["ids"], attention_mask=x["mask"])
        model(input_ids=x["ids"])
        model(inputs_embeds=torch.randn(BATCH, LENGTH, 12, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        unmasked = model(input_ids=x["ids"]).last_hidden_state.mean(dim=1)
    values = record["text", 2, "residual"]
    assert len(values) == 3 * BATCH
    assert_close(values[BATCH : 2 * BATCH], unmasked, **CLOSE)


def test_text_after_the_end_token_is_padding_without_a_mask():
    model, x = family_model("open_clip"), inputs()
    longer = {**x, "ids": x["ids"].clone()}
    longer["ids"][0, 5:] = 7  # behind the end: the causal tower never shows it to what is before
    one, two = (record_of("open_clip", ["neurons"], batch, pool="mean", towers=["text"]) for batch in (x, longer))
    assert_close(one["text", 1, "neurons"], two["text", 1, "neurons"], **CLOSE)
    assert model.text_pool_type == "argmax"
    assert_array_less(x["ids"].max().item(), END + 1)


def test_vilt_means_over_words_and_patches():
    full, mean = record_of("ViLT", ["residual"], pool=None), record_of("ViLT", ["residual"], pool="mean")
    tokens = full["fusion", 2, "residual"]
    keep = torch.cat([inputs()["mask"].bool(), torch.ones(BATCH, tokens.shape[1] - LENGTH, dtype=torch.bool)], dim=1)
    expected = torch.stack([row[kept].mean(dim=0) for row, kept in zip(tokens, keep, strict=True)])
    assert_close(mean["fusion", 2, "residual"], expected, **CLOSE)


def test_a_given_mask_comes_first():
    mask = torch.zeros(BATCH, LENGTH)
    mask[:, 2] = 1
    given, full = record_of("BERT", ["neurons"], pool="mean", mask=mask), record_of("BERT", ["neurons"], pool=None)
    assert_close(given["text", 1, "neurons"], full["text", 1, "neurons"][:, 2], **CLOSE)


def test_pooling_by_a_function_and_by_tower():
    record = record_of("CLIP", ["residual"], pool={"image": lambda tokens: tokens.amax(dim=1), "text": None})
    full = record_of("CLIP", ["residual"], pool=None)
    assert_close(record["image", 1, "residual"], full["image", 1, "residual"].amax(dim=1), **EXACT)
    assert_close(record["text", 1, "residual"], full["text", 1, "residual"], **EXACT)


def test_batches_are_joined_in_order():
    model, call = family_model("METER"), FAMILIES["METER"].call
    with torch.no_grad(), tap(model) as record:
        for seed in range(3):
            call(model, inputs(seed))
    for seed in range(3):
        alone = record_of("METER", x=inputs(seed))
        assert list(alone) == list(record)
        for key in record:
            assert_close(record[key][BATCH * seed : BATCH * (seed + 1)], alone[key], **EXACT)
    assert record.stack("neurons", "fusion_text").shape == (3 * BATCH, 4, 48)
    assert_close(record.stack("neurons", "fusion_text")[:, 2], record["fusion_text", 2, "neurons"], **EXACT)
    assert "fusion_image.3.cross_context" in record.names()
    assert len(record) == len(record.names())


@pytest.mark.parametrize("pool", ["summary", "mean", lambda tokens: tokens[:, 1]])
@pytest.mark.parametrize("family", ["timm ViT", "open_clip", "METER", "GPT-2"])
def test_nothing_but_the_pooled_values_is_held(family, pool):
    record = record_of(family, pool=pool)
    for key, values in record.items():
        assert values.untyped_storage().nbytes() == values.numel() * 4, key
        assert values.shape[0] == BATCH
        assert not values.requires_grad


def test_gradients_of_the_model_pass_untouched():
    model = FAMILIES["open_clip"].make()
    x = inputs()
    grads = []
    for what in ((), ("context", "neurons")):
        model.zero_grad()
        if what:
            with tap(model, what) as record:
                loss = sum(features.square().sum() for features in model(x["image"], x["ids"])[:2])
            assert not any(values.requires_grad for values in record.values())
        else:
            loss = sum(features.square().sum() for features in model(x["image"], x["ids"])[:2])
        loss.backward()
        grads.append(model.visual.transformer.resblocks[0].attn.in_proj_weight.grad.clone())
    assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-7)


def traces(model):
    """All that a tap changes in a model."""
    return [
        (
            name,
            len(module._forward_hooks) + len(module._forward_pre_hooks),
            "forward" in module.__dict__,
            getattr(module, "fused_attn", None),
            getattr(getattr(module, "config", None), "_attn_implementation", None),
        )
        for name, module in model.named_modules()
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_is_as_before_even_after_errors(family):
    model = family_model(family)
    before = traces(model)

    def failing(tokens):
        raise RuntimeError("no pooling today")

    with tap(model):
        assert traces(model) != before
    assert traces(model) == before
    with pytest.raises(RuntimeError, match="no pooling today"):
        record_of(family, pool=failing)
    assert traces(model) == before
    with suppress(ZeroDivisionError), tap(model):
        1 / 0  # noqa: B018
    assert traces(model) == before


@pytest.mark.parametrize("family", ["timm ViT", "CLIP", "open_clip", "METER"])
def test_taps_can_be_nested(family):
    model, call = family_model(family), FAMILIES[family].call
    before = traces(model)
    with torch.no_grad(), tap(model) as outer:
        with tap(model, ["attention", "context"], pool="mean") as inner:
            call(model, inputs(1))
        call(model, inputs(2))
    assert traces(model) == before
    first, mean = record_of(family, x=inputs(1)), record_of(family, x=inputs(1), pool="mean")
    assert set(inner) < set(outer)
    for key in outer:
        assert len(outer[key]) == 2 * BATCH
        assert_close(outer[key][:BATCH], first[key], **CLOSE)
    for key in inner:
        assert_close(inner[key], mean[key], **CLOSE)


def test_layers_towers_precision():
    record = record_of("METER", ["neurons"], towers=["fusion_text", "fusion_image"], layers=[0, 3], dtype=torch.float64)
    assert {key[:2] for key in record} == {(name, i) for name in ("fusion_text", "fusion_image") for i in (0, 3)}
    assert record.stack("neurons", "fusion_image").dtype == torch.float64


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", ["none", "causal", "boolean", "padding", "both", "per head"])
def test_multihead_attention_in_the_open_is_the_same(batch_first, mask):
    generator = torch.Generator().manual_seed(0)
    module = nn.MultiheadAttention(12, 3, batch_first=batch_first).eval()
    query, other = (torch.randn(2, n, 12, generator=generator) for n in (5, 4))
    causal = torch.full((5, 5), -torch.inf).triu(1)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[0, 3:] = True
    options = {
        "none": {},
        "causal": {"attn_mask": causal},
        "boolean": {"attn_mask": causal < 0},
        "padding": {"key_padding_mask": padding},
        "both": {"attn_mask": causal, "key_padding_mask": padding.float().masked_fill(padding, -torch.inf)},
        "per head": {"attn_mask": torch.randn(6, 5, 5, generator=generator)},
    }[mask]
    x = query if batch_first else query.transpose(0, 1)
    y = other if batch_first else other.transpose(0, 1)
    maps = []
    for weights in (False, True):
        expected = module(x, x, x, need_weights=weights, average_attn_weights=False, **options)
        with opened(module, maps.append):
            actual = module(x, x, x, need_weights=weights, average_attn_weights=False, **options)
        assert_close(actual, expected, **CLOSE)
    assert_close(maps[0], expected[1], **CLOSE)
    expected = module(x, y, y)
    with opened(module):
        assert_close(module(x, y, y), expected, **CLOSE)


def test_multihead_attention_of_an_unsupported_kind():
    with pytest.raises(ValueError, match="keys of another width or with added keys"):
        OpenForward(nn.MultiheadAttention(12, 3, kdim=8))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"what": "neurons"}, "what = 'neurons'; give a sequence out of: residual, neurons, context, attention"),
        ({"what": ["neuron"]}, r"what = \['neuron'\]"),
        ({"what": []}, r"what = \[\]"),
        ({"towers": ["imge"]}, "the model has no tower 'imge'; it has: image, text. Did you mean 'image'?"),
        ({"layers": [0, 2]}, r"tower 'text' has layers 0 to 1; got \[2\]"),
        ({"pool": "max"}, "pool = 'max'; give one of summary, cls, mean, eot"),
        ({"pool": "eot"}, "tower 'image' reads no text that could end; take pool='summary'"),
        ({"pool": {"video": "cls"}}, r"pool names the towers \['video'\]; the towers tapped are: image, text"),
    ],
)
def test_wrong_choices(options, text):
    with pytest.raises(ValueError, match=text), tap(family_model("open_clip"), **options):
        pass


class SwinLike(nn.Module):
    """A block with the parts of timm's, but with windows."""

    def __init__(self):
        super().__init__()
        self.window_size = 2
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.proj = self.mlp.fc2 = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (nn.Sequential(nn.Linear(2, 2)), r"Sequential has no stack .* Looked for blocks of: BERT .* hold: Linear\."),
        (nn.Linear(2, 2), r"Linear has no stack .* hold: no list of modules\."),
        (nn.Sequential(SwinLike()), r"hold: SwinLike\."),
    ],
)
def test_unknown_architectures(model, text):
    with pytest.raises(ValueError, match=text), tap(model):
        pass


def test_reading_what_was_not_recorded():
    with tap(family_model("BERT")) as empty:
        pass
    with pytest.raises(ValueError, match="Recorded towers: none; kinds: none"):
        empty.stack("neurons")
    record = record_of("CLIP", ["neurons"])
    with pytest.raises(KeyError, match="nothing was recorded under"):
        record["image", 7, "neurons"]
    with pytest.raises(ValueError, match="'neurons' was recorded of several towers"):
        record.stack("neurons")


def test_texts_of_different_lengths():
    model = family_model("BERT")
    with torch.no_grad(), tap(model, ["residual", "attention"], pool=None) as record:
        model(input_ids=torch.full((2, 5), 4))
        model(input_ids=torch.full((2, 6), 4))
    with pytest.raises(ValueError, match=r"shapes \(5, 12\) and \(6"):
        record["text", 0, "residual"]
    with torch.no_grad(), tap(model, ["residual"]) as record:
        model(input_ids=torch.full((2, 5), 4))
        model(input_ids=torch.full((2, 6), 4))
    assert record["text", 0, "residual"].shape == (4, 12)


def test_a_mask_that_does_not_fit():
    with pytest.raises(ValueError, match=r"padding mask has shape \(3, 5\)"):
        record_of("BERT", pool="mean", mask=torch.ones(BATCH, 5))
    x = {**inputs(), "ids": torch.full((BATCH, LENGTH), PAD)}
    with torch.no_grad(), tap(family_model("GPT-2"), ["residual"]) as record:
        family_model("GPT-2")(input_ids=x["ids"])
    assert record["text", 0, "residual"].shape == (BATCH, 12)
