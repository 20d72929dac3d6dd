"""METER against what the official code computed, and against the names of its files."""

import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.models.meter import Meter, MeterConfig, load_meter, meter_config
from tests.models.meter.golden import CONFIG, fixture_path, hashed_state_dict, hashed_tensor

IDS = [[0, 5, 17, 42, 88, 23, 9, 61, 2, 1, 1, 1], [0, 33, 7, 7, 54, 90, 12, 76, 31, 4, 66, 2]]
# Of the official run in double precision: sum, sum of squares, last value of the second item.
PRINTED = {
    "text.layer1": (-5.6713436166901445, 753.8666993482168, -0.2037207529261699),
    "image.ln_post": (10.209982223942426, 2567.515427045437, 0.46025881591437945),
    "fusion.text0.cross_context": (-147.19616208600155, 477.73976801838796, -0.8942287352019564),
    "fusion.image1.output": (-6.63635154940188, 647.2738851648498, 1.2005698427161462),
    "pooler.text": (4.678250245574787, 30.63818459794308, -0.8181906904035212),
    "out.mlm_logits": (282.757252738033, 2326.2908889422215, -0.8779396895823307),
    "out.itm_logits": (0.7718398481962789, 3.666892822404761, 0.863134729082464),
}
# Parameters and buffers of the official model at 224 pixels; what the fine-tuned ones add and drop changes the count.
ENTRIES, PARAMETERS, POSITIONS = 671, 358_431_835, 514


def tapped(model):
    """Run the model on the official input; every intermediate value by its name in the official run."""
    found, handles = {}, []

    def watch(name, module, *, reads=False):
        def keep(module, inputs, output=None):
            value = inputs[0] if reads else output
            found[name] = value[0] if isinstance(value, tuple) else value

        handles.append((module.register_forward_pre_hook if reads else module.register_forward_hook)(keep))

    text, visual = model.text_transformer, model.vit_model.visual
    watch("text.embeddings", text.embeddings)
    watch("text.transform", model.cross_modal_text_transform)
    watch("image.ln_pre", visual.ln_pre)
    watch("image.ln_post", visual.ln_post)
    watch("image.transform", model.cross_modal_image_transform)
    for i, layer in enumerate(text.encoder.layer):
        watch(f"text.layer{i}", layer)
        watch(f"text.layer{i}.attn_context", layer.attention.output.dense, reads=True)
        watch(f"text.layer{i}.ffn_act", layer.intermediate)
    for i, block in enumerate(visual.transformer.resblocks):
        watch(f"image.block{i}", block)
        for name, module in {"ln_1": block.ln_1, "c_fc": block.mlp.c_fc, "ffn_act": block.mlp.gelu}.items():
            watch(f"image.block{i}.{name}", module)
    for stream in ("text", "image"):
        watch(f"pooler.{stream}", getattr(model, f"cross_modal_{stream}_pooler"))
        for i, layer in enumerate(getattr(model, f"cross_modal_{stream}_layers")):
            prefix = f"fusion.{stream}{i}"
            watch(f"{prefix}.input", layer, reads=True)
            watch(f"{prefix}.output", layer)
            watch(f"{prefix}.ffn_act", layer.intermediate)
            for kind, part in {"self": layer.attention, "cross": layer.crossattention}.items():
                watch(f"{prefix}.{kind}_context", part.output.dense, reads=True)
                watch(f"{prefix}.{kind}_out", part.output)
    image = hashed_tensor("input.image", (2, 3, 48, 48)).to(next(model.parameters()).dtype)
    ids = torch.tensor(IDS)
    output = model(image, ids, ids != 1)
    for handle in handles:
        handle.remove()
    found |= {
        "out.text_feats": output.text_features,
        "out.image_feats": output.image_features,
        "out.cls_feats": output.cls,
        "out.itm_logits": model.itm_logits(output),
        "out.mlm_logits": model.mlm_logits(output),
    }
    return {name: value.detach().numpy() for name, value in found.items()}


@pytest.fixture(scope="module")
def computed():
    """By precision: all intermediate values."""
    model = load_meter(hashed_state_dict(), text_heads=4, heads=4)
    return {"float64": tapped(model), "float32": tapped(model.float())}


