"""``torc exec``: many commands in one line."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui.cli import batch
from torc_tui.operations import batches
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.store.workflows import counts

pytestmark = pytest.mark.system

Shell = Callable[..., subprocess.CompletedProcess[str]]


def number_of(status: JobStatus, workflow_id: int = 1) -> int:
    store = Store.open()
    try:
        with store.read() as conn:
            return counts(conn, workflow_id).get(status, 0)
    finally:
        store.close()


def test_commands(torc: Any) -> None:
    answer = torc("exec", "-c", "true", "-c", "exit 3", "-n", "two", "--description", "d")
    assert answer.code == 1
    assert answer.out.startswith("Created workflow 1\n")
    assert "FAILED: job2 (job 2): exit 3" in answer.out
    found = torc("workflows", "get", 1, "-f", "json").json
    assert (found["name"], found["description"]) == ("two", "d")


def test_commands_file(torc: Any, place: Path) -> None:
    (place / "cmds").write_bytes(b"\xef\xbb\xbf# comment\r\ntouch a\r\n\n  touch b\n")
    assert torc("exec", "-q", "-C", "cmds").code == 0
    assert (place / "a").exists() and (place / "b").exists()


def test_words(shell: Shell) -> None:
    done = shell("torc exec -k -- printf '%s|' 'a b' '$HOME' < /dev/null")
    assert (done.returncode, done.stdout) == (0, "a b|$HOME|")


def test_lines_in_order(shell: Shell, place: Path) -> None:
    script = (
        "printf 'c d\\nb\\na\\r\\n\\n' | torc exec -j 3 -k -- 'test {} = b || sleep 0.2; echo {}'"
    )
    done = shell(script)
    assert (done.returncode, done.stdout) == (0, "c d\nb\na\n")
    assert done.stderr == ""


def test_appended_line(shell: Shell) -> None:
    assert shell("printf 'x y\\n' | torc exec -k -- echo hi").stdout == "hi x y\n"


def test_raw_bytes_and_standard_error(shell: Shell) -> None:
    done = shell("torc exec -k -c 'printf \"\\033[31m\\377\"; echo e >&2' | od -An -tx1")
    assert done.stdout.split() == ["1b", "5b", "33", "31", "6d", "ff"]
    assert done.stderr == "e\n"


def test_nobody_reads_the_outputs(shell: Shell) -> None:
    """The run continues to its end, and its exit code is that of the jobs."""
    line = "seq 60 | torc exec -k -j 2 --results r.jsonl -- 'echo {}; test {} != 9'"
    done = shell(f"{{ {line}; echo $? > code; }} | head -1; cat code; wc -l < r.jsonl")
    assert done.stdout.split() == ["1", "1", "60"]
    assert done.stderr.startswith("torc: Workflow 1 (exec) failed: 59 completed, 1 failed")
    assert number_of(JobStatus.COMPLETED) == 59


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(shell: Shell, place: Path) -> None:
    (place / "r.jsonl").symlink_to("/dev/full")
    done = shell("seq 9 | torc exec -q --results r.jsonl -- true")
    assert done.returncode == 1
    assert done.stderr.startswith("--results: can no longer be written: ")
    assert done.stderr.count("\n") == 1
    done = shell("seq 9 | torc exec -k -- echo > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("outputs can no longer be printed: ")
    assert done.stderr.count("\n") == 1


def test_terminal_gets_no_control_characters(programs: Path, place: Path) -> None:
    master, slave = pty.openpty()
    command = [programs / "torc", "exec", "-k", "-c", "printf '\\033[31mred\\n'"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave) as process:
        os.close(slave)
        text = b""
        while b"red" not in text:
            text += os.read(master, 1000)
        assert process.wait(DEADLINE) == 0
    os.close(master)
    assert text == b"\\x1b[31mred\r\n"


def test_jobs_start_while_lines_arrive(programs: Path, place: Path) -> None:
    command = [programs / "torc", "exec", "-q", "--", "touch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for name in ("first", "second"):
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            wait_for((place / name).exists)
        process.stdin.close()
        assert process.wait(DEADLINE) == 0
    assert number_of(JobStatus.COMPLETED) == 2


def test_no_lines_are_read_while_many_jobs_are_left(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job blocks the others until the limit is reached, or everything is stored."""
    number, most = 12, 5
    left: list[int] = []

    class Watched(batches.Batch):
        def add(self, commands: Sequence[batches.Command]) -> list[batches.BatchJob]:
            left.append(super().unfinished())
            jobs = super().add(commands)
            if len(left) == number:
                (place / "go").touch()
            return jobs

        def unfinished(self) -> int:
            (place / "go").touch()
            return super().unfinished()

    monkeypatch.setattr(batches, "Batch", Watched)
    monkeypatch.setattr(batch, "_MOST_UNFINISHED", most)
    lines = ["until [ -e go ]; do sleep 0.01; done", *["true"] * (number - 1)]
    padding = " " * (1 << 16)  # so that each line is read alone
    (place / "lines").write_text("".join(f"{line};{padding}true\n" for line in lines))
    assert torc("exec", "-q", "-j", 1, "-C", "lines").code == 0
    assert number_of(JobStatus.COMPLETED) == number
    assert max(left) < most


