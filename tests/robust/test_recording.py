"""A runner that is killed right after the end of a job leaves a record of what the job has read."""

from __future__ import annotations

from typing import Any

import pytest

JOBS = """
name: k
files: [{name: in, path: in}, {name: out, path: out}]
jobs:
  - {name: a, command: 'cat ${files.input.in} > ${files.output.out}'}
  - {name: b, command: 'echo $$ > pid; sleep 600', depends_on: [a]}
"""
RECORDED = (
    "SELECT status, recorded_at FROM job LEFT JOIN fingerprint ON job_id = id WHERE name = 'a'"
)


@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "large"])
def test_the_end_of_a_job_is_recorded_with_it(shell: Any, until: Any, size: int) -> None:
    (shell.folder / "in").write_text("x" * size)
    shell.run("create", shell.write(JOBS))
    shell.run("init", "1")
    runner = shell.start("run", "1")

    def ended() -> tuple[Any, ...]:
        (found,) = shell.sql(RECORDED)
        return found if found[0] == 5 else ()

    assert until(ended, "a has completed")[1] is not None
    shell.kill(runner)
    plan = shell.json("plan", "1")
    assert plan["counts"] == {"keep": 1, "run": 1, "unknown": 0}
    (shell.folder / "in").write_text("y" * size)
    (reason,) = shell.json("plan", "1")["jobs"][0]["reasons"]
    assert reason["kind"] == "input_changed"


READER = """
name: r
user_data: [{name: lr, data: 1}]
jobs:
  - name: a
    command: 'echo $$ > pid; while [ ! -e go ]; do sleep 0.02; done; torc user-data get ${user_data.input.lr}'
"""


@pytest.mark.parametrize(
    ("values", "is_stale"),
    [((), False), (("1",), False), (("2",), True), (("2", "1"), True)],
    ids=["none", "equal", "other", "and back"],
)
def test_user_data_is_edited_while_its_consumer_runs(
    shell: Any, values: tuple[str, ...], is_stale: bool
) -> None:
    """The job may have read any of the values."""
    runner = shell.start("run", shell.write(READER))
    shell.pid()
    for value in values:
        assert shell.run("user-data", "update", "lr", "-w", "1", "--data", value)[0] == 0
    (shell.folder / "go").touch()
    assert shell.finish(runner)[0] == 0
    plan = shell.json("plan", "1")
    assert plan["stale"] == int(is_stale)
    kinds = [reason["kind"] for reason in plan["jobs"][0]["reasons"]]
    assert kinds == (["changed_while_running"] if is_stale else [])
