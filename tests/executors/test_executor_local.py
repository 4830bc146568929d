"""Jobs as processes: what bash, the kernel and a full disk do to them. FIFOs and conditions instead
of sleeps."""

from __future__ import annotations

import errno
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for
from torc_tui.executors import attempt as attempts
from torc_tui.executors import (
    child_processes,
    job_files,
    session_signals,
    supervisor,
)
from torc_tui.executors.attempt import Measures, RunningAttempt
from torc_tui.executors.base import Adopted
from torc_tui.executors.exit_file import read_exit_file
from torc_tui.executors.job_files import WorkingDirectoryError, check_directory
from torc_tui.executors.local import LocalExecutor
from torc_tui.model import (
    Allocation,
    AttemptKey,
    Cause,
    Exited,
    GpuGrant,
    JobLimits,
    Measured,
    NotStarted,
    Order,
    Report,
    Started,
)
from torc_tui.records import replace
from torc_tui.resources import process_identity as resources_processes
from torc_tui.resources import session_processes
from torc_tui.resources.process_identity import process_started
from torc_tui.resources.usage_series import Metric, unpack
from torc_tui.wording import sentence

PYTHON = sys.executable


@pytest.fixture
def local() -> Iterator[LocalExecutor]:
    with closing(LocalExecutor()) as made:
        yield made
        if made.running:
            made.stop(list(made.running), Cause.STOPPED, grace=0)
            wait_for(lambda: made.wait(0.1) is not None and not made.running, "all jobs ended")


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., Order]:
    def make(command: str, job_id: int = 1, **changes: Any) -> Order:
        base = f"{tmp_path}/stdio/j{job_id}"
        made = Order(
            key=AttemptKey(1, job_id, 1, 1),
            name="x",
            command=command,
            directory=str(tmp_path),
            environment={"PATH": os.environ["PATH"], "HERE": str(tmp_path)},
            stdout=base + ".o",
            stderr=base + ".e",
            exit_file=base + ".exit",
        )
        return replace(made, **changes)

    return make


def told(end: Exited) -> str:
    assert end.reason is not None
    return sentence(end.reason)


def finish(local: LocalExecutor, count: int = 1) -> list[Exited]:
    ends: list[Exited] = []

    def complete() -> bool:
        ends.extend(r for r in local.wait(0.5) if isinstance(r, Exited))
        return len(ends) >= count

    wait_for(complete, lambda: f"{count} jobs end; ended: {ends}", interval=0)
    return ends


def run(local: LocalExecutor, order: Order) -> Exited:
    local.submit([order])
    return finish(local)[0]


def text(path: str | None) -> str:
    assert path is not None
    return Path(path).read_text()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def gone(pid: int) -> bool:
    return process_started(pid) is None


def lines(path: Path, count: int) -> list[int]:
    """The numbers in a file, once there are so many."""
    return wait_for(
        lambda: (
            (n := [int(w) for w in path.read_text().split()] if path.exists() else [])
            and n[count - 1 :]
            and n
        )
    )


class TestOutput:
    def test_files_folder_environment_and_standard_input(self, local, order, tmp_path):
        session = f"$({sys.executable} -c 'import os; print(os.getsid(0))')"
        end = run(local, made := order(f"pwd; echo $HERE >&2; cat; echo $$ {session}"))
        assert end.return_code == 0
        out = text(made.stdout).split()
        assert out[0] == str(tmp_path)
        assert out[1] == out[2]
        assert text(made.stderr) == f"{tmp_path}\n"
        assert read_exit_file(made.exit_file).code == 0

    def test_combined_output_keeps_its_order(self, local, order, tmp_path):
        path = str(tmp_path / "both.log")
        run(local, order("echo 1; echo 2 >&2; echo 3", stdout=path, stderr=path))
        assert text(path) == "1\n2\n3\n"

    def test_stdio_none(self, local, order):
        assert run(local, order("echo 1; echo 2 >&2", stdout=None, stderr=None)).return_code == 0

    def test_files_are_truncated_at_the_start(self, local, order):
        made = order("echo short")
        for _ in range(2):
            run(local, made)
        assert text(made.stdout) == "short\n"

    def test_the_job_has_no_descriptor_of_ours(self, local, order):
        run(
            local,
            made := order(f"{PYTHON} -c 'import os; print(sorted(os.listdir(\"/proc/self/fd\")))'"),
        )
        assert text(made.stdout) == "['0', '1', '2', '3']\n"  # 3 is the folder that is being read


