"""Recording what goes on inside a model while it is called."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from brainalign.models.taps.blocks import Block, Tower, find_towers
from brainalign.models.taps.maps import explicit_attention, listening
from brainalign.models.taps.multihead import opened
from brainalign.models.taps.pooling import POOLS, Pool, Pooling
from brainalign.models.taps.record import Record
from brainalign.models.taps.texts import TextTokens

KINDS = ("residual", "neurons", "context", "attention")
"""What can be recorded."""


@contextmanager
def tap(
    model: nn.Module,
    what: Sequence[str] = KINDS,
    *,
    towers: Sequence[str] | None = None,
    layers: Iterable[int] | None = None,
    pool: Pool | Mapping[str, Pool] = "summary",
    mask: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Iterator[Record]:
    """Record activations of a model in every forward call inside a ``with`` block.

    The model computes what it would compute without; it is as before when the block is left. Tokens are pooled before
    anything is stored, so memory grows with the samples, not with their tokens. Nothing recorded carries a gradient.

    Parameters
    ----------
    model : Module
        A model of timm, transformers, open_clip or `brainalign.models.meter`, in eval mode.
    what : sequence of str
        Out of `KINDS`. "residual": output of each block. "neurons": what the second projection of the MLP reads, that
        is, the hidden units after the activation (and after the gate or the normalization, where there is one).
        "context": softmax(QK')V of each head, before the output projection. "attention": the maps; to see them,
        attention is computed step by step instead of fused, which is slower and changes outputs by rounding. Layers
        that attend to another stream record "cross_context" and "cross_attention" besides.
    towers : sequence of str, optional
        Which towers: "image", "text", "fusion", "fusion_image", "fusion_text" or "decoder", as far as the model has
        them. All by default.
    layers : iterable of int, optional
        Which layers of each tower, from 0. All by default.
    pool : str, callable, None, or a mapping of these by tower
        "cls": the first token, which in a causal text tower sees only itself. "mean": of a text, all tokens that are
        no padding; of an image, all patches. "eot", for text towers: the token that ends a text, found as the model
        finds it, else the last that is no padding. "summary": "cls" for towers with a first token that
        stands for the whole, "eot" for other texts, "mean" for other images. A function takes (batch, n_tokens, ...)
        and returns (batch, ...). None keeps all tokens. Of maps, the queries are pooled.
    mask : Tensor of shape (batch, n_tokens), optional
        Not 0 where a token of a text is no padding, in every call inside the block. By default the mask that the model
        is given in each call; without one all tokens count, except what follows the end token of a CLIP text.
    dtype : torch.dtype
        Precision of the record.
    device : torch.device or str
        Where the record is kept.

    Yields
    ------
    Record
        Filled call by call. A call that fails leaves in it what was recorded up to there: start a new one.

    Raises
    ------
    ValueError
        Unknown kinds, towers, layers or poolings; a model without blocks that are known here; while the model is
        called, a mask or an end of text that does not fit.

    Examples
    --------
    >>> from timm.models.vision_transformer import VisionTransformer
    >>> model = VisionTransformer(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=0).eval()
    >>> with tap(model, ["context", "neurons"]) as record:
    ...     for _ in range(2):
    ...         features = model(torch.zeros(5, 3, 8, 8))
    >>> record["image", 1, "context"].shape, record.stack("neurons").shape
    (torch.Size([10, 3, 4]), torch.Size([10, 2, 48]))
    """
    _check_what(what)
    found = find_towers(model)
    chosen = _choose(found, towers)
    wanted = None if layers is None else _check_layers(layers, chosen)
    pools = _pools(pool, chosen)
    texts = [tower for tower in found if tower.reads_text]
    record = Record()
    with ExitStack() as stack:
        if "attention" in what:
            stack.enter_context(explicit_attention(model))
        for tower in chosen:
            words = TextTokens(model, mask)
            pooling = Pooling(tower, pools[tower.name], words)
            if tower.reads_text:
                stack.enter_context(words.watching([tower, *texts]))
            first = tower.blocks[0].module
            stack.enter_context(first.register_forward_pre_hook(lambda module, args, pooling=pooling: pooling.begin()))
            for layer, block in enumerate(tower.blocks):
                if wanted is None or layer in wanted:
                    writer = _Writer(record, tower.name, layer, pooling, dtype, device)
                    _tap_block(stack, block, what, writer)
        yield record


class _Writer:
    """Pools activations of one block and puts them into the record."""

    def __init__(
        self, record: Record, tower: str, layer: int, pooling: Pooling, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self.record = record
        self.place = (tower, layer)
        self.pooling = pooling
        self.form = {"dtype": dtype, "device": device}

    @torch.no_grad()
    def write(self, what: str, tokens: Tensor) -> None:
        self._keep(what, self.pooling(tokens))

    @torch.no_grad()
    def write_maps(self, what: str, maps: Tensor) -> None:
        by_query = self.pooling(maps.transpose(1, 2))  # (batch, n_queries, heads, n_keys) without pooling
        self._keep(what, by_query.transpose(1, 2) if self.pooling.pool is None else by_query)

    def _keep(self, what: str, values: Tensor) -> None:
        # A copy that owns its memory: a view would keep all tokens alive.
        kept = values.detach().to(**self.form, copy=True, memory_format=torch.contiguous_format)
        self.record.append((*self.place, what), kept)


def _tap_block(stack: ExitStack, block: Block, what: Sequence[str], writer: _Writer) -> None:
    def batch_first(stream: Tensor) -> Tensor:
        return stream if block.batch_first else stream.transpose(0, 1)

    def write_residual(module: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        writer.write("residual", batch_first(output[0] if isinstance(output, tuple) else output))

    def write_neurons(module: nn.Module, args: tuple) -> None:
        writer.write("neurons", batch_first(args[0]))

    if "residual" in what:
        stack.enter_context(block.module.register_forward_hook(write_residual))
    if "neurons" in what:
        stack.enter_context(block.output.register_forward_pre_hook(write_neurons))
    for sublayer in block.sublayers:
        if "context" in what:
            if isinstance(sublayer.attention, nn.MultiheadAttention):
                stack.enter_context(opened(sublayer.attention))
            hook = _context_hook(writer, sublayer.prefix + "context", sublayer.n_heads)
            stack.enter_context(sublayer.projection.register_forward_pre_hook(hook))
        if "attention" in what:
            listen = partial(writer.write_maps, sublayer.prefix + "attention")
            stack.enter_context(listening(sublayer.attention, listen))


def _context_hook(writer: _Writer, name: str, heads: int) -> Callable[[nn.Module, tuple], None]:
    return lambda module, args: writer.write(name, args[0].unflatten(-1, (heads, -1)))


def _check_what(what: Sequence[str]) -> None:
    if isinstance(what, str) or not what or set(what) - set(KINDS):
        msg = f"what = {what!r}; give a sequence out of: {', '.join(KINDS)}."
        raise ValueError(msg)


def _choose(found: list[Tower], names: Sequence[str] | None) -> list[Tower]:
    if names is None:
        return found
    known = [tower.name for tower in found]
    names = [names] if isinstance(names, str) else names
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            msg = f"the model has no tower '{name}'; it has: {', '.join(known)}.{hint}"
            raise ValueError(msg)
    return [tower for tower in found if tower.name in names]


def _check_layers(layers: Iterable[int], chosen: list[Tower]) -> set[int]:
    wanted = set(layers)
    for tower in chosen:
        if missing := sorted(wanted - set(range(len(tower.blocks)))):
            msg = f"tower '{tower.name}' has layers 0 to {len(tower.blocks) - 1}; got {missing}. Name towers to choose."
            raise ValueError(msg)
    return wanted


def _pools(pool: Pool | Mapping[str, Pool], chosen: list[Tower]) -> dict[str, Pool]:
    by_tower = dict(pool) if isinstance(pool, Mapping) else {tower.name: pool for tower in chosen}
    names = [tower.name for tower in chosen]
    if unknown := sorted(set(by_tower) - set(names)):
        msg = f"pool names the towers {unknown}; the towers tapped are: {', '.join(names)}."
        raise ValueError(msg)
    for choice in by_tower.values():
        if isinstance(choice, str) and choice not in POOLS:
            msg = f"pool = {choice!r}; give one of {', '.join(POOLS)}, a function, or None."
            raise ValueError(msg)
    return {name: by_tower.get(name, "summary") for name in names}
