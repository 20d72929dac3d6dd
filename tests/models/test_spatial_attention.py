import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel, RobertaConfig, RobertaModel

from brainalign.catalogue.entries import locate
from brainalign.datasets import MissingDataError
from brainalign.models import SpatialAttention, read_spatial_attention, spatial_attention
from brainalign.models.checkpoints import TensorPart
from brainalign.models.layouts import parts_needed, topology_bytes
from brainalign.models.opening import open_checkpoint
from brainalign.topology.graphs import attention_graph, attention_logits
from tests.models.families import FAMILIES, TEXT, build

PARITY = 1e-5


@pytest.fixture
def folder(tmp_path):
    """A folder with a small BERT that a test may spoil."""
    BertModel(BertConfig(**TEXT | {"num_hidden_layers": 2})).save_pretrained(tmp_path)
    return tmp_path


def change_config(folder, **fields):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def change_tensors(folder, function):
    file = folder / "model.safetensors"
    save_file(function(load_file(file)), file)


class Recorded:
    """A checkpoint that notes what is read of it."""

    def __init__(self, checkpoint):
        self.reference, self.config = checkpoint.reference, checkpoint.config
        self.names, self.shape = checkpoint.names, checkpoint.shape
        self._checkpoint, self.calls = checkpoint, []

    def read(self, parts):
        self.calls.append(list(parts))
        return self._checkpoint.read(self.calls[-1])


@pytest.fixture
def weights():
    """Two layers of three heads over five positions, width 4, with a bias."""
    generator = np.random.default_rng(0)
    query, key = generator.standard_normal((2, 2, 3, 4, 2), dtype=np.float32)
    positions, bias = generator.standard_normal((5, 4)), generator.standard_normal((2, 3, 5, 5))
    return SpatialAttention("made up", positions, query, key, "vision", bias)


def test_minilm():
    weights = spatial_attention()
    assert_equal((weights.model, weights.tower, weights.position_kind), ("minilm", "text", "own"))
    assert_array_equal(weights.positions.shape, [50, 384])
    assert_array_equal(weights.query.shape, [6, 12, 384, 32])
    assert_array_equal(weights.key.shape, weights.query.shape)
    with safe_open(locate("minilm", "model/model.safetensors"), framework="pt") as file:
        table = file.get_tensor("embeddings.position_embeddings.weight").numpy()
        linear = file.get_tensor("encoder.layer.4.attention.self.key.weight").numpy()
    assert_array_equal(weights.positions, table[:50])
    head = linear[7 * 32 : 8 * 32]  # rows of head 7: torch keeps (out, in)
    assert_array_equal(weights.key[4, 7], head.T)
    assert_array_equal(spatial_attention(max_positions=512).positions, table)


def test_logits_are_scaled_before_the_bias_is_added(weights):
    P, (W_Q, W_K) = weights.positions, weights.head(1, 2)
    expected = P @ W_Q @ W_K.T @ P.T / np.sqrt(2) + weights.bias[1, 2]
    assert_allclose(weights.logits(1, 2), expected, rtol=1e-6)
    assert_allclose(weights.logits(1)[2], expected, rtol=1e-6)
    assert_equal(weights.logits(1).shape, (3, 5, 5))
    # The study's code adds the bias before scaling.
    as_study = attention_logits(P, W_Q, W_K, bias=weights.bias[1, 2] * np.sqrt(2)) / np.sqrt(2)
    assert_allclose(weights.logits(1, 2), as_study, rtol=1e-6)


def test_logits_with_positions_for_every_layer(weights):
    layered = replace(weights, positions=np.stack([weights.positions, 2 * weights.positions]), bias=None)
    plain = replace(weights, bias=None)
    assert_allclose(layered.logits(0), plain.logits(0))
    assert_allclose(layered.logits(1), 4 * plain.logits(1))
    assert_equal(layered.n_positions, 5)


def test_positions_of_a_layer_and_of_all(weights):
    with pytest.raises(ValueError, match=r"a table of positions and biases \(kind"):
        weights.positions_of(1)
    weights = replace(weights, bias=None)
    assert_equal(weights.positions_of(1), weights.positions)
    assert_equal(weights.position_table, weights.positions)
    layered = replace(weights, positions=np.stack([weights.positions, 2 * weights.positions]), position_kind="stand-in")
    assert_equal(layered.positions_of(1), 2 * weights.positions)
    with pytest.raises(ValueError, match=r"kind: stand-in\) differ from layer to"):
        _ = layered.position_table
    without = replace(weights, positions=None, position_kind="relative")
    with pytest.raises(ValueError, match=r"no table of positions \(kind: relative\)"):
        without.positions_of(0)
    with pytest.raises(ValueError, match="has no head 0 in layer 9"):
        weights.positions_of(9)


