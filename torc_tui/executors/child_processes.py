"""Wait for the ends of processes and for a call of `wake`, in the thread of the caller.

Input: process ids, each with a key of the caller. Output: the keys of processes that have ended.
Nothing is reaped here.

Linux shows the end of any process on a descriptor (pidfd). On other systems, and when there are no
more descriptors, a thread waits for one process; when there are no more threads, it is polled.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from torc_tui.resources.process_identity import process_started

K = TypeVar("K")
_POLL_SECONDS = 0.1
"""Time between two checks of a process that is polled."""
_EPOLL = hasattr(select, "epoll")
_UNIT = 1 if _EPOLL else 1000
"""The unit of the timeouts of epoll and of poll, per second."""


class Children(Generic[K]):
    """The processes that are waited for; all methods except `wake` are called in one thread."""

    def __init__(self, *, pidfd: bool | None = None) -> None:
        self._pidfd = hasattr(os, "pidfd_open") if pidfd is None else pidfd
        self._poller = select.epoll() if _EPOLL else select.poll()  # without the cost of selectors
        self._keys: dict[int, K] = {}
        """The keys of processes, by their pidfd."""
        self._ended: deque[K] = deque()
        self._polled: dict[K, Callable[[], bool]] = {}
        self._closed = threading.Event()
        self._watched = -1
        """A copy of the descriptor to be watched, so that its owner may close it at any time."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._poller.register(self._reader, select.POLLIN)

    def add(self, key: K, pid: int, *, child: bool = True, started: int | None = None) -> None:
        """Wait for another process; one that does not exist has ended."""
        if self._pidfd:
            try:
                fd = os.pidfd_open(pid)
            except ProcessLookupError:
                self._ended.append(key)
                return
            except OSError:
                pass  # an old kernel, or no more descriptors
            else:
                if self._register(key, fd):
                    return
        try:
            threading.Thread(
                target=self._follow, args=(key, pid, child, started), daemon=True, name="torc-wait"
            ).start()
        except RuntimeError:  # no more threads
            self._polled[key] = lambda: _child_runs(pid) if child else _exists(pid, started)

    def _register(self, key: K, fd: int) -> bool:
        try:
            self._poller.register(fd, select.POLLIN)
        except OSError:  # more descriptors than a user may watch
            os.close(fd)
            return False
        self._keys[fd] = key
        return True

    def wait(self, timeout: float | None) -> tuple[list[K], bool]:
        """Return the keys of processes that have ended, and whether `wake` was called."""
        if self._polled:
            self._poll()
            timeout = _POLL_SECONDS if timeout is None else min(timeout, _POLL_SECONDS)
        if self._ended:
            timeout = 0
        ended: list[K] = []
        woken = False
        keys = self._keys
        for fd, _ in self._poller.poll(None if timeout is None else timeout * _UNIT):
            if fd in keys:
                self._poller.unregister(fd)
                os.close(fd)
                ended.append(keys.pop(fd))
            elif fd == self._watched:
                woken = True
                self._unwatch()
            else:
                woken = True
                with contextlib.suppress(BlockingIOError):
                    os.read(self._reader, 4096)
        while self._ended:
            ended.append(self._ended.popleft())
        return ended, woken

    def watch(self, descriptor: int) -> None:
        """End a later wait once, like `wake`, as soon as this can be read."""
        self._unwatch()
        with contextlib.suppress(OSError):  # no more descriptors: the caller looks now and then
            self._watched = os.dup(descriptor)
            self._poller.register(self._watched, select.POLLIN)

    def _unwatch(self) -> None:
        if self._watched >= 0:
            with contextlib.suppress(KeyError, OSError):  # it could not be registered
                self._poller.unregister(self._watched)
            os.close(self._watched)
            self._watched = -1

    def _poll(self) -> None:
        for key in [key for key, runs in self._polled.items() if not runs()]:
            del self._polled[key]
            self._ended.append(key)

    def wake(self) -> None:
        """End the present wait, or the next one."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._writer, b"\0")

    def close(self) -> None:
        """Free the descriptors. A waiting thread ends with its process, or soon."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._unwatch()
        fds = [self._reader, self._writer, *self._keys]
        if isinstance(self._poller, select.epoll):
            self._poller.close()
        self._reader = self._writer = -1
        self._keys.clear()
        for fd in fds:
            os.close(fd)

    def _follow(self, key: K, pid: int, child: bool, started: int | None) -> None:
        if child:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        else:
            while _exists(pid, started) and not self._closed.wait(_POLL_SECONDS):
                pass
        if not self._closed.is_set():
            self._ended.append(key)
            self.wake()


def _child_runs(pid: int) -> bool:
    """Return whether a child process still runs."""
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
    return False


def _exists(pid: int, started: int | None) -> bool:
    try:
        return process_started(pid) == started
    except OSError:  # no more descriptors: try again
        return True
