"""Short storms of kills and of hostile inputs."""

from __future__ import annotations

import pytest

from tests.storms import hostile
from tests.storms.kills import Storm, storm
from tests.storms.spawns import SpawnStorm


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
    tally = storm(Storm, 60, None, seed=5)
    assert tally.kills.total() >= 60
    assert tally.completed
    assert tally.faults == []


@pytest.mark.long
def test_kills_of_jobs_that_make_jobs() -> None:
    tally = storm(SpawnStorm, 4, None, seed=7)
    assert tally.kills.total() >= 4
    assert tally.faults == []


@pytest.mark.long
def test_many_kills_of_jobs_that_make_jobs() -> None:
    tally = storm(SpawnStorm, 200, None, seed=8)
    assert tally.kills.total() >= 200
    assert tally.faults == []


@pytest.mark.long
def test_kills_of_jobs_that_make_jobs_on_postgresql(postgresql_url: str) -> None:
    tally = storm(SpawnStorm, 60, postgresql_url, seed=9)
    assert tally.kills.total() >= 60
    assert tally.faults == []


@pytest.mark.long
def test_kills_on_postgresql(postgresql_url: str) -> None:
    tally = storm(Storm, 60, postgresql_url, seed=6)
    assert tally.kills.total() >= 60
    assert tally.faults == []
