"""What a dead runner has left, taken over step by step: no process of it is here, only rows and
exit files."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.engine import membership
from torc_tui.executors.local import LocalExecutor
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.resources.detect import process_started
from torc_tui.store import compute_nodes


def claimed(bench: Any, folder: Path) -> tuple[Any, Path]:
    """A job that is claimed by a runner that never started it; where its exit file would be."""
    it = bench("name: w\njobs: [{name: a, command: 'true'}]\n")
    it.engine.step([], 1.0)
    assert it.status() == {"a": "pending"}
    return it, folder / "out" / "job_stdio" / f"job_wf{it.workflow_id}_j{it.ids['a']}_r1_a1.exit"


def take_over(it: Any, executor: Any) -> tuple[Any, Any]:
    engine, _ = it.join()
    engine.executor = executor
    here = compute_nodes.Process(hostname="bench", boot_id="another", pid=2, started=2)
    mine = engine.node.node_id
    flights = membership.take_over(
        it.store, engine.maker, mine, here, executor, 2.0, alive=lambda node, here: node.id == mine
    )
    for flight in flights:
        engine.adopt(flight)
    return (engine, executor), flights


def step(heir: Any, it: Any) -> None:
    engine, executor = heir
    engine.step(executor.wait(5.0), 6.0)
    executor.close()


def reason(it: Any) -> Reason | None:
    with it.store.read() as conn:
        return decode(execute(conn, "SELECT reason FROM result")[0][0])


def test_a_shell_that_has_not_said_who_it_is_does_not_run_twice(bench: Any, tmp_path: Path) -> None:
    """Killed between the start of a process and its first word: the exit file is there, and
    empty."""
    it, exit_file = claimed(bench, tmp_path)
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    exit_file.touch()
    heir, flights = take_over(it, LocalExecutor())
    assert [flight.name for flight in flights] == ["a"]
    step(heir, it)
    assert it.status() == {"a": "failed"}
    assert reason(it) == because(Kind.LOST)


def test_a_shell_that_says_it_late_is_adopted(bench: Any, tmp_path: Path) -> None:
    it, exit_file = claimed(bench, tmp_path)
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    exit_file.touch()
    late = threading.Timer(0.2, lambda: exit_file.write_text("pid 999999999 (bash) S\n0\n"))
    late.start()
    heir, _ = take_over(it, LocalExecutor())
    late.join()
    step(heir, it)
    assert it.status() == {"a": "completed"}


def test_claimed_and_never_started_goes_back_to_ready(bench: Any, tmp_path: Path) -> None:
    it, _ = claimed(bench, tmp_path)
    heir, flights = take_over(it, LocalExecutor())
    assert flights == []
    assert it.status() == {"a": "ready"}
    heir[0].step([], 5.0)
    assert it.status() == {"a": "pending"}
    assert [flight.key.attempt_id for flight in heir[0].in_flight.values()] == [1]


@pytest.mark.parametrize("ended", [True, False])
def test_nothing_of_before_a_reboot_is_adopted_by_its_number(
    bench: Any, tmp_path: Path, ended: bool
) -> None:
    """The pid of then is somebody else's now, even with the same start time: here it is this very
    process."""
    it, exit_file = claimed(bench, tmp_path)
    started = process_started(os.getpid())
    with it.store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = 4, pid = {os.getpid()}, process_started = {started}, started_at = 1.0",
        )
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    before = Path("/proc/self/stat").read_text()
    exit_file.write_text(f"pid {before}" + ("3\n" if ended else ""))
    heir, _ = take_over(it, LocalExecutor())
    step(heir, it)
    assert it.status() == {"a": "failed"}
    assert reason(it) == (because(Kind.EXIT, code=3) if ended else because(Kind.LOST))


def test_an_answer_that_was_lost_with_the_server(bench: Any, tmp_path: Path) -> None:
    """The commit of a claim went through, but its runner was told that it failed: it finds what it
    holds."""
    it, _ = claimed(bench, tmp_path)
    assert (
        membership.take_back(
            it.store, it.engine.maker, it.engine.node.node_id, it.fake, 2.0, {it.ids["a"]}
        )
        == []
    )
    assert it.status() == {"a": "pending"}
    assert (
        membership.take_back(it.store, it.engine.maker, it.engine.node.node_id, it.fake, 2.0, ())
        == []
    )
    assert it.status() == {"a": "ready"}
