import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less, assert_equal
from transformers import LlamaConfig, LlamaForCausalLM

from brainalign.models import spatial_attention
from brainalign.models.rotary import Rotation, rotary_kernel
from tests.models.families import FAMILIES, GROUPED, attention_modules, library_attention

# The libraries compute in float32, and a kernel sums over the width.
TOLERANCE = 5e-5
N = 9


def _text(rotary, n=N):
    return rotary(torch.zeros(1, n, 1), torch.arange(n)[None])


def _patches(rows, columns):
    return torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")).flatten(1)


# How the library itself makes the angles of its positions.
ROTATIONS = {
    "Pythia": lambda model: _text(model.gpt_neox.rotary_emb),
    "LLaMA": lambda model: _text(model.model.rotary_emb),
    "Mistral": lambda model: _text(model.model.rotary_emb),
    "Qwen2": lambda model: _text(model.model.rotary_emb),
    "Qwen3": lambda model: _text(model.model.rotary_emb),
    "Phi-3": lambda model: _text(model.model.rotary_emb),
    "Qwen2.5-VL, text": lambda model: model.model.language_model.rotary_emb(
        torch.zeros(1, N, 1), torch.arange(N).expand(3, 1, N)
    ),
    "DINOv3": lambda model: model.rope_embeddings(torch.zeros(1, 3, 8, 8)),
    "Qwen2-VL, vision": lambda model: model.model.visual.rotary_pos_emb(torch.zeros(9, 1), _patches(3, 3).T),
    "Qwen2.5-VL, vision": lambda model: model.model.visual.rotary_pos_emb(torch.zeros(9, 1), _patches(3, 3).T),
    "timm's DINOv3": lambda model: model.rope.get_embed(list(model.patch_embed.grid_size)),
    "timm's EVA-02, fused": lambda model: model.rope.get_embed(list(model.patch_embed.grid_size)),
    "timm's EVA-02, separate": lambda model: model.rope.get_embed(list(model.patch_embed.grid_size)),
}
N_NODES = {"DINOv3": (5, (4, 4)), "timm's DINOv3": (5, (4, 4))}
N_NODES |= {f"timm's EVA-02, {kind}": (1, (4, 4)) for kind in ("fused", "separate")}


def _read(name, reference):
    grid = 3 if "Qwen2" in name and "vision" in name else None
    return spatial_attention(reference, positions="rotary", max_positions=N, grid=grid)


def _sum_over_white_content(module, width, n, rotation):
    """Logits of the library's own attention, summed over contents that together are white: the unit vectors."""
    return sum(library_attention(module, row.expand(n, -1), rotation=rotation)[0] for row in torch.eye(width)).numpy()


@pytest.mark.parametrize("name", ROTATIONS)
@torch.no_grad()
def test_kernel_is_what_the_library_gives_for_white_content(saved, name):
    module, reference = saved(name)
    weights = _read(name, reference)
    assert_equal(weights.position_kind, "rotary")
    assert weights.positions is None
    n_prefix, grid = N_NODES.get(name, (0, (3, 3) if "vision" in name else None))
    assert_equal((weights.n_prefix, weights.grid), (n_prefix, grid))
    rotation, width = ROTATIONS[name](module), FAMILIES[name].shape[2]
    for layer in (0, weights.n_layers - 1):
        attention = attention_modules(name, module)[layer]
        theirs = _sum_over_white_content(attention, width, weights.n_positions, rotation)
        assert_allclose(weights.logits(layer), theirs, rtol=0, atol=TOLERANCE * np.abs(theirs).max())
        # The comparison could fail: without any rotation the kernel would be flat.
        assert_array_less(100 * TOLERANCE, np.ptp(theirs, axis=(1, 2)) / np.abs(theirs).max())


@pytest.mark.parametrize(
    "scaling",
    [
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
        | {"original_max_position_embeddings": 8},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
        {"rope_type": "linear", "factor": 2.0},
    ],
    ids=lambda scaling: scaling["rope_type"],
)
@torch.no_grad()
def test_stretched_contexts(tmp_path, scaling):
    config = LlamaConfig(**GROUPED, rope_parameters=scaling | {"rope_theta": 500.0}, attn_implementation="eager")
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(tmp_path)
    weights = spatial_attention(f"file:{tmp_path}", positions="rotary", max_positions=N)
    theirs = _sum_over_white_content(model.model.layers[1].self_attn, 24, N, _text(model.model.rotary_emb))
    assert_allclose(weights.logits(1), theirs, rtol=0, atol=TOLERANCE * np.abs(theirs).max())


