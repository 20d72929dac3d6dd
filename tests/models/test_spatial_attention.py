import json
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DeiTConfig,
    DeiTModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Model,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaModel,
    ViTConfig,
    ViTForImageClassification,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTMAEModel,
    ViTModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from brainalign.datasets import ChecksumError, MissingDataError
from brainalign.datasets.catalogue import locate
from brainalign.models import spatial_attention
from brainalign.topology.graphs import attention_logits, row_softmax

# The library computes in float32.
PARITY = 1e-5
# Eleven layers: "10" sorts before "2" as text. Every width differs from every other.
LAYERS, HEADS, WIDTH, ROWS = 11, 3, 12, 40
TEXT = {
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "intermediate_size": 8,
    "vocab_size": 20,
    "max_position_embeddings": ROWS,
}
GPT2 = {"n_embd": WIDTH, "n_head": HEADS, "n_layer": LAYERS, "n_positions": ROWS, "vocab_size": 20}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0}
PICTURE = {
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "intermediate_size": 8,
    "image_size": 8,
    "patch_size": 2,
}
DECODER = {
    "decoder_hidden_size": WIDTH,
    "decoder_num_attention_heads": HEADS,
    "decoder_num_hidden_layers": 2,
    "decoder_intermediate_size": 8,
}
# Class, configuration, number of positions (text: rows without padding; pictures: 16 patches and class
# tokens).
MODELS = {
    "BERT": (BertModel, BertConfig(**TEXT), ROWS),
    "BERT with head": (BertForMaskedLM, BertConfig(**TEXT), ROWS),
    "RoBERTa": (RobertaModel, RobertaConfig(**TEXT), ROWS - 2),
    "RoBERTa with head": (RobertaForMaskedLM, RobertaConfig(**TEXT), ROWS - 2),
    "XLM-RoBERTa": (XLMRobertaModel, XLMRobertaConfig(**TEXT), ROWS - 2),
    "GPT-2": (GPT2Model, GPT2Config(**GPT2), ROWS),
    "GPT-2 with head": (GPT2LMHeadModel, GPT2Config(**GPT2), ROWS),
    "ViT": (ViTModel, ViTConfig(**PICTURE), 17),
    "ViT with head": (ViTForImageClassification, ViTConfig(**PICTURE), 17),
    "DeiT": (DeiTModel, DeiTConfig(**PICTURE), 18),
    "MAE": (ViTMAEModel, ViTMAEConfig(**PICTURE, **DECODER), 17),
    "MAE with decoder": (ViTMAEForPreTraining, ViTMAEConfig(**PICTURE, **DECODER), 17),
}
SELF_ATTENTION = {
    "BertSelfAttention",
    "RobertaSelfAttention",
    "XLMRobertaSelfAttention",
    "GPT2Attention",
    "ViTAttention",
    "DeiTAttention",
    "ViTMAEAttention",
}


