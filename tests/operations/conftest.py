"""Run the engine step by step on the workflow of a test module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Bench


@pytest.fixture
def it(store: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Return the engine on the workflow ``TEXT`` of the module."""
    bench = Bench(store, tmp_path, request.module.TEXT)
    yield bench
    bench.outside.close()
