"""Ask a helper process for readings of the GPUs, each within a deadline.

Input: the processes of jobs. Output: a `GpuReading`, or None if the driver does not answer in time;
the helper is then killed, and a new one is started some seconds later. A helper that hangs in the
kernel cannot be killed and is left behind; it ends when the driver returns.

No helper is started on a machine without the library of a driver.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from collections.abc import Mapping

from torc_tui.reasons import Kind, because
from torc_tui.resources.driver_library import library_present
from torc_tui.resources.gpu_reading import LENGTH, GpuReading, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

DEADLINE_SECONDS = 2.0
"""Longest time of one reading."""
START_SECONDS = 5.0
"""Longest time of the first reading, in which the helper imports its modules."""
RETRY_SECONDS = 5.0
"""Time after which a driver that did not answer is asked again."""

SILENT = because(Kind.GPU_DRIVER, problem="silent")
"""The driver does not answer in time."""


class GpuService:
    """Reads the GPUs; to be used by one thread.

    ``environ`` is the environment that says which GPUs may be used.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._helper: subprocess.Popen[bytes] | None = None
        self._is_new = True
        self._retry_at = 0.0
        self._abandoned: list[subprocess.Popen[bytes]] = []

    @property
    def has_driver(self) -> bool:
        """Whether this machine has the library of a driver."""
        return library_present(self._environ)

    def read(
        self, own: Mapping[int, str] | None = None, *, figures: bool = True, use: bool = False
    ) -> GpuReading | None:
        """Return a reading; None if the driver does not answer now.

        ``own`` are the leaders of our attempts with their tags (see `GpuMonitor.read`). Without
        ``figures`` load, temperature and power are left out; with ``use`` the use by process is
        read, too.
        """
        if self._helper is None and not self.has_driver:
            return GpuReading()
        if time.monotonic() < self._retry_at:
            return None
        request = {"own": dict(own or {}), "figures": figures, "use": use}
        deadline = time.monotonic() + (START_SECONDS if self._is_new else DEADLINE_SECONDS)
        try:
            reading = self._ask(json.dumps(request), deadline)
        except (OSError, EOFError, ValueError):
            self._abandon()
            return None
        self._is_new = False
        return reading

    def close(self) -> None:
        """End the helper without waiting for the driver."""
        self._abandon()
        self._abandoned = [one for one in self._abandoned if one.poll() is None]
        self._retry_at = 0.0

    def _ask(self, request: str, deadline: float) -> GpuReading:
        helper = self._helper or self._start()
        assert helper.stdin is not None
        helper.stdin.write(request.encode() + b"\n")
        helper.stdin.flush()
        import pickle  # not for runs without GPUs

        (length,) = LENGTH.unpack(self._receive(helper, LENGTH.size, deadline))
        try:
            reading = pickle.loads(self._receive(helper, length, deadline))
        except pickle.UnpicklingError as error:
            raise ValueError from error
        assert isinstance(reading, GpuReading)
        return unpack(reading)

    def _start(self) -> subprocess.Popen[bytes]:
        import subprocess  # slow: most machines have no driver

        self._abandoned = [one for one in self._abandoned if one.poll() is None]
        self._is_new = True
        self._helper = subprocess.Popen(
            [sys.executable, "-m", "torc_tui.resources.gpu_helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd="/",
            start_new_session=True,
        )
        return self._helper

    @staticmethod
    def _receive(helper: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        """Return that many bytes; raise OSError at the deadline, EOFError at the end."""
        assert helper.stdout is not None
        source = helper.stdout.fileno()
        poll = select.poll()
        poll.register(source, select.POLLIN)
        data = b""
        while len(data) < size:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            part = os.read(source, min(size - len(data), 1 << 16))
            if not part:
                raise EOFError
            data += part
        return data

    def _abandon(self) -> None:
        helper, self._helper = self._helper, None
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if helper is None:
            return
        helper.kill()
        _wait(helper)
        for stream in (helper.stdin, helper.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # both are pipes
        if helper.returncode is None:
            self._abandoned.append(helper)


def _wait(helper: subprocess.Popen[bytes]) -> None:
    from subprocess import TimeoutExpired

    with contextlib.suppress(TimeoutExpired):
        helper.wait(0.1)


def read_once(environ: Mapping[str, str] | None = None) -> GpuReading:
    """Return one reading for a command that ends soon after it; without GPUs if it fails."""
    service = GpuService(environ)
    try:
        return service.read(figures=False) or GpuReading(notices=(SILENT,), answers=False)
    finally:
        service.close()