class TestFiles:
    @pytest.mark.parametrize("stream", ["stdout", "stderr", "exit_file"])
    @pytest.mark.parametrize("way", ["symlink_to", "hardlink_to", "fifo"])
    def test_log_path_that_is_not_a_file(self, local, order, tmp_path, stream, way):
        """Another user may have planted it."""
        made = order("echo out; echo err >&2")
        victim = tmp_path / "victim"
        victim.write_text("precious")
        path = Path(getattr(made, stream))
        path.parent.mkdir()
        if way == "fifo":
            os.mkfifo(path)
        else:
            getattr(path, way)(victim)
        assert run(local, made).return_code == 0
        assert victim.read_text() == "precious"
        assert path.is_file() and not path.is_symlink()
        assert (text(made.stdout), text(made.stderr)) == ("out\n", "err\n")

    def test_dangling_link(self, local, order, tmp_path):
        made = order("echo out")
        Path(made.exit_file).parent.mkdir()
        Path(made.stdout).symlink_to(tmp_path / "made")
        assert run(local, made).return_code == 0
        assert not (tmp_path / "made").exists()

    def test_a_refusal_follows_no_link(self, local, order, tmp_path):
        made = order("true", directory="/no/such/folder")
        victim = tmp_path / "victim"
        victim.write_text("precious")
        Path(made.exit_file).parent.mkdir()
        Path(made.stderr).symlink_to(victim)
        assert run(local, made).cause is Cause.LAUNCH
        assert victim.read_text() == "precious"

    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
    def test_logs_follow_the_umask_and_scripts_do_not(self, local, order, umask, mode):
        made = order(
            f'stat -c %a "$0" "$SCRIPT"; : {"x" * 200_000}', invocation_script='#!/bin/sh\n"$@"'
        )
        scripts = [made.exit_file + ".sh", made.exit_file + ".invocation"]
        made = replace(made, environment={**made.environment, "SCRIPT": scripts[1]})
        before = os.umask(umask)
        try:
            assert run(local, made).return_code == 0
        finally:
            os.umask(before)
        assert text(made.stdout).split() == ["600", "600"]
        assert {Path(path).stat().st_mode & 0o777 for path in (made.stdout, made.stderr)} == {mode}

    def test_directories_of_outputs_are_made(self, local, order, tmp_path):
        wanted = (str(tmp_path / "a/b"), str(tmp_path / "c"), str(tmp_path))
        assert (
            run(local, order("echo > a/b/x; echo > c/y", output_directories=wanted)).return_code
            == 0
        )
        assert (tmp_path / "a/b/x").exists()

    def test_a_directory_of_outputs_that_cannot_be_made(self, local, order, tmp_path):
        (tmp_path / "file").write_text("")
        end = run(local, order("true", output_directories=(str(tmp_path / "file/a"),)))
        assert end.cause is Cause.LAUNCH
        assert "file/a" in told(end)

    def test_missing_working_directory_is_not_created(self, local, order, tmp_path):
        work = tmp_path / "work"
        base = str(work / "out/j")
        made = order("true", stdout=base + ".o", stderr=base + ".e", exit_file=base + ".exit")
        wanted = (str(work / "data"),)
        end = run(local, replace(made, directory=str(work), output_directories=wanted))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 126)
        assert not work.exists()

    def test_working_directory_that_vanishes(self, local, order, monkeypatch):
        monkeypatch.setattr(job_files, "check_directory", lambda path: None)
        end = run(local, made := order("echo ran", directory="/no/such/folder"))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 126)
        assert text(made.stdout) == ""

    @pytest.mark.parametrize("name", ["it's", "a b", "-d", "$HOME", "x\ny", "é\udcff"])
    def test_any_name_of_a_working_directory(self, local, order, tmp_path, name):
        (tmp_path / name).mkdir()
        end = run(local, made := order("pwd -P", directory=str(tmp_path / name)))
        assert end.return_code == 0
        assert Path(made.stdout).read_bytes() == os.fsencode(f"{tmp_path / name}\n")


