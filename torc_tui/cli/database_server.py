"""Start and stop a PostgreSQL server for the workflows of this user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from torc_tui import settings
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, print_stderr
from torc_tui.clusters.slurm import current_allocation
from torc_tui.errors import NotFound, TorcError
from torc_tui.operations.server_files import ServerFiles, ServerRecord
from torc_tui.resources.machine_identity import hostname
from torc_tui.resources.process_identity import process_started
from torc_tui.wording import moment

if TYPE_CHECKING:
    from torc_tui.clusters.inside import ClusterAllocation
    from torc_tui.operations.database_server import ServerOptions

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 180.0
_SILENT_SECONDS = 30.0
"""Time for which a server that cannot be reached is waited for: it may run nevertheless."""
_START_SECONDS = 90.0
_DUMP_SECONDS = 600.0
_END_SECONDS = 120.0
"""Time before the end of an allocation in which a server copies its database and stops."""


def serve(call: Call) -> int:
    """Run a server until a signal arrives."""
    if call.options.slurm:
        from torc_tui.cli.server_allocation import serve_in_allocation

        return serve_in_allocation(call, _files(call))
    if call.options.detach:
        return _detach(call)
    from torc_tui.operations.database_server import DatabaseServer

    files = _files(call)
    allocation = current_allocation(os.environ)
    server = DatabaseServer(files, _options(call, allocation))
    with _signals() as signaled:
        record = server.start(os.getpid())
        print_started(call, files, record)
        every = call.options.dump_every or _DUMP_SECONDS
        next_dump = time.monotonic() + every
        while not (signaled.wait(_LOOK_SECONDS) or _shall_stop(files, allocation)):
            if server.has_ended:
                raise TorcError("PostgreSQL has ended", hint=f"its messages are in {files.log}")
            if time.monotonic() >= next_dump:
                _try(server.dump)
                next_dump = time.monotonic() + every
        server.stop()
    print_stderr(f"stopped; the data is in {record.data}, and its copy is {files.dump}")
    return OK


def _shall_stop(files: ServerFiles, allocation: ClusterAllocation | None) -> bool:
    """Return whether a user wants the server to stop, or its allocation will end soon."""
    ends_at = allocation.ends_at if allocation else None
    return files.is_stop_requested() or (
        ends_at is not None and time.time() >= ends_at - _END_SECONDS
    )


def stop(call: Call) -> None:
    """Stop the server; return when it has stopped."""
    files = _files(call)
    record = _running(files)
    if record.machine != hostname():
        _stop_elsewhere(files, record)
    elif process_started(record.pid) is not None:
        _stop_process(record.pid, lambda: _is_stopped(files))
    else:
        _stop_orphan(record)
    done = {"host": record.host, "port": record.port, "status": "stopped"}
    call.done(done, f"Stopped the server on {record.host}, port {record.port}")


def status(call: Call) -> int:
    """Print the state of the server; exit code 1 unless it answers."""
    from torc_tui.operations.database_server import answers

    files = _files(call)
    record = files.record()
    if record is None:
        raise NotFound(
            f"no server was started from {files.directory}",
            hint="`torc database serve` starts one",
        )
    state = "stopped" if record.stopped_at else "running" if answers(record) else "not answering"
    dumped_at = files.dump.stat().st_mtime if files.dump.exists() else None
    found = {
        "status": state,
        **record._asdict(),
        "url": files.url(record),
        "dump": str(files.dump) if dumped_at else None,
        "dumped_at": dumped_at,
    }
    if call.json:
        output.json_value(found)
    else:
        output.fields(
            [
                ("Status", state),
                ("Host", f"{record.host}, port {record.port}"),
                ("Slurm", record.native_id),
                ("URL", files.url(record)),
                ("Data", record.data),
                ("Started", moment(record.started_at)),
                ("Dump", f"{files.dump}, {moment(dumped_at)}" if dumped_at else "none yet"),
            ]
        )
    return OK if state == "running" else FAILED


def _files(call: Call) -> ServerFiles:
    given = call.options.directory
    return ServerFiles(Path(given or f"{settings.data_dir()}/server").absolute())


def _options(call: Call, allocation: ClusterAllocation | None) -> ServerOptions:
    from torc_tui.operations.database_server import ServerOptions, port_of
    from torc_tui.operations.postgresql_programs import find_programs

    given = call.options
    data = given.data or f"/var/tmp/torc-{os.getuid()}/postgresql"
    return ServerOptions(
        find_programs(given.pg_bin),
        Path(data).absolute(),
        given.host or hostname(),
        given.port or port_of(os.getuid()),
        given.fast_commits,
        given.from_dump,
        allocation and allocation.native_id,
    )


def print_started(call: Call, files: ServerFiles, record: ServerRecord) -> None:
    """Print where a server runs, and how to use it."""
    url = files.url(record)
    if call.json:
        output.json_value({"status": "running", **record._asdict(), "url": url})
    else:
        output.line(f"PostgreSQL runs on {record.host}, port {record.port}. Use it with")
        output.line(f"  export TORC_DATABASE='{url}'")
        returns = call.options.detach or call.options.slurm
        stop = "`torc database stop`" if returns else "Ctrl-C or `torc database stop`"
        output.line(f"{stop} stops it.")
    sys.stdout.flush()


def _running(files: ServerFiles) -> ServerRecord:
    record = files.record()
    if record is None or record.stopped_at is not None:
        raise NotFound(f"no server of {files.directory} runs")
    return record


def _is_stopped(files: ServerFiles) -> bool:
    record = files.record()
    return record is None or record.stopped_at is not None


def _stop_process(pid: int, is_stopped: Callable[[], bool]) -> None:
    started = process_started(pid)
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while process_started(pid) == started:
        if time.monotonic() > end:
            raise TorcError(f"process {pid} did not stop the server within {_STOP_SECONDS:g} s")
        time.sleep(0.05)
    if not is_stopped():
        raise TorcError(f"process {pid} ended before it had stopped the server")


def _stop_elsewhere(files: ServerFiles, record: ServerRecord) -> None:
    """Let the server on another host stop, and wait until it has."""
    from torc_tui.operations.database_server import answers

    limit = _STOP_SECONDS if answers(record) else _SILENT_SECONDS
    files.request_stop()
    end = time.monotonic() + limit
    while not _is_stopped(files):
        if time.monotonic() > end:
            raise NotFound(
                f"the server on {record.machine} did not stop within {limit:g} s",
                hint=f"if {record.machine} is gone, start another one from the copy in"
                f" {files.directory}: `torc database serve --from-dump`",
            )
        time.sleep(0.2)


def _stop_orphan(record: ServerRecord) -> None:
    """Stop a PostgreSQL whose `torc database serve` was killed."""
    with suppress(OSError, ValueError, IndexError):
        pid = int(Path(record.data, "postmaster.pid").read_text().splitlines()[0])
        _stop_process(pid, lambda: True)
        return
    raise NotFound(f"the server of {record.data} no longer runs")


def _detach(call: Call) -> int:
    """Start the server in its own session; return when it answers, or when it has failed."""
    files = _files(call)
    files.make()
    arguments = [word for word in sys.argv[1:] if word != "--detach"]
    log = files.directory / "serve.log"
    log.touch(mode=0o600)
    with open(log, "w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "torc_tui.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
        end = time.monotonic() + _START_SECONDS
        while (record := files.record()) is None or record.pid != process.pid:
            code = process.poll()
            if code is not None or time.monotonic() > end:
                print_stderr(log.read_text(errors="replace").rstrip() or f"see {log}")
                return code or FAILED
            time.sleep(0.05)
    process.returncode = 0  # it outlives this process
    print_started(call, files, record)
    return OK


def _try(dump: Callable[[], bool]) -> None:
    try:
        dump()
    except TorcError as error:
        print_stderr(f"warning: the copy failed: {error.message}")


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Let SIGINT, SIGTERM and SIGHUP set an event."""
    event = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        event.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, request_stop) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
