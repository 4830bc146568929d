"""`torc rerun` and its other names, and the filters that select jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Torc = Callable[..., Answer]
TEXT = """
name: sweep
jobs:
  - {name: prep, command: "echo 1 >> prep.txt"}
  - {name: "fit_{i}", command: "test {i} -ne 2 || exit 3", parameters: {i: "1:3"}, depends_on: [prep]}
  - {name: sum, command: "true", depends_on_regexes: ["fit_.*"]}
"""


@pytest.fixture
def ran(torc: Torc, place: Path) -> int:
    """A workflow of which one job failed."""
    (place / "sweep.yaml").write_text(TEXT)
    assert torc("run", "sweep.yaml", "-q").code == 1
    return 1


def statuses(torc: Torc) -> dict[str, str]:
    return {job["name"]: job["status"] for job in torc("jobs", "list", 1, "-f", "json").json}


def test_dry_run(torc: Torc, ran: int) -> None:
    before = statuses(torc)
    answer = torc("rerun", "prep", "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "would rerun 1 job:",
        "  prep (job 1, completed)",
        "4 jobs that depend on it are rerun too: fit_1, fit_2, fit_3 and sum.",
    ]
    found = torc("rerun", "prep", "--dry-run", "-f", "json").json
    assert found["jobs"] == [{"id": 1, "name": "prep", "status": "completed"}]
    assert found["dependents"] == ["fit_1", "fit_2", "fit_3", "sum"] and found["refused"] == []
    assert statuses(torc) == before


def test_with_dependents(torc: Torc, ran: int, place: Path) -> None:
    answer = torc("rerun", "prep")
    assert answer.code == 0
    assert answer.out == "Rerunning job 1 (prep) and 4 jobs that depend on it\n"
    assert answer.err.splitlines() == [
        "4 jobs that depend on it are rerun too: fit_1, fit_2, fit_3 and sum.",
        "workflow 1 has no active runner; start one with `torc run 1`",
    ]
    assert set(statuses(torc).values()) == {"ready", "blocked"}
    assert torc("run", 1, "-q").code == 1
    assert (place / "prep.txt").read_text() == "1\n1\n"
    results = torc("results", "list", 1, "--all-runs", "-f", "json").json
    assert {one["run_id"] for one in results} == {1, 2}


def test_only(torc: Torc, ran: int) -> None:
    before = statuses(torc)
    assert torc("rerun", "prep", "--only").out == "Rerunning job 1 (prep)\n"
    assert statuses(torc) == {**before, "prep": "ready"}
    assert torc("rerun", "prep", "--only", "--with-dependents").code == 2


FILTERS = {
    "--failed": {"fit_2", "sum"},
    "--status failed": {"fit_2", "sum"},
    "--status completed,failed --group fit_*": {"fit_1", "fit_2", "fit_3", "sum"},
    "--group fit_{i}": {"fit_1", "fit_2", "fit_3", "sum"},
    "--return-code 3": {"fit_2", "sum"},
    "--cause exit --status failed": {"fit_2", "sum"},
}


@pytest.mark.parametrize("words", FILTERS)
def test_filters(torc: Torc, ran: int, words: str) -> None:
    assert torc("rerun", 1, *words.split(" ")).code == 0
    assert {name for name, status in statuses(torc).items() if status in ("ready", "blocked")} == (
        FILTERS[words]
    )


@pytest.mark.parametrize("command", ["rerun", "jobs retry", "jobs reset-status"])
def test_nothing_matches(torc: Torc, ran: int, command: str) -> None:
    answer = torc(*command.split(), "-w", 1, "--cause", "lost")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "no job of workflow 1 matches; no changes made\n"
    assert torc(*command.split(), "--return-code", 77, "-f", "json").json == []


WRONG = {
    "rerun nothing": "workflow 1 has no job 'nothing'",
    "rerun 99": "there is no job 99",
    "rerun": "JOB is missing",
    "rerun prep fit_1 --failed": "jobs and filters cannot be used together",
    "rerun -w 1 prep --failed": "jobs and filters cannot be used together",
    "rerun --status lost": "there is no job status 'lost'",
    "rerun --cause bad_luck": "unknown cause 'bad_luck'",
    "rerun nowhere --failed": "there is no workflow 'nowhere'",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong(torc: Torc, ran: int, words: str) -> None:
    before = statuses(torc)
    given = words.split()
    if words == "rerun nothing":
        given += ["-w", "1"]
    answer = torc(*given)
    assert answer.code == 2 and WRONG[words] in answer.err
    assert statuses(torc) == before


def test_retry_takes_filters(torc: Torc, ran: int) -> None:
    answer = torc("jobs", "retry", "--failed", "--command", "s/exit 3/true/")
    assert answer.out == "Retrying job 3 (fit_2) and 1 job that depends on it\n" or answer.code == 1
    assert torc("run", 1, "-q").code == 0
    assert set(statuses(torc).values()) == {"completed"}


def test_reset_status(torc: Torc, client: Torc, ran: int) -> None:
    found = torc("workflows", "reset-status", 1, "--failed-only", "-f", "json").json
    assert found["status"] == "success" and found["failed_only"] is True
    assert found["operations"] == {"workflow_reset": True, "job_reset": True, "reinitialize": False}
    assert statuses(torc)["fit_2"] == "ready" and statuses(torc)["prep"] == "completed"
    assert torc("run", 1, "-q").code == 1
    answer = client("workflows", "reset-status", 1, "--reinitialize", "--no-prompts")
    assert answer.code == 0 and answer.json["operations"]["reinitialize"] is True
    assert set(statuses(torc).values()) == {"ready", "blocked"}
    assert torc("reset-status", 1).out == "0 finished jobs of workflow 1 reset\n"