class TestLaunch:
    def test_no_such_folder(self, local, order):
        end = run(local, made := order("true", directory="/no/such/folder"))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 126)
        assert "/no/such/folder" in told(end)
        assert "/no/such/folder" in text(made.stderr)
        assert not local.running

    def test_no_bash(self, order):
        with closing(LocalExecutor(shell="/no/bash")) as local:
            end = run(local, order("true"))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 127)
        assert "/no/bash" in told(end)

    @pytest.mark.parametrize(
        "environment",
        [
            {f"V{n}": "x" * 100_000 for n in range(200)},
            {"V": "x" * 200_000},
            {"A=B": "1"},
            {"A": "\0"},
        ],
        ids=["large", "one large value", "bad name", "null byte"],
    )
    def test_invalid_environment(self, local, order, environment: Mapping[str, str]):
        end = run(local, made := order("true", environment=environment))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 126)
        assert told(end)
        assert told(end) in text(made.stderr)

    def test_a_command_with_a_null_byte(self, local, order):
        assert run(local, order("echo \0")).cause is Cause.LAUNCH

    def test_a_log_that_cannot_be_written(self, local, order, tmp_path):
        (tmp_path / "file").write_text("")
        end = run(local, order("true", stdout=str(tmp_path / "file" / "x.o")))
        assert end.cause is Cause.LAUNCH
        assert "file" in told(end)

    def test_no_descriptors_left(self, local, order):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
            local.submit([order("true"), order("true", 2)])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        declined = local.wait(0)
        assert [type(report) for report in declined] == [NotStarted, NotStarted]
        assert f"(ulimit -n is {lowest + 1})" in sentence(declined[0].shortage)
        assert not local.running
        assert run(local, order("true")).return_code == 0

    @pytest.mark.parametrize(
        "number",
        [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT],
    )
    @pytest.mark.parametrize("call", ["posix_spawn", "write", "makedirs"])
    def test_shortage_is_not_a_failure(self, local, order, monkeypatch, call, number):
        made = order("true", output_directories=("a/b",))

        def fail(*given: Any, **more: Any) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            local.submit([made])
            (report,) = local.wait(0)
        assert isinstance(report, NotStarted)
        assert report.shortage
        assert list(Path(made.exit_file).parent.glob("*")) == []
        assert run(local, made).return_code == 0

    @pytest.mark.parametrize("number", [errno.E2BIG, errno.ENOENT, errno.EACCES, errno.ENOEXEC])
    def test_start_error_of_a_job(self, local, order, monkeypatch, number):
        def fail(*given: Any, **more: Any) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(os, "posix_spawn", fail)
            end = run(local, order("true"))
        assert (end.cause, end.return_code) == (Cause.LAUNCH, 126)

    def test_no_thread_left(self, order, monkeypatch):
        """The process that cannot be waited for by a descriptor or a thread is polled."""
        with closing(LocalExecutor(pidfd=False)) as local:
            assert run(local, order("true")).return_code == 0

            def start(thread: threading.Thread) -> None:
                raise RuntimeError("can't start new thread")

            monkeypatch.setattr(threading.Thread, "start", start)
            assert run(local, order("exit 4", 2)).return_code == 4
        with closing(LocalExecutor()) as local:
            local.submit([order("true", 3)])
            (report,) = local.wait(0)
            assert isinstance(report, NotStarted)

    def test_rest_of_the_batch(self, local, order):
        local.submit([order("true", 1), order("true", 2, directory="/nowhere"), order("exit 3", 3)])
        ends = {e.key.job_id: e.return_code for e in finish(local, 3)}
        assert ends == {1: 0, 2: 126, 3: 3}

    def test_a_long_command_leaves_no_script(self, local, order, tmp_path):
        assert run(local, order("# " + "x" * 200_000 + "\nexit 4")).return_code == 4
        assert sorted(p.name for p in (tmp_path / "stdio").iterdir()) == ["j1.e", "j1.exit", "j1.o"]


class TestLimits:
    def test_runtime_ends_the_whole_session(self, local, order, tmp_path):
        pids = tmp_path / "pids"
        command = f"sleep 100 & echo $! >> {pids}; set -m; sleep 100 & echo $! >> {pids}; wait"
        end = run(local, order(command, limits=JobLimits(runtime=0.3, grace=5)))
        assert (end.cause, end.return_code) == (Cause.TIMEOUT, 143)
        assert all(gone(pid) for pid in lines(pids, 2))
        assert end.ended_at - end.started_at < 5

    def test_job_that_ended_in_time_and_is_reaped_late(self, local, order):
        """The runner was suspended, or waited for its database."""
        local.submit([order("exit 0", limits=JobLimits(runtime=0.3, grace=5))])
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 0.7, "the runtime is over")
        [end] = finish(local)
        assert (end.cause, end.return_code) == (None, 0)

    def test_job_that_ignores_sigterm(self, local, order):
        end = run(
            local,
            order(
                "trap '' TERM; while :; do sleep 0.05; done",
                limits=JobLimits(runtime=0.1, grace=0.2),
            ),
        )
        assert (end.cause, end.return_code) == (Cause.TIMEOUT, 137)

    def test_termination_signal(self, local, order):
        command = "trap 'echo saved; exit 9' USR1; while :; do sleep 0.01; done"
        limits = JobLimits(runtime=0.3, grace=10, termination_signal="SIGUSR1")
        end = run(local, made := order(command, limits=limits))
        assert (end.cause, end.return_code, text(made.stdout)) == (Cause.TIMEOUT, 9, "saved\n")

    def test_memory(self, local, order):
        command = f"{PYTHON} -c 'import signal; x = bytearray(200_000_000); signal.pause()'"
        end = run(local, order(command, limits=JobLimits(memory=100_000_000, grace=1)))
        assert (end.cause, end.return_code) == (Cause.OOM, 143)
        assert end.reason is not None and end.reason["limit"] == 100_000_000
        assert (end.usage.peak_memory or 0) > 100_000_000

    def test_shared_pages_count_once(self, local, order, tmp_path):
        stop, ready = tmp_path / "stop", tmp_path / "ready"
        code = (
            "import os, time\nx = b'x' * 80_000_000\n"
            "for _ in range(3):\n"
            "    if os.fork() == 0: break\n"
            f"open('{ready}', 'a').write(f'{{os.getpid()}}\\n')\n\n"
            f"while not os.path.exists('{stop}'): time.sleep(0.01)\n"
        )
        local.submit(
            [order(f'exec {PYTHON} -c "{code}"', limits=JobLimits(memory=200_000_000, grace=1))]
        )
        lines(ready, 4)
        attempt = next(iter(local._attempts.values()))
        before = attempt.measures.sampled_seconds
        wait_for(
            lambda: (local.wait(0.05) and False) or attempt.measures.sampled_seconds > before + 0.3
        )
        assert attempt.cause is None
        stop.touch()
        (end,) = finish(local)
        assert end.cause is None
        assert (end.usage.peak_memory or 0) > 80_000_000