def build(cls, config):
    """A model whose heads differ clearly; with the initial weights of the library all attention is flat."""
    config._attn_implementation = "eager"  # the other implementations return no attention
    model = cls(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.normal_(0, 0.6, generator=generator)
    return model


def library_positions(model):
    """The rows that the library adds to tokens 0, 1, 2, ..."""
    family = model.config.model_type
    if family in ("vit", "deit", "vit_mae"):
        return model.base_model.embeddings.position_embeddings[0]
    table = model.base_model.wpe if family == "gpt2" else model.base_model.embeddings.position_embeddings
    used = []
    hook = table.register_forward_hook(lambda module, inputs, output: used.append(output))
    n_positions = ROWS - 2 if "roberta" in family else ROWS
    model(input_ids=torch.full((1, n_positions), 5))  # 5 is no padding
    hook.remove()
    return used[0].reshape(n_positions, WIDTH)


def library_attention(model, positions):
    """Attention of every layer and head when the input is the positions, by the library's own modules."""
    modules = [module for module in model.modules() if type(module).__name__ in SELF_ATTENTION][:LAYERS]
    mask = None
    if model.config.model_type == "gpt2":
        mask = torch.full((len(positions),) * 2, -torch.inf).triu(diagonal=1)[None, None]
    return torch.cat([module(positions[None], attention_mask=mask)[1] for module in modules])


def our_attention(weights, *, causal):
    scaled = attention_logits(weights.positions, weights.query, weights.key) / np.sqrt(weights.head_dim)
    if causal:
        scaled = np.where(np.tri(scaled.shape[-1], dtype=bool), scaled, -np.inf)
    return row_softmax(scaled)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The model of a given name, and the reference to the folder it was saved in."""
    known = {}

    def make(name):
        if name not in known:
            cls, config, _ = MODELS[name]
            model, folder = build(cls, config), tmp_path_factory.mktemp("model")
            model.save_pretrained(folder)
            known[name] = model, f"file:{folder}"
        return known[name]

    return make


@pytest.fixture
def folder(tmp_path):
    """A folder with a small BERT that a test may spoil."""
    build(BertModel, BertConfig(**TEXT | {"num_hidden_layers": 2})).save_pretrained(tmp_path)
    return tmp_path


def change_config(folder, **fields):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def change_tensors(folder, function):
    file = folder / "model.safetensors"
    save_file(function(load_file(file)), file)


@pytest.mark.parametrize("name", MODELS)
def test_shapes(saved, name):
    _, reference = saved(name)
    weights = spatial_attention(reference)
    assert_equal(weights.model, reference)
    assert_array_equal(weights.positions.shape, [MODELS[name][2], WIDTH])
    for matrices in (weights.query, weights.key):
        assert_array_equal(matrices.shape, [LAYERS, HEADS, WIDTH, WIDTH // HEADS])
        assert_array_equal(matrices.dtype, np.float64)
    assert_array_equal([weights.n_layers, weights.n_heads, weights.head_dim], [LAYERS, HEADS, WIDTH // HEADS])


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_positions_and_attention_are_those_of_the_library(saved, name):
    model, reference = saved(name)
    weights = spatial_attention(reference)
    positions = library_positions(model)
    assert_array_equal(weights.positions, positions.double().numpy())
    ours = our_attention(weights, causal=model.config.model_type == "gpt2")
    theirs = library_attention(model, positions).numpy()
    assert_allclose(ours, theirs, rtol=0, atol=PARITY)
    # The comparison could fail: neighbouring layers and heads differ by far more than the tolerance.
    for axis in (0, 1):
        assert_array_less(0.1, np.abs(theirs - np.roll(theirs, 1, axis=axis)).max(axis=(2, 3)))


@pytest.mark.parametrize("name", ["BERT", "GPT-2 with head", "ViT"])
@torch.no_grad()
def test_a_model_in_half_precision(name, tmp_path):
    cls, config, _ = MODELS[name]
    model = build(cls, config).to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert_equal({file.get_tensor(key).dtype for key in file.keys()}, {torch.bfloat16})  # noqa: SIM118
    weights = spatial_attention(f"file:{tmp_path}")
    model.float()
    positions = library_positions(model)
    assert_array_equal(weights.positions, positions.double().numpy())
    ours = our_attention(weights, causal=config.model_type == "gpt2")
    assert_allclose(ours, library_attention(model, positions).numpy(), rtol=0, atol=PARITY)


def test_a_head_class_changes_names_only(saved):
    with_head, without = (spatial_attention(saved(name)[1]) for name in ("BERT with head", "BERT"))
    assert_array_equal(with_head.query.shape, without.query.shape)
    with safe_open(locate(with_head.model, "model.safetensors"), framework="pt") as file:
        assert "bert.embeddings.position_embeddings.weight" in file.keys()  # noqa: SIM118


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("BERT", 2, 2),
        ("BERT", 7, 7),
        ("BERT", 1000, ROWS),
        ("RoBERTa", 7, 7),
        ("GPT-2", 7, 7),
        ("ViT", 7, 17),
    ],
)
def test_only_the_first_positions_of_a_text_model_are_read(saved, name, asked, expected):
    _, reference = saved(name)
    capped, whole = (spatial_attention(reference, max_positions=most) for most in (asked, ROWS))
    assert_array_equal(capped.positions, whole.positions[:expected])
    assert_array_equal(capped.positions.shape[0], expected)
    assert_array_equal(capped.query, whole.query)


def test_minilm():
    weights = spatial_attention()
    assert_equal(weights.model, "minilm")
    assert_array_equal(weights.positions.shape, [50, 384])
    assert_array_equal(weights.query.shape, [6, 12, 384, 32])
    assert_array_equal(weights.key.shape, weights.query.shape)
    with safe_open(locate("minilm", "model/model.safetensors"), framework="pt") as file:
        table = file.get_tensor("embeddings.position_embeddings.weight").numpy()
        linear = file.get_tensor("encoder.layer.4.attention.self.key.weight").numpy()
    assert_array_equal(weights.positions[:3], table[:3])
    assert_array_equal(weights.positions, table[:50])
    head = linear[7 * 32 : 8 * 32]  # rows of head 7: torch keeps (out, in)
    assert_array_equal(weights.key[4, 7], head.T)
    assert_array_equal(spatial_attention(max_positions=512).positions, table)


def test_an_unknown_model():
    message = r"unknown model 'bert-base'\. Known are: minilm, and file:FOLDER for one of your own\."
    with pytest.raises(ValueError, match=message):
        spatial_attention("bert-base")
    with pytest.raises(ValueError, match="unknown model 'hcp-connectomes'"):
        spatial_attention("hcp-connectomes")


@pytest.mark.parametrize("max_positions", [1, 0, -3])
def test_too_few_positions(max_positions):
    message = rf"max_positions = {max_positions} leaves no graph; give at least 2\."
    with pytest.raises(ValueError, match=message):
        spatial_attention(max_positions=max_positions)


@pytest.mark.parametrize("family", ["llama", None])
def test_an_architecture_without_layout(folder, family):
    change_config(folder, model_type=family)
    message = (
        f"'file:{folder}' is of type {family!r}; types whose layout is known are: "
        "bert, roberta, xlm-roberta, gpt2, vit, deit, vit_mae."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        spatial_attention(f"file:{folder}")


@pytest.mark.parametrize("kind", ["relative_key", "relative_key_query"])
def test_relative_positions_are_refused(folder, kind):
    change_config(folder, position_embedding_type="absolute")
    spatial_attention(f"file:{folder}")
    change_config(folder, position_embedding_type=kind)
    message = f"'file:{folder}' has no absolute position embedding ({kind}): nothing to read."
    with pytest.raises(ValueError, match=re.escape(message)):
        spatial_attention(f"file:{folder}")


@pytest.mark.parametrize(
    ("missing", "looked_for"),
    [("position_embeddings", "position_embeddings"), ("query.weight", "query"), ("key.weight", "key")],
)
def test_a_missing_tensor_is_named_beside_those_that_exist(folder, missing, looked_for):
    change_tensors(folder, lambda tensors: {name: tensors[name] for name in tensors if missing not in name})
    present = sorted(load_file(folder / "model.safetensors"))
    message = (
        rf"no tensor is named like '.*{looked_for}.*'; the file holds {len(present)} tensors, "
        rf"among them: {re.escape(', '.join(present[:8]))}\."
    )
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{folder}")


def test_a_missing_or_spoilt_folder(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    message = r"has no file model\.safetensors; the folder holds: config\.json, pytorch_model\.bin\."
    with pytest.raises(MissingDataError, match=message):
        spatial_attention(f"file:{folder}")
    with pytest.raises(MissingDataError, match=r"there is no folder .*none\. Give the folder"):
        spatial_attention(f"file:{folder}/none")
    assert not issubclass(MissingDataError, ChecksumError)


@pytest.mark.parametrize(
    ("heads", "message"),
    [(None, r"config\.json gives num_attention_heads = None"), (5, r"5 heads do not divide the \d+ columns of ")],
)
def test_a_head_count_that_is_missing_or_does_not_fit_is_refused(tmp_path, heads, message):
    build(*MODELS["BERT"][:2]).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "num_attention_heads": heads}), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{tmp_path}")