def test_logits_of_the_bias_alone(weights):
    alone = replace(weights, positions=None)
    assert_array_equal(alone.logits(1, 2), weights.bias[1, 2])
    assert_equal(alone.n_positions, 5)


def test_without_positions_there_are_no_logits(weights):
    nothing = replace(weights, positions=None, bias=None)
    assert_equal(nothing.n_positions, 0)
    with pytest.raises(ValueError, match="made up was read without positions"):
        nothing.logits(0)


@pytest.mark.parametrize(("layer", "head"), [(2, 0), (-1, 0), (0, 3), (0, -1)])
def test_a_layer_or_head_that_is_not_there(weights, layer, head):
    message = f"made up has no head {head} in layer {layer}: layers go from 0 to 1, heads from 0 to 2."
    for ask in (weights.head, weights.logits):
        with pytest.raises(ValueError, match=re.escape(message)):
            ask(layer, head)


def test_arrays_are_float32_and_topology_computes_in_float64(saved):
    weights = spatial_attention(saved("BERT")[1])
    for array in (weights.positions, weights.query, weights.key):
        assert_equal(array.dtype, np.float32)
    graph = attention_graph(weights.positions, *weights.head(3, 1), weights.head_dim)
    exact = (array.astype(np.float64) for array in (weights.positions, *weights.head(3, 1)))
    assert_array_equal(graph, attention_graph(*exact, weights.head_dim))


@pytest.mark.parametrize("name", ["BERT", "GPT-2 with head", "ViT", "LLaMA", "BEiT"])
def test_a_model_in_half_precision(name, tmp_path):
    module, _ = build(name)
    module.to(torch.bfloat16).save_pretrained(tmp_path)
    positions = "none" if name == "LLaMA" else "study"
    half = spatial_attention(f"file:{tmp_path}", positions=positions)
    module.float().save_pretrained(tmp_path)
    full = spatial_attention(f"file:{tmp_path}", positions=positions)
    for part in ("query", "key", "positions", "bias"):
        theirs, ours = getattr(full, part), getattr(half, part)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_array_equal(ours, theirs)
            assert_equal(ours.dtype, np.float32)


def test_double_precision_stays(folder):
    change_tensors(folder, lambda tensors: {name: tensor.double() for name, tensor in tensors.items()})
    weights = spatial_attention(f"file:{folder}")
    assert_equal({array.dtype for array in (weights.positions, weights.query, weights.key)}, {np.dtype(np.float64)})


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_positions_of_roberta_begin_after_the_padding_token(tmp_path, padding):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
    config = RobertaConfig(**sizes, vocab_size=9, max_position_embeddings=12, pad_token_id=padding)
    RobertaModel(config).save_pretrained(tmp_path)
    table = load_file(tmp_path / "model.safetensors")["embeddings.position_embeddings.weight"].numpy()
    assert_array_equal(spatial_attention(f"file:{tmp_path}").positions, table[padding + 1 :])


