"""Where the blocks of a model are, and where in a block heads and neurons are found.

Blocks are known by the modules they hold, never by their class or by a path from the top: libraries rename both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

_FIRST_TOKENS = re.compile(
    r"(^|\.)(cls_token|class_token|class_embedding|distillation_token|dist_token|reg_token|register_tokens)$"
)
_IMAGE_TOWERS = ("image", "fusion_image", "decoder")
_TOWERS_BY_PATH = (
    (re.compile(r"cross_modal_text_layers"), "fusion_text"),
    (re.compile(r"cross_modal_image_layers"), "fusion_image"),
    (re.compile(r"decoder_layers|decoder_blocks"), "decoder"),
    (re.compile(r"visual|vision|vit_model|image_encoder"), "image"),
    (re.compile(r"text|language_model"), "text"),
)


@dataclass(frozen=True)
class BlockLayout:
    """The parts of one family of blocks, as paths inside the block.

    Attributes
    ----------
    family : str
        What the family is called in messages.
    attention : str
        The module that makes the attention maps.
    projection : str
        The linear map that reads the context of all heads, side by side.
    output : str
        The linear map that reads the neurons.
    pools_first : bool
        Whether a text is summarized by its first token (else by its last one: these blocks are mostly causal).
    """

    family: str
    attention: str
    projection: str
    output: str
    pools_first: bool = False


LAYOUTS = (
    BlockLayout("BERT and RoBERTa", "attention.self", "attention.output.dense", "output.dense", True),
    BlockLayout("ViLT", "attention.attention", "attention.output.dense", "output.dense", True),
    BlockLayout("ViT, DeiT, MAE and DINOv2 of transformers", "attention", "attention.o_proj", "mlp.fc2", True),
    BlockLayout("CLIP and SigLIP of transformers", "self_attn", "self_attn.out_proj", "mlp.fc2"),
    BlockLayout("BLIP", "self_attn", "self_attn.projection", "mlp.fc2", True),
    BlockLayout("LLaMA and its kin", "self_attn", "self_attn.o_proj", "mlp.down_proj"),
    BlockLayout("GPT-2", "attn", "attn.c_proj", "mlp.c_proj"),
    BlockLayout("timm", "attn", "attn.proj", "mlp.fc2", True),
    BlockLayout("open_clip, and the image towers of METER and BridgeTower", "attn", "attn.out_proj", "mlp.c_proj"),
)


@dataclass(frozen=True)
class Sublayer:
    """One attention of a block.

    Attributes
    ----------
    prefix : str
        Empty for self-attention, "cross_" for attention to another stream.
    attention, projection : Module
        What makes the maps, and what reads the context.
    """

    prefix: str
    attention: nn.Module
    projection: nn.Module

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        for name in ("num_heads", "num_attention_heads", "heads"):
            if isinstance(getattr(self.attention, name, None), int):
                return getattr(self.attention, name)
        return self.attention.config.num_attention_heads  # LLaMA and its kin


@dataclass(frozen=True)
class Block:
    """One layer of a tower.

    Attributes
    ----------
    module : Module
        Its output is the residual stream.
    sublayers : tuple of Sublayer
        Its attentions.
    output : Module
        What reads the neurons.
    batch_first : bool
        Whether its stream is (batch, tokens, width), not (tokens, batch, width).
    """

    module: nn.Module
    sublayers: tuple[Sublayer, ...]
    output: nn.Module
    batch_first: bool


@dataclass(frozen=True)
class Tower:
    """A stack of blocks.

    Attributes
    ----------
    name : str
        "image", "text", "fusion_image", "fusion_text", "fusion" (one stream for both) or "decoder"; the path of the
        stack where two would have one name.
    path : str
        Path of the stack inside the model.
    blocks : tuple of Block
        From the first layer to the last.
    n_first : int
        How many tokens before the patches stand for no patch: class, distillation and register tokens.
    pools_first : bool
        Whether the first token is the summary.
    """

    name: str
    path: str
    blocks: tuple[Block, ...]
    n_first: int
    pools_first: bool

    @property
    def reads_text(self) -> bool:
        """Whether its tokens are words, or words and patches."""
        return self.name not in _IMAGE_TOWERS


def find_towers(model: nn.Module) -> list[Tower]:
    """All stacks of blocks in a model.

    Parameters
    ----------
    model : Module
        Of timm, transformers, open_clip or METER.

    Returns
    -------
    list of Tower
        In the order in which the model holds them.

    Raises
    ------
    ValueError
        None is found; the text says what was looked for and what the model has.
    """
    stacks = list(_stacks(model))
    if not stacks:
        raise ValueError(_nothing_found(model))
    patches = any(isinstance(module, nn.Conv2d) for module in model.modules())
    n_first = sum(
        parameter.shape[-2] if parameter.ndim > 1 else 1
        for name, parameter in model.named_parameters()
        if _FIRST_TOKENS.search(name)
    )
    names = _names(stacks, patches)
    return [
        Tower(
            name if names.count(name) == 1 else path,
            path,
            blocks,
            n_first if name in _IMAGE_TOWERS else 0,
            layout.pools_first,
        )
        for name, (path, layout, blocks) in zip(names, stacks, strict=True)
    ]


def _stacks(model: nn.Module) -> Iterator[tuple[str, BlockLayout, tuple[Block, ...]]]:
    for path, module in model.named_modules():
        children = list(module.children()) if isinstance(module, nn.ModuleList | nn.Sequential) else []
        for layout in LAYOUTS:
            if children and all(_fits(child, layout) for child in children):
                yield path, layout, tuple(_block(child, layout) for child in children)
                break


def _fits(block: nn.Module, layout: BlockLayout) -> bool:
    if hasattr(block, "window_size"):  # Swin and its kin: heads see windows, so that contexts are not in token order
        return False
    return all(_part(block, path) is not None for path in (layout.attention, layout.projection, layout.output))


def _part(module: nn.Module, path: str) -> nn.Module | None:
    for name in path.split("."):
        module = module._modules.get(name)
        if module is None:
            return None
    return module


def _block(module: nn.Module, layout: BlockLayout) -> Block:
    own = Sublayer("", _part(module, layout.attention), _part(module, layout.projection))
    sublayers = [own]
    if _part(module, "crossattention") is not None:
        tail_a, tail_p = (path.partition(".")[2] for path in (layout.attention, layout.projection))
        cross = module._modules["crossattention"]
        sublayers.append(Sublayer("cross_", _part(cross, tail_a) if tail_a else cross, _part(cross, tail_p)))
    batch_first = getattr(own.attention, "batch_first", True)
    return Block(module, tuple(sublayers), _part(module, layout.output), batch_first)


def _names(stacks: list[tuple[str, BlockLayout, tuple[Block, ...]]], patches: bool) -> list[str]:
    """What each stack reads, told by its path, else by whether the model cuts images into patches."""
    by_path = [next((name for pattern, name in _TOWERS_BY_PATH if pattern.search(path)), None) for path, _, _ in stacks]
    rest = "image" if patches and "image" not in by_path else "text"
    is_joint = [layout.family == "ViLT" for _, layout, _ in stacks]
    return ["fusion" if joint else name or rest for joint, name in zip(is_joint, by_path, strict=True)]


def _nothing_found(model: nn.Module) -> str:
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList | nn.Sequential) and len(m)]
    found = sorted({type(child).__name__ for m in lists for child in m}) or ["no list of modules"]
    families = "; ".join(layout.family for layout in LAYOUTS)
    return (
        f"{type(model).__name__} has no stack of Transformer blocks that is known here. Looked for blocks of: "
        f"{families}. Its lists of modules hold: {', '.join(found)}."
    )
