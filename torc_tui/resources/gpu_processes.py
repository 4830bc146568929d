"""Tell whose the processes on GPUs are, and remember it while they are there.

Input: process ids as the driver lists them, and the leaders of our attempts. Output: `GpuProcess`
records. What the lists cannot mean is left out: pid 0, a pid above the largest of this system, and
a size above that of the GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torc_tui.model import GpuProcess
from torc_tui.records import dataclass
from torc_tui.resources.attempt_tag import is_tagged, tag_in_environment, tag_in_groups
from torc_tui.resources.process_identity import leader_of, process_began, process_name, process_user

_MPS_SERVER = "nvidia-cuda-mps"
_LARGEST_PID = 1 << 22
"""The limit of Linux. ``pid_max`` may be lower here than where the driver has its ids from."""


@dataclass(slots=True)
class _Known:
    """What is remembered of a process; ``busy`` is when it computed last."""

    name: str
    user: str
    since: float
    busy: float
    leader: int = 0
    tag: str | None = None


class GpuProcesses:
    """The processes that were seen on GPUs."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._seen: set[int] = set()
        self._own: dict[int, str] = {}
        self._is_first = True
        self._now = 0.0

    def begin(self, own: Mapping[int, str], now: float) -> None:
        """Begin a reading with these leaders of our attempts."""
        if own != self._own:
            self._own = dict(own)
            for pid, known in self._known.items():
                known.leader = self._leader(pid, known)
        self._seen, self._now = set(), now

    def end(self) -> None:
        """Forget the processes that the reading did not show."""
        self._known = {pid: known for pid, known in self._known.items() if pid in self._seen}
        self._is_first = False

    def of(
        self,
        listed: Mapping[int, tuple[int | None, bool]],
        total: int,
        loads: Mapping[int, float] | None,
    ) -> tuple[GpuProcess, ...]:
        """Return the processes of a GPU with that much memory and these loads."""
        now = self._now
        found = []
        for pid, (memory, graphics) in sorted(listed.items()):
            if not 0 < pid <= _LARGEST_PID:
                continue
            known = self._known.get(pid) or self._look(pid)
            if loads is None or loads.get(pid, 1.0):
                known.busy = now
            found.append(
                GpuProcess(
                    pid,
                    known.name,
                    None if memory is not None and total and memory > total else memory,
                    bool(known.leader),
                    graphics or known.name.startswith(_MPS_SERVER),
                    known.user,
                    known.leader,
                    known.since,
                    now - known.busy if loads is not None else None,
                )
            )
        self._seen.update([one.pid for one in found])
        return tuple(found)

    def _look(self, pid: int) -> _Known:
        """Remember a process that was not seen before."""
        began = process_began(pid)
        since = began if began is not None else 0.0 if self._is_first else self._now
        known = _Known(process_name(pid), process_user(pid), since, self._now)
        known.leader = self._leader(pid, known)
        self._known[pid] = known
        return known

    def _leader(self, pid: int, known: _Known) -> int:
        """Return the leader of the attempt that a process belongs to; 0 for none."""
        if not self._own:
            return 0
        leader = leader_of(pid, self._own)
        if leader:
            return leader
        if known.tag is None:
            known.tag = _tag(pid)
        if not known.tag:
            return 0
        return next((one for one, tag in self._own.items() if is_tagged(tag, known.tag)), 0)


def _tag(pid: int) -> str:
    """Return the tag of the attempt to which a process belongs; "" if it has none.

    The environment of another user's process, such as root in a container, cannot be read. Its
    control group can.
    """
    return tag_in_environment(_environment(pid)) or tag_in_groups(_text(f"/proc/{pid}/cgroup"))


def _environment(pid: int) -> dict[str, str]:
    lines = _text(f"/proc/{pid}/environ").split("\0")
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode(errors="replace")
    except OSError:
        return ""