def test_shared_keys_come_for_every_head(saved):
    weights = spatial_attention(saved("LLaMA")[1], positions="none")
    for head in range(6):
        assert_array_equal(weights.key[:, head], weights.key[:, head // 3 * 3])
    assert np.abs(weights.key[:, 0] - weights.key[:, 3]).min() > 0


def test_permuted_heads_permute_the_logits(saved):
    weights = spatial_attention(saved("ViT")[1])
    order = [2, 0, 1]
    shuffled = replace(weights, query=weights.query[:, order], key=weights.key[:, order])
    assert_array_equal(shuffled.logits(4), weights.logits(4)[order])


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("positions", ["study", "none"])
def test_everything_is_read_at_once_and_nothing_in_vain(saved, name, positions):
    _, reference = saved(name)
    checkpoint = Recorded(open_checkpoint(reference))
    lent = checkpoint.config.get("model_type", "").startswith(
        ("gpt_neox", "llama", "mistral", "qwen", "phi3", "dinov3")
    )
    if positions == "study" and ("fusion" in name or "timm's DINOv3" in name or lent):
        positions = "none"
    weights = read_spatial_attention(checkpoint, FAMILIES[name].tower, positions=positions)
    (parts,) = checkpoint.calls
    assert_equal(len(parts), len(set(parts)))
    read = sum(tensor.numel() for tensor in checkpoint._checkpoint.read(parts).values())
    group = weights.n_heads // len(np.unique(weights.key[0].reshape(weights.n_heads, -1), axis=0))
    needed = weights.query.size + weights.key.size // group
    needed += 0 if weights.positions is None else weights.positions.size
    in_vain = {"GPT-2": 1.5, "Pythia": 1.5}.get(re.sub(" with.*", "", name), 1)  # the values lie between
    assert read <= in_vain * needed + (52 * 3 * 11 if "BEiT" in name else 0)


def test_parts_needed(saved):
    checkpoint = open_checkpoint(saved("timm's ViT")[1])
    parts = parts_needed(checkpoint)
    assert_equal(parts[:2], [TensorPart(f"blocks.{layer}.attn.qkv.weight", (0, 24)) for layer in range(2)])
    assert_equal((len(parts), parts[-1]), (12, TensorPart("pos_embed")))
    assert_equal(parts_needed(open_checkpoint(saved("RoBERTa")[1]), max_positions=9)[-1].rows, (2, 11))
    phi3 = parts_needed(open_checkpoint(saved("Phi-3")[1]))
    assert_equal(phi3, [TensorPart(f"model.layers.{layer}.self_attn.qkv_proj.weight", (0, 32)) for layer in range(3)])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BERT", 4 * (50 * 12 + 11 * 2 * 144)),
        ("timm's ViT", 4 * (17 * 12 + 11 * 2 * 144)),
        ("GPT-2", 4 * (50 * 12 + 11 * 3 * 144)),
        ("LLaMA", 4 * 3 * (24 + 8) * 24),
        ("timm's BEiT", 4 * 11 * (2 * 144 + 52 * 3)),
        ("CLIP, text", 4 * (50 * 12 + 2 * 2 * 144 + 17 * 16 + 3 * 2 * 256)),
    ],
)
def test_topology_bytes(saved, name, expected):
    checkpoint = open_checkpoint(saved(name)[1].partition("#")[0])
    tensors = {tensor: (checkpoint.shape(tensor), 4) for tensor in checkpoint.names()}
    assert_equal(topology_bytes(tensors, checkpoint.config), expected)
    halved = {tensor: (shape, 2) for tensor, (shape, _) in tensors.items()}
    assert_equal(topology_bytes(halved, checkpoint.config), expected // 2)


def test_topology_bytes_of_one_tower(saved):
    checkpoint = open_checkpoint(saved("CLIP, text")[1].partition("#")[0])
    tensors = {tensor: (checkpoint.shape(tensor), 4) for tensor in checkpoint.names()}
    vision, text = (topology_bytes(tensors, checkpoint.config, tower=tower) for tower in ("vision", "text"))
    assert_equal((vision, text), (4 * (17 * 16 + 3 * 2 * 256), 4 * (50 * 12 + 2 * 2 * 144)))


def test_a_tower_must_be_named(saved):
    reference = saved("METER, text")[1].partition("#")[0]
    message = "has the towers fusion-image-self, fusion-text-self, text, vision: name one, for example"
    with pytest.raises(ValueError, match=message):
        spatial_attention(reference)
    with pytest.raises(ValueError, match=r"'visio'.*'vision'"):
        spatial_attention(f"{reference}#visio")
    assert_equal(spatial_attention(f"{reference}#vision").tower, "vision")


@pytest.mark.parametrize("max_positions", [1, 0, -3])
def test_too_few_positions(max_positions):
    with pytest.raises(ValueError, match=rf"max_positions = {max_positions} leaves no graph; give at least 2\."):
        spatial_attention(max_positions=max_positions)


def test_a_grid_of_one_patch(saved):
    with pytest.raises(ValueError, match="grid = 1 leaves no graph"):
        spatial_attention(saved("ViT")[1], grid=1)


def test_an_unknown_choice_of_positions():
    message = r"unknown positions = 'rotery'\. Did you mean 'rotary'\? Allowed are: study, own, normed, rotary, none\."
    with pytest.raises(ValueError, match=message):
        spatial_attention(positions="rotery")


@pytest.mark.parametrize("family", ["mamba", None])
def test_an_architecture_without_layout(tmp_path, family):
    LlamaModel(LlamaConfig(**TEXT)).save_pretrained(tmp_path)
    change_config(tmp_path, model_type=family)
    message = (
        rf"'file:{tmp_path}' is of type {family!r}, and no known layout fits; types whose layout is known are: bert, "
        r".*Looked for: .*blocks\.\*\.attn\.qkv\.weight.*\. The checkpoint holds \d+ tensors, among them: "
    )
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{tmp_path}")


def test_a_known_type_without_its_tensors(folder):
    change_config(folder, model_type="gpt2")
    message = r"is of type 'gpt2', and no known layout fits\. Looked for: \[model\.\]h\.\*\.attn\.c_attn\.weight\. The"
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{folder}")


@pytest.mark.parametrize("kind", ["relative_key", "relative_key_query"])
def test_relative_positions_are_refused(folder, kind):
    change_config(folder, position_embedding_type="absolute")
    spatial_attention(f"file:{folder}")
    change_config(folder, position_embedding_type=kind)
    message = f"'file:{folder}' has no absolute position embedding ({kind}): nothing to read."
    with pytest.raises(ValueError, match=re.escape(message)):
        spatial_attention(f"file:{folder}")


@pytest.mark.parametrize("missing", ["position_embeddings", "query.weight", "key.weight"])
def test_a_missing_tensor_is_named_beside_those_that_exist(folder, missing):
    change_tensors(folder, lambda tensors: {name: tensors[name] for name in tensors if missing not in name})
    present = sorted(load_file(folder / "model.safetensors"))
    message = (
        rf"Looked for: .*{missing}.*\. The checkpoint holds {len(present)} tensors, "
        rf"among them: {re.escape(', '.join(present[:8]))}\."
    )
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{folder}")


def test_a_missing_folder(tmp_path):
    with pytest.raises(MissingDataError, match="none"):
        spatial_attention(f"file:{tmp_path}/none")


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (None, r"the configuration gives num_attention_heads = None; a positive number of heads is needed"),
        (0, r"the configuration gives num_attention_heads = 0; a positive number"),
        ("x", r"the configuration gives num_attention_heads = 'x'; a positive number"),
        (5, r"5 heads do not divide the 12 rows of a query or key weight of shape \(12, 12\)"),
    ],
)
def test_a_head_count_that_is_missing_or_does_not_fit_is_refused(folder, heads, message):
    change_config(folder, num_attention_heads=heads)
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{folder}")