class TestStop:
    def test_stopped_process_is_killed(self, local, order, tmp_path):
        pids = tmp_path / "pids"
        made = order(f"echo $$ > {pids}; sleep 100")
        local.submit([made])
        (pid,) = lines(pids, 1)
        os.killpg(pid, signal.SIGSTOP)
        local.stop([made.key], Cause.STOPPED, grace=30)
        (end,) = finish(local)
        assert (end.cause, end.return_code) == (Cause.STOPPED, 143)

    def test_stop_does_not_block_and_kills_after_the_grace(self, local, order, tmp_path):
        ready = tmp_path / "ready"
        made = order(f"trap '' TERM INT; echo 1 > {ready}; while :; do sleep 0.05; done")
        made = replace(made, limits=JobLimits(termination_signal="SIGINT"))
        local.submit([made])
        lines(ready, 1)
        before = time.monotonic()
        local.stop([made.key], Cause.CANCELED, grace=1.0)
        assert time.monotonic() - before < 0.9
        (end,) = finish(local)
        assert (end.cause, end.return_code) == (Cause.CANCELED, 137)

    def test_signal_during_a_fork(self, local, order):
        """All are stopped while their shells are about to start `sleep`; some would wait out the
        grace."""
        for job_id in range(40):
            made = order("sleep 100", job_id)
            local.submit([made])
            wait_for(lambda: read_exit_file(made.exit_file).pid)  # noqa: B023 - used within the turn
            local.stop([made.key], Cause.STOPPED, grace=10 * DEADLINE)
        assert {e.return_code for e in finish(local, 40)} == {143}

    def test_exit_code_after_sigterm(self, local, order, tmp_path):
        ready = tmp_path / "ready"
        made = order(f"trap 'exit 0' TERM; echo 1 > {ready}; while :; do sleep 0.01; done")
        local.submit([made])
        lines(ready, 1)
        local.stop([made.key], Cause.STOPPED, grace=10)
        (end,) = finish(local)
        assert (end.cause, end.return_code) == (Cause.STOPPED, 0)


class TestLeftovers:
    def test_background_processes_end_before_the_report(self, local, order, tmp_path, monkeypatch):
        monkeypatch.setattr(supervisor, "BACKGROUND_SECONDS", 0.1)
        pids = tmp_path / "pids"
        end = run(local, order(f"sleep 100 & echo $! > {pids}; exit 3"))
        assert (end.return_code, end.cause) == (3, None)
        assert all(gone(pid) for pid in lines(pids, 1))

    def test_background_processes_that_ignore_sigterm(self, local, order, tmp_path, monkeypatch):
        monkeypatch.setattr(supervisor, "BACKGROUND_SECONDS", 0.05)
        monkeypatch.setattr(supervisor, "BACKGROUND_GRACE", 0.05)
        pids = tmp_path / "pids"
        command = f"(trap '' TERM; echo $BASHPID > {pids}; while :; do sleep 0.05; done) & until [ -s {pids} ]; do :; done"
        assert run(local, order(command)).return_code == 0
        assert all(gone(pid) for pid in lines(pids, 1))

    def test_a_process_substitution_may_finish(self, local, order, tmp_path):
        fifo, out = tmp_path / "fifo", tmp_path / "out"
        os.mkfifo(fifo)
        local.submit([order(f"echo hello > >(read x < {fifo}; cat > {out})")])
        attempt = next(iter(local._attempts.values()))
        wait_for(lambda: (local.wait(0.02) and False) or attempt.ended)
        with open(fifo, "w") as file:
            file.write("go\n")
        finish(local)
        assert out.read_text() == "hello\n"


