"""User actions on the command line, against the catalog."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from torc_tui.cli.command_help import parser_of
from torc_tui.cli.command_table import BY_NAME, COMMANDS
from torc_tui.model import Machine
from torc_tui.operations.catalog import CATALOG
from torc_tui.operations.user_action import Target, UserAction, shell_line
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes
from torc_tui.store.database import Store


def by_id(action: UserAction) -> str:
    return action.id


@pytest.mark.parametrize("action", [a for a in CATALOG if a.commands], ids=by_id)
def test_every_action_has_a_command(action: UserAction) -> None:
    (command,) = [command for command in COMMANDS if command.action is action]
    assert (command.names, command.help) == (action.commands, action.help)


@pytest.mark.parametrize("action", CATALOG, ids=by_id)
def test_shell_lines(action: UserAction) -> None:
    """The shell line of an action is one that the command line understands."""
    line = shell_line(action, workflow=3, workflows=3, jobs="1 2", record=7, argument=5, runner=4,
                      allocation=6, group="gpu")  # fmt: skip
    words = (line or "").replace(" NAME", " x").replace(" N", " 2").replace("JSON", "{}").split()
    name = next(" ".join(words[1:end]) for end in (3, 2) if " ".join(words[1:end]) in BY_NAME)
    command = BY_NAME[name]
    assert command.action in (action, None) or not action.commands
    parser_of(command, "torc").parse_intermixed_args(words[1 + len(name.split()) :])


def put(place: Path, status: JobStatus, flag: str | None = None) -> None:
    with closing(sqlite3.connect(place.parent / "store.db")) as connection, connection:
        connection.execute("UPDATE job SET status = ?", (int(status),))
        if flag is not None:
            connection.execute(f"UPDATE job SET {flag} = true")


@pytest.mark.parametrize(
    "action",
    [
        action
        for action in CATALOG
        if action.target is Target.JOBS and not action.id.endswith("-after") and action.commands
    ],
    ids=by_id,
)
def test_on_jobs(torc: Any, place: Path, action: UserAction) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: fit, command: x}]}")
    torc("create", "w.yaml")
    torc("init", 1)
    words = [*action.commands[0].split(), *(["5"] if action.argument else []), "1"]
    words += ["--priority", "5"] if action.id == "job-update" else []
    for status in JobStatus:
        put(place, status, action.flag)
        answer = torc(*words)
        if status in action.legal:
            sentence = action.done.format(jobs="job 1 (fit)", argument=5)
            assert (answer.code, answer.out) == (0, f"{sentence}\n"), status
        else:
            assert (answer.code, answer.out) == (2, ""), status
            assert answer.err.startswith(f"cannot {action.verb} fit: it "), status


def test_jobs_are_narrowed_before_the_question(
    torc: Any, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torc("jobs", "cancel", 2)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    answer = torc("jobs", "cancel", 1, 2)
    assert answer.code == 2
    assert answer.err == (
        "cannot cancel read: it has already been canceled\n"
        "Running jobs are stopped.\n"
        "Cancel job 1 (write)? [y/N] torc: no changes made\n"
    )
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    answer = torc("jobs", "cancel", 1, 2)
    assert (answer.code, answer.out) == (1, "Canceled job 1 (write)\n")  # not all of them
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert "Cancel" not in torc("jobs", "cancel", 1, 2).err  # nothing is left to ask about


def test_many_jobs_are_confirmed(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by an action that destroys nothing, since they may be a whole job group."""
    (place / "w.yaml").write_text(
        "{name: w, jobs: [{name: 'a_{i}', command: x, parameters: {i: '1:21'}}]}"
    )
    torc("create", "w.yaml")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    answer = torc("jobs", "hold", *range(1, 22))
    assert answer.err == "Hold 21 jobs (a_1, a_2, a_3 and 18 more)? [y/N] "
    assert answer.out == "Held 21 jobs (a_1, a_2, a_3 and 18 more)\n"
    assert torc("jobs", "release", "-y", *range(1, 22)).code == 0
    many = torc("jobs", "release", "-y", *range(1, 22))
    assert many.code == 2 and many.err.count("it is not held") == 20
    assert many.err.endswith("and 1 job more\n")


def test_workflows_are_confirmed(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    answer = torc("cancel", small)
    assert answer.code == 2
    assert f"Cancel 2 jobs of workflow {small} (small)? [y/N] " in answer.err
    assert torc("cancel", small, "-y").out == f"Canceled 2 jobs of workflow {small}\n"
    again = torc("cancel", small)
    assert (again.code, again.out) == (2, "")
    assert "cannot cancel workflow 1: all its jobs have finished" in again.err
    assert "it has no active runner" in torc("workflows", "stop", small).err


def test_jobs_of_a_lost_runner(torc: Any, place: Path) -> None:
    """Each job gets a message; the runner is dropped only if it has no job left."""
    jobs = "[{name: a, command: x}, {name: b, command: x, on_lost: fail}, {name: c, command: x}]"
    (place / "w.yaml").write_text(f"{{name: w, jobs: {jobs}}}")
    torc("create", "w.yaml")
    torc("init", 1)
    here = compute_nodes.this_process("here")
    gone, machine = replace(here, started=1), Machine(hostname="here", num_cpus=1, memory=1)
    with closing(Store.open(str(place.parent / "store.db"))) as store, store.write() as conn:
        compute_nodes.register(conn, 1, 1, gone, machine, {}, 1.0)
    own = f"pid = {here.pid}, process_started = {here.started}"
    with closing(sqlite3.connect(place.parent / "store.db")) as connection, connection:
        connection.execute(
            f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = 1, started_at = 1.0"
        )
        connection.execute(f"UPDATE job SET {own} WHERE name = 'c'")
    words = ("workflows", "sync-status", 1, "--dry-run")
    assert torc(*words).out == "Runner 1 on here would lose 2 jobs (1 and 2)\n"
    assert torc(*words, "-f", "json").json == {
        "workflow_id": 1,
        "dry_run": True,
        "runners": [{"id": 1, "hostname": "here", "jobs": [1, 2], "left_jobs": [3]}],
    }
    told = "1 job is ready again, 1 job has failed, 1 job is left for the next runner"
    assert torc("workflows", "sync-status", 1).out == f"Runner 1 on here: {told}\n"
    with closing(sqlite3.connect(place.parent / "store.db")) as connection, connection:
        connection.execute("UPDATE job SET pid = 999999999 WHERE name = 'c'")
    assert (
        torc("compute-nodes", "drop", 1).out == "Dropped runner 1 on here: 1 job is ready again\n"
    )
