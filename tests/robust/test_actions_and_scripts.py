"""Commands of the workflow itself, in real runs: when they run, how often, and how their failures
are seen."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.raw_sql import execute

TRIGGERS = """
name: t
jobs:
  - {name: a, command: 'cat order > a_saw; echo a >> order'}
  - {name: b, command: 'echo b >> order', depends_on: [a]}
actions:
  - {trigger_type: on_workflow_start, action_type: run_commands, commands: ['sleep 0.3', 'echo start >> order']}
  - {trigger_type: on_worker_start, action_type: run_commands, commands: ['echo worker >> started']}
  - {trigger_type: on_jobs_ready, action_type: run_commands, jobs: [b], commands: ['echo ready >> b_ready']}
  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [a], commands: ['echo done >> a_done']}
  - trigger_type: on_jobs_complete
    action_type: run_commands
    jobs: [a, b]
    commands: ['sleep 0.3', 'echo all >> order']
  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: ['echo complete >> order']}
  - {trigger_type: on_worker_complete, action_type: run_commands, commands: ['echo left >> left']}
"""


def test_each_trigger_fires_once_and_in_order(shell: Any) -> None:
    code, text = shell.run("run", shell.write(TRIGGERS))
    assert code == 0, text
    assert shell.words("order") == [
        "start",
        "a",
        "b",
        "all",
        "complete",
    ]  # jobs wait for the start, the end for all
    assert shell.words("a_saw") == ["start"]
    for name in ("started", "b_ready", "a_done", "left"):
        assert len(shell.words(name)) == 1, name
    assert len(shell.events("action_executed")) == 7
    assert shell.events("action_failed") == []


def test_triggers_of_the_next_run(shell: Any) -> None:
    shell.run("run", shell.write(TRIGGERS))
    shell.run("run", "1")
    assert shell.words("order").count("start") == 1
    shell.run("init", "1", "--force")
    assert shell.run("run", "1")[0] == 0
    assert shell.words("order").count("start") == 2


def test_actions_missed_by_a_killed_runner(shell: Any) -> None:
    shell.run("run", shell.write(TRIGGERS))
    with (
        shell.store() as store,
        store.write() as conn,
    ):  # as if it had been killed right after the last end
        execute(
            conn, "UPDATE action SET executed_run_id = NULL WHERE trigger_type LIKE '%complete'"
        )
    assert shell.run("run", "1")[0] == 0
    assert shell.words("order") == ["start", "a", "b", "all", "complete", "all", "complete"]
    assert len(shell.words("a_done")) == 2


def test_two_runners_share_them(shell: Any) -> None:
    text = TRIGGERS.replace("sleep 0.3", "true").replace(
        "jobs:\n", "jobs:\n  - {name: 'x_{i}', command: 'sleep 0.05', parameters: {i: '1:20'}}\n", 1
    )
    shell.run("create", shell.write(text))
    shell.run("init", "1")
    runners = [shell.start("run", "1"), shell.start("run", "1")]
    for runner in runners:
        code, said = shell.finish(runner)
        assert code == 0, said
    assert shell.words("order").count("start") == 1
    assert shell.words("order").count("all") == 1
    assert shell.words("order").count("complete") == 1


@pytest.mark.parametrize("trigger", ["on_workflow_start", "on_workflow_complete"])
def test_a_failure_is_an_event_and_in_the_summary(shell: Any, trigger: str) -> None:
    """The jobs are completed all the same; the exit code is not 0."""
    text = f"""
name: f
jobs: [{{name: a, command: 'echo a'}}]
actions:
  - trigger_type: {trigger}
    action_type: run_commands
    commands: ['echo first', 'echo no >&2; exit 5', 'touch never']
"""
    code, said = shell.run("run", shell.write(text))
    assert code == 1, said
    assert "Workflow 1 (f) completed: 1 completed, 1 action failed, in" in said
    told = f"the action {trigger} failed: echo no >&2; exit 5: exit 5, see"
    assert said.count(told) == 2  # when it fails, and in the summary
    (event,) = shell.events("action_failed")
    assert (event["return_code"], event["trigger"]) == (5, trigger)
    with open(event["log"]) as log:
        assert log.read().split() == ["first", "no"]
    assert not shell.there("never")
    assert "action_failed" in shell.run("events", "list", "1")[1]


def test_ctrl_c_stops_an_action(shell: Any, gone: Any) -> None:
    text = """
name: h
jobs: [{name: a, command: 'echo a > ran'}]
actions: [{trigger_type: on_workflow_start, action_type: run_commands, commands: ['echo $$ > pid; exec sleep 600']}]
"""
    runner = shell.start("run", shell.write(text))
    pid = shell.pid()
    runner.send_signal(signal.SIGINT)
    code, said = shell.finish(runner)
    assert code == 130, said
    assert gone(pid)
    assert not shell.there("ran")


def test_second_ctrl_c_kills_an_action(shell: Any, gone: Any) -> None:
    text = """