class TestUsage:
    def test_a_short_job_has_cpu_time(self, local, order):
        usage = run(local, order("for ((i = 0; i < 20000; i++)); do :; done")).usage
        assert 0.005 < (usage.cpu_time or 0) < 5

    def test_memory_of_the_runner_is_not_counted(self, local, order):
        ballast = bytearray(60_000_000)
        usage = run(local, order("true")).usage
        assert usage.peak_memory is None or usage.peak_memory < 20_000_000
        assert len(ballast) == 60_000_000

    def test_memory_of_a_short_job(self, local, order):
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        size = own + 100_000_000
        usage = run(
            local, order(f"{PYTHON} -c 'x = bytes({size})'; {PYTHON} -c 'x = b\"x\" * {size}'")
        ).usage
        assert own + 90_000_000 < (usage.peak_memory or 0) < own + 250_000_000

    def test_samples(self, local, order, tmp_path):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        code = f"x = bytearray(b'x') * 60_000_000\\nwhile not __import__('os').path.exists('{tmp_path}/stop'): pass"
        local.submit([order(f"{PYTHON} -c $'{code.replace(chr(39), chr(92) + chr(39))}' & wait")])
        attempt = next(iter(local._attempts.values()))
        wait_for(lambda: (local.wait(0.02) and False) or attempt.measures.sampled_seconds > 0.3)
        (tmp_path / "stop").touch()
        usage = finish(local)[0].usage
        assert (usage.peak_memory or 0) > 60_000_000
        assert (usage.avg_memory or 0) > 1_000_000
        assert (usage.peak_cpu_percent or 0) >= (usage.avg_cpu_percent or 0) > 5

    def test_measures_over_time(self, local, order, tmp_path, monkeypatch):
        """They are reported during the attempt and at its end."""
        monkeypatch.setattr(attempts, "SERIES_SECONDS", 0.1)
        monkeypatch.setattr(attempts, "_IO_SECONDS", 0.1)
        code = f"while [ ! -e '{tmp_path}/stop' ]; do :; done"
        local.submit([order(code)])
        next(iter(local._attempts.values())).kept_for = 0.1
        got: list[Report] = []

        def measured() -> list[Measured]:
            got.extend(local.wait(0.05))
            return [one for one in got if isinstance(one, Measured)]

        wait_for(lambda: bool(measured()))
        attempt = next(iter(local._attempts.values()))

        def has_all() -> bool:
            got.extend(local.wait(0.05))
            wanted = {Metric.CPU, Metric.IO} if session_processes.LINUX else {Metric.CPU}
            return wanted <= set(attempt.measures.series.series.points)

        wait_for(has_all)
        (tmp_path / "stop").touch()
        [ended] = finish(local)
        found = unpack(measured()[0].series), unpack(ended.series or b"")
        assert found[0] is not None and found[0].peak(Metric.MEMORY) > 100_000
        assert found[1] is not None and found[1].peak(Metric.CPU) > 10
        assert found[1].peak(Metric.CPU) <= (ended.usage.peak_cpu_percent or 0) + 0.01
        if session_processes.LINUX:
            assert found[1].points[Metric.IO]

    @pytest.mark.skipif(not session_processes.LINUX, reason="the kernel lists no children")
    def test_first_sample(self, local, order, tmp_path, monkeypatch):
        """An attempt is measured once although a scan of all processes is not due for long."""
        os.mkfifo(tmp_path / "fifo")
        monkeypatch.setattr(local._supervisor, "_sample", lambda now: 60.0)
        local.submit([order(f"( {PYTHON} -c \"open('{tmp_path}/fifo').read()\"; true ) & wait")])
        attempt = next(iter(local._attempts.values()))
        wait_for(lambda: attempt.measures.peak_memory is not None)
        wait_for(lambda: len(session_processes.descendants(attempt.pid)) == 3)
        with open(tmp_path / "fifo", "w"):
            pass
        [ended] = finish(local)
        assert (ended.usage.peak_memory or 0) > 1_000_000
        assert session_processes.descendants(attempt.pid) == []

    def test_no_measures_of_a_short_attempt(self, local, order):
        assert run(local, order("true")).series is None

    def test_gpu_figures_of_its_processes(self, order, tmp_path):
        fifo, pids = tmp_path / "fifo", tmp_path / "pids"
        os.mkfifo(fifo)
        asked = threading.Event()

        def gpu_usage() -> Mapping[int, tuple[int, float | None]]:
            (pid,) = lines(pids, 1)
            asked.set()
            return {pid: (5 << 30, 40.0), 1: (1, 99.0)}

        with closing(LocalExecutor(gpu_usage=gpu_usage)) as local:
            made = order(
                f"echo $$ > {pids}; read x < {fifo}",
                allocation=Allocation(1, 0, (GpuGrant("GPU-0"),)),
            )
            local.submit([made])
            wait_for(lambda: (local.wait(0.02) and False) or asked.is_set())
            with open(fifo, "w") as file:
                file.write("go\n")
            usage = finish(local)[0].usage
        assert (usage.peak_gpu_memory, usage.avg_gpu_percent) == (5 << 30, 40.0)

    def test_the_last_reading_counts_at_the_end(self, order, tmp_path):
        """A reading that is newer than the last sample of a job is not lost."""
        usage: dict[int, tuple[int, float | None]] = {}
        with closing(LocalExecutor(gpu_usage=lambda: usage)) as local:
            local._supervisor._gpus._sampled_at = math.inf  # no further sample is due
            held = Allocation(1, 0, (GpuGrant("GPU-0"),))
            local.submit([order("sleep 0.3", allocation=held)])
            [attempt] = local._attempts.values()
            usage[attempt.pid] = (5 << 30, None)
            found = finish(local)[0].usage
        assert found.peak_gpu_memory == 5 << 30

    def test_arithmetic(self):
        def one(cpu: float) -> session_processes.SessionProcess:
            return session_processes.SessionProcess(1, 1, 1, 1, cpu, 100, False)

        measures = Measures(last_at=0.0)
        measures.sample(1.0, [one(0.5)], 100)
        measures.sample(2.0, [one(2.5)], 300)
        measures.sample(3.0, [one(0.1)], 200)
        usage = measures.usage(4.0, 3.0, None)
        assert usage.cpu_time == 3.0
        assert (usage.peak_memory, usage.avg_memory) == (300, 200)
        assert (usage.peak_cpu_percent, usage.avg_cpu_percent) == (200.0, 75.0)

    @pytest.mark.parametrize(("elapsed", "percent"), [(0.01, None), (0.099, None), (0.2, 25.0)])
    def test_a_brief_attempt_has_no_share_of_a_cpu(self, elapsed, percent):
        measures = Measures(last_at=0.0)
        usage = measures.usage(elapsed, 0.05, None)
        assert (usage.peak_cpu_percent, usage.avg_cpu_percent, usage.cpu_time) == (
            percent,
            percent,
            0.05,
        )
        measures.sample(
            0.005, [session_processes.SessionProcess(1, 1, 1, 1, 0.04, 100, False)], 100
        )
        assert (measures.usage(elapsed, 0.05, None).peak_cpu_percent is None) == (percent is None)


