"""Making the attention maps of each library visible; without that, fused attention never computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from brainalign.models.meter.attention import PackedSelfAttention, SeparateAttention
from brainalign.models.taps.multihead import additive_mask, opened

Listener = Callable[[Tensor], None]


@contextmanager
def explicit_attention(model: nn.Module) -> Iterator[None]:
    """Let all modules of a transformers model compute attention step by step, and restore their choice at the end."""
    configs = {id(m.config): m.config for m in model.modules() if hasattr(getattr(m, "config", None), "model_type")}
    # The setter changes the parts of a composite configuration, too; so the wholes are restored first.
    saved = [(config, config._attn_implementation) for config in configs.values()]
    for config in configs.values():
        config._attn_implementation = "eager"
    try:
        yield
    finally:
        for config, implementation in saved:
            config._attn_implementation = implementation


@contextmanager
def listening(attention: nn.Module, listen: Listener) -> Iterator[None]:
    """Call `listen` with every map of one attention module, of shape (batch, heads, n_queries, n_keys).

    Raises
    ------
    ValueError
        An attention module of an unknown kind.
    """
    with ExitStack() as stack:
        if isinstance(attention, nn.MultiheadAttention):
            stack.enter_context(opened(attention, listen))
        elif isinstance(attention, PackedSelfAttention | SeparateAttention):
            stack.enter_context(attention.register_forward_pre_hook(_ask_for_map, with_kwargs=True))
            stack.enter_context(attention.register_forward_hook(lambda module, inputs, output: listen(output[1])))
        elif hasattr(attention, "in_proj_weight"):  # open_clip's own class
            hook = _listen_to_own_attention(listen)
            stack.enter_context(attention.register_forward_pre_hook(hook, with_kwargs=True))
        elif hasattr(attention, "fused_attn"):  # timm
            stack.enter_context(_unfused(attention))
            stack.enter_context(attention.attn_drop.register_forward_pre_hook(lambda module, args: listen(args[0])))
        elif hasattr(attention, "config"):  # transformers; see explicit_attention
            stack.enter_context(attention.register_forward_hook(_listen_to_returned(listen)))
        elif isinstance(getattr(attention, "dropout", None), nn.Module):  # ViLT, which is never fused
            stack.enter_context(attention.dropout.register_forward_pre_hook(lambda module, args: listen(args[0])))
        else:
            msg = (
                f"the attention maps of {type(attention).__name__} can not be read; the kinds known here are those of "
                f"timm, transformers, open_clip, METER and torch.nn.MultiheadAttention. Leave out 'attention'."
            )
            raise ValueError(msg)
        yield


def _ask_for_map(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    return args, {**kwargs, "keep_attention": True}


@contextmanager
def _unfused(attention: nn.Module) -> Iterator[None]:
    before = attention.fused_attn
    attention.fused_attn = False
    try:
        yield
    finally:
        attention.fused_attn = before


def _listen_to_returned(listen: Listener) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple, output: tuple) -> None:
        if not isinstance(output, tuple) or len(output) < 2 or output[1] is None:
            msg = f"{type(module).__name__} returned no attention maps; leave out 'attention'."
            raise ValueError(msg)
        listen(output[1])

    return hook


def _listen_to_own_attention(listen: Listener) -> Callable[..., None]:
    # open_clip's own class has no working road without fused attention: the map is computed beside it.
    def hook(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        x, mask = (*args, *kwargs.values(), None)[:2]
        parts = linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)[:2]
        q, k = (part.unflatten(-1, (module.num_heads, -1)).transpose(1, 2) for part in parts)
        if module.logit_scale is not None:
            scale = module.logit_scale.clamp(max=module.logit_scale_max).exp()
            scores = normalize(q, dim=-1) @ normalize(k, dim=-1).mT * scale
        else:
            scores = module.ln_q(q) @ module.ln_k(k).mT * module.scale
        if mask is not None:
            scores = scores + additive_mask(mask, q)
        listen(scores.softmax(dim=-1))

    return hook