def test_interrupt_while_waiting_for_lines(programs: Path, place: Path) -> None:
    command = [programs / "torc", "exec", "-q", "--", "touch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"first\nrest of a line")
        process.stdin.flush()
        wait_for((place / "first").exists)
        process.send_signal(2)
        assert process.wait(DEADLINE) == 130
        assert b"Traceback" not in process.stderr.read()
    assert not (place / "rest of a line").exists()


def test_no_input(shell: Shell, place: Path) -> None:
    done = shell(": | torc exec -- touch a")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "standard input is empty; nothing to run\n"
    assert not (place.parent / "store.db").exists()


def test_parameters(torc: Any) -> None:
    words = ("exec", "--dry-run", "-c", "t {lr} {s}", "--param", "lr=[1,0.10]", "--param", "s=1:2")
    assert torc(*words).out == "t 1 1\nt 1 2\nt 0.10 1\nt 0.10 2\n"
    assert torc(*words, "--link", "zip").out == "t 1 1\nt 0.10 2\n"


def test_values_are_parameters_of_jobs(shell: Shell, torc: Any) -> None:
    assert shell("echo 'x y' | torc exec -q -c 'echo {} {n}' --param n=7").returncode == 0
    (job,) = torc("jobs", "list", 1, "-f", "json").json
    assert job["parameters"] == {"line": "x y", "n": 7}
    assert job["command"] == "echo 'x y' 7"


def test_resources(torc: Any) -> None:
    words = ("--cpus", 2, "--memory", "1g", "--runtime", "PT1M", "--num-gpus")[:6]
    assert torc("exec", "-q", "-c", "true", *words, "--dry-run").code == 0
    assert torc("exec", "-q", "-c", "true", "--memory", "100t").code == 3
    assert torc("exec", "-q", "-c", "sleep 60", "--runtime", "PT0.2S").code == 1


def test_jobs_count_alone(shell: Shell, place: Path) -> None:
    """More jobs than CPUs run at once: each waits until all others have started."""
    number = (os.cpu_count() or 1) + 3
    body = f"touch s{{}}; until [ $(ls s* | wc -l) = {number} ]; do sleep 0.02; done"
    done = shell(f"seq {number} | torc exec -q -j {number} -- '{body}'")
    assert done.returncode == 0


def test_parts_of_cpus(torc: Any) -> None:
    """``-j 3`` jobs of half a CPU; an added job may request a part as well."""
    assert torc("exec", "-q", "-j", 3, "--cpus", "0.5", *("-c", "true") * 3).code == 0
    assert torc("add", "--cpus", "1.5", "--", "true").code == 0
    found = torc("resource-requirements", "list", 1, "-f", "json").json
    assert {one["num_cpus"] for one in found} >= {0.5, 1.5}


def test_failures_name_jobs_as_commands_take_them(shell: Shell, torc: Any) -> None:
    assert shell("seq 2 | torc exec -q -- 'echo bad; exit {raw}'").returncode == 1
    assert shell("seq 2 | torc exec -q -n same -- 'echo {}; exit 3'").returncode == 1
    assert "(job*)" in torc("status", 2).out
    assert torc("jobs", "retry", "job*", "-w", 2).code == 0


def test_retry(torc: Any) -> None:
    assert torc("exec", "-q", "--retry", 2, "-c", "exit 1").code == 1
    (result,) = torc("results", "list", 1, "-f", "json").json
    assert result["attempt_id"] == 3


def test_retried_job_is_printed_once(shell: Shell, place: Path) -> None:
    command = "echo try; test -e x || { touch x; exit 1; }"
    done = shell(f"torc exec -k --retry 1 -c '{command}' -c 'echo last'")
    assert (done.returncode, done.stdout) == (0, "try\nlast\n")


@pytest.mark.parametrize("jobs", [1, 2])
def test_halt_soon(shell: Shell, jobs: int) -> None:
    done = shell(f"seq 9 | torc exec -q -j {jobs} --halt soon,fail=2 -- 'exit 1; : {{}}'")
    assert done.returncode == 1
    assert number_of(JobStatus.FAILED) in range(2, 2 + jobs)
    assert number_of(JobStatus.READY) == 9 - number_of(JobStatus.FAILED)


def test_halt_now(torc: Any) -> None:
    words = ("exec", "-q", "-j", 2, "--halt", "now", "-c", "sleep 600", "-c", "exit 3")
    assert torc(*words).code == 1
    assert number_of(JobStatus.TERMINATED) == 1
    assert torc("jobs", "list", 1, "-f", "json").json[0]["status"] == "terminated"


def test_resume(shell: Shell, torc: Any, place: Path) -> None:
    lines = "printf '1\\n2\\n2\\n3\\n'"
    run = "torc exec -q -n r --resume -- 'echo {} >> log; test -e ok || test {} != 2'"
    assert shell(f"{lines} | {run}").returncode == 1
    assert sorted((place / "log").read_text().split()) == ["1", "2", "2", "3"]
    (place / "ok").touch()
    done = shell(f"{{ {lines}; echo 4; }} | {run}")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted((place / "log").read_text().split()) == ["1", "2", "2", "2", "2", "3", "4"]
    assert number_of(JobStatus.COMPLETED) == 5
    done = shell(f"{lines} | {run}")
    assert done.stderr == "all 4 commands already completed; nothing to run\n"
    assert shell(f"{lines} | {run} -k").stdout == ""


def test_resume_without_failed_command(torc: Any, place: Path) -> None:
    """The input decides about the exit code; a command that comes again runs again."""
    words = ("exec", "-q", "-n", "r", "--resume", "-c", "true")
    assert torc(*words, "-c", "test -e ok").code == 1
    done = torc(*words, "-c", "echo new")
    told = (
        "disabled 1 failed command not in this input; --resume with the same command runs it again"
    )
    assert (done.code, done.err) == (0, f"{told}\n")
    assert number_of(JobStatus.COMPLETED) == 2 and number_of(JobStatus.DISABLED) == 1
    (place / "ok").touch()
    done = torc(*words, "-c", "test -e ok")
    assert (done.code, done.err) == (0, "")
    assert number_of(JobStatus.COMPLETED) == 3


def test_resume_after_cancel(torc: Any, place: Path) -> None:
    words = ("exec", "-q", "-n", "c", "-c", "test -e ok", "-c", "true", "--halt", "soon")
    assert torc(*words, "-j", 1).code == 1
    assert torc("cancel", 1).code == 0
    (place / "ok").touch()
    assert torc(*words, "--resume").code == 0
    assert number_of(JobStatus.COMPLETED) == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_results(shell: Shell, place: Path, ending: str) -> None:
    done = shell(
        f"printf '=1,\"2\\n' | torc exec -q --results r.{ending} --param n=1:2"
        " -c 'echo {}; echo {n} >&2; exit {n}'"
    )
    assert done.returncode == 1
    text = (place / f"r.{ending}").read_text()
    if ending == "csv":
        records: list[dict[str, Any]] = list(csv.DictReader(text.splitlines(True)))
    else:
        records = [json.loads(line) for line in text.splitlines()]
    assert [str(one["seq"]) for one in records] == ["1", "2"]
    assert [str(one["return_code"]) for one in records] == ["1", "2"]
    assert records[0]["line"] == '=1,"2'
    assert records[0]["stdout"].rstrip("\r\n") == '=1,"2'
    assert records[1]["stderr"].strip() == "2"


def test_results_stay_if_nothing_is_left_to_run(torc: Any, place: Path) -> None:
    words = ("exec", "-q", "--results", "r.csv", "--resume", "-c", "true")
    assert torc(*words).code == 0
    written = (place / "r.csv").read_text()
    assert written.count("\n") == 2
    assert torc(*words).code == 0
    assert (place / "r.csv").read_text() == written


def test_results_of_resumed_batch(torc: Any, place: Path) -> None:
    """The file holds a record of every command, also of those that completed before."""
    words = ("exec", "-q", "-n", "r", "--stdio", "combined", "--results", "r.jsonl", "--resume")
    commands = ("-c", "echo one", "-c", "echo two; test -e ok", "-c", "echo three")
    assert torc(*words, *commands).code == 1
    (place / "ok").touch()
    assert torc(*words[:4], *words[6:], *commands).code == 0
    records = [json.loads(line) for line in (place / "r.jsonl").read_text().splitlines()]
    assert [(one["seq"], one["status"], one["stdout"]) for one in records] == [
        (1, "completed", "one\n"),
        (2, "completed", "two\n"),
        (3, "completed", "three\n"),
    ]


def test_rest_of_results(shell: Shell, place: Path) -> None:
    done = shell("seq 3 | torc exec -q -j1 --halt soon --results r.jsonl -- 'exit 1; : {}'")
    assert done.returncode == 1
    records = [json.loads(line) for line in (place / "r.jsonl").read_text().splitlines()]
    assert [one["status"] for one in records] == ["failed", "ready", "ready"]


def test_bad_line(shell: Shell, place: Path) -> None:
    done = shell("printf 'a\\nb\\0c\\n' | torc exec -q -- touch")
    assert done.returncode == 2
    assert "standard input: line 2 contains a NUL byte" in done.stderr
    assert not (place / "a").exists()
    done = shell(
        "{ echo a; until [ -e a ]; do sleep 0.02; done; printf '\\0\\n'; } | torc exec -q -- touch"
    )
    assert done.returncode == 2
    assert "line 2 contains a NUL byte" in done.stderr
    assert (place / "a").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "exec needs a command"),
        (("-c", "echo '{}'"), "{} is inside quotes"),
        (("-c", "x", "--halt", "then"), "--halt must be now or soon"),
        (("-c", "x", "--halt", "now,fail=0"), "--halt must be now or soon"),
        (("-c", "x", "--param", "raw=1"), "'raw' cannot be the name of a parameter"),
        (("-c", "x", "--param", "a=1", "--param", "a=2"), "'a' is given twice"),
        (("-c", "x", "--param", "a=1:0"), "--param a has the empty range"),
        (("-c", "x {a:03d}", "--param", "a=z"), "does not fit the value 'z'"),
        (("-c", "x", "--cpus", "0"), "--cpus: '0' is not a number of CPUs"),
        (("-c", "x", "--cpus", "nan"), "--cpus: 'nan' is not a number of CPUs"),
        (("-c", "x", "--memory", "0"), "--memory: '0' is not a size greater than 0"),
        (("-c", "x", "--runtime", "PT0S"), "--runtime: 'PT0S' is not a number of seconds"),
        (
            ("-c", "x", "--results", "r.csv", "--param", "name=a"),
            "--results r.csv: the records have a column 'name' of their own",
        ),
        (("-c", "x", "--results", "r.txt"), "must end in .csv or .jsonl"),
        (("-c", "x", "--results", "no/r.csv"), "no/r.csv: cannot be written"),
        (("-C", "nothing"), "nothing: cannot be read"),
        (("w.yaml",), "w.yaml is a workflow file"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "-",
)
def test_wrong_use(torc: Any, words: tuple[str, ...], message: str) -> None:
    answer = torc("exec", *words)
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""