@torch.no_grad()
def test_kernel_is_the_mean_over_random_content(saved):
    module, reference = saved("LLaMA")
    weights, attention = _read("LLaMA", reference), attention_modules("LLaMA", module)[2]
    generator = torch.Generator().manual_seed(3)
    rotation, draws = _text(module.model.rotary_emb), 400
    contents = torch.randn(draws, 24, generator=generator)
    logits = torch.stack([library_attention(attention, row.expand(N, -1), rotation=rotation)[0] for row in contents])
    errors = (logits.mean(dim=0).numpy() - weights.logits(2)) / (logits.std(dim=0).numpy() / np.sqrt(draws))
    assert_array_less(np.abs(errors), 5)


@pytest.mark.parametrize("name", ["Pythia", "LLaMA", "Qwen3"])
def test_kernel_of_a_text_depends_on_distance_alone(saved, name):
    kernel = _read(name, saved(name)[1]).bias
    assert_allclose(kernel[..., 1:, 1:], kernel[..., :-1, :-1], rtol=0, atol=1e-5 * np.abs(kernel).max())
    # Looking back differs from looking ahead: this test could tell a kernel from its transpose.
    assert_array_less(0.01, np.abs(kernel - np.swapaxes(kernel, -1, -2)).max() / np.abs(kernel).max())


def test_prefix_tokens_do_not_turn(saved):
    weights = _read("DINOv3", saved("DINOv3")[1])
    prefix = weights.bias[:, :, : weights.n_prefix, : weights.n_prefix]
    assert_allclose(prefix, np.broadcast_to(prefix[..., :1, :1], prefix.shape), rtol=1e-5)


def test_grid_of_a_rotary_picture_model_can_be_chosen(saved):
    weights = spatial_attention(saved("DINOv3")[1], positions="rotary", grid=6)
    assert_equal((weights.grid, weights.n_prefix, weights.n_positions), ((6, 6), 5, 41))


def test_without_rotation_the_kernel_is_the_trace():
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 3, 7, 4, generator=generator)
    kernel = rotary_kernel(query, key, Rotation(torch.zeros(5, 2)))
    traces = torch.stack([torch.trace(a @ b.T) for a, b in zip(query, key, strict=True)]).double()
    torch.testing.assert_close(kernel, traces[:, None, None].expand(3, 5, 5), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("interleaved", [False, True])
def test_kernel_against_matrices_of_rotation(interleaved):
    generator = torch.Generator().manual_seed(1)
    query, key = torch.randn(2, 5, 6, generator=generator).double()
    angles = torch.randn(4, 2, generator=generator)  # two pairs turn, two of six components do not
    pairs = [(0, 1), (2, 3)] if interleaved else [(0, 2), (1, 3)]
    kernel = rotary_kernel(query, key, Rotation(angles, interleaved=interleaved, amplitude=1.5))
    for i in range(4):
        for j in range(4):
            turn_i, turn_j = torch.eye(6).double(), torch.eye(6).double()
            for turn, place in ((turn_i, i), (turn_j, j)):
                for (a, b), angle in zip(pairs, angles[place].double(), strict=True):
                    turn[a, a] = turn[b, b] = 1.5 * angle.cos()
                    turn[a, b], turn[b, a] = -1.5 * angle.sin(), 1.5 * angle.sin()
            torch.testing.assert_close(kernel[i, j], torch.trace((query @ turn_i.T) @ (key @ turn_j.T).T))


def test_more_pairs_than_a_head_is_wide():
    with pytest.raises(ValueError, match="3 pairs of components do not fit into"):
        rotary_kernel(torch.zeros(7, 4), torch.zeros(7, 4), Rotation(torch.zeros(5, 3)))


@pytest.mark.parametrize("name", ["BERT", "ViT", "timm's ViT", "open_clip, text"])
def test_a_model_without_rotation_is_refused(saved, name):
    with pytest.raises(ValueError, match="no rotary positions; choose"):
        spatial_attention(saved(name)[1], positions="rotary")