def test_key_heads_that_cannot_be_shared_evenly(tmp_path):
    LlamaModel(LlamaConfig(**TEXT)).save_pretrained(tmp_path)
    change_config(tmp_path, num_key_value_heads=2)
    with pytest.raises(ValueError, match="3 heads cannot share 2 key heads evenly"):
        spatial_attention(f"file:{tmp_path}", positions="none")


def test_timm_needs_its_architecture(saved, tmp_path):
    _, reference = saved("timm's ViT")
    tensors = load_file(f"{reference.removeprefix('file:')}/model.safetensors")
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"gives num_heads or model_args.* = None; a positive number"):
        spatial_attention(f"file:{tmp_path}")
    change_config(tmp_path, num_heads=3)
    for positions in ("study", "normed"):
        ours, theirs = (spatial_attention(where, positions=positions) for where in (f"file:{tmp_path}", reference))
        assert_array_equal(ours.query, theirs.query)
        assert_array_equal(ours.positions, theirs.positions)


def test_fields_that_the_configuration_leaves_out_are_the_library_s(saved, tmp_path):
    # Some configurations on the hub keep no more of a tower than differs from its defaults.
    from transformers import SiglipConfig, SiglipModel

    tower = {"num_hidden_layers": 1, "intermediate_size": 8}
    config = SiglipConfig(text_config=tower | {"vocab_size": 9}, vision_config=tower)
    SiglipModel(config).save_pretrained(tmp_path)
    told = {"num_hidden_layers": 1}
    change_config(tmp_path, vision_config={"model_type": "siglip_vision_model"} | told, text_config=told)
    weights = spatial_attention(f"file:{tmp_path}#vision")
    assert_equal((weights.n_heads, weights.head_dim), (12, 64))
