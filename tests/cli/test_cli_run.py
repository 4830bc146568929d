"""The face of ``torc run``: what is said while it runs and after, and the exit code that tells the
truth."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui.cli.live_progress import Live
from torc_tui.cli.lost_terminal import RunOutput, TerminalFallback
from torc_tui.cli.progress import Lines, SafeObserver, watcher
from torc_tui.cli.run_messages import RunMessages, stopping_line
from torc_tui.cli.run_options import arguments_of
from torc_tui.engine.report import RunOptions, UnschedulableJob
from torc_tui.model import Event, Machine
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.store.event_log import append
from torc_tui.store.workflows import get_workflow

MIXED = r"""
name: mixed
jobs:
  - {name: good, command: "true"}
  - name: bad
    command: printf 'first\n\033[31mred\033[0m \033]0;evil\007last\n' >&2; exit 3
  - {name: after_bad, command: "true", depends_on: [bad]}
  - {name: big, command: "true", resource_requirements: huge}
resource_requirements:
  - {name: huge, num_cpus: 500, memory: 1g, runtime: PT1M}
"""


def test_all_completed(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: 'true'}]\n")
    answer = torc("run", "w.yaml")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "Created workflow 1"
    assert lines[1].startswith("Running workflow 1 (w), run 1, on ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d started: a \(job 1\)", lines[2])
    assert re.fullmatch(r"\d\d:\d\d:\d\d completed: a \(job 1\) in 0.\d\d s", lines[3])
    assert re.fullmatch(r"Workflow 1 \(w\) completed: 1 completed, in 0.\d\d s", lines[4])
    again = torc("run", 1, "--quiet")  # nothing is left to do
    assert (again.code, again.out, again.err) == (0, "", "")
    told = torc("run", 1)
    assert (
        told.code == 0
        and "workflow 1 has finished, and the job is not stale" in told.err
        and "`torc init 1`" in told.err
    )


def test_failures_and_unschedulable_jobs(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(MIXED)
    answer = torc("run", "w.yaml", "--num-cpus", "2", "--memory-gb", "2")
    assert answer.code == 1
    assert "FAILED: bad (job 2): exit 3 after " in answer.out
    assert "    first\n    red last\n" in answer.out.replace("\x1b", "ESC")
    assert "canceled: after_bad (job 3): bad failed (exit 3)" in answer.out
    never = "big (job 4) is unschedulable: needs 500 CPUs, machine has 2"
    assert answer.out.count(never) == 2
    assert answer.out.index(never) < answer.out.index("started:")
    assert str(place / "torc_output/job_stdio/job_wf1_j2_r1_a1.e") in answer.out


def test_retry_is_reported(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: exit 3, failure_handler: h}]\n"
        "failure_handlers: [{name: h, rules: [{exit_codes: [3], max_retries: 1}]}]\n"
    )
    assert torc("run", "w.yaml").out.count("retrying: a (job 1): attempt 2 of 2: exit 3\n") == 1


def test_the_state_of_a_workflow_that_failed(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: bad, command: exit 3}]\n")
    assert torc("run", "w.yaml", "--quiet").code == 1
    assert "State:    failed" in torc("status", "w").out
    assert torc("status", "w", "-f", "json").json["is_complete"] is True


def test_the_report_as_json(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(MIXED)
    answer = torc("run", "w.yaml", "--num-cpus", "2", "--memory-gb", "2", "-f", "json")
    found = answer.json
    assert (answer.code, found["exit_code"], found["status"]) == (1, 1, "failed")
    counts = {status.word: 0 for status in JobStatus}
    assert found["counts"] == counts | {"ready": 1, "completed": 1, "failed": 1, "canceled": 1}
    assert found["failed"][0]["name"] == "bad"
    assert found["never"] == [
        {"job_id": 4, "name": "big", "reason": "unschedulable: needs 500 CPUs, machine has 2"}
    ]


def test_only_unschedulable_jobs_left(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(MIXED.replace("exit 3", "exit 0"))
    answer = torc("run", "w.yaml", "--num-cpus", "2", "--memory-gb", "2", "--quiet")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith("torc: Workflow 1 (mixed) incomplete: ")
    status = torc("status")
    assert "State:    ready: no job can start on this machine" in status.out
    assert "big (job 4) is unschedulable: needs 500 CPUs, machine has" in status.out
    (never,) = torc("status", "-f", "json").json["never"]
    assert (never["job_id"], never["name"]) == (4, "big")


def test_unknown_file_or_workflow(torc: Any, place: Path) -> None:
    (place / "loop.yaml").write_text(MIXED)
    for _ in range(2):
        answer = torc("run", "loop.yam")
        assert (
            answer.code == 2 and "there is neither a file nor a workflow 'loop.yam'" in answer.err
        )
        assert "did you mean loop.yaml?" in answer.err
        torc("create", "loop.yaml")


def test_missing_input_files(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: 'cat ${files.input.i}'}]\nfiles: [{name: i, path: in.txt}]\n"
    )
    answer = torc("run", "w.yaml")
    assert answer.code == 2 and "in.txt" in answer.err and "no changes made" in answer.err
    assert torc("workflows", "list", "-f", "json").json == []
    assert torc("run", "w.yaml", "--force").code == 1
    assert "is complete" in torc("workflows", "is-complete", 1).out


def test_a_canceled_workflow_is_initialized_first(torc: Any, small: int) -> None:
    torc("cancel", small)
    answer = torc("run", small)
    assert answer.code == 2 and "torc init" in answer.err


def test_presets_of_the_settings(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: 'pwd'}]\n")
    (place / "torc.toml").write_text('[client.run]\nnum_cpus = 3\noutput_dir = "logs"\n')
    answer = torc("run", "w.yaml")
    assert answer.code == 0 and ": 3 CPUs, " in answer.out
    assert (place / "logs/job_stdio/job_wf1_j1_r1_a1.o").read_text() == f"{place}\n"
    assert torc("logs", 1, "--path").out.splitlines()[0] == str(
        place / "logs/job_stdio/job_wf1_j1_r1_a1.o"
    )
    (place / "torc.toml").write_text("[client.run]\nnum_cpus = 0\n")
    assert torc("run", "w.yaml").code == 2


def test_options_of_a_background_run() -> None:
    options = RunOptions(
        num_cpus=3, memory_gb=1.5, end_time=0.0, output_dir="/o", limit_resources=False
    )
    words = arguments_of(options)
    assert words[:4] == ["--num-cpus", "3", "--memory-gb", "1.5"]
    assert words[words.index("--output-dir") + 1] == "/o" and words[-1] == "--no-limit-resources"
    assert "--end-time" in words and "--max-parallel-jobs" not in words


def test_in_the_background(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: 'cat fifo'}]\n")
    os.mkfifo(place / "fifo")
    answer = torc("run", "w.yaml", "--detach", "-f", "json")
    assert answer.code == 0
    found = answer.json
    wait_for(lambda: torc("status", 1, "-f", "json").json["jobs_by_status"]["running"] == 1)
    assert os.getsid(found["pid"]) == found["pid"]
    held = torc("resources", "-f", "json").json["held"]
    assert [(job["job_name"], job["num_cpus"], job["gpus"]) for job in held] == [("a", 1, [])]
    assert "│ a " in torc("resources").out
    refused = torc("run", 1, "--detach")
    assert (
        refused.code == 2 and f"is already running: runner 1 (pid {found['pid']} on " in refused.err
    )
    second = torc("run", 1, "--detach", "--force", "-f", "json").json
    assert second["log"] != found["log"] and Path(second["log"]).exists()
    (place / "fifo").write_text("hello\n")
    wait_for(lambda: torc("status", 1, "-f", "json").json["is_complete"])
    wait_for(lambda: "completed: 1 completed" in Path(found["log"]).read_text())
    assert torc("logs", 1).out == "hello\n"
    assert torc("resources", "-f", "json").json["held"] == []


def on_a_terminal(
    programs: Path, words: list[str], act: Callable[[int, bytes], None]
) -> tuple[int, str]:
    """Run ``torc`` on a terminal of 100 × 30; ``act`` sees what was printed so far, and may
    type."""
    import fcntl
    import struct
    import termios

    main_end, job_end = pty.openpty()
    fcntl.ioctl(job_end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [str(programs / "torc"), *words],
        stdin=job_end,
        stdout=job_end,
        stderr=job_end,
        env={**os.environ, "TERM": "xterm", "PATH": f"{programs}:{os.environ['PATH']}"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(job_end)
    seen = bytearray()

    def ended() -> bool:
        if select.select([main_end], [], [], 0.05)[0]:
            try:
                block = os.read(main_end, 65536)
            except OSError:  # no program has the terminal any more
                return True
            seen.extend(block)
            if not block:
                return True
        act(main_end, bytes(seen))
        return False

    try:
        wait_for(ended, lambda: f"the program ends; it wrote {bytes(seen)!r}", interval=0)
        return process.wait(DEADLINE), seen.decode()
    finally:
        process.kill()
        process.wait()
        os.close(main_end)


def test_one_job_is_stopped() -> None:
    assert stopping_line(1, 30).endswith("Ctrl-C again kills it now")
    assert "1 running job gets SIGTERM" in stopping_line(1, 30)


@pytest.mark.terminal
def test_drawing_on_a_terminal_and_ctrl_c(programs: Path, torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: 'a_{i}', command: 'sleep 100', parameters: {i: '1:3'}}]\n"
    )
    typed = []

    def act(terminal: int, seen: bytes) -> None:
        if b"2 running" in seen and not typed:
            typed.append(True)
            os.write(terminal, b"\x03")

    code, text = on_a_terminal(programs, ["run", "w.yaml", "--num-cpus", "2"], act)
    assert code == 130
    assert "░░░ 0/3" in text and "▶ a_1" in text
    assert (
        "Stopping: 2 running jobs get SIGTERM, and SIGKILL after 30 s; Ctrl-C again kills them now"
        in text
    )
    assert "TERMINATED: a_1" in text
    assert "Workflow 1 (w) interrupted" in text
    assert "interrupted; continue with `torc run 1`" in text
    states = torc("status", 1, "-f", "json").json["jobs_by_status"]
    assert {word: number for word, number in states.items() if number} == {
        "ready": 1,
        "terminated": 2,
    }


def test_which_observer(
    place: Path, torc: Any, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open()
    workflow = get_workflow(store, small)
    with watcher(store, workflow, None, quiet=True) as observer:
        assert not observer.live
    with watcher(store, workflow, None, quiet=False) as observer:
        assert isinstance(observer, SafeObserver) and isinstance(observer.observer, Lines)
    store.close()


@pytest.fixture
def store(small: int) -> Any:
    opened = Store.open()
    yield opened
    opened.close()


def shown(store: Store, workflow_id: int, place: Path, out: Any) -> tuple[RunMessages, RunOutput]:
    """Return what an observer of the run gets that prints to ``out``."""
    workflow = get_workflow(store, workflow_id)
    fallback = TerminalFallback(workflow, str(place))
    return RunMessages(store, workflow, str(place)), RunOutput(out, fallback)


MACHINE = Machine(hostname="h\x1b[2J", num_cpus=2, memory=1 << 30)


def test_known_names_are_not_read(store: Store, small: int, place: Path) -> None:
    out = io.StringIO()
    lines = Lines(*shown(store, small, place, out))
    lines.events([Event(small, 1, 0.0, "job_started", 1, {})], {1: "known"})
    lines.events([Event(small, 2, 0.0, "job_started", 1, {})])
    assert [line.split()[2] for line in out.getvalue().splitlines()] == ["known", "write"]


def test_hostile_and_many_failures(store: Store, small: int, place: Path) -> None:
    out = io.StringIO()
    lines = Lines(*shown(store, small, place, out))
    lines.began(
        1,
        MACHINE,
        [UnschedulableJob(job_id=9, name="n\ne", reason=because(Kind.TEXT, text="r"))] * 25,
    )
    (place / "job_stdio").mkdir()
    (place / f"job_stdio/job_wf{small}_j1_r1_a1.e").write_bytes(
        b"a\n" * 100 + b"\x1b]52;c;ZXZpbA==\x07end"
    )
    for number in range(12):
        data = {
            "return_code": 1,
            "reason": "x\x07y",
            "attempt": 1,
            "started_at": 1.0,
            "ended_at": 3.5,
        }
        lines.events([Event(small, number, 0.0, "job_failed", 1, data)])
    lines.tick(0.0)
    text = out.getvalue()
    assert "\x1b" not in text and "\x07" not in text
    assert text.count("FAILED: write (job 1): ") == 12
    assert text.count("    end\n") == 10, "later ones are named only"
    assert "after 2.5 s" in text
    assert "25 jobs (n⏎e, n⏎e, n⏎e and 22 more) are r\n" in text


def test_drawing_follows_the_database(store: Store, small: int, place: Path) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    live = Live(*shown(store, small, place, out))
    live.began(1, MACHINE, [])
    with store.write() as conn:  # somebody else's acts, which the engine here does not tell
        append(
            conn,
            small,
            [("job_started", 1, {"attempt": 1}), ("job_warning", 1, {"message": "look"})],
            at=time.time(),
        )
    live.tick(time.time() + 1)
    live.tick(time.time())  # too early to draw again
    with store.write() as conn:
        append(conn, small, [("job_failed", 1, {"return_code": 2, "attempt": 1})], at=time.time())
    live.close()
    out.seek(0)
    text = out.read()
    assert "#" not in text.split("\n")[1] and "." * 20 in text and " 0/2" in text
    assert "1 blocked, 1 running" in text and "  > write " in text
    assert "warning: write (job 1): look" in text and "FAILED: write (job 1): exit 2" in text
    assert text.count("\x1b[J") == 2


def test_stop_by_signal_is_recorded(shell: Any, torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: a, command: 'touch started; sleep 100'}]\n"
    )
    torc("create", "w.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "torc_tui.cli.main", "run", "1", "--quiet"],
        start_new_session=True,
        env=os.environ,
    )
    try:
        wait_for((place / "started").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 130
    finally:
        process.kill()
    assert torc("jobs", "get", 1, "-f", "json").json["status"] == "terminated"


def test_on_postgresql(
    torc: Any, programs: Path, place: Path, postgresql_url: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (place / "w.yaml").write_text(
        "name: w\njobs:\n - {name: a, command: 'torc user-data update ${user_data.output.d} --data [1]'}\n"
        " - {name: b, command: 'torc user-data get ${user_data.input.d} > seen'}\n"
    )
    url = ("--database", postgresql_url)
    answer = torc("run", "w.yaml", *url)
    assert answer.code == 0, answer
    assert '"data": [' in (place / "seen").read_text()
    number = torc("user-data", "list", "-f", "json", *url).json[0]["id"]
    assert torc("user-data", "history", number, "-f", "json", *url).json[0]["attempt_id"] == 1
    assert torc(
        "logs", torc("jobs", "list", "-f", "json", *url).json[0]["id"], *url
    ).out.startswith("Updated user data")
    for words in (
        ("results", "list"),
        ("events", "list"),
        ("why", "1/a"),
        ("graph",),
        ("resources",),
        ("status",),
    ):
        assert torc(*words, *url).code == 0
    assert torc("config", "show", *url).code == 0
    gone = torc("status", "--database", "postgresql://user:secret@/none?host=/nowhere")
    assert gone.code == 1 and "secret" not in gone.err and gone.err.count("\n") <= 3


def test_a_quiet_run_that_fails_prints_one_line(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: exit 3}]}")
    answer = torc("run", "w.yaml", "-q")
    assert (answer.code, answer.out) == (1, "")
    assert re.fullmatch(r"torc: Workflow 1 \(w\) failed: 1 failed, in [^\n]+\n", answer.err)
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: 'true'}]}")
    answer = torc("run", "w.yaml", "-q")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


RETRIED = """
name: w
jobs: [{name: a, command: 'test -e second || { touch second; exit 7; }', failure_handler: h}]
failure_handlers: [{name: h, rules: [{exit_codes: [7], max_retries: 3}]}]
"""


def test_retries_are_numbered(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(RETRIED)
    answer = torc("run", "w.yaml")
    assert answer.code == 0
    assert re.search(r"retrying: a \(job 1\): attempt 2 of 4: exit 7\n", answer.out)


def test_time_limit_is_not_a_failure(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: sleep 1000}]}")
    answer = torc("run", "w.yaml", "--time-limit", "0.5", "--grace", "0", "-f", "json")
    assert (answer.code, answer.json["status"]) == (1, "stopped")
