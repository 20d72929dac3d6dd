"""One thread: the matrices are tiny, and threads that wait for each other cost more than they save."""

from __future__ import annotations

import pytest

from tests.threads import one_thread


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    with one_thread():
        yield
