"""Actions on failures, and actions in the next run."""

from __future__ import annotations

import json
from typing import Any

FAILING = """
name: f
jobs:
  - {name: 'bad_{i}', command: 'exit {i}', parameters: {i: '1:6'}}
  - {name: good, command: 'true'}
  - {name: later, command: 'sleep 2.5; exit 9', depends_on: [good]}
  - {name: after, command: 'true', depends_on: [bad_1]}
actions:
  - trigger_type: on_job_failed
    action_type: run_commands
    commands:
      - 'echo "$TORC_FAILED_COUNT:$TORC_FAILED_JOB_IDS" >> counts'
      - 'echo "$TORC_FAILED_JOB_NAMES" >> names; cat "$TORC_FAILED_JOBS_FILE" >> file; echo >> file'
  - {trigger_type: on_job_failed, action_type: run_commands, jobs: [later], commands: ['echo "$TORC_FAILED_JOB_NAMES" >> watched']}
  - {trigger_type: on_workflow_failed, action_type: run_commands, commands: ['echo "$TORC_TRIGGER $TORC_FAILED_COUNT" >> end']}
  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: ['echo complete >> end']}
"""


def lines(shell: Any, name: str) -> list[str]:
    path = shell.folder / name
    return path.read_text().splitlines() if path.exists() else []


def test_many_failures_run_an_action_once(shell: Any) -> None:
    """Failures of one moment are handled together, a later one by itself."""
    code, text = shell.run("run", shell.write(FAILING), "--max-parallel-jobs", "9")
    assert code == 1, text
    names = lines(shell, "names")
    assert sorted(names) == sorted([*(f"bad_{i}" for i in range(1, 7)), "later"])
    assert names[-1] == "later"
    counts = [line.split(":") for line in lines(shell, "counts")]
    assert [number for number, _ in counts] == ["6", "1"]
    assert [len(ids.split()) for _, ids in counts] == [6, 1]
    first = json.loads(lines(shell, "file")[0])
    found = {job["name"]: (job["return_code"], job["reason"], job["status"]) for job in first}
    assert found["bad_3"] == (3, "exit 3", "failed")
    assert lines(shell, "watched") == ["later"]
    assert sorted(lines(shell, "end")) == ["complete", "on_workflow_failed 7"]


def test_without_failures_nothing_runs(shell: Any) -> None:
    text = FAILING.replace("exit {i}", "echo {i}").replace("sleep 2.5; exit 9", "true")
    assert shell.run("run", shell.write(text))[0] == 0
    assert lines(shell, "counts") == lines(shell, "watched") == []
    assert lines(shell, "end") == ["complete"]


RETRIED = """
name: r
failure_handlers: [{name: h, rules: [{match_all_exit_codes: true, max_retries: 2}]}]
jobs: [{name: a, command: 'echo x >> tries; test $(wc -l < tries) -ge 3', failure_handler: h}]
actions: [{trigger_type: on_job_failed, action_type: run_commands, commands: ['echo x >> handled']}]
"""


def test_retried_job(shell: Any) -> None:
    assert shell.run("run", shell.write(RETRIED))[0] == 0
    assert len(lines(shell, "tries")) == 3
    assert lines(shell, "handled") == []


def test_terminated_by_a_user(shell: Any, until: Any) -> None:
    text = RETRIED.replace("echo x >> tries;", "echo $$ > pid; sleep 600;")
    runner = shell.start("run", shell.write(text))
    shell.pid()
    until(lambda: shell.states_quickly() == {"a": 4}, "it runs")
    shell.run("jobs", "terminate", "--no-prompts", "1/a")
    assert shell.finish(runner)[0] == 1
    assert lines(shell, "handled") == []


def test_failures_of_a_killed_runner_are_handled(shell: Any, until: Any) -> None:
    """The runner is killed before its action ran; the next runner runs it."""
    text = """
name: k
jobs: [{name: a, command: 'exit 3'}, {name: b, command: 'echo $$ > pid; sleep 600'}]
actions: [{trigger_type: on_job_failed, action_type: run_commands, commands: ['echo "$TORC_FAILED_JOB_NAMES" >> handled']}]
"""
    runner = shell.start("run", shell.write(text))
    until(lambda: shell.states_quickly().get("a") == 6, "a has failed")
    shell.kill(runner)
    before = len(lines(shell, "handled"))
    second = shell.start("run", "1")
    until(lambda: lines(shell, "handled"), "the failure is handled")
    shell.run("jobs", "cancel", "--no-prompts", "1/b")
    shell.finish(second)
    assert lines(shell, "handled") == ["a"] and before <= 1


UPLOAD = """
name: u
files: [{name: in, path: in.txt}]
jobs:
  - {name: a, command: 'cat ${files.input.in} > out'}
  - {name: b, command: 'true'}
actions:
  - {trigger_type: on_workflow_start, action_type: run_commands, commands: ['echo start >> log']}
  - {trigger_type: on_jobs_ready, action_type: run_commands, jobs: [a], commands: ['echo ready_a >> log']}
  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [a], commands: ['echo done_a >> log']}
  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [b], commands: ['echo done_b >> log']}
  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: ['test -e ok', 'echo upload >> log']}
"""


def test_a_failed_upload_runs_again(shell: Any) -> None:
    """Nothing is stale, but the action at the end has failed."""
    (shell.folder / "in.txt").write_text("1")
    assert shell.run("run", shell.write(UPLOAD))[0] == 1
    (shell.folder / "ok").touch()
    (shell.folder / "log").unlink()
    listed = shell.json("workflows", "list-actions", "1")
    assert [one["status"] for one in listed] == [*["executed"] * 4, "failed"]
    assert listed[-1]["return_code"] == 1
    code, text = shell.run("run", "1")
    assert code == 4 and "none of 2 jobs is stale, 1 action failed" in text
    assert shell.run("run", "1", "--stale")[0] == 0
    assert lines(shell, "log") == ["upload"]
    code, text = shell.run("run", "1")
    assert code == 0 and "none of 2 jobs is stale" in text and "action" not in text
    assert lines(shell, "log") == ["upload"]


def test_rerun_repeats_actions(shell: Any) -> None:
    (shell.folder / "in.txt").write_text("1")
    (shell.folder / "ok").touch()
    assert shell.run("run", shell.write(UPLOAD))[0] == 0
    assert sorted(lines(shell, "log")) == ["done_a", "done_b", "ready_a", "start", "upload"]
    (shell.folder / "log").unlink()
    (shell.folder / "in.txt").write_text("2")
    assert shell.run("run", "1", "--stale")[0] == 0
    assert sorted(lines(shell, "log")) == ["done_a", "ready_a", "upload"]