def test_unusable_output_directory(torc: Any, place: Path) -> None:
    (place / "file").touch()
    answer = torc("exec", "-o", "file/logs", "-c", "true")
    assert answer.code == 2
    assert "cannot write to the output directory file/logs: Not a directory" in answer.err
    assert torc("workflows", "list", "-f", "json").json == []


def test_json_report(torc: Any) -> None:
    report = torc("exec", "-c", "true", "-f", "json").json
    assert (report["status"], report["counts"]["completed"]) == ("completed", 1)


def test_ordinary_workflow(torc: Any, place: Path) -> None:
    assert torc("exec", "-q", "-c", "test -e ok").code == 1
    assert "exit 1" in torc("why", "job1").out
    (place / "ok").touch()
    assert torc("rerun", "job1").code == 0
    assert torc("run", 1, "-q").code == 0
    assert torc("plan", 1, "--check").code == 0


# -- torc add --------------------------------------------------------------------------------------


def test_add(torc: Any, place: Path) -> None:
    assert torc("exec", "-q", "-c", "exit 1", "-c", "true").code == 1
    answer = torc("add", "--", "touch", "a b")
    assert (answer.code, answer.out) == (0, "Added job3 (job 3) to workflow 1\n")
    assert "workflow 1 has no active runner" in answer.err
    torc("add", "--after", "job3", "--after", "job2", "--cpus", 2, "--", "test -e 'a b' && touch c")
    torc("add", "--after", "job1", "--", "touch never")
    assert torc("run", 1, "-q", "--num-cpus", 2).code == 1
    assert (place / "c").exists() and not (place / "never").exists()
    found = torc("jobs", "list", 1, "-f", "json").json
    assert [one["status"] for one in found[2:]] == ["completed", "completed", "canceled"]


