"""What the app knows of the machine that it runs on: the latest reading, and how it went before.

What comes in: readings, taken by the reader thread once a second. What goes out: the meters of the
header, histories, and what ready jobs lack. The screen's thread never asks the system, the driver
or the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torc_tui.model import ResourceRequirements
from torc_tui.tui.feed.sample_history import Ring
from torc_tui.tui.frame.header import Load

if TYPE_CHECKING:
    from torc_tui.operations.host import Host, HostReader
    from torc_tui.operations.job_facts import Outlook
    from torc_tui.store.allocations_held import Runner

HIGH = 0.9
"""From this part on a meter is coloured."""
_GB = 1 << 30


class News(NamedTuple):
    """One answer of the reader thread. ``outlook`` is that of the workflow on screen, None where
    nothing waits; ``elsewhere`` are its runners on other hosts; ``dead`` those of this host whose
    processes are gone without a word, by the ids of their nodes."""

    host: Host
    outlook: Outlook | None
    elsewhere: Sequence[Runner]
    dead: frozenset[int] = frozenset()


class MachineWatch:
    """Keeps the readings. ``question`` makes what the reader thread is asked, ``take`` takes its
    answer."""

    def __init__(self, capacity: int = 600) -> None:
        self.host: Host | None = None
        self.elsewhere: Sequence[Runner] = ()
        self.cpu = Ring(capacity)
        self.memory = Ring(capacity)
        self.cards: dict[str, Ring] = {}
        self._capacity = capacity
        self._reader: HostReader | None = None  # of the reader thread

    def question(
        self, workflow_id: int | None, requirements: Mapping[int, ResourceRequirements]
    ) -> Callable[[Any], News]:
        """Read this host, and what keeps ready jobs with these requirements from starting."""

        def read(source: Any) -> News:
            from torc_tui.operations.host import HostReader
            from torc_tui.operations.job_facts import outlook
            from torc_tui.store import allocations_held

            if self._reader is None:
                self._reader = HostReader()
            store = getattr(source, "store", None)
            host = self._reader.read(store)
            if store is None or workflow_id is None:
                return News(host, None, ())
            found = outlook(store, workflow_id, requirements, host) if requirements else None
            others = allocations_held.runners(store, workflow_id=workflow_id)
            far = [one for one in others if one.hostname != self._reader.hostname]
            return News(host, found, far, _dead(store, workflow_id) if others else frozenset())

        return read

    def take(self, news: News) -> None:
        """A reading came in."""
        host = self.host = news.host
        self.elsewhere = news.elsewhere
        if host.cpu_percent:
            self.cpu.append(host.at, sum(host.cpu_percent) / len(host.cpu_percent))
        self.memory.append(host.at, 100 * host.memory_used / max(host.machine.memory, 1))
        for gpu in host.machine.gpus:
            ring = self.cards.setdefault(gpu.uuid, Ring(self._capacity))
            ring.append(host.at, gpu.utilization)

    def loads(self) -> tuple[Load, ...]:
        """The meters of the header: what anybody uses of this machine."""
        host = self.host
        if host is None:
            return ()
        machine = host.machine
        out: list[Load] = []
        if host.cpu_percent:
            total = len(host.cpu_percent)
            used = sum(host.cpu_percent) / 100
            out.append(
                Load(
                    "CPU",
                    f"{used:.0f}" if total >= 10 else f"{used:.1f}",
                    f"{total}",
                    used >= HIGH * total,
                )
            )
        memory = host.memory_used / _GB
        room = f"{machine.memory / _GB:.0f} GB"
        out.append(Load("mem", f"{memory:.0f}", room, host.memory_used >= HIGH * machine.memory))
        if machine.gpus:
            cards = host.cards()
            busy = sum(bool(card.grants or card.computing) for card in cards)
            out.append(Load("GPU", f"{busy}", f"{len(cards)}", busy == len(cards)))
        return tuple(out)


def _dead(store: Any, workflow_id: int) -> frozenset[int]:
    from torc_tui.operations.runners import dead_nodes
    from torc_tui.store import compute_nodes

    with store.read() as conn:
        active = compute_nodes.active(conn, workflow_id)
    return frozenset(node.id for node in dead_nodes(active))
