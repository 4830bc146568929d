"""Jobs, files, results and events that are created and deleted one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def built(torc: Any, place: Path) -> None:
    """A workflow created by commands only: one writes a file, two reads it."""
    for line in (
        "workflows new -n w",
        "files create 1 -n raw -p raw.txt",
        "files create 1 -n out -p out.txt",
        "resource-requirements create 1 -n big --num-cpus 1 --memory 100m",
    ):
        assert torc(*line.split()).code == 0, line
    create = ("jobs", "create", 1)
    assert torc(*create, "-n", "two", "-c", "cat raw.txt > out.txt", "-i", 1, "-o", 2).code == 0
    answer = torc(*create, "-n", "one", "-c", "echo 1 > raw.txt", "-o", 1, "-r", 2, "-f", "json")
    assert (answer.json["id"], answer.json["resource_requirements_id"]) == (2, 2)
    assert torc(*create, "-n", "three", "-c", "true", "-b", "1,2").code == 0


def statuses(torc: Any) -> dict[str, str]:
    return {job["name"]: job["status"] for job in torc("jobs", "list", 1, "-f", "json").json}


def pairs(torc: Any) -> set[tuple[str, str]]:
    found = torc("job-dependencies", "job-job", 1, "-f", "json").json
    return {(one["job_name"], one["depends_on_job_name"]) for one in found}


def test_jobs(torc: Any, built: None, place: Path) -> None:
    """A job waits for other jobs by id and through files, including jobs created after it."""
    assert pairs(torc) == {("two", "one"), ("three", "one"), ("three", "two")}
    assert set(statuses(torc).values()) == {"uninitialized"}
    assert torc("run", 1, "-q").code == 0
    assert (place / "out.txt").read_text() == "1\n"
    assert torc("jobs", "create", 1, "-n", "late", "-c", "true", "-b", 3).code == 0
    assert statuses(torc)["late"] == "ready"
    assert torc("run", 1, "-q").code == 0 and statuses(torc)["late"] == "completed"


def test_a_reader_waits_for_a_new_writer(torc: Any, built: None) -> None:
    assert torc("files", "create", 1, "-n", "more", "-p", "more.txt").code == 0
    assert torc("jobs", "create", 1, "-n", "reader", "-c", "true", "-i", 3).code == 0
    assert torc("init", 1, "--force").code == 0
    assert statuses(torc)["reader"] == "ready"
    assert torc("jobs", "create", 1, "-n", "writer", "-c", "touch more.txt", "-o", 3).code == 0
    assert (statuses(torc)["reader"], statuses(torc)["writer"]) == ("blocked", "ready")
    assert torc("run", 1, "-q").code == 0


def test_deleted_jobs(torc: Any, built: None) -> None:
    assert torc("init", 1).code == 0
    answer = torc("jobs", "delete", "one", "two", "zz", "-y")
    assert answer.code == 2 and len(statuses(torc)) == 3, "all names are checked first"
    assert torc("jobs", "delete", "one", "two", "-y").out == "Deleted 2 jobs (one and two)\n"
    assert statuses(torc) == {"three": "ready"} and pairs(torc) == set()
    answer = torc("jobs", "create", 1, "-n", "one", "-c", "true")
    assert answer.code == 2 and "had a job 'one', and its results remain" in answer.err
    assert torc("jobs", "delete-all", 1, "-y", "-f", "json").json[0]["name"] == "three"
    assert statuses(torc) == {}


WRONG = {
    "jobs create 1 -n two -c x": "workflow 1 already has a job 'two'",
    "jobs create 1 -n x -c x -b 99": "workflow 1 has no job 99",
    "jobs create 1 -n x -c x -b a": "'a' is not an id",
    "jobs create 1 -n x -c x -i 99": "workflow 1 has no file 99",
    "jobs create 1 -n x -c x -r 99": "99",
    "jobs create 1 -n x -c x -o 2": "written by two jobs: 'two' and 'x'",
    "jobs create 1 -n x -c x -b 3 -o 1": "one",
    "jobs create 1 -n x": "needs",
    "files create 1 -n raw -p y": "workflow 1 already has a file 'raw'",
    "files update 1 -n out": "workflow 1 already has a file 'out'",
    "files update 1": "nothing to update",
    "files delete 1": "cannot delete file 1 (raw): 2 jobs use it",
    "files delete 99": "there is no file 99",
    "results delete 99": "there is no result 99",
    "events create 1": "--data or --data-file is required",
    "events create 1 --data 5": "must be a JSON object",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong(torc: Any, built: None, line: str) -> None:
    answer = torc(*line.split())
    assert answer.code == 2 and WRONG[line] in answer.err
    assert len(statuses(torc)) == 3


def test_a_circle_is_refused(torc: Any, built: None) -> None:
    assert torc("files", "create", 1, "-n", "loop", "-p", "loop.txt").code == 0
    assert torc("jobs", "create", 1, "-n", "first", "-c", "true", "-i", 3).code == 0
    answer = torc("jobs", "create", 1, "-n", "second", "-c", "true", "-b", 4, "-o", 3)
    assert answer.code == 2 and "job 'first' reads a file of new jobs" in answer.err


def test_files(torc: Any, built: None) -> None:
    assert torc("files", "create", 1, "-n", "x", "-p", "x").code == 0
    found = torc("files", "update", 3, "-n", "y", "-p", "z/y", "-f", "json").json
    assert (found["name"], found["path"]) == ("y", "z/y")
    assert torc("files", "delete", 3, "-y").out == "Deleted file 3 (y)\n"
    assert [one["name"] for one in torc("files", "list", 1, "-f", "json").json] == ["raw", "out"]


def test_results(torc: Any, built: None, place: Path) -> None:
    assert torc("run", 1, "-q").code == 0
    ids = [one["id"] for one in torc("results", "list", 1, "-f", "json").json]
    logs = place / "torc_output" / "job_stdio"
    before = len(list(logs.iterdir()))
    assert torc("results", "delete", ids[0], "-y").out == "Deleted 1 result\n"
    assert len(list(logs.iterdir())) == before
    answer = torc("results", "delete", *ids[1:], "--include-logs", "-y")
    assert answer.out == "Deleted 2 results and 2 log files\n"
    assert len(list(logs.iterdir())) == before - 2
    assert torc("results", "list", 1, "-f", "json").json == []
    assert set(statuses(torc).values()) == {"completed"}


def test_events(torc: Any, built: None) -> None:
    data = '{"note": "checked by hand"}'
    found = torc("events", "create", 1, "--data", data, "-f", "json").json
    assert (found["event_type"], found["data"]) == ("user_event", {"note": "checked by hand"})
    assert "note: checked by hand" in torc("events", "list", 1, "-t", "user_event").out
    assert torc("events", "get-latest-event", "-f", "json").json == found


def test_deleted_events(torc: Any, built: None) -> None:
    ids = [one["id"] for one in torc("events", "list", 1, "-f", "json").json]
    missing = torc("events", "delete", ids[0], 999, "-w", 1, "-y")
    assert missing.code == 2 and "workflow 1 has no event 999" in missing.err
    assert len(torc("events", "list", 1, "-f", "json").json) == len(ids)
    answer = torc("events", "delete", *ids, "-w", 1, "-y")
    assert (answer.code, answer.out) == (0, f"Deleted {len(ids)} events of workflow 1\n")
    [left] = torc("events", "list", 1, "-f", "json").json
    assert (left["event_type"], left["data"]) == ("events_deleted", {"event_ids": ids})
    assert left["id"] > max(ids) and torc("events", "get-latest-event", 1).code == 0
    [deleted] = torc("events", "delete", left["id"], "-w", 1, "-y", "-f", "json").json
    assert deleted == left
