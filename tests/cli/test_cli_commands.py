"""Every command in both dialects: its output and its changes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui import settings
from torc_tui.cli.command_help import parser_of
from torc_tui.cli.command_table import BY_NAME, COMMANDS, GROUPS
from torc_tui.cli.config import with_template
from torc_tui.status import JobStatus


def test_create_prints_both_ids(torc: Any, client: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: echo}]\n")
    answer = torc("create", "w.yaml")
    assert (answer.code, answer.out) == (0, "Created workflow 1\n")
    assert torc("-f", "json", "create", "w.yaml").json == {
        "id": 2,
        "workflow_id": 2,
        "name": "w",
        "status": "success",
        "message": "Created workflow 2",
        "jobs": 1,
    }
    assert client("workflows", "create-from-spec", "w.yaml").json["id"] == 3
    assert torc("create", "w.yaml", "--name", "other", "-f", "json").json["name"] == "other"


def test_a_dry_run_creates_nothing(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs:\n - {name: 'a_{i}', command: 'true', parameters: {i: '1:3'}}\n"
        " - {name: b, command: 'true', depends_on_regexes: ['a_.*']}\n"
    )
    answer = torc("create", "w.yaml", "--dry-run")
    assert answer.code == 0
    assert "Jobs:         4 (2 before expansion)" in answer.out
    assert "  b waits for a_1:" in answer.out
    assert answer.out.endswith("Validation passed\n")
    found = torc("validate", "w.yaml", "-f", "json").json
    assert (found["valid"], found["summary"]["job_count"], found["summary"]["edge_count"]) == (
        True,
        4,
        3,
    )
    assert torc("workflows", "list", "-f", "json").json == []


def test_unschedulable_jobs_have_a_warning(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs:\n  - {name: a, command: 'cat ${files.input.i} ${files.input.j} > ${files.output.o}'}\n"
        "  - {name: big, command: 'cat ${files.input.o}', resource_requirements: huge}\n"
        "files:\n  - {name: i, path: in.txt}\n  - {name: j, path: there.txt}\n  - {name: o, path: out.txt}\n"
        "resource_requirements:\n  - {name: huge, num_cpus: 5000, memory: 1m, runtime: PT1M}\n"
    )
    (place / "there.txt").touch()
    answer = torc("validate", "w.yaml")
    assert answer.code == 0 and "Validation passed with warnings" in answer.out
    assert (
        "w.yaml:6: files that jobs read do not exist and no job writes them: 'i' (in.txt)\n"
        in answer.err
    )
    assert (
        "w.yaml:10: job 'big' is unschedulable on this machine: needs 5000 CPUs, machine has "
        in answer.err
    )
    found = torc("create", "--dry-run", "w.yaml", "-f", "json").json
    assert found["valid"] and [one["kind"] for one in found["warnings"]] == [
        "missing-file",
        "never-here",
    ]


def test_missing_scripts_have_a_warning(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "jobs:\n  - {name: 'a{i}', command: python t.py, parameters: {i: '1:4'}}\n"
        "  - {name: b, command: bash b.sh}\n"
    )
    answer = torc("validate", "w.yaml")
    assert answer.code == 0
    where = f"which does not exist in '{place}'"
    assert f"w.yaml:2: 4 jobs run 't.py', {where} ('a1', 'a2', 'a3' and 1 more)\n" in answer.err
    assert f"w.yaml:3: job 'b' runs 'b.sh', {where}\n" in answer.err


def test_all_errors_of_a_file(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs:\n - {name: a, comand: x}\n - {name: b, command: x, depends_on: [c]}\n"
    )
    answer = torc("create", "w.yaml")
    assert answer.code == 2
    assert "w.yaml:3" in answer.err and "comand" in answer.err
    found = torc("validate", "w.yaml", "-f", "json")
    assert found.code == 2
    assert found.json["valid"] is False and found.json["errors"]
    assert torc("workflows", "list", "-f", "json").json == []


def test_list_formats_of_both_dialects(torc: Any, client: Any, small: int) -> None:
    for words, key in (
        (("workflows", "list"), "workflows"),
        (("jobs", "list", small), "jobs"),
        (("files", "list", small), "files"),
        (("user-data", "list", small), "user_data"),
        (("results", "list", small), "results"),
        (("events", "list", small), "events"),
        (("resource-requirements", "list", small), "resource_requirements"),
        (("failure-handlers", "list", small), "failure_handlers"),
        (("compute-nodes", "list", small), "compute_nodes"),
    ):
        ours = torc(*words, "-f", "json").json
        assert isinstance(ours, list), words
        assert client(*words).json == {key: ours}
        assert torc(*words).code == 0
        assert client(*words, "-f", "table").out == torc(*words).out


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (("workflows", "list"), "ID Name State Jobs Failed Age Directory Description Created"),
        (("jobs", "list"), "ID Name Status Command"),
        (("files", "list"), "ID Name Path Modified_Time"),
        (("user-data", "list"), "ID Name Data Workflow_ID"),
        (("events", "list"), "Timestamp Level Event_Type Job_ID Data"),
        (("resource-requirements", "list"), "ID Name CPUs GPUs Nodes Memory Runtime"),
    ],
)
def test_columns(torc: Any, small: int, words: tuple[str, ...], columns: str) -> None:
    top, heading, rule, *_ = torc(*words).out.splitlines()
    assert heading.replace("│", " ").split() == columns.replace("_", " ").split()
    assert top.startswith("╭──") and rule.startswith("├──")


def test_empty_list(torc: Any, small: int) -> None:
    answer = torc("results", "list", small)
    assert (answer.code, answer.out, answer.err) == (0, "", "No results.\n")


def test_jobs_by_id_by_name_and_by_path(torc: Any, small: int) -> None:
    by_name = torc("jobs", "get", "read", "-w", small, "-f", "json").json
    assert by_name["status"] == "blocked"
    assert torc("jobs", "get", by_name["id"], "-f", "json").json == by_name
    assert torc("jobs", "get", f"{small}/read", "-f", "json").json == by_name
    assert torc("jobs", "get", "small/read", "-f", "json").json == by_name
    assert torc("jobs", "get", "read", "-w", "small", "-f", "json").json == by_name
    assert torc("jobs", "get", "read", "-f", "json").json == by_name  # the only workflow there is
    wrong = torc("jobs", "get", "raed", "-w", small)
    assert wrong.code == 2 and "did you mean read?" in wrong.err


def test_position_of_options(torc: Any, small: int) -> None:
    for words in (
        ("-f", "json", "jobs", "list", small, "-s", "ready"),
        ("jobs", "list", "-s", "ready", small, "--format=json"),
        ("jobs", "list", "-f", "json", "--status", "READY", small),
    ):
        assert [job["name"] for job in torc(*words).json] == ["write"]
    assert [
        job["name"] for job in torc("jobs", "list", small, "--name", "re%", "-f", "json").json
    ] == ["read"]


def test_status_and_completeness(torc: Any, small: int) -> None:
    found = torc("status", small, "-f", "json").json
    assert found["jobs_by_status"] == {status.word: 0 for status in JobStatus} | {
        "ready": 1,
        "blocked": 1,
    }
    assert (found["run_id"], found["is_complete"], found["state"]) == (1, False, "ready")
    assert (found["total_jobs"], found["finished_jobs"]) == (2, 0)
    assert (found["elapsed_seconds"], found["eta_seconds"]) == (None, None)
    text = torc("workflows", "status").out
    assert "State:    ready\n" in text
    assert "Jobs:     0 of 2 finished: 1 blocked, 1 ready\n" in text
    assert torc("workflows", "is-complete", small).out == f"Workflow {small} is not complete\n"


def test_exit_status(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "{name: w, jobs: [{name: a, command: 'true'}, {name: b, command: exit $(cat code)}]}"
    )
    (place / "code").write_text("1")
    torc("create", "w.yaml")
    commands = (("status", "--exit-status"), ("workflows", "is-complete", "--exit-status"))
    waiting = ("wait", "--timeout", "0")
    for words in (*commands, waiting):
        assert torc(*words).code == 3, words
    assert torc("status").code == torc("workflows", "is-complete").code == 0
    torc("run", 1, "--quiet")
    assert [torc(*words).code for words in (*commands, ("wait",))] == [1, 0, 1]
    (place / "code").write_text("0")
    torc("jobs", "retry", "b")
    torc("run", 1, "--quiet")
    assert [torc(*words).code for words in (*commands, ("wait",))] == [0, 0, 0]
    assert torc("wait", 1).out == "Workflow 1 (w) completed\n"
    found = torc("wait", 1, "-f", "json").json
    assert (found["state"], found["finished_jobs"]) == ("completed", 2)
    assert found["elapsed_seconds"] >= 0


def test_wait_until_the_end(torc: Any, place: Path, programs: Path) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: cat fifo}]}")
    os.mkfifo(place / "fifo")
    started = torc("run", "w.yaml", "--detach", "-f", "json").json
    process = subprocess.Popen(
        [str(programs / "torc"), "wait", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: torc("status", 1, "-f", "json").json["state"] == "running")
        assert process.poll() is None
        (place / "fifo").write_text("x")
        assert process.communicate(timeout=60)[0] == "Workflow 1 (w) completed\n"
        assert process.returncode == 0
        wait_for(lambda: "1 completed" in Path(started["log"]).read_text())
    finally:
        process.kill()
        process.communicate()


def test_wait_without_a_runner(torc: Any, small: int) -> None:
    answer = torc("wait", small, "--timeout", "0.2")
    assert answer.code == 3
    assert answer.err.count(f"has no active runner; start one with `torc run {small}`") == 1


def test_which_workflow(
    torc: Any, place: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert torc("workflows", "get", "-f", "json").json["id"] == small
    second = torc("create", "small.yaml", "--name", "second", "-f", "json").json["id"]
    answer = torc("workflows", "pause")
    assert answer.code == 2
    assert "there are 2 workflows: name one by its id\n" in answer.err
    assert f"  {second} (second, uninitialized, now), {small} (small, ready, now)\n" in (answer.err)
    assert "give the id instead of the name" in answer.err
    retry = torc("jobs", "retry", "write").err
    assert "2 workflows have a job 'write': name one by its id" in retry
    assert "give the job as ID/NAME, or the workflow with -w ID" in retry
    assert "or the workflow with -w ID" in torc("jobs", "hold", "nobody").err
    assert "give the workflow with -w ID" in torc("user-data", "delete", "x").err
    assert f"workflow {second} has no user data 'x'" in torc("user-data", "get", "x").err
    assert torc("workflows", "get", "second", "-f", "json").json["id"] == second
    monkeypatch.setenv("TORC_WORKFLOW_ID", str(second))
    assert torc("workflows", "get", "-f", "json").json["id"] == second
    assert torc("workflows", "get", "third").code == 2
    torc("create", "small.yaml", "--name", "second")
    err = torc("workflows", "pause", "second").err
    assert "2 workflows have the name 'second'" in err
    assert f"{second + 1} (second, uninitialized, now), {second} (second, un" in err


def test_choice_at_a_terminal(
    torc: Any, place: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = torc("create", "small.yaml", "-f", "json").json["id"]

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(f"99\n{second}\n"))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    answer = torc("workflows", "pause")
    assert f"Paused workflow {second}:" in answer.out
    assert "'99' is not one of these ids" in answer.err
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert "no changes made" in torc("delete", second).err
    assert torc("workflows", "get", second).code == 0


def test_workflow_actions(torc: Any, small: int) -> None:
    assert torc(
        "workflows", "update", small, "-n", "renamed", "--metadata", '{"a": 1}', "-f", "json"
    ).json["metadata"] == {"a": 1}
    assert torc("workflows", "update", small, "--metadata", "{").code == 2
    assert torc("workflows", "pause", small).code == 0
    assert torc("status", small, "-f", "json").json["is_paused"] is True
    assert torc("workflows", "resume", small, "-f", "json").json == {
        "workflow_id": small,
        "is_paused": False,
    }
    assert torc("cancel", small, "-f", "json").json["status"] == "success"
    assert torc("status", small, "-f", "json").json["jobs_by_status"]["canceled"] == 2
    assert torc("workflows", "archive", "true", small).out == f"Archived workflow {small}\n"
    assert torc("workflows", "list", "-f", "json").json == []
    assert [w["name"] for w in torc("workflows", "list", "--archived-only", "-f", "json").json] == [
        "renamed"
    ]
    assert torc("run", small).code == 2
    assert torc("delete", small, "-f", "json").json[0]["id"] == small
    assert torc("delete", small).code == 2


def test_export_and_import(torc: Any, small: int, place: Path) -> None:
    assert torc("workflows", "export", small, "-o", "w.json").code == 0
    assert json.loads((place / "w.json").read_text())["workflow"]["name"] == "small"
    assert torc("workflows", "export", small).json["export_version"] == "1.0"
    copy = torc("workflows", "import", "w.json", "--name", "copy", "-f", "json").json["id"]
    assert [job["name"] for job in torc("jobs", "list", copy, "-f", "json").json] == [
        "write",
        "read",
    ]
    created = torc("events", "list", copy, "-f", "json").json[0]
    assert created["actor"].startswith("ada@")
    torc("user-data", "update", 1, "--data", '"\\ud800"')
    assert torc("workflows", "export", small, "-o", "half.json").code == 0
    again = torc("workflows", "import", "half.json", "-f", "json").json["id"]
    assert torc("user-data", "get", "config", "-w", again).json["data"] == "\ud800"
    (place / "bad.json").write_text("[]")
    assert torc("workflows", "import", "bad.json").code == 2
    (place / "bad.json").write_text("{")
    assert "line 1, column 2" in torc("workflows", "import", "bad.json").err


def test_job_actions(torc: Any, small: int) -> None:
    assert torc("jobs", "hold", "write", "-w", small).out == "Held job 1 (write)\n"
    assert torc("jobs", "get", 1, "-f", "json").json["held"] is True
    assert "held" in torc("why", 1).out
    assert torc("jobs", "release", 1, "-f", "json").json[0]["held"] is False
    again = torc("jobs", "release", 1)
    assert (again.code, again.out) == (
        2,
        "",
    ) and "cannot release write: it is not held" in again.err
    assert torc("jobs", "priority", 5, "write", "-w", small).code == 0
    assert torc("jobs", "priority", -5, 2).code == 0
    assert torc("jobs", "get", 2, "-f", "json").json["priority"] == -5
    half = torc("jobs", "terminate", 1)
    assert half.code == 2 and "cannot terminate write: it is not running (ready)" in half.err
    assert torc("jobs", "cancel", 1, 99).code == 2  # one is not there: none is touched
    assert torc("jobs", "get", 1, "-f", "json").json["status"] == "ready"
    answer = torc("jobs", "cancel", 1)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "Canceled job 1 (write) and 1 job that depends on it\n"
    assert [job["status"] for job in torc("jobs", "list", small, "-f", "json").json] == [
        "canceled",
        "canceled",
    ]
    again = torc("jobs", "retry", 1)
    assert (again.code, again.out) == (0, "Retrying job 1 (write) and 1 job that depends on it\n")
    assert f"start one with `torc run {small}`" in again.err  # no runner is there
    assert [job["status"] for job in torc("jobs", "list", small, "-f", "json").json] == [
        "ready",
        "blocked",
    ]
    assert torc("jobs", "disable", 2).code == 0
    assert torc("jobs", "get", 2, "-f", "json").json["status"] == "disabled"
    assert torc("jobs", "enable", 2).code == 0


def test_why(torc: Any, client: Any, small: int) -> None:
    answer = torc("why", "read", "-w", small)
    assert answer.out.splitlines()[0] == "read is blocked"
    assert f"no active runner; start one with `torc run {small}`" in answer.err
    assert "write is ready, writes user data config" in answer.out
    found = client("why", 2, "-f", "json").json
    assert (found["job_id"], found["status"], found["reasons"][0]["job_id"]) == (2, "blocked", 1)


def test_why_of_several_jobs(torc: Any, place: Path) -> None:
    assert torc("exec", "-q", "-c", "exit 1", "-c", "exit 2").code == 1
    for word in ("job*", "1/job?"):
        answer = torc("why", word)
        assert answer.out == "job1 has failed\n└─ exit 1\n\njob2 has failed\n└─ exit 2\n"
        assert answer.err.count("`torc failures 1` lists the reasons") == 1
    assert [one["job_id"] for one in torc("why", "job*", "-f", "json").json] == [1, 2]
    assert [one["job_id"] for one in torc("why", "*2", "-f", "json").json] == [2]
    assert "no job of workflow 1 matches 'k*'" in torc("why", "k*").err


def test_why_shows_stderr_of_a_failed_job(torc: Any, client: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: 'seq 9 >&2; echo dear me >&2; exit 3'}]\n"
    )
    assert torc("run", "w.yaml", "--quiet").code == 1
    path = place / "torc_output/job_stdio/job_wf1_j1_r1_a1.e"
    assert (
        torc("why", 1).out
        == f"a has failed\n└─ exit 3\n\n{path}:\n    7\n    8\n    9\n    dear me\n"
    )
    path.write_text("")
    assert torc("why", 1).out == "a has failed\n└─ exit 3\n"
    assert "dear" not in client("why", 1).out


def test_initialization(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: 'cat ${files.input.i} > ${files.output.o}'}]\n"
        "files: [{name: i, path: in.txt}, {name: o, path: out.txt}]\n"
    )
    torc("create", "w.yaml")
    missing = torc("init", 1)
    assert missing.code == 2 and str(place / "in.txt") in missing.err
    assert "put them there, then `torc run 1`" in missing.err
    check = torc("workflows", "init", "--dry-run", "-f", "json")
    assert check.code == 1
    assert check.json["safe"] is False and check.json["missing_input_files"] == [
        str(place / "in.txt")
    ]
    (place / "in.txt").write_text("")
    (place / "out.txt").write_text("")
    assert (
        torc("init", "--dry-run").out
        == f"already exists: {place / 'out.txt'}\nSafe to initialize\n"
    )
    done = torc("workflows", "initialize", 1)
    assert done.out == "Initialized workflow 1: 1 ready, 0 blocked\n  Workflow ID: 1\n"
    assert "will be overwritten" in done.err


def test_schema_violation_is_a_warning(torc: Any, place: Path) -> None:
    (place / "s.yaml").write_text(
        "name: s\njobs: [{name: a, command: x, input_user_data: [u]}]\n"
        "user_data: [{name: u, data: {lr: 0.1}, schema: {properties: {lr: {maximum: 1}}}}]\n"
    )
    workflow = torc("create", "s.yaml", "-f", "json").json["id"]
    assert torc("user-data", "update", "u", "-w", workflow, "--data", '{"lr": 0.5}').err == ""
    done = torc("user-data", "update", "u", "-w", workflow, "--data", '{"lr": 5}')
    assert (done.code, done.err) == (
        0,
        "warning: does not follow its schema: .lr: 5 is more than 1\n",
    )
    assert torc("user-data", "get", "u", "-w", workflow).json["data"] == {"lr": 5}
    told = torc("events", "list", workflow, "--type", "user_data_warning", "-f", "json").json
    assert [(event["level"], event["data"]["version"]) for event in told] == [("warning", 3)]
    assert torc("user-data", "restore", "u", 1, "-w", workflow).code == 0
    assert torc("user-data", "restore", "u", 3, "-w", workflow).code == 0
    told = torc("events", "list", workflow, "--type", "user_data_warning", "-f", "json").json
    assert [event["data"]["version"] for event in told] == [3, 5]


def test_user_data(
    torc: Any, client: Any, small: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        torc("user-data", "update", 1, "--data", '{"b": [1, 2]}').out
        == "Updated user data 1 (config)\n"
    )
    assert client("user-data", "update", 1, "--data", "5").json["data"] == 5
    assert torc("user-data", "get", "config", "-w", small).json["data"] == 5
    assert (
        torc("user-data", "get", "config", "-w", "small").json["data"] == 5
    )  # the full reader, by the name
    assert "│ 5    │" in torc("user-data", "get", 1, "-f", "table").out
    (place / "v.json").write_text('\ufeff{"x": "ü"}', encoding="utf-8")
    assert torc("user-data", "update", 1, "--data-file", "v.json", "-f", "json").json["data"] == {
        "x": "ü"
    }
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert torc("user-data", "update", 1, "--data", "-", "--format=json").json["data"] == [1]
    versions = torc("user-data", "history", 1, "-f", "json").json
    assert [version["data"] for version in versions] == [{"b": [1, 2]}, 5, {"x": "ü"}, [1]]
    assert versions[0]["actor"].startswith("ada@")
    assert torc("user-data", "restore", 1, 2).code == 0
    assert torc("user-data", "get", 1).json["data"] == 5
    assert torc("user-data", "update", 1, "--data", "null", "-f", "json").json["data"] is None
    assert torc("user-data", "update", 1, "--data", "1", "--expected-version", "2").code == 1
    made = torc(
        "user-data", "create", small, "-n", "extra", "--data", "[]", "--ephemeral", "-f", "json"
    ).json
    assert (made["name"], made["data"], made["is_ephemeral"]) == ("extra", [], True)
    assert (
        torc(
            "user-data", "update", "extra", "-w", small, "--ephemeral", "false", "-f", "json"
        ).json["is_ephemeral"]
        is False
    )
    assert torc("user-data", "create", small, "-n", "extra").code == 1
    assert [
        r["name"] for r in torc("user-data", "list", small, "--name", "e%", "-f", "json").json
    ] == ["extra"]
    assert torc("user-data", "list-missing", small, "-f", "json").json == []
    assert client("user-data", "list-missing", small).json == {"user_data": []}
    assert torc("user-data", "delete", made["id"]).code == 0
    assert torc("user-data", "delete-all", small).out == "Deleted 1 records\n"


def test_user_data_inside_a_job(torc: Any, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORKFLOW_ID", small), ("JOB_ID", 1), ("RUN_ID", 1), ("ATTEMPT_ID", 2)):
        monkeypatch.setenv(f"TORC_{name}", str(value))
    assert torc("user-data", "update", "config", "--data", "1").code == 0
    version = torc("user-data", "history", "config", "-f", "json").json[-1]
    assert (version["job_id"], version["run_id"], version["attempt_id"], version["actor"]) == (
        1,
        1,
        2,
        None,
    )
    other = os.environ["TORC_DATABASE"]
    monkeypatch.setenv("TORC_DATABASE", "elsewhere.db")
    assert torc("user-data", "update", "config", "--data", "2", "--database", other).code == 0
    assert (
        torc("user-data", "history", "config", "--database", other, "-f", "json")
        .json[-1]["actor"]
        .startswith("ada@")
    )


def test_events(torc: Any, small: int) -> None:
    found = torc("events", "list", small, "-f", "json").json
    assert [event["event_type"] for event in found][:2] == [
        "workflow_created",
        "workflow_initialized",
    ]
    assert found[0]["actor"].startswith("ada@")
    assert [event["id"] for event in torc("events", "list", small, "-l", 1, "-f", "json").json] == [
        found[-1]["id"]
    ]
    assert torc("events", "list", small, "--type", "nothing", "-f", "json").json == []


def test_follow_events(torc: Any, small: int, programs: Path) -> None:
    process = subprocess.Popen(
        [
            str(programs / "torc"),
            "events",
            "list",
            str(small),
            "-f",
            "-f",
            "json",
            "-t",
            "job_held",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stdout is not None
    try:
        assert torc("jobs", "hold", 1).code == 0
        event = json.loads(process.stdout.readline())
        assert (event["event_type"], event["job_id"]) == ("job_held", 1)
        torc("delete", small)
        assert process.stdout.read().count("\n") <= 1
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "svg", "json"])
def test_graph(torc: Any, small: int, form: str) -> None:
    for more in ((), ("--data",), ("--no-fold",)):
        answer = torc("graph", small, "-f", form, *more)
        assert answer.code == 0
        assert "write" in answer.out and "read" in answer.out
        assert ("config" in answer.out) is (more == ("--data",))
    assert torc("jobs", "list", "-f", form).code == (0 if form == "json" else 2)


def test_all_commands_once(torc: Any, small: int) -> None:
    assert torc("files", "get", 1, "-f", "json").json["name"] == "out"
    assert torc("files", "get", 1).out.startswith("Id:")
    assert re.search(r"Status: +ready\n", torc("jobs", "get", 1).out)
    assert torc("files", "list-required-existing", small, "-f", "json").json == []
    assert torc("workflows", "get", small).code == 0
    new = torc("workflows", "new", "-n", "empty", "-d", "nothing yet", "-f", "json").json["id"]
    assert torc("workflows", "get", new, "-f", "json").json["description"] == "nothing yet"
    assert "has no jobs" in torc("run", new).err
    machine = torc("resources", "-f", "json").json
    assert machine["num_cpus"] >= 1 and machine["memory_bytes"] > 0
    assert torc("resources").out.startswith("Host:")


def test_every_command_has_a_parser_and_help(torc: Any) -> None:
    for command in COMMANDS:
        assert parser_of(command, "torc").format_help()
        assert all(name.partition(" ")[0] in GROUPS for name in command.names if " " in name)
    assert len(BY_NAME) == sum(len(command.names) for command in COMMANDS)
    top = torc("--help")
    assert top.code == 0 and "user-data" in top.out
    assert torc("help").out.startswith(top.out)
    assert "create-from-file" in torc("jobs", "--help").out
    one = torc("help", "jobs", "list")
    assert one.code == 0 and "--status" in one.out and "--database" in one.out
    assert torc("--version").out.startswith("torc ")


def test_config(torc: Any, place: Path) -> None:
    assert "TORC_DATABASE" in torc("config", "show").out
    paths = {entry["what"]: entry["path"] for entry in torc("config", "paths", "-f", "json").json}
    assert paths["database"] == os.environ["TORC_DATABASE"]
    assert torc("config", "init", "--local").out == f"Wrote {place / 'torc.toml'}\n"
    assert torc("config", "init", "--local").code == 2
    (place / "torc.toml").write_text("# mine\n[client.run]\nnum_cpus = 3 # of four\n")
    assert torc("config", "init", "--local", "--force").code == 0
    text = (place / "torc.toml").read_text()
    assert (
        "# mine" in text and "num_cpus = 3 # of four" in text and "# max_parallel_jobs = 8" in text
    )
    assert torc("config", "init", "--local", "--force").code == 0
    assert (place / "torc.toml").read_text() == text  # nothing is added twice
    assert torc("config", "show", "-f", "json").json["values"]["client"]["run"] == {"num_cpus": 3}
    assert torc("config", "validate").out == "The settings are valid\n"
    (place / "torc.toml").write_text("[client.run]\nnum_cpu = 3\n")
    wrong = torc("config", "validate")
    assert wrong.code == 1 and "did you mean client.run.num_cpus?" in wrong.err
    (place / "torc.toml").write_text('[client]\nformat = "json"\n')
    assert torc("workflows", "list").out == "[]\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[client]\n[client.run]\n",
        "client = {format = 'json'}\n",
        "client.run.num_cpus = 3\n",
        'x = """\n[client]\n"""\n',
        "[a]\nx = [\n[1],\n]",
        "database = 'x'",
        "[server] # theirs\nport = 1\n[ client.run ] # mine\n",
    ],
)
def test_a_template_changes_no_value(text: str) -> None:
    """Every setting is below the heading of its section, and a second call adds nothing."""
    found = with_template(text, "torc.toml")
    assert with_template(found, "torc.toml") == found
    before, after = settings.Settings(), settings.Settings()
    before.merge(tomllib.loads(text), "before")
    after.merge(tomllib.loads(found), "after")
    assert before.values == {key: after.values[key] for key in before.values}
    used = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", with_template("", "torc.toml")))
    assert set(used) == {"database", "safe_directories", "client", "notify", "tui", "cluster"}
    assert set(used["client"]["run"]) >= {"num_cpus", "gpu_foreign"}


def test_passwords_in_settings_are_hidden(torc: Any, place: Path) -> None:
    (place / "torc.toml").write_text('[server]\npassword = "s3cret"\n')
    words = ("--database", "postgresql://ada:s3cret@db/torc?password=s3cret")
    for more in ((), ("-f", "json")):
        for command in ("show", "paths"):
            answer = torc("config", command, *words, *more)
            assert answer.code == 0 and "s3cret" not in answer.out + answer.err
            assert "ada:***@db" in answer.out


def test_table_of_the_older_dialect(client: Any, small: int) -> None:
    assert re.match(r"╭─", client("jobs", "list", small, "-f", "table").out)


def test_jobs_from_a_file(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "commands").write_text("\ufeff# first\necho one\r\n\n  echo t\u2028wo  \n")
    empty = torc("workflows", "new", "-n", "list", "-f", "json").json["id"]
    made = torc("jobs", "create-from-file", empty, "commands", "-f", "json").json
    assert made["jobs_created"] == 2
    jobs = torc("jobs", "list", empty, "-f", "json").json
    assert [(job["name"], job["command"], job["status"]) for job in jobs] == [
        ("job1", "echo one", "uninitialized"),
        ("job2", "echo t\u2028wo", "uninitialized"),
    ]
    assert torc("run", empty, "--quiet").code == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"echo three\n")))
    limits = ("--cpus-per-job", "2", "--memory-per-job", "1g", "--runtime-per-job", "PT1M")
    assert (
        torc("jobs", "create-from-file", "list", "-", *limits).out
        == f"Added 1 job to workflow {empty}\n"
    )
    third = torc("jobs", "get", f"{empty}/job3", "-f", "json").json
    assert third["status"] == "ready", "the workflow was initialized before"
    requirements = {
        r["id"]: r for r in torc("resource-requirements", "list", empty, "-f", "json").json
    }
    assert (requirements[third["resource_requirements_id"]]["num_cpus"], len(requirements)) == (
        2,
        2,
    )
    assert torc("run", empty, "--quiet", "--num-cpus", "2").code == 0
    assert [r["return_code"] for r in torc("results", "list", empty, "-f", "json").json] == [
        0,
        0,
        0,
    ]
    (place / "commands").write_text("# nothing\n")
    assert "contains no command" in torc("jobs", "create-from-file", empty, "commands").err
    assert torc("jobs", "create-from-file", empty, "none").code == 2
    (place / "commands").write_text("echo\n")
    assert (
        "is not a size"
        in torc("jobs", "create-from-file", empty, "commands", "--memory-per-job", "lots").err
    )
    assert "all its jobs have finished" in torc("cancel", empty).err
    assert torc("jobs", "create-from-file", empty, "commands").code == 0
    assert torc("cancel", empty).out == f"Canceled 1 job of workflow {empty}\n"
    assert torc("jobs", "create-from-file", empty, "commands").code == 2


def test_a_job_is_changed(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs:\n - {name: a, command: exit 3, resource_requirements: r}\n - {name: b, command: 'true'}\n"
        "resource_requirements: [{name: r, num_cpus: 1, memory: 1g, runtime: PT1M}]\n"
    )
    torc("create", "w.yaml")
    assert (
        torc("jobs", "update", 1, "-c", "true", "-n", "renamed", "--runtime", "PT2M").out
        == "Updated job 1 (a)\n"
    )
    job = torc("jobs", "get", 1, "-f", "json").json
    assert (job["name"], job["command"]) == ("renamed", "true")
    requirements = {r["id"]: r for r in torc("resource-requirements", "list", 1, "-f", "json").json}
    assert requirements[job["resource_requirements_id"]]["runtime"] == "PT2M"
    assert torc("jobs", "update", 1, "-n", "b").code == 1
    assert torc("jobs", "update", 1, "-n", " ").code == 2
    assert torc("jobs", "update", 1, "--resource-requirements-id", 99).code == 2
    assert torc("jobs", "update", 1, "--runtime", "1h").code == 2
    for nothing in (("--cpus", "0"), ("--memory", "0"), ("--runtime", "PT0S")):
        refused = torc("jobs", "update", 1, *nothing)
        assert (refused.code, f"{nothing[0]}: must be greater than 0" in refused.err) == (2, True)
    assert torc("jobs", "update", "b", "-w", 1, "--runtime", "PT1H").code == 0
    (job,) = [one for one in torc("jobs", "list", 1, "-f", "json").json if one["name"] == "b"]
    (own,) = [
        one
        for one in torc("resource-requirements", "list", 1, "-f", "json").json
        if one["id"] == job["resource_requirements_id"]
    ]
    assert (own["memory"], own["runtime"]) == (None, "PT1H")
    assert torc("run", 1, "--quiet").code == 0
    assert torc("jobs", "update", 1, "-c", "echo").code == 0
    assert torc("plan", 1, "--check").code == 1  # its result is that of the old command


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (("--value",), '{\n  "a": [\n    {\n      "b c": "x y"\n    },\n    2\n  ]\n}'),
        (("--path", ".a[0].b c"), "x y"),
        (("--path", "a[1]", "--value"), "2"),
        (("--path", ".a[0]"), '{\n  "b c": "x y"\n}'),
    ],
)
def test_a_value_without_jq(torc: Any, small: int, options: tuple[str, ...], printed: str) -> None:
    torc("user-data", "update", 1, "--data", '{"a": [{"b c": "x y"}, 2]}')
    assert torc("user-data", "get", "config", *options).out == f"{printed}\n"


QUOTED = {
    '.["k.x"]': "1",
    '."k.x"': "1",
    '["two words"].a': "2",
    '.["q\\""]': "3",
    ".list[-1]": "5",
}


@pytest.mark.parametrize("path", QUOTED)
def test_quoted_keys_of_a_path(torc: Any, small: int, path: str) -> None:
    value = {"k.x": 1, "two words": {"a": 2}, 'q"': 3, "list": [4, 5]}
    torc("user-data", "update", 1, "--data", json.dumps(value))
    assert torc("user-data", "get", "config", "--path", path).out == f"{QUOTED[path]}\n"


WRONG_PATHS = (".a[2]", ".b", "a.b", "[0]", "a[", "..", "a..b", "a[x]", ".s[0]", '.a["x]', ".a[-3]")


@pytest.mark.parametrize("path", WRONG_PATHS)
def test_missing_part_of_a_value(torc: Any, small: int, path: str) -> None:
    torc("user-data", "update", 1, "--data", '{"a": [1, 2], "s": "text"}')
    answer = torc("user-data", "get", "config", "--path", path)
    assert (answer.code, answer.out) == (2, ""), answer


NO_CHANGE = ([], ["--expected-version", "1"], ["-w", "1"], ["-f", "json"])


@pytest.mark.parametrize("options", NO_CHANGE, ids=["none", "version", "workflow", "format"])
def test_update_without_a_change(torc: Any, client: Any, small: int, options: list[str]) -> None:
    for program in (torc, client):
        answer = program("user-data", "update", 1, *options)
        assert (answer.code, answer.out) == (2, "") and "nothing to update" in answer.err


def test_workflow_file_named_run(torc: Any, place: Path) -> None:
    (place / "a.yaml").write_text("{name: a, jobs: [{name: a, command: 'true'}]}")
    answer = torc("run", "-q")
    assert (answer.code, answer.err) == (0, "running a.yaml\n")
    (place / "workflow.yaml").write_text("{name: usual, jobs: [{name: a, command: 'true'}]}")
    assert torc("run", "-q").err == "running workflow.yaml\n"
    assert [one["name"] for one in torc("workflows", "list", "-f", "json").json] == ["a", "usual"]
    (place / "workflow.yaml").rename(place / "b.yaml")
    assert torc("run", "-q").code == 2  # which one is meant is not clear
