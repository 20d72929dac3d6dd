"""Which tokens of the texts under way are words, and which one ends each text."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from brainalign.models.taps.blocks import Tower

_MASKS = ("attention_mask", "text_mask", "mask")
_EMBEDDINGS = ("token_embedding", "word_embeddings", "embed_tokens", "wte")


class TextTokens:
    """Token ids and padding mask that a forward call was given, found on its way to a tower.

    Parameters
    ----------
    model : Module
        The whole model.
    given : Tensor of shape (batch, n_tokens), optional
        A mask to use instead of what the model is given.
    """

    def __init__(self, model: nn.Module, given: Tensor | None) -> None:
        self.model = model
        self.given = given
        self.ids: Tensor | None = None
        self.mask: Tensor | None = None
        self._rule, self._end_id = _end_rule(model)

    @property
    def pads_follow_end(self) -> bool:
        """Whether the model finds an end token in each text, so that all after it is padding."""
        return self._rule in ("argmax", "eos")

    def take(self) -> tuple[Tensor | None, Tensor | None]:
        """Ids and mask of this forward call, forgotten at once, so that the next call can not see them."""
        ids, mask = self.ids, self.mask
        self.ids = self.mask = None
        return ids, mask if self.given is None else self.given.bool()

    @contextmanager
    def watching(self, towers: list[Tower]) -> Iterator[None]:
        """Watch every module that a text passes before it comes to one of the towers."""
        paths = {path for tower in towers for path in _above(tower.path)}
        with ExitStack() as stack:
            for path in sorted(paths):
                module = self.model.get_submodule(path)
                names = [n for n in inspect.signature(module.forward).parameters if n in _MASKS]
                if names:
                    hook = self._note_mask(module, names[0])
                    stack.enter_context(module.register_forward_pre_hook(hook, with_kwargs=True))
            for path, module in self.model.named_modules():
                if isinstance(module, nn.Embedding) and path.rpartition(".")[2] in _EMBEDDINGS:
                    stack.enter_context(module.register_forward_pre_hook(self._note_ids))
            yield

    def _note_ids(self, module: nn.Module, args: tuple) -> None:
        self.ids = args[0]

    def _note_mask(self, module: nn.Module, name: str) -> Any:
        signature = inspect.signature(module.forward)

        def hook(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            mask = signature.bind_partial(*args, **kwargs).arguments.get(name)
            if mask is None:
                self.mask = None
            elif mask.ndim == 2:
                self.mask = mask.bool()
            elif mask.ndim == 4 and (self.mask is None or self.mask.shape[1] != mask.shape[3]):
                # ViLT lengthens the mask of its words by the patches on the way. The last token sees all that are no
                # padding: True, or 0 to be added.
                seen = mask[:, 0, -1]
                self.mask = seen if mask.dtype == torch.bool else seen == 0

        return hook

    def ends(self, ids: Tensor | None, mask: Tensor | None, n_tokens: int) -> Tensor | int:
        """Position of the token that ends each text.

        Where the model itself looks for an end token it is found as the model does; else it is the last token that
        is no padding.
        """
        if self._rule == "first":
            return 0
        if self.pads_follow_end:
            if ids is None:
                msg = (
                    "the end of a text is found by its token ids, which this forward call did not use; pool otherwise."
                )
                raise ValueError(msg)
            return ids.argmax(dim=1) if self._rule == "argmax" else (ids == self._end_id).int().argmax(dim=1)
        if mask is None or self._rule == "last":
            return n_tokens - 1
        return mask.shape[1] - 1 - mask.flip(1).int().argmax(dim=1)


def _above(path: str) -> list[str]:
    parts = path.split(".")
    return ["", *(".".join(parts[:n]) for n in range(1, len(parts)))]


def _end_rule(model: nn.Module) -> tuple[str | None, int | None]:
    for module in model.modules():
        if hasattr(module, "text_pool_type"):  # open_clip.CLIP
            return module.text_pool_type, getattr(module, "text_eos_id", None)
        if hasattr(module, "pool_type") and hasattr(module, "token_embedding"):  # open_clip.TextTransformer
            return module.pool_type, getattr(module, "eos_id", None)
        config = getattr(module, "config", None)
        if getattr(config, "model_type", None) in ("clip", "clip_text_model"):
            end_id = getattr(config, "text_config", config).eos_token_id
            return ("argmax", None) if end_id == 2 else ("eos", end_id)
        if getattr(config, "model_type", None) in ("siglip", "siglip_text_model"):
            return "last", None
    return None, None
