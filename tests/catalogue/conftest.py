"""Real data, where a mirror holds it."""

from tests.datasets.conftest import mirror

__all__ = ["mirror"]
