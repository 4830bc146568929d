"""What the app knows about the machine it runs on: the latest reading, and the readings before it.

Input: readings, which the reader thread takes once a second. Output: the meters of the header,
histories, and what ready jobs lack. No Textual; the app's thread never asks the system, the GPU
driver or the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Reason
from torc_tui.tui.feed.sample_ring import Ring

if TYPE_CHECKING:
    from torc_tui.operations.job_facts import RequestLacks
    from torc_tui.operations.machine_state import MachineReader, MachineState
    from torc_tui.store.allocations_held import Runner
    from torc_tui.store.database import Store
    from torc_tui.tui.feed.source import Source

HIGH = 0.9
"""A meter is highlighted from this share on."""
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of the header, such as ``CPU 14/16``; ``high`` highlights it."""

    name: str
    used: str
    total: str
    high: bool = False


class MachineNews(NamedTuple):
    """One reading.

    ``outlook`` is what ready jobs of the workflow on screen lack, None where none is ready;
    ``elsewhere`` are its runners on other machines; ``dead`` the ids of its runners that are lost;
    ``reports`` are about its runners that are not alive.
    """

    host: MachineState
    outlook: RequestLacks | None
    elsewhere: Sequence[Runner]
    dead: frozenset[int] = frozenset()
    reports: Sequence[Reason] = ()


class MachineWatch:
    """The readings. ``question`` runs in the reader thread, ``take`` receives its result."""

    def __init__(self, capacity: int = 600) -> None:
        self.host: MachineState | None = None
        self.elsewhere: Sequence[Runner] = ()
        self.reports: Sequence[Reason] = ()
        self.cpu = Ring(capacity)
        self.memory = Ring(capacity)
        self.gpus: dict[str, Ring] = {}
        self._capacity = capacity
        self._reader: MachineReader | None = None  # used by the reader thread only

    def question(
        self, workflow_id: int | None, requirements: Mapping[int, ResourceRequirements]
    ) -> Callable[[Source], MachineNews | None]:
        """Return a function that reads this host, and what these requirements lack."""

        def read(source: Source) -> MachineNews:
            return self._read(source.store, workflow_id, requirements)

        return read

    def _read(
        self,
        store: Store,
        workflow_id: int | None,
        requirements: Mapping[int, ResourceRequirements],
    ) -> MachineNews:
        from torc_tui.operations.job_facts import request_lacks
        from torc_tui.operations.machine_state import MachineReader
        from torc_tui.store import allocations_held

        if self._reader is None:
            self._reader = MachineReader()
        host = self._reader.read(store)
        if workflow_id is None:
            return MachineNews(host, None, ())
        lacking = request_lacks(store, workflow_id, requirements, host) if requirements else None
        runners = allocations_held.runners(store, workflow_id=workflow_id)
        elsewhere = [one for one in runners if one.location != self._reader.location]
        dead, reports = _not_alive(store, workflow_id) if runners else (frozenset[int](), ())
        return MachineNews(host, lacking, elsewhere, dead, reports)

    def take(self, news: MachineNews) -> None:
        """Add a reading."""
        host = self.host = news.host
        self.elsewhere = news.elsewhere
        self.reports = news.reports
        if host.cpu_percent:
            self.cpu.append(host.at, sum(host.cpu_percent) / len(host.cpu_percent))
        self.memory.append(host.at, 100 * host.memory_used / max(host.machine.memory, 1))
        for gpu in host.machine.gpus:
            ring = self.gpus.setdefault(gpu.uuid, Ring(self._capacity))
            ring.append(host.at, gpu.utilization)

    def meters(self) -> tuple[Meter, ...]:
        """Return the meters of the header: what everybody uses of this machine."""
        host = self.host
        if host is None:
            return ()
        machine = host.machine
        out: list[Meter] = []
        if host.cpu_percent:
            total = len(host.cpu_percent)
            used = sum(host.cpu_percent) / 100
            text = f"{used:.0f}" if total >= 10 else f"{used:.1f}"
            out.append(Meter("CPU", text, f"{total}", used >= HIGH * total))
        memory = f"{host.memory_used / _GIB:.0f}"
        room = f"{machine.memory / _GIB:.0f} GiB"
        out.append(Meter("mem", memory, room, host.memory_used >= HIGH * machine.memory))
        if machine.gpus:
            gpus = host.gpu_states()
            busy = sum(bool(gpu.grants or gpu.computing) for gpu in gpus)
            out.append(Meter("GPU", f"{busy}", f"{len(gpus)}", busy == len(gpus)))
        return tuple(out)

    def gpus_of(self, job_id: int) -> Sequence[str]:
        """Return the GPUs of this host that a job holds: the number and the uuid of each."""
        numbers = self.gpu_numbers()
        holdings = self.host.holdings if self.host is not None else ()
        return [
            name
            for one in holdings
            if one.job_id == job_id
            for grant in one.allocation.gpus
            for name in (str(numbers.get(grant.uuid, "")), grant.uuid)
        ]

    def gpu_numbers(self) -> Mapping[str, int]:
        """Return the number of each GPU of this host by its uuid."""
        if self.host is None:
            return {}
        return {gpu.uuid: gpu.index for gpu in self.host.machine.gpus}


def _not_alive(store: Store, workflow_id: int) -> tuple[frozenset[int], Sequence[Reason]]:
    """Return the runners of a workflow that are lost, and reports about all that are not alive."""
    from torc_tui.store import compute_nodes, runner_liveness

    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
        reports = runner_liveness.reports(conn, workflow_id)
    return frozenset(node.id for node in runner_liveness.lost(active)), reports
