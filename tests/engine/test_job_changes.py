"""Retrying jobs with other requirements or another command, and skipping failed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torc_tui.errors import UsageError
from torc_tui.model import Cause
from torc_tui.operations import jobs as acts
from torc_tui.operations.job_changes import parse_changes
from torc_tui.store import job_definitions, workflows
from torc_tui.store.feed import list_events

TEXT = """
name: sweep
jobs:
  - {name: a, command: python fit.py --rate 1 --rate 2, resource_requirements: small}
  - {name: b, command: python fit.py --rate 3, resource_requirements: small}
  - {name: c, command: "true"}
  - {name: d, command: "true", depends_on: [a]}
  - {name: e, command: "true", depends_on: [a, b]}
resource_requirements:
  - {name: small, num_cpus: 1, memory: 1g, runtime: PT10M}
"""
GIB = 1 << 30


@pytest.fixture
def failed(make_bench: Any, store: Any, tmp_path: Path) -> Any:
    it = make_bench(store, tmp_path, TEXT)
    it.step()
    for name in ("a", "b", "c"):
        it.finish(name, 1)
    yield it
    it.outside.close()


def change(it: Any, *names: str, **given: str | None) -> Any:
    ids = [it.ids[name] for name in names]
    return acts.retry_jobs(it.store, ids, changes=parse_changes(given), actor="u@h")


def of(it: Any, name: str) -> Any:
    with it.store.read() as conn:
        found = job_definitions.definitions(conn, [it.ids[name]])[it.ids[name]]
        requirements = workflows.read_requirements(conn, it.workflow_id)
    return requirements[found.requirement_id], found.command


AMOUNTS = {"x2": 2 * GIB, "x1.5": 3 * GIB // 2, "+512m": 3 * GIB // 2, "4g": 4 * GIB}


@pytest.mark.parametrize("text", AMOUNTS)
def test_memory(failed: Any, text: str) -> None:
    assert change(failed, "a", "b", memory=text).refused == {}
    assert of(failed, "a")[0].memory == of(failed, "b")[0].memory == AMOUNTS[text]
    assert of(failed, "d")[0].memory != AMOUNTS[text]
    assert failed.status() == {
        "a": "ready",
        "b": "ready",
        "c": "failed",
        "d": "blocked",
        "e": "blocked",
    }
    kinds = [event.kind for event in list_events(failed.store, failed.workflow_id)]
    assert kinds.count("job_updated") == 2


def test_undeclared_memory(failed: Any) -> None:
    done = change(failed, "a", "c", memory="x2")
    assert (done.moved, list(done.refused)) == ([failed.ids["a"]], [failed.ids["c"]])
    assert "declares no memory" in done.refused[failed.ids["c"]]
    assert change(failed, "c", memory="2g").refused == {}
    assert of(failed, "c")[0].memory == 2 * GIB


def test_runtime(failed: Any) -> None:
    change(failed, "a", runtime="x3")
    assert of(failed, "a")[0].runtime == 1800
    assert of(failed, "a")[0].memory == GIB


COMMANDS = {
    "s/--rate 1/--rate 7/": "python fit.py --rate 7 --rate 2",
    "s/rate/r/g": "python fit.py --r 1 --r 2",
    r"s|(\d)|<\1>|": "python fit.py --rate <1> --rate 2",
    "s/PYTHON/python3/i": "python3 fit.py --rate 1 --rate 2",
    r"s#fit#a\#b#": "python a#b.py --rate 1 --rate 2",
    "true": "true",
}


@pytest.mark.parametrize("text", COMMANDS)
def test_command(failed: Any, text: str) -> None:
    assert change(failed, "a", command=text).refused == {}
    assert of(failed, "a")[1] == COMMANDS[text]


def test_command_without_match(failed: Any) -> None:
    """A job that the substitution does not change is not retried as it was."""
    done = change(failed, "a", "b", command="s/rate 1/rate 7/")
    assert (done.moved, list(done.refused)) == ([failed.ids["a"]], [failed.ids["b"]])
    assert failed.status()["b"] == "failed"


WRONG = [
    {"memory": "lots"},
    {"memory": "x0"},
    {"runtime": "+soon"},
    {"command": "s/a/b"},
    {"command": "s/(/b/"},
    {"command": r"s/a/\3/"},
    {"command": " "},
]


@pytest.mark.parametrize("given", WRONG, ids=lambda given: "".join(given.values()))
def test_wrong(given: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        parse_changes(given)


def test_endless_pattern(failed: Any) -> None:
    with failed.store.write() as conn:
        from tests.raw_sql import execute

        execute(conn, f"UPDATE job SET command = '{'a' * 5000}'")
    done = change(failed, "a", command="s/^(a+)+$x/b/")
    assert "does not contain" in done.refused[failed.ids["a"]]
    done = change(failed, "b", command="s/(a+)+$/b/")
    assert "takes too long" in done.refused[failed.ids["b"]]


def test_skip_frees_dependents(failed: Any) -> None:
    """A dependent that was canceled because of a skipped job starts; others stay canceled."""
    acts.disable_jobs(failed.store, [failed.ids["a"]])
    assert failed.status() == {
        "a": "disabled", "b": "failed", "c": "failed", "d": "ready", "e": "canceled",
    }  # fmt: skip
    acts.disable_jobs(failed.store, [failed.ids["b"]])
    assert failed.status()["e"] == "ready"


def test_running_job_is_untouched(make_bench: Any, store: Any, tmp_path: Path) -> None:
    it = make_bench(store, tmp_path, TEXT)
    it.step()
    done = change(it, "a", memory="x2")
    assert done.moved == [] and of(it, "a")[0].memory == GIB
    it.finish("a", 143, cause=Cause.TIMEOUT)
    assert change(it, "a", memory="x2").moved == [it.ids["a"]]
    it.outside.close()
