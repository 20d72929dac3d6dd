"""Heads of METER, by the names of the released files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brainalign.models.meter.configuration import MeterConfig

_FUSION_EPS = 1e-12
_N_RELATIONS = 3  # entailment, neutral, contradiction


class _Transform(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = nn.GELU()
        self.LayerNorm = nn.LayerNorm(width, eps=_FUSION_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return self.LayerNorm(self.activation(self.dense(x)))


class MaskedLanguageHead(nn.Module):
    """Logits of the vocabulary at every text token."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.transform = _Transform(width)
        self.decoder = nn.Linear(width, vocabulary, bias=False)
        self.bias = nn.Parameter(torch.empty(vocabulary))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, n_tokens, vocabulary) from text features (batch, n_tokens, width)."""
        return self.decoder(self.transform(x)) + self.bias


class MatchingHead(nn.Module):
    """Logits of "does not match" and "matches"."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 2) from pooled features (batch, width)."""
        return self.fc(x)


def classifier(inputs: int, hidden: int, classes: int) -> nn.Sequential:
    """Two-layer classifier of the fine-tuned releases."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, classes))


def build_heads(config: MeterConfig) -> dict[str, nn.Module]:
    """The heads that a configuration asks for, by attribute name."""
    pooled = 2 * config.width
    builders = {
        "mlm": ("mlm_score", lambda: MaskedLanguageHead(config.width, config.vocabulary)),
        "itm": ("itm_score", lambda: MatchingHead(pooled)),
        "vqa": ("vqa_classifier", lambda: classifier(pooled, pooled, config.n_answers)),
        "nlvr2": ("nlvr2_classifier", lambda: classifier(2 * pooled, pooled, 2)),
        "snli": ("snli_classifier", lambda: classifier(pooled, pooled, _N_RELATIONS)),
        "irtr": ("rank_output", lambda: nn.Linear(pooled, 1)),
    }
    return {name: build() for task, (name, build) in builders.items() if task in config.tasks}
