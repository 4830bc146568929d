"""Share the health of GPUs with the other runners and users of this host.

Input: an optional database; GPUs. Output: the health of GPUs, and changes to it. It is stored with
the ledger of the host, or in the database if the ledger cannot be used.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence

from torc_tui import settings
from torc_tui.errors import UsageError
from torc_tui.model import Gpu
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import label
from torc_tui.resources.gpu_health import DAMAGED, FAILING, GpuHealth, Mark, decode, encode
from torc_tui.resources.gpu_reading import GpuReading
from torc_tui.resources.gpu_service import SILENT
from torc_tui.resources.host_health import HostHealth
from torc_tui.resources.host_ledger import Ledger, LedgerUnavailable
from torc_tui.resources.machine_identity import this_machine
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.wording import listed, sentence

CHECK_SECONDS = 2.0
"""Time between two checks of the database for changes by others."""
LEAST_PREFIX = 5
"""Minimum length of a prefix of a UUID: anything shorter is no more than ``GPU-``."""


class SharedHealth:
    """The health of the GPUs of this host; without a store, it needs the ledger."""

    def __init__(self, ledger: Ledger, store: Store | None) -> None:
        self._host = HostHealth(ledger)
        self._store = store
        self._looked_at = 0.0

    def load(self) -> GpuHealth:
        """Return the current health records."""
        self._looked_at = time.monotonic()
        health = self._host.load()
        if health is not None or self._store is None:
            return health or GpuHealth()
        with self._store.read() as conn:
            return _load(conn)

    def has_changed(self) -> bool:
        """Return whether another process may have written since the last reading."""
        changed = self._host.has_changed()
        if changed is None:
            return time.monotonic() - self._looked_at > CHECK_SECONDS
        return changed

    @contextlib.contextmanager
    def changing(self) -> Iterator[GpuHealth]:
        """Lock the records, and write those that the caller changes.

        Raise LedgerUnavailable if they cannot be stored.
        """
        with contextlib.ExitStack() as stack:
            try:
                health = stack.enter_context(self._host.changing())
            except LedgerUnavailable:
                if self._store is None or self._host.load() is not None:
                    raise
            else:
                yield health
                return
            conn = stack.enter_context(self._store.write())
            health = _load(conn)
            yield health
            if health.has_changed:
                conn.execute(sql.SAVE_HOST_VALUE, key=_key(), value=encode(health.own))


def _load(conn: Connection) -> GpuHealth:
    return GpuHealth(decode(conn.value(sql.HOST_VALUE, key=_key()) or ""))


def _key() -> str:
    return f"gpu_health:{this_machine().machine_id}"


def reasons(
    health: GpuHealth, gpus: Iterable[Gpu], in_use: Iterable[str], now: float
) -> dict[str, Reason]:
    """Return why no job starts on GPUs, by UUID; ``in_use`` are those with jobs."""
    marks, suspected = health.set_aside(now), health.suspected(in_use)
    found = {}
    for gpu in gpus:
        whole = gpu.parent or gpu.uuid
        name = label(gpu)
        if gpu.uuid in marks or whole in marks:
            kind, mark = marks.get(gpu.uuid) or marks[whole]
            found[gpu.uuid] = _reason(name, kind, mark)
        elif gpu.uuid in suspected:
            found[gpu.uuid] = because(Kind.GPU_SET_ASIDE, gpu=name, problem="suspected")
    return found


def _reason(name: tuple[int, str | None], kind: str, mark: Mark) -> Reason:
    until = None if mark.until == float("inf") else mark.until
    problem, number = kind, None
    if kind == DAMAGED and mark.damage is not None:
        problem, number = next(
            (word, count)
            for word, count in zip(mark.damage._fields, mark.damage, strict=True)
            if count
        )
    user = mark.user if kind not in (DAMAGED, FAILING) else None
    return because(
        Kind.GPU_SET_ASIDE, gpu=name, until=until, problem=problem, number=number, user=user
    )


# -- decisions of users ----------------------------------------------------------------------------


def find(words: Sequence[str], reading: GpuReading, health: GpuHealth) -> dict[str, int]:
    """Return the GPUs with these indices, UUIDs or prefixes of UUIDs: index by UUID.

    GPUs that no longer answer are found if they have a health record.
    """
    known = health.indices() | {gpu.uuid: gpu.index for gpu in reading.gpus}
    known |= {gpu.parent: gpu.index for gpu in reading.gpus if gpu.parent is not None}
    found = {}
    hint = None if reading.answers else sentence(SILENT)
    for word in words:
        uuid = _find_one(word, known, hint)
        found[uuid] = known[uuid]
    return found


def _find_one(word: str, known: dict[str, int], hint: str | None) -> str:
    if word.isdecimal():
        same = [uuid for uuid, index in known.items() if index == int(word)]
        whole = [uuid for uuid in same if not uuid.startswith("MIG-")]
        same = whole or same
    else:
        same = [uuid for uuid in known if uuid == word]
        if not same and len(word) >= LEAST_PREFIX:
            same = [uuid for uuid in known if uuid.startswith(word)]
    if len(same) == 1:
        return same[0]
    if same:
        raise UsageError(f"{word!r} matches several GPUs: {listed(sorted(same), len(same))}")
    has = ", ".join(f"{index} ({uuid})" for uuid, index in sorted(known.items(), key=_by_index))
    raise UsageError(f"there is no GPU {word!r}; this machine has {has or 'no GPU'}", hint=hint)


def _by_index(pair: tuple[str, int]) -> tuple[int, str]:
    return pair[1], pair[0]


def avoid(shared: SharedHealth, gpus: dict[str, int], until: float) -> None:
    """Set GPUs aside until a time (epoch; inf: until a user decides to use them)."""
    with shared.changing() as health:
        for uuid, index in gpus.items():
            health.avoid(uuid, index, time.time(), until, settings.user_name())


def use(shared: SharedHealth, gpus: dict[str, int], reading: GpuReading) -> dict[str, list[str]]:
    """Put GPUs back into use; return the kinds of marks that each had.

    A MIG instance is put back into use together with its GPU.
    """
    damage = {one.uuid: one.damage for one in reading.damaged}
    parents = {gpu.uuid: gpu.parent for gpu in reading.gpus}
    now, user = time.time(), settings.user_name()
    lifted: dict[str, list[str]] = {}
    with shared.changing() as health:
        for uuid in gpus:
            names = filter(None, (uuid, parents.get(uuid)))
            found = [health.use(name, now, user, damage.get(name)) for name in names]
            lifted[uuid] = [kind for kinds in found for kind in kinds]
    return lifted