@pytest.mark.parametrize("name", PRINTED)
def test_values_of_the_official_run_typed_here(name, computed):
    value = computed["float64"][name]
    assert_allclose([value.sum(), (value**2).sum(), value[1].flat[-1]], PRINTED[name], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
def test_all_values_of_the_official_run(precision, tolerance, computed):
    with np.load(fixture_path("meter_golden.npz")) as golden:
        assert_array_equal(golden["input.text_ids"], IDS)
        expected = {name: golden[name] for name in golden.files if not name.startswith(("input.", "meta"))}
    assert len(expected) == 54
    assert set(expected) == set(computed[precision])
    for name, value in expected.items():
        assert computed[precision][name].dtype == precision
        assert_allclose(computed[precision][name], value, rtol=0, atol=tolerance, err_msg=name)


def official_layouts():
    """Names and shapes of the six kinds of released files, by kind."""
    listed = json.loads(fixture_path("meter_state_dict_keys.json").read_text(encoding="utf-8"))
    first = {entry["key"]: entry for entry in listed["pretrain_clip16_224_roberta"]}
    layouts = {"pretrain_224": first}
    for kind, change in listed["variants"].items():
        kept = {key: entry for key, entry in first.items() if key not in change["removed"]}
        changed = {entry["key"]: entry for entry in [*change["added"], *change["changed_shape"]]}
        layouts[kind] = kept | changed
        assert len(layouts[kind]) == change["total_keys"]
    return layouts


KINDS = {
    "pretrain_224": (224, ("mlm", "itm"), 2),
    "pretrain_288": (288, ("mlm", "itm"), 2),
    "pretrain_384": (384, ("mlm", "itm"), 2),
    "nlvr2_288": (288, ("nlvr2",), 3),
    "snli_384": (384, ("snli",), 2),
    "irtr_384": (384, ("itm", "irtr"), 2),
    "vqa_576": (576, ("vqa",), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_released_layout_loads_strictly(kind):
    layout = official_layouts()[kind]
    dtypes = {"float32": torch.float32, "int64": torch.int64}
    state = {key: torch.empty(e["shape"], dtype=dtypes[e["dtype"]], device="meta") for key, e in layout.items()}
    model = load_meter(state)
    assert set(model.state_dict()) == set(layout)
    image_size, tasks, token_types = KINDS[kind]
    assert model.config == MeterConfig(image_size=image_size, tasks=tasks, token_types=token_types)


def test_size_of_the_official_model():
    with torch.device("meta"):
        model = Meter(MeterConfig())
    state = model.state_dict()
    assert len(state) == ENTRIES
    assert sum(tensor.numel() for tensor in state.values()) == PARAMETERS + POSITIONS
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS


def test_a_file_without_position_ids_loads():
    state = hashed_state_dict()
    del state["text_transformer.embeddings.position_ids"]
    model = load_meter(state, text_heads=4, heads=4)
    assert_array_equal(model.text_transformer.embeddings.position_ids, np.arange(20)[None])


@pytest.mark.parametrize("name", ["vit_model.ln_final.weight", "cross_modal_image_layers.1.output.dense.bias"])
def test_any_other_missing_name_is_an_error(name):
    state = hashed_state_dict()
    del state[name]
    with pytest.raises(RuntimeError, match=name.replace(".", r"\.")):
        load_meter(state, text_heads=4, heads=4)


def test_an_unknown_name_is_an_error():
    with pytest.raises(RuntimeError, match=r"Unexpected key.*extra"):
        load_meter(hashed_state_dict() | {"extra": torch.zeros(1)}, text_heads=4, heads=4)


def test_configuration_is_read_off_the_shapes():
    assert meter_config(hashed_state_dict(), text_heads=4, heads=4) == CONFIG


def test_heads_that_shapes_do_not_tell():
    with pytest.raises(ValueError, match=r"the width 32 .*: give text_heads"):
        meter_config(hashed_state_dict())


def test_weights_of_something_else():
    with pytest.raises(ValueError, match="no tensor is named"):
        meter_config({"patch_embed.weight": torch.zeros(3)})
    with pytest.raises(ValueError, match="Found: nothing"):
        meter_config({})
