"""The readings of the machine on which the app runs.

Input: readings, which the reader thread takes once a second. Output: the meters of the header,
histories, and what ready jobs lack. No Textual; the app's thread never queries the system, the GPU
driver or the database.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Reason
from torc_tui.records import dataclass
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.operations.machine_state import MachineReader, MachineState
    from torc_tui.operations.request_lacks import RequestLacks
    from torc_tui.store.database import Store

HIGH = 0.9
"""A meter is highlighted from this share on."""
_GIB = 1 << 30
_NAN = float("nan")


class Ring:
    """The last ``capacity`` samples, oldest first. A sample of None is a gap."""

    def __init__(self, capacity: int = 600) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one sample")
        self.capacity = capacity
        self._values = array("d")
        self._times = array("d")
        self._next = 0

    def __len__(self) -> int:
        return len(self._values)

    def append(self, at: float, value: float | None) -> None:
        """Add a sample; the oldest is dropped when the ring is full."""
        number = _NAN if value is None else float(value)
        if len(self._values) < self.capacity:
            self._values.append(number)
            self._times.append(at)
        else:
            self._values[self._next] = number
            self._times[self._next] = at
        self._next = (self._next + 1) % self.capacity

    @property
    def last(self) -> float | None:
        """Return the newest sample."""
        return self.values()[-1] if self._values else None

    def values(self) -> list[float | None]:
        """Return all samples, oldest first."""
        return [None if value != value else value for value in self._turned(self._values)]

    def times(self) -> list[float]:
        """Return the times of the samples, oldest first."""
        return list(self._turned(self._times))

    def window(self, now: float, seconds: float, count: int) -> list[float | None]:
        """Return the last ``seconds`` before ``now`` as ``count`` averages, oldest first.

        None stands for a part without measurement.
        """
        sums, numbers = [0.0] * count, [0] * count
        for at, value in zip(self._turned(self._times), self._turned(self._values), strict=True):
            place = count - 1 - int((now - at) / seconds * count) if at <= now else -1
            if 0 <= place < count and value == value:
                sums[place] += value
                numbers[place] += 1
        return [
            total / number if number else None for total, number in zip(sums, numbers, strict=True)
        ]

    def _turned(self, values: array[float]) -> array[float]:
        if len(values) < self.capacity:
            return values
        return values[self._next :] + values[: self._next]


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of the header, such as ``CPU 14/16``; ``high`` highlights it."""

    name: str
    used: str
    total: str
    high: bool = False


class MachineReading(NamedTuple):
    """One reading of the machine.

    ``request_lacks`` is what ready jobs of the workflow on screen lack, None where none is ready;
    ``dead`` are the ids of its runners that are lost;
    ``reports`` are about its runners that are not alive; ``cluster`` has its allocations, None if
    it was never submitted to a cluster; ``remote`` has its runners if it was not, and some of them
    are on other machines.
    """

    host: MachineState
    request_lacks: RequestLacks | None
    dead: frozenset[int] = frozenset()
    reports: Sequence[Reason] = ()
    cluster: ClusterState | None = None
    remote: ClusterState | None = None


class MachineHistory:
    """The readings of this machine: the reader thread calls ``read``, the app ``take``."""

    def __init__(self, capacity: int = 600) -> None:
        self.host: MachineState | None = None
        self.reports: Sequence[Reason] = ()
        self.cpu = Ring(capacity)
        self.memory = Ring(capacity)
        self.own_cpu = Ring(capacity)
        self.own_memory = Ring(capacity)
        """The parts of the jobs of this database."""
        self.cluster: ClusterState | None = None
        self.remote: ClusterState | None = None
        self.held_cpus = Ring(capacity)
        self.held_memory = Ring(capacity)
        """Shares of the nodes in allocations that jobs hold."""
        self.gpus: dict[str, Ring] = {}
        self._capacity = capacity
        self._reader: MachineReader | None = None  # used by the reader thread only
        self._counted: ClusterState | None = None  # the same

    def read(
        self,
        store: Store,
        workflow_id: int | None,
        requirements: Mapping[int, ResourceRequirements],
    ) -> MachineReading:
        """Read this host, and what these requirements lack; called in the reader thread."""
        from torc_tui.operations.machine_state import MachineReader
        from torc_tui.operations.request_lacks import request_lacks
        from torc_tui.store import runner_liveness

        if self._reader is None:
            self._reader = MachineReader()
        host = self._reader.read(store)
        if workflow_id is None:
            return MachineReading(host, None)
        cluster = self._read_cluster(store, workflow_id)
        lacking = None
        if requirements:
            lacking = request_lacks(store, workflow_id, requirements, host, cluster)
        runners = runner_liveness.runners(store, workflow_id=workflow_id)
        dead, reports = _not_alive(store, workflow_id) if runners else (frozenset[int](), ())
        remote = None
        here = self._reader.location
        if cluster is None and any(one.location != here for one in runners):
            from torc_tui.operations.cluster_state import read_runners

            remote = read_runners(store, workflow_id)
        return MachineReading(host, lacking, dead, reports, cluster, remote)

    def _read_cluster(self, store: Store, workflow_id: int) -> ClusterState | None:
        """Return the allocations of a workflow; jobs that the last reading counted are kept."""
        from torc_tui.operations.submitted import cluster_of

        self._counted = cluster_of(store, workflow_id, known=self._counted)
        return self._counted

    def take(self, news: MachineReading) -> None:
        """Add a reading."""
        host = self.host = news.host
        self.reports = news.reports
        if host.cpu_percent:
            cpus = len(host.cpu_percent)
            load = sum(host.cpu_percent) / cpus
            self.cpu.append(host.at, load)
            self.own_cpu.append(host.at, min(load, (host.own.cpu_percent or 0.0) / cpus))
        share = 100 / max(host.machine.memory, 1)
        self.memory.append(host.at, share * host.memory_used)
        self.own_memory.append(host.at, share * min(host.own.memory, host.memory_used))
        self._take_cluster(news.cluster, news.remote)
        for gpu in host.machine.gpus:
            ring = self.gpus.setdefault(gpu.uuid, Ring(self._capacity))
            ring.append(host.at, gpu.utilization)

    @property
    def nodes(self) -> ClusterState | None:
        """Return the allocations of the workflow, or its runners if some are elsewhere."""
        return self.cluster or self.remote

    def _take_cluster(self, cluster: ClusterState | None, remote: ClusterState | None) -> None:
        known, self.cluster, self.remote = self.nodes, cluster, remote
        cluster = self.nodes
        if known is not None and (cluster is None or cluster.workflow_id != known.workflow_id):
            self.held_cpus, self.held_memory = Ring(self._capacity), Ring(self._capacity)
        if cluster is not None and cluster.places:
            from torc_tui.operations.cluster_summary import room_of

            room = room_of(cluster.places)
            self.held_cpus.append(cluster.at, 100 * room.cpus_held / max(room.cpus, 1))
            self.held_memory.append(cluster.at, 100 * room.memory_held / max(room.memory, 1))

    def runs_here(self, workflow_id: int) -> bool:
        """Return whether this host runs jobs of a workflow, or nothing else does."""
        if self.nodes is None or self.host is None:
            return True
        return any(one.workflow_id == workflow_id for one in self.host.runners)

    def meters(self) -> tuple[Meter, ...]:
        """Return the meters of the header: the use of this machine by all users."""
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