class TestAdoption:
    def adopted(self, order: Order, started: Started, **changes: Any) -> Adopted:
        one = Adopted(
            key=order.key,
            exit_file=order.exit_file,
            started_at=started.at,
            pid=started.pid,
            process_started=started.process_started,
        )
        return replace(one, **changes)

    def orphan(self, order: Order) -> Started:
        """Start it by a runner that then dies."""
        code = (
            "import sys, pickle; from torc_tui.executors.local import LocalExecutor\n"
            "l = LocalExecutor(); l.submit([pickle.load(sys.stdin.buffer)])\n"
            "r = l.wait(1)[0]; l.close(); print(r.pid, r.process_started, r.at)\n"
        )
        import pickle

        done = subprocess.run(
            [PYTHON, "-c", code],
            input=pickle.dumps(order),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        pid, started, at = done.stdout.split()
        return Started(order.key, int(pid), int(started), float(at))

    @pytest.mark.parametrize("pidfd", [None, False], ids=["pidfd", "thread"])
    def test_adopted_running_job(self, order, tmp_path, pidfd):
        os.mkfifo(fifo := tmp_path / "fifo")
        made = order(f"read x < {fifo}; exit 6")
        started = self.orphan(made)
        with closing(LocalExecutor(pidfd=pidfd)) as local:
            local.adopt([self.adopted(made, started)])
            assert local.wait(0) == []
            assert made.key in local.running
            with open(fifo, "w") as file:
                file.write("go\n")
            (end,) = finish(local)
            assert (end.return_code, end.cause) == (6, None)
            assert end.started_at == started.at

    def test_found_by_its_exit_file_alone(self, local, order, tmp_path):
        os.mkfifo(fifo := tmp_path / "fifo")
        made = order(f"read x < {fifo}; exit 6")
        started = self.orphan(made)
        wait_for(lambda: read_exit_file(made.exit_file).pid == started.pid)
        local.adopt([self.adopted(made, started, pid=None, process_started=None)])
        assert local.wait(0) == []
        with open(fifo, "w") as file:
            file.write("go\n")
        assert finish(local)[0].return_code == 6

    def test_adopted_finished_job(self, local, order):
        made = order("exit 5")
        started = self.orphan(made)
        wait_for(lambda: read_exit_file(made.exit_file).code is not None)
        wait_for(lambda: gone(started.pid))
        local.adopt([self.adopted(made, started)])
        (end,) = finish(local)
        assert (end.return_code, end.cause) == (5, None)

    def test_adopted_killed_job(self, local, order, tmp_path):
        made = order("sleep 100")
        started = self.orphan(made)
        os.killpg(started.pid, signal.SIGKILL)
        wait_for(lambda: gone(started.pid))
        local.adopt([self.adopted(made, started)])
        (end,) = finish(local)
        assert (end.return_code, end.cause) == (None, Cause.LOST)

    def test_reused_pid(self, local, order):
        with subprocess.Popen(["sleep", "100"], start_new_session=True) as other:
            made = order("true")
            began = process_started(other.pid)
            assert began is not None
            started = Started(made.key, other.pid, began - 1, time.time())
            local.adopt([self.adopted(made, started)])
            assert finish(local)[0].cause is Cause.LOST
            assert not gone(other.pid)
            other.kill()

    def test_stop_and_limits_of_an_adopted_job(self, local, order):
        made = order("sleep 100")
        late = order("sleep 100", 2)
        first, second = self.orphan(made), self.orphan(late)
        wait_for(lambda: session_processes.age(second.process_started) > 0.5)
        local.adopt(
            [
                self.adopted(made, first),
                self.adopted(late, second, limits=JobLimits(runtime=0.5, grace=5)),
            ]
        )
        asked = time.time()
        local.stop([made.key], Cause.CANCELED, grace=0)
        reports = finish(local, 2)
        assert min(end.ended_at for end in reports if end.key == made.key) >= asked
        ends = {e.key.job_id: (e.cause, e.return_code) for e in reports}
        assert ends == {1: (Cause.CANCELED, 137), 2: (Cause.TIMEOUT, 143)}


class TestClose:
    def test_jobs_outlive_the_executor(self, order, tmp_path):
        before = open_descriptors()
        threads = threading.active_count()
        os.mkfifo(fifo := tmp_path / "fifo")
        made = order(f"read x < {fifo}; exit 6")
        local = LocalExecutor()
        local.submit([made])
        (started,) = local.wait(1)
        assert isinstance(started, Started)
        local.close()
        local.close()
        local.wake()
        assert open_descriptors() == before
        assert threading.active_count() == threads
        with open(fifo, "w") as file:
            file.write("go\n")
        wait_for(lambda: read_exit_file(made.exit_file).code == 6)
        os.waitpid(started.pid, 0)

    def test_wake_from_a_signal_handler(self, local):
        before = signal.signal(signal.SIGALRM, lambda *_: local.wake())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert local.wait(DEADLINE) == []
        finally:
            signal.signal(signal.SIGALRM, before)

    def test_many_at_once(self, local, order):
        local.submit([order(f"exit {n % 7}", n) for n in range(60)])
        ends = {e.key.job_id: e.return_code for e in finish(local, 60)}
        assert ends == {n: n % 7 for n in range(60)}


def test_the_start_time_is_that_of_the_kernel(local, order, tmp_path):
    """However it was found: by the clock, or (across a tick) by asking."""
    os.mkfifo(fifo := tmp_path / "fifo")
    local.submit([order(f"read x < {fifo}", n) for n in range(20)])
    started = [r for r in local.wait(1) if isinstance(r, Started)]
    assert len(started) == 20
    assert [r.process_started for r in started] == [process_started(r.pid) for r in started]
    local.stop([r.key for r in started], Cause.STOPPED, grace=0)
    finish(local, 20)


def test_names_of_signals() -> None:
    assert (
        session_signals.signal_number("SIGUSR1")
        == session_signals.signal_number("usr1")
        == signal.SIGUSR1
    )
    assert (
        session_signals.signal_number(None)
        == session_signals.signal_number("nonsense")
        == signal.SIGTERM
    )


def test_a_process_through_psutil_is_the_same() -> None:
    mine, theirs = session_processes.read(os.getpid()), session_processes._read_psutil(os.getpid())
    assert mine is not None
    assert theirs is not None
    assert (mine.pid, mine.group, mine.session, mine.dead) == (
        theirs.pid,
        theirs.group,
        theirs.session,
        theirs.dead,
    )


def test_start_times_are_told_in_one_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start times of executors are compared with those of other readers, also without /proc."""
    pid = os.getpid()
    mine = session_processes.read(pid)
    assert mine is not None
    assert mine.started == process_started(pid)
    monkeypatch.setattr(resources_processes, "_stat", lambda _: None)
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    theirs = session_processes._read_psutil(pid)
    assert theirs is not None
    assert theirs.started == process_started(pid) != mine.started


def test_a_waiting_thread_outlasts_a_time_without_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[int | OSError | None] = [OSError(errno.EMFILE, "too many open files"), 7, None]
    looked = threading.Event()

    def look(_: int) -> int | None:
        answer = answers.pop(0)
        if not answers:
            looked.set()
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(child_processes, "process_started", look)
    waiting: child_processes.Children[str] = child_processes.Children(pidfd=False)
    try:
        waiting.add("a", 4711, child=False, started=7)
        assert looked.wait(DEADLINE)
        assert waiting.wait(DEADLINE)[0] == ["a"]
    finally:
        waiting.close()


def test_no_descriptors_is_not_a_lost_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> bytes:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Path, "read_bytes", full)
    with pytest.raises(OSError, match="too many"):
        process_started(os.getpid())


def test_report_of_an_attempt_needs_its_end() -> None:
    reports: list[Report] = []
    attempt = RunningAttempt(
        AttemptKey(1, 1, 1, 1),
        1,
        1,
        0.0,
        0.0,
        0.0,
        "/x",
        JobLimits(),
        Allocation(),
        None,
        (),
        Measures(0.0),
    )
    with pytest.raises(AssertionError):
        reports.append(attempt.exited())


def adopted(pid: int, *gpus: GpuGrant) -> RunningAttempt:
    """Return an attempt that began an hour ago."""
    return RunningAttempt(
        key=AttemptKey(1, pid, 1, 1),
        pid=pid,
        process_started=process_started(pid) or 0,
        started_at=0.0,
        began=time.monotonic() - 3600,
        booted=0.0,
        exit_file="/nowhere",
        limits=JobLimits(),
        allocation=Allocation(1, 0, gpus),
        own_maxrss=None,
        files=(),
        measures=Measures(0.0),
    )


def test_gpu_readings_that_come_after_an_adoption(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adopted attempt is measured as soon as the driver has answered."""
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    readings: dict[int, tuple[int, float | None]] = {}
    looking = supervisor.Supervisor(lambda attempt: None, lambda: readings)
    looking._thread = threading.Thread()  # the test decides when it looks
    with subprocess.Popen(["/bin/bash", "-c", "read x"], stdin=-1, start_new_session=True) as job:
        attempt = adopted(job.pid, GpuGrant("GPU-0"))
        looking.add(attempt, adopted=True)
        now = time.monotonic()
        with looking.lock:
            pause = looking._sample(now)
            readings[job.pid] = (5 << 30, 40.0)
            looking._sample(now + pause)
        assert attempt.measures.peak_gpu_memory == 5 << 30
        assert pause < 0.5
        with looking.lock:
            assert looking._sample(now + 60) == 1.0


def test_children_of_an_adopted_job_are_found() -> None:
    """Processes that were seen before the adoption count for the job."""
    jobs = [
        subprocess.Popen(["/bin/bash", "-c", command], start_new_session=True)
        for command in ("sleep 60 & wait", "sleep 60 & wait")
    ]
    first, second = (job.pid for job in jobs)

    try:
        wait_for(lambda: len(session_processes.Sessions().scan({second})[second]) == 2)
        looking = supervisor.Supervisor(lambda attempt: None)
        looking._thread = threading.Thread()  # it looks when the test says so
        looking.add(adopted(first), adopted=True)
        with looking.lock:
            looking._sample(time.monotonic())
        late = adopted(second)
        looking.add(late, adopted=True)
        with looking.lock:
            looking._sample(time.monotonic())
        assert len(late.members) == 2
    finally:
        for job in jobs:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()


class TestClock:
    """The clock of the machine is set back by two hours while a job runs."""

    @pytest.fixture
    def set_back(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        now = time.time

        def change() -> None:
            monkeypatch.setattr(time, "time", lambda: now() - 7200)

        return change

    def test_an_own_job(self, local, order, tmp_path, set_back):
        os.mkfifo(fifo := tmp_path / "fifo")
        began = time.monotonic()
        local.submit([order(f"read x < {fifo}")])
        set_back()
        with open(fifo, "w") as file:
            file.write("go\n")
        (end,) = finish(local)
        assert 0 <= end.ended_at - end.started_at <= time.monotonic() - began

    @pytest.mark.parametrize("recorded", [True, False])
    def test_an_adopted_job(self, order, tmp_path, set_back, recorded):
        os.mkfifo(fifo := tmp_path / "fifo")
        made = order(f"read x < {fifo}")
        with closing(LocalExecutor()) as first:
            first.submit([made])
            (started,) = first.wait(0)
        set_back()
        with closing(LocalExecutor()) as local:
            local.adopt(
                [
                    Adopted(
                        key=made.key,
                        exit_file=made.exit_file,
                        started_at=started.at if recorded else None,
                        pid=started.pid,
                        process_started=started.process_started,
                        limits=JobLimits(runtime=3600),
                    )
                ]
            )
            with open(fifo, "w") as file:
                file.write("go\n")
            (end,) = finish(local)
        assert end.cause is None
        assert 0 <= end.ended_at - end.started_at < 600
        assert (end.started_at == started.at) is recorded

    def test_finished_before_adoption(self, local, order, set_back):
        made = order("exit 3")
        with closing(LocalExecutor()) as first:
            first.submit([made])
            started, *_ = first.wait(0)
        wait_for(lambda: read_exit_file(made.exit_file).code is not None)
        os.utime(made.exit_file, (started.at - 7200, started.at - 7200))
        set_back()
        local.adopt([Adopted(key=made.key, exit_file=made.exit_file, started_at=started.at)])
        (end,) = finish(local)
        assert (end.return_code, end.ended_at - end.started_at) == (3, 0)


@pytest.mark.parametrize(("made", "number"), [(None, errno.ENOENT), ("file", errno.ENOTDIR)])
def test_check_of_the_working_directory(made: str | None, number: int, tmp_path: Path) -> None:
    check_directory(str(tmp_path))
    path = tmp_path / "elsewhere"
    if made:
        path.touch()
    with pytest.raises(WorkingDirectoryError) as refused:
        check_directory(str(path))
    assert (refused.value.errno, refused.value.filename) == (number, str(path))