name: h
jobs: [{name: a, command: 'echo a > ran'}]
actions:
  - trigger_type: on_workflow_complete
    action_type: run_commands
    commands: ["trap '' TERM INT; echo $$ > pid; while :; do sleep 0.05; done"]
"""
    runner = shell.start("run", shell.write(text))
    pid = shell.pid()
    runner.send_signal(signal.SIGINT)
    assert any("Stopping" in line for line in iter(runner.stdout.readline, ""))
    runner.send_signal(signal.SIGINT)
    code, said = shell.finish(runner)
    assert code == 130, said
    assert gone(pid)
    assert shell.states() == {"a": "completed"}


RECOVERY = """
name: r
jobs:
  - name: a
    command: 'echo $TORC_ATTEMPT_ID >> attempts; [ -e mended ] && exit 0; exit 7'
    failure_handler: mend
  - {name: b, command: 'echo b > ran', depends_on: [a]}
failure_handlers:
  - name: mend
    rules:
      - {exit_codes: [7], max_retries: 3, recovery_script: 'SCRIPT'}
"""


def test_a_recovery_script_runs_before_the_next_attempt(shell: Any) -> None:
    script = (
        "sleep 0.2; echo $TORC_JOB_NAME $TORC_ATTEMPT_ID $TORC_RETURN_CODE >> saw;"
        " [ $TORC_ATTEMPT_ID = 2 ] && touch mended; true"
    )
    code, said = shell.run("run", shell.write(RECOVERY.replace("SCRIPT", script)))
    assert code == 0, said
    assert shell.words("attempts") == ["1", "2", "3"]
    assert (shell.folder / "saw").read_text().splitlines() == ["a 1 7", "a 2 7"]
    assert shell.sql("SELECT attempt_id, return_code FROM result WHERE job_id = 1 ORDER BY id") == [
        (1, 7),
        (2, 7),
        (3, 0),
    ]
    assert shell.states() == {"a": "completed", "b": "completed"}
    shell.assert_nothing_held()


def test_failed_recovery_script(shell: Any) -> None:
    code, said = shell.run("run", shell.write(RECOVERY.replace("SCRIPT", "exit 9")))
    assert code == 1, said
    assert shell.words("attempts") == ["1", "2", "3", "4"]
    warnings = [
        event for event in shell.events("job_warning") if "recovery script" in event["message"]
    ]
    assert [event["return_code"] for event in warnings] == [9, 9, 9]
    assert said.count("its recovery script failed: exit 9") == 3
    assert shell.states() == {"a": "failed", "b": "canceled"}


def test_ctrl_c_does_not_wait_for_a_recovery_script(shell: Any, gone: Any) -> None:
    runner = shell.start(
        "run", shell.write(RECOVERY.replace("SCRIPT", "echo $$ > pid; exec sleep 600"))
    )
    pid = shell.pid()
    runner.send_signal(signal.SIGINT)
    code, said = shell.finish(runner)
    assert code == 130, said
    assert gone(pid)
    assert shell.words("attempts") == ["1"]
    assert shell.states() == {"a": "terminated", "b": "blocked"}, "the next runner runs it again"
    shell.assert_nothing_held()


def test_canceling_does_not_wait_for_a_recovery_script(shell: Any, gone: Any) -> None:
    runner = shell.start(
        "run", shell.write(RECOVERY.replace("SCRIPT", "echo $$ > pid; exec sleep 600"))
    )
    pid = shell.pid()
    shell.run("cancel", "1")
    code, said = shell.finish(runner)
    assert code == 1, said
    assert gone(pid)
    assert shell.states() == {"a": "canceled", "b": "canceled"}


def test_a_runner_killed_during_a_recovery_script(shell: Any) -> None:
    """The exit file has the end of the attempt; the script reruns with the next runner."""
    script = "echo x >> scripts; echo $$ > pid; [ -e second ] || sleep 600; touch mended"
    runner = shell.start("run", shell.write(RECOVERY.replace("SCRIPT", script)))
    shell.pid()
    shell.kill(runner)
    (shell.folder / "second").touch()
    code, said = shell.run("run", "1")
    assert code == 0, said
    assert shell.words("attempts") == ["1", "2"]
    assert len(shell.words("scripts")) == 2


def test_cancel_stops_an_action(shell: Any, gone: Any) -> None:
    text = """
name: h
jobs: [{name: a, command: 'echo a > ran'}]
actions: [{trigger_type: on_workflow_start, action_type: run_commands, commands: ['echo $$ > pid; exec sleep 600']}]
"""
    runner = shell.start("run", shell.write(text))
    pid = shell.pid()
    shell.run("cancel", "1")
    code, said = shell.finish(runner)
    assert code == 1, said
    assert gone(pid)
    assert not shell.there("ran")
    assert shell.states() == {"a": "canceled"}


def test_long_action(shell: Any, until: Any) -> None:
    text = """
