"""Waiting for processes to end, and for somebody who calls, in the thread that asks.

In: process ids under a key of the caller. Out: the keys of those that ended. Linux shows the end of
any process, our child or not, on a descriptor (pidfd); where it cannot, or when descriptors run
out, a thread waits for that one process. Nothing is reaped here.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections import deque
from typing import Generic, TypeVar

from torc_tui.resources.process_identity import process_started

K = TypeVar("K")
_LOOK_EVERY = 0.1


class Children(Generic[K]):
    """The processes that are waited for. All but ``wake`` belongs to one thread."""

    def __init__(self, *, pidfd: bool | None = None) -> None:
        self._pidfd = hasattr(os, "pidfd_open") if pidfd is None else pidfd
        self._selector = selectors.DefaultSelector()
        self._fds: dict[K, int] = {}
        self._ended: deque[K] = deque()
        self._closed = threading.Event()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._selector.register(self._reader, selectors.EVENT_READ, None)

    def add(self, key: K, pid: int, *, child: bool = True, started: int | None = None) -> None:
        """Wait for this one too. A process that is already gone ends at once."""
        if self._pidfd:
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                self._ended.append(key)
                return
            except OSError:
                pass  # an old kernel, or no descriptor left
            else:
                self._fds[key] = fd
                self._selector.register(fd, selectors.EVENT_READ, key)
                return
        threading.Thread(
            target=self._follow, args=(key, pid, child, started), daemon=True, name="torc-wait"
        ).start()

    def wait(self, timeout: float | None) -> tuple[list[K], bool]:
        """The keys of the processes that ended, each once, and whether somebody called ``wake``."""
        if self._ended:
            timeout = 0
        ended: list[K] = []
        woken = False
        for item, _ in self._selector.select(timeout):
            if item.data is None:
                woken = True
                with contextlib.suppress(BlockingIOError):
                    os.read(self._reader, 4096)
            else:
                self._selector.unregister(item.fd)
                os.close(self._fds.pop(item.data))
                ended.append(item.data)
        while self._ended:
            ended.append(self._ended.popleft())
        return ended, woken

    def wake(self) -> None:
        """End the present wait, or the next one."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._writer, b"\0")

    def close(self) -> None:
        """Free the descriptors. A waiting thread goes when its process does, or soon."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._selector.close()
        fds = (self._reader, self._writer, *self._fds.values())
        self._reader = self._writer = -1
        self._fds.clear()
        for fd in fds:
            os.close(fd)

    def _follow(self, key: K, pid: int, child: bool, started: int | None) -> None:
        if child:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        else:
            while _is_there(pid, started) and not self._closed.wait(_LOOK_EVERY):
                pass
        if not self._closed.is_set():
            self._ended.append(key)
            self.wake()


def _is_there(pid: int, started: int | None) -> bool:
    try:
        return process_started(pid) == started
    except OSError:  # no descriptor left to look: that passes
        return True
