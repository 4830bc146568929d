"""The ids of tests: short enough to read, and to type after `pytest`."""

from __future__ import annotations

import pytest

LENGTH = 150
"""An id has at most as many characters, with the path of its file."""


def test_ids(request: pytest.FixtureRequest) -> None:
    """Every collected test has a short id of printable characters."""
    ids = [item.nodeid for item in request.session.items]
    assert [one for one in ids if len(one) > LENGTH or not one.isprintable()] == []
