"""From tokens to one vector per sample, before anything is stored."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from brainalign.models.taps.blocks import Tower
from brainalign.models.taps.texts import TextTokens

Pool = str | Callable[[Tensor], Tensor] | None
POOLS = ("summary", "cls", "mean", "eot")


class Pooling:
    """Pooling of one tower; what depends on the texts is worked out once per forward call.

    Parameters
    ----------
    tower : Tower
        Whose tokens.
    pool : str, callable or None
        One of `POOLS`, a function of a tensor (batch, n_tokens, ...), or None for all tokens.
    texts : TextTokens
        What is known of the texts under way.

    Raises
    ------
    ValueError
        The end of a text is asked for in a tower of images.
    """

    def __init__(self, tower: Tower, pool: Pool, texts: TextTokens) -> None:
        if pool == "summary":
            pool = _summary(tower)
        if pool == "eot" and not tower.reads_text:
            msg = f"tower '{tower.name}' reads no text that could end; take pool='summary', or a mapping by tower."
            raise ValueError(msg)
        self.tower = tower
        self.pool = pool
        self.texts = texts
        self.ids: Tensor | None = None
        self.mask: Tensor | None = None

    def begin(self) -> None:
        """Note the texts of this forward call; called before the tower's first block."""
        if self.tower.reads_text:
            self.ids, self.mask = self.texts.take()

    def __call__(self, tokens: Tensor) -> Tensor:
        """Pool (batch, n_tokens, ...) to (batch, ...).

        Raises
        ------
        ValueError
            A mask of another shape than the tokens, or an end of text that can not be found.
        """
        if self.pool is None:
            return tokens
        if callable(self.pool):
            return self.pool(tokens)
        if self.pool == "cls":
            return tokens[:, 0]
        if self.pool == "mean":
            return self._mean(tokens)
        end = self.texts.ends(self.ids, self._fitting_mask(tokens), tokens.shape[1])
        return tokens[torch.arange(len(tokens), device=tokens.device), end]

    def _mean(self, tokens: Tensor) -> Tensor:
        if not self.tower.reads_text:
            return tokens[:, self.tower.n_first :].mean(dim=1)
        mask = self._word_mask(tokens)
        if mask is None:
            return tokens.mean(dim=1)
        return masked_mean(tokens, mask)

    def _word_mask(self, tokens: Tensor) -> Tensor | None:
        mask = self._fitting_mask(tokens)
        if mask is None and self.ids is not None and self.texts.pads_follow_end:
            # No mask goes with these texts: what follows the end is padding.
            end = self.texts.ends(self.ids, None, tokens.shape[1])
            return torch.arange(tokens.shape[1], device=tokens.device) <= end[:, None]
        return mask

    def _fitting_mask(self, tokens: Tensor) -> Tensor | None:
        if self.mask is not None and self.mask.shape != tokens.shape[:2]:
            msg = (
                f"the padding mask has shape {tuple(self.mask.shape)}, the tokens of tower '{self.tower.name}' are "
                f"{tuple(tokens.shape[:2])}; give tap a mask of that shape, or a function as pool."
            )
            raise ValueError(msg)
        return None if self.mask is None else self.mask.to(tokens.device)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens (batch, n_tokens, ...) where the mask (batch, n_tokens) is not 0."""
    weights = mask.to(tokens)
    return torch.einsum("bt,bt...->b...", weights / weights.sum(dim=1, keepdim=True), tokens)


def _summary(tower: Tower) -> str:
    if tower.reads_text:
        return "cls" if tower.pools_first else "eot"
    return "cls" if tower.n_first else "mean"
