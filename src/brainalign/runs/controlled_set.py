"""The controlled set of the mini-zoo, which several chapters compare."""

from __future__ import annotations

OBJECTIVES = ("supervised", "distilled", "mae", "contrastive", "captioned")
"""What its models were trained for; nothing else differs between models of one seed and size."""
