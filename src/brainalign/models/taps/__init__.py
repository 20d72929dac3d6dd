"""Taps: recording residual streams, neurons, attention contexts and maps of a model while it runs."""

from brainalign.models.taps.blocks import Tower, find_towers
from brainalign.models.taps.record import Record
from brainalign.models.taps.tapping import KINDS, tap

__all__ = ["KINDS", "Record", "Tower", "find_towers", "tap"]
