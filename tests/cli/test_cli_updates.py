"""`torc jobs update` and `torc resource-requirements`, as a user types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Torc = Callable[..., Answer]
TEXT = """
name: sweep
jobs:
  - {name: "fit_{i}", command: "echo {i}", parameters: {i: "1:3"}, resource_requirements: small}
  - {name: sum, command: "echo sum"}
resource_requirements:
  - {name: small, num_cpus: 1, memory: 1g}
"""


@pytest.fixture
def made(torc: Torc, place: Path) -> int:
    (place / "sweep.yaml").write_text(TEXT)
    assert torc("create", "sweep.yaml").code == 0
    return 1


def job(torc: Torc, name: str) -> dict[str, object]:
    found: dict[str, object] = torc("jobs", "get", name, "-w", 1, "-f", "json").json
    return found


def entries(torc: Torc) -> dict[str, dict[str, object]]:
    found = torc("resource-requirements", "list", 1, "-f", "json").json
    return {one["name"]: one for one in found}


def test_some_jobs(torc: Torc, made: int) -> None:
    answer = torc("jobs", "update", "fit_1", "fit_2", "--memory", "x2", "--env", "A=1", "-w", 1)
    assert answer.code == 0 and answer.out == "Updated 2 jobs (fit_1 and fit_2)\n"
    assert job(torc, "fit_1")["env"] == {"A": "1"}
    assert entries(torc)["small_2"]["memory_bytes"] == 2 << 30
    assert job(torc, "fit_3")["resource_requirements_id"] == entries(torc)["small"]["id"]


def test_filters(torc: Torc, made: int) -> None:
    words = ["--group", "fit_*", "--command", "s/echo/printf/", "--priority", 5]
    assert torc("jobs", "update", 1, *words).code == 0
    assert (job(torc, "fit_3")["command"], job(torc, "fit_3")["priority"]) == ("printf 3", 5)
    assert job(torc, "sum")["command"] == "echo sum"


def test_then_stale(torc: Torc, made: int) -> None:
    """A completed job can be changed; the plan says that its result is out of date."""
    assert torc("run", 1, "-q").code == 0
    assert torc("jobs", "update", "sum", "--command", "echo all", "-w", 1).code == 0
    assert torc("plan", 1, "--check").code == 1
    assert "sum" in torc("plan", 1).out


@pytest.mark.parametrize(
    "words",
    ["fit_1", "fit_1 --memory lots", "fit_1 --env A", "fit_1 fit_2 --name x", "zzz --priority 1",
     "fit_1 --command s/zzz/y/", "sum --memory x2"],
)  # fmt: skip
def test_wrong(torc: Torc, made: int, words: str) -> None:
    answer = torc("jobs", "update", *words.split(" "), "-w", 1)
    assert answer.code == 2 and len(answer.err.splitlines()) <= 3
    assert job(torc, "fit_1")["name"] == "fit_1"


def test_name_is_taken(torc: Torc, made: int) -> None:
    answer = torc("jobs", "update", "fit_1", "--name", "fit_2", "-w", 1)
    assert answer.code == 1 and "already has a job 'fit_2'" in answer.err


def test_a_shared_entry(torc: Torc, made: int) -> None:
    number = entries(torc)["small"]["id"]
    answer = torc("resource-requirements", "update", number, "--memory", "+1g", "--num-gpus", "0.5")
    assert answer.out == f"Updated resource requirements {number} (small): 3 jobs use them\n"
    found = torc("resource-requirements", "get", number, "-f", "json").json
    assert (found["memory_bytes"], found["num_gpus"], found["jobs"]) == (2 << 30, 0.5, 3)


def test_only_some_jobs(torc: Torc, made: int) -> None:
    number = entries(torc)["small"]["id"]
    words = ["--num-cpus", 4, "--only", "fit_1", "-w", 1]
    answer = torc("resource-requirements", "update", number, *words)
    other = entries(torc)["small_2"]["id"]
    assert answer.out == f"Updated resource requirements {other} (small_2): 1 job uses them\n"
    assert job(torc, "fit_1")["resource_requirements_id"] == other
    assert entries(torc)["small"]["num_cpus"] == 1
    refused = torc("resource-requirements", "update", number, "--num-cpus", 2, "--only", "sum")
    assert refused.code == 2 and "does not use" in refused.err


def test_create_and_delete(torc: Torc, client: Torc, made: int) -> None:
    words = ["--name", "big", "--num-cpus", 8, "--memory", "16g", "--runtime", "PT2H"]
    assert torc("resource-requirements", "create", 1, *words).code == 0
    found = entries(torc)["big"]
    assert (found["num_cpus"], found["memory_bytes"], found["runtime_s"]) == (8, 16 << 30, 7200)
    assert torc("resource-requirements", "create", 1, *words).code == 2
    assert torc("resource-requirements", "create", 1, "--name", "x", "--memory", "x2").code == 2
    half = ("create", 1, "--name", "half", "--gpu-memory", "50%")
    assert torc("resource-requirements", *half).code == 0
    assert entries(torc)["half"]["gpu_memory"] == "50%"
    for size in ("24", "8m", "0%", "101%"):
        refused = torc("resource-requirements", "create", 1, "--name", "y", "--gpu-memory", size)
        assert refused.code == 2
        assert "is not a size of at least 16m" in refused.err
    refused = torc("resource-requirements", "delete", entries(torc)["small"]["id"])
    assert refused.code == 2 and "3 jobs use them" in refused.err
    deleted = client("resource-requirements", "delete", found["id"])
    assert deleted.code == 0 and deleted.json["name"] == "big"
    assert "big" not in entries(torc)
    assert torc("resource-requirements", "delete", 999).code == 2
