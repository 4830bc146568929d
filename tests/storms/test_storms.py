"""Short storms of kills and of hostile inputs."""

from __future__ import annotations

import pytest

from tests.storms import hostile, kills


def test_hostile_inputs() -> None:
    tally = hostile.storm(60, seed=3)
    assert tally.inputs == 60
    assert tally.codes[0] and tally.codes[2]
    assert tally.faults == []


@pytest.mark.long
def test_many_hostile_inputs() -> None:
    assert hostile.storm(4000, seed=4).faults == []


@pytest.mark.long
def test_kills_on_sqlite() -> None:
    tally = kills.storm(60, None, seed=5)
    assert tally.kills.total() >= 60
    assert tally.completed
    assert tally.faults == []


@pytest.mark.long
def test_kills_on_postgresql(postgresql_url: str) -> None:
    tally = kills.storm(60, postgresql_url, seed=6)
    assert tally.kills.total() >= 60
    assert tally.faults == []
