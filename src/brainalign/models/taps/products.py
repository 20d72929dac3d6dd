"""Taps on query-key products: how far every channel of a head brings queries and keys together."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from brainalign.models.taps.blocks import Sublayer, Tower, find_towers
from brainalign.models.taps.pooling import Pooling
from brainalign.models.taps.record import Record
from brainalign.models.taps.texts import TextTokens


@contextmanager
def tap_products(model: nn.Module, *, towers: Sequence[str] | None = None, pool: str = "mean") -> Iterator[Record]:
    """Record the query-key product of every channel in every forward call inside a ``with`` block.

    Parameters
    ----------
    model : Module
        CLIP of open_clip or transformers, METER, BridgeTower, BERT, RoBERTa, or a ViT of timm or transformers, in eval
        mode. Models that turn queries and keys by an angle, normalize them, or share keys among heads are refused.
    towers : sequence of str, optional
        Which towers; all by default. See `brainalign.models.taps.find_towers`.
    pool : str
        How the queries are pooled, as in `brainalign.models.tap`; keys are averaged over the tokens that are no
        padding (of pictures, the patches).

    Yields
    ------
    Record
        Under "query_key", of shape (n_samples, heads, head_dim): pooled query times mean key, channel by channel.
        Their sum over the channels of a head is the mean logit. Attention to another stream goes by
        "cross_query_key".

    Raises
    ------
    ValueError
        An attention module whose projections are not known here, or an unknown tower.
    """
    found = find_towers(model)
    known = [tower.name for tower in found]
    if unknown := sorted(set(towers or known) - set(known)):
        msg = f"the model has no towers {unknown}; it has: {', '.join(known)}."
        raise ValueError(msg)
    record = Record()
    with ExitStack() as stack:
        pools = {tower.name: _Streams(stack, model, tower, pool, found) for tower in found}
        for tower in found:
            if tower.name in (towers or known):
                for layer, block in enumerate(tower.blocks):
                    for sublayer in block.sublayers:
                        writer = _ProductWriter(record, (tower.name, layer), sublayer, pools, block.batch_first)
                        writer.listen(stack)
        yield record


class _Streams:
    """Pooling of the queries and averaging of the keys of one tower."""

    def __init__(self, stack: ExitStack, model: nn.Module, tower: Tower, pool: str, found: list[Tower]) -> None:
        words = TextTokens(model, None)
        self.queries, self.keys = Pooling(tower, pool, words), Pooling(tower, "mean", words)
        if tower.reads_text:
            stack.enter_context(words.watching([tower, *(other for other in found if other.reads_text)]))
        stack.enter_context(tower.blocks[0].module.register_forward_pre_hook(self._begin))

    def _begin(self, module: nn.Module, args: tuple) -> None:
        self.queries.begin()
        # Asking for the ids forgets them, so both must be told by one.
        self.keys.ids, self.keys.mask = self.queries.ids, self.queries.mask


class _ProductWriter:
    """Computes and keeps the products of one attention."""

    def __init__(
        self, record: Record, place: tuple[str, int], sublayer: Sublayer, pools: dict[str, _Streams], batch_first: bool
    ) -> None:
        self.record = record
        self.key = (*place, sublayer.prefix + "query_key")
        self.sublayer = sublayer
        self.own = pools[place[0]]
        self.read = pools[_OTHER_STREAM[place[0]]] if sublayer.prefix else self.own
        self.batch_first = batch_first
        self.query: Tensor | None = None

    def listen(self, stack: ExitStack) -> None:
        attention = self.sublayer.attention
        separate = next((pair for pair in _SEPARATE if isinstance(getattr(attention, pair[0], None), nn.Linear)), None)
        if hasattr(attention, "in_proj_weight"):
            stack.enter_context(attention.register_forward_pre_hook(self._packed, with_kwargs=True))
        elif separate and _keeps_channels(attention, *separate):
            query, key = (getattr(attention, name) for name in separate)
            stack.enter_context(query.register_forward_hook(self._keep_query))
            stack.enter_context(key.register_forward_hook(lambda m, args, keys: self._write(self.query, keys)))
        elif _is_plain_timm(attention):
            stack.enter_context(attention.qkv.register_forward_hook(self._write_joint))
        else:
            msg = f"the queries and keys of {type(attention).__name__} are not known; record contexts instead."
            raise ValueError(msg)

    def _keep_query(self, module: nn.Module, args: tuple, output: Tensor) -> None:
        self.query = output

    def _packed(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        x = args[0] if args else kwargs["query"]
        x = x if self.batch_first else x.transpose(0, 1)
        query, key, _ = linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)
        self._write(query, key)

    def _write_joint(self, module: nn.Module, args: tuple, output: Tensor) -> None:
        query, key, _ = output.chunk(3, dim=-1)
        self._write(query, key)

    @torch.no_grad()
    def _write(self, query: Tensor, key: Tensor) -> None:
        product = self.own.queries(query) * self.read.keys(key)
        self.record.append(self.key, product.unflatten(-1, (self.sublayer.n_heads, -1)).float().cpu())


def _keeps_channels(attention: nn.Module, query: str, key: str) -> bool:
    """Whether logits are products of these projections: no rotation, no normalization, as many keys as queries."""
    config = getattr(attention, "config", None)
    turned = getattr(config, "rope_parameters", None) is not None or hasattr(attention, "q_norm")
    return not turned and getattr(attention, query).out_features == getattr(attention, key).out_features


def _is_plain_timm(attention: nn.Module) -> bool:
    """Whether it is timm's attention of the first ViT: BEiT and EVA have biases or rotations beside `qkv`."""
    plain_norm = isinstance(getattr(attention, "q_norm", None), nn.Identity)
    turned = "rope" in inspect.signature(attention.forward).parameters
    return plain_norm and hasattr(attention, "fused_attn") and not turned and not hasattr(attention, "q_bias")


_SEPARATE = (("query", "key"), ("q_proj", "k_proj"))
_OTHER_STREAM = {"fusion_image": "fusion_text", "fusion_text": "fusion_image"}