def test_added_job_waits_for_its_time(torc: Any) -> None:
    assert torc("exec", "-q", "-c", "true").code == 0
    assert torc("add", "--delay", "PT0.5S", "--", "true").code == 0
    assert torc("run", 1, "-q").code == 0
    first, second = torc("results", "list", 1, "-f", "json").json
    began, ended = map(datetime.fromisoformat, (second["started_at"], first["ended_at"]))
    assert (began - ended).total_seconds() >= 0.5


def test_add_to_a_file_workflow(torc: Any, place: Path) -> None:
    text = "name: w\njobs: [{name: a, command: 'true'}]\n"
    (place / "w.yaml").write_text(text)
    assert torc("run", "w.yaml", "-q").code == 0
    assert torc("add", "-w", "w", "--after", "a", "--", "true").code == 0
    (place / "w.yaml").write_text(text + "description: d\n")
    assert torc("update", "w.yaml").code == 0
    found = torc("jobs", "list", 1, "--include-relationships", "-f", "json").json
    assert [one["depends_on_job_ids"] for one in found] == [[], [1]]
    assert torc("run", 1, "-q").code == 0


def test_no_job_is_added_to_closed_workflows(torc: Any) -> None:
    assert torc("exec", "-q", "-c", "true").code == 0
    torc("workflows", "archive", "true", 1)
    answer = torc("add", "-w", 1, "--", "true")
    assert answer.code == 2
    assert "workflow 1 is archived: no jobs can be added" in answer.err
    assert torc("add", "-w", "no", "--", "true").code == 2
    assert torc("add", "-w", 1, "--after", "zz", "--", "true").code == 2
    assert "needs CMD" in torc("add").err


def test_postgresql(shell: Shell, postgresql_url: str, place: Path) -> None:
    database = {"TORC_DATABASE": postgresql_url}
    done = shell("seq 60 | torc exec -k -j 2 -n p --resume --retry 1 -- echo {}", **database)
    assert (done.returncode, done.stdout) == (0, "".join(f"{n}\n" for n in range(1, 61)))
    done = shell("seq 61 | torc exec -k -j 2 -n p --resume --retry 1 -- echo {}", **database)
    assert (done.returncode, done.stdout) == (0, "61\n")
    assert shell("torc add -w p --after job1 --delay 0.1 -- touch a", **database).returncode == 0
    assert shell("torc run p -q", **database).returncode == 0
    assert (place / "a").exists()