name: h
jobs: [{name: a, command: 'true'}]
actions:
  - {trigger_type: on_workflow_start, action_type: run_commands, commands: ['until [ -e go ]; do sleep 0.02; done']}
"""
    runner = shell.start("run", shell.write(text))
    beat = "SELECT heartbeat_at > started_at FROM compute_node"
    until(
        lambda: shell.there("t.db") and shell.sql(beat) == [(1,)], "a heartbeat during the action"
    )
    (shell.folder / "go").touch()
    assert shell.finish(runner)[0] == 0


def test_completion_after_retry(shell: Any) -> None:
    """A workflow that completes after a retry runs its completion actions once more, and no start
    action."""
    path = shell.write(
        "name: again\n"
        "jobs:\n"
        "  - {name: a, command: 'test -e fixed'}\n"
        "  - {name: b, command: 'true'}\n"
        "actions:\n"
        "  - {trigger_type: on_workflow_start, action_type: run_commands,\n"
        "     commands: ['echo start >> order']}\n"
        "  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [a],\n"
        "     commands: ['echo a >> order']}\n"
        "  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [b],\n"
        "     commands: ['echo b >> order_b']}\n"
        "  - {trigger_type: on_workflow_complete, action_type: run_commands,\n"
        "     commands: ['echo complete >> complete']}\n"
    )
    assert shell.run("run", path)[0] == 1
    (shell.folder / "fixed").touch()
    assert shell.run("jobs", "retry", "a", "-w", "1")[0] == 0
    code, text = shell.run("run", "1")
    assert code == 0, text
    assert shell.words("order") == ["start", "a", "a"]
    assert shell.words("order_b") == ["b"]
    assert shell.words("complete") == ["complete", "complete"]


def test_a_failed_action_as_json(shell: Any) -> None:
    """In a quiet run, it is in the one line that is left."""
    actions = "[{trigger_type: on_workflow_start, action_type: run_commands, commands: [exit 5]}]"
    path = shell.write(f"name: f\njobs: [{{name: a, command: 'true'}}]\nactions: {actions}\n")
    code, said = shell.run("run", path, "-f", "json")
    report = json.loads(said[said.index("{") :])
    assert (code, report["status"], report["exit_code"]) == (1, "completed", 1)
    (action,) = report["failed_actions"]
    assert (action["trigger"], action["return_code"]) == ("on_workflow_start", 5)
    code, said = shell.run("run", path, "-q")
    assert code == 1
    assert "(f) completed: 1 completed, 1 action failed, in" in said
    assert len(said.splitlines()) == 1


def test_a_retry_under_a_live_runner(shell: Any, until: Any) -> None:
    """Actions that have run already run again, when the jobs complete once more."""
    path = shell.write(
        "name: again\n"
        "jobs:\n"
        "  - {name: a, command: 'test -e fixed'}\n"
        "  - {name: b, command: 'until [ -e go ]; do sleep 0.02; done'}\n"
        "actions:\n"
        "  - {trigger_type: on_workflow_start, action_type: run_commands,\n"
        "     commands: ['echo start >> order']}\n"
        "  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [a],\n"
        "     commands: ['echo a >> order']}\n"
        "  - {trigger_type: on_worker_start, persistent: true, action_type: run_commands,\n"
        "     commands: ['echo worker >> order']}\n"
    )
    runner = shell.start("run", path)
    until(lambda: shell.there("order") and "a" in shell.words("order"), "the action runs")
    (shell.folder / "fixed").touch()
    assert shell.run("jobs", "retry", "a", "-w", "1")[0] == 0
    until(lambda: shell.words("order").count("a") == 2, "the action runs again")
    (shell.folder / "go").touch()
    code, said = shell.finish(runner)
    assert code == 0, said
    assert sorted(shell.words("order")) == ["a", "a", "start", "worker"]


def test_a_retry_during_the_last_action(shell: Any, until: Any) -> None:
    """The runner that runs the action goes on with the job, and completes the workflow again."""
    path = shell.write(
        "name: late\n"
        "jobs: [{name: a, command: 'test -e fixed'}]\n"
        "actions:\n"
        "  - {trigger_type: on_workflow_complete, action_type: run_commands,\n"
        "     commands: ['echo complete >> complete', 'until [ -e go ]; do sleep 0.02; done']}\n"
    )
    runner = shell.start("run", path)
    until(lambda: shell.there("complete"), "the action runs")
    (shell.folder / "fixed").touch()
    assert shell.run("jobs", "retry", "a", "-w", "1")[0] == 0
    (shell.folder / "go").touch()
    code, said = shell.finish(runner)
    assert code == 0, said
    assert shell.states() == {"a": "completed"}
    assert shell.words("complete") == ["complete", "complete"]
