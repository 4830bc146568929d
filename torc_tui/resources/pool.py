"""Account for what is taken of one machine.

Input: a ``Machine``, allocations that this and other runners hold, fresh readings of the GPUs.
Output: allocations. Pure: the caller reads the driver and the clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.model import Allocation, Gpu, GpuGrant, Machine, ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.gpu_choice import choose
from torc_tui.resources.gpu_claims import GrantOwner, JobEnd, Tenant
from torc_tui.resources.gpu_reading import Distances
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import (
    DEFAULT_RULES,
    GpuNeed,
    GpuRules,
    Obstacle,
    gpu_need,
    memory_for_programs,
    requested_memory,
)
from torc_tui.units import in_thousandths


class Pool:
    """CPUs and memory as counts, GPUs as devices.

    ``held`` are allocations that exist already: of other runners on the host, of adopted attempts.
    They may exceed the capacity; then nothing is free, and nothing is negative. ``distances`` lets
    jobs with several GPUs get near ones.
    """

    def __init__(
        self,
        machine: Machine,
        held: Iterable[Allocation] = (),
        *,
        rules: GpuRules | None = None,
        distances: Distances | None = None,
    ) -> None:
        self.num_cpus = machine.num_cpus
        self.memory = machine.memory
        self.rules = DEFAULT_RULES if rules is None else rules
        self.distances = distances
        self.set_aside: Mapping[str, Reason] = {}
        """GPUs on which no job starts, by UUID, with the reason."""
        self.reserved: frozenset[str] = frozenset()
        """GPUs that are kept for a job that comes first."""
        self.reserved_for: str | None = None
        """The name of that job, if it is known."""
        self.whole_is_ready = False
        """Whether a job that requests whole GPUs is ready: then shares are packed."""
        self._cpus: float = 0
        self._bytes = 0
        self.gpu_limit = machine.gpu_limit
        self._own: Counter[str] = Counter()
        """How many grants of each GPU are not those of other runners."""
        self._gpus = {gpu.uuid: GpuState(gpu, self.rules) for gpu in machine.gpus}
        self._unified: set[str] = {gpu.uuid for gpu in machine.gpus if gpu.unified}
        """The GPUs whose memory is that of the machine."""
        self.read_at = 0.0
        """When the GPUs were read (epoch)."""
        self._is_watched = False
        """Whether readings are taken: only then can the memory of a job be seen to return."""
        for allocation in held:
            self.hold(allocation, other=True)

    # -- what is free ------------------------------------------------------------------------------

    @property
    def free_cpus(self) -> float:
        """CPUs that are not taken."""
        return max(in_thousandths(self.num_cpus - self._cpus), 0)

    @property
    def free_memory(self) -> int:
        """Bytes that are not taken."""
        return max(self.memory - self._bytes, 0)

    @property
    def gpu_states(self) -> list[GpuState]:
        """The GPUs that answer now, by index; to be read, not changed."""
        return [state for _, state in _by_index(self._gpus.values())]

    def fits(self, req: ResourceRequirements) -> bool:
        """Return whether `take` would succeed."""
        if not self._counts_fit(req):
            return False
        need = gpu_need(req)
        return need is None or self._choose(need) is not None

    def obstacles(self, need: GpuNeed) -> list[tuple[GpuState, Obstacle | None]]:
        """Return for each GPU why it cannot serve the request now."""
        return [(state, self._obstacle(state, need)) for state in self.gpu_states]

    def _obstacle(self, state: GpuState, need: GpuNeed) -> Obstacle | None:
        found = state.obstacle(need)
        if found is None and state.gpu is not None:
            if state.gpu.uuid in self.set_aside:
                return Obstacle.SET_ASIDE
            if state.gpu.uuid in self.reserved:
                return Obstacle.RESERVED
        if found is None and self.gpu_limit is not None and state.gpu is not None:
            used = len(self._own) - (state.gpu.uuid in self._own)
            if used + need.number > self.gpu_limit:
                return Obstacle.LIMIT
        return found

    # -- taking and giving -------------------------------------------------------------------------

    def take(self, req: ResourceRequirements) -> Allocation | None:
        """Take all that is requested; None, and nothing is taken, if it does not fit now."""
        if not self._counts_fit(req):
            return None
        grants: tuple[GpuGrant, ...] = ()
        need = gpu_need(req)
        if need is not None:
            chosen = self._choose(need)
            if chosen is None:
                return None
            grants = tuple(
                GpuGrant(gpu.uuid, need.share, self._granted_memory(gpu, need))
                for gpu, _ in _by_index(chosen)
            )
        allocation = Allocation(req.num_cpus, req.planned_memory, grants)
        self.hold(allocation)
        return allocation

    def hold(
        self, allocation: Allocation, *, other: bool = False, owner: GrantOwner | None = None
    ) -> None:
        """Count an allocation that exists, whether it fits or not.

        ``other`` is set if another runner holds it: it does not count for ``gpu_limit``. ``owner``
        is set if it belongs to another database.
        """
        self._cpus = in_thousandths(self._cpus + allocation.num_cpus)
        self._bytes += allocation.memory + self._unified_memory(allocation)
        for grant in allocation.gpus:
            state = self._gpus.setdefault(grant.uuid, GpuState(rules=self.rules))
            state.add(grant, owner)
            if not other:
                self._own[grant.uuid] += 1

    def give(
        self, allocation: Allocation, *, other: bool = False, end: JobEnd | None = None
    ) -> None:
        """Give back what an attempt held, of another runner or not as for `hold`.

        After the ``end`` of a job, its GPUs wait for a reading that shows their memory as free.

        Raise ValueError, and change nothing, if the pool does not hold that much.
        """
        if (
            allocation.num_cpus > self._cpus
            or allocation.memory > self._bytes
            or (allocation.gpus and not self._holds(allocation.gpus))
        ):
            raise ValueError(f"the pool does not hold {allocation}")
        self._cpus = in_thousandths(self._cpus - allocation.num_cpus)
        self._bytes -= allocation.memory + self._unified_memory(allocation)
        for grant in allocation.gpus:
            state = self._gpus[grant.uuid]
            state.remove(grant, end if self._is_watched else None)
            if not other:
                self._own[grant.uuid] -= 1
                if self._own[grant.uuid] <= 0:
                    del self._own[grant.uuid]
            if state.gpu is None and not state.grants:
                del self._gpus[grant.uuid]

    # -- the machine changes -----------------------------------------------------------------------

    def reusable(self, allocation: Allocation) -> Allocation:
        """Return the part of an allocation that the next job may get before another reading."""
        if not self._is_watched:
            return allocation
        return Allocation(allocation.num_cpus, allocation.memory)

    def update(
        self,
        gpus: Iterable[Gpu],
        tenants: Iterable[tuple[Tenant, Allocation]] = (),
        at: float = 0.0,
    ) -> None:
        """Take fresh readings of all GPUs. The grants of a GPU that is missing are kept.

        ``tenants`` tells which job holds which allocation, by the object; ``at`` is when the
        readings began (epoch).

        Update before placing jobs, and after the end of a job with GPUs: the memory that it used
        counts until then.
        """
        self._is_watched = self._is_watched or at > 0
        self.read_at = at
        seen = {gpu.uuid: gpu for gpu in gpus}
        self._unified |= {gpu.uuid for gpu in seen.values() if gpu.unified}
        for tenant, allocation in tenants:
            for grant in allocation.gpus:
                claim = self._gpus[grant.uuid].claim_of(grant) if grant.uuid in self._gpus else None
                if claim is not None:
                    claim.tenant = tenant
        for uuid, state in list(self._gpus.items()):
            state.read(seen.pop(uuid, None), at)
            if state.gpu is None and not state.grants:
                del self._gpus[uuid]
        for uuid, gpu in seen.items():
            self._gpus[uuid] = GpuState(gpu, self.rules)

    @property
    def is_returning(self) -> bool:
        """Whether a GPU waits for a reading after the end of a job."""
        return any(state.returning for state in self._gpus.values())

    def unreturned(self) -> list[Reason]:
        """Return notices about memory of ended jobs that was waited for in vain."""
        found = []
        for gpu, state in _by_index(self._gpus.values()):
            name = (gpu.index, None)
            found += [
                because(Kind.GPU_UNRETURNED, gpu=name, memory=one.used, job=one.end.name)
                for one in state.unreturned
            ]
            state.unreturned = ()
        return found

    def resize(self, *, num_cpus: int | None = None, memory: int | None = None) -> None:
        """Change the capacity; what is held stays held."""
        self.num_cpus = self.num_cpus if num_cpus is None else num_cpus
        self.memory = self.memory if memory is None else memory

    def _counts_fit(self, req: ResourceRequirements) -> bool:
        # A pool that holds more than its capacity still serves a request for 0 CPUs.
        memory = self.memory_of(req)
        return (
            (req.num_cpus <= in_thousandths(self.num_cpus - self._cpus) or req.num_cpus <= 0)
            and (self._bytes + memory <= self.memory or memory <= 0)
            and req.num_nodes <= 1
        )

    def memory_of(self, req: ResourceRequirements) -> int:
        """Return the memory of the machine that a request needs, with that of unified GPUs."""
        need = gpu_need(req) if self._unified else None
        if need is None:
            return req.planned_memory
        gpus = [state.gpu for state in self._gpus.values() if state.gpu and state.gpu.unified]
        each = max(
            (requested_memory(gpu, need.share, need.memory, self.rules) for gpu in gpus), default=0
        )
        return req.planned_memory + each * need.number

    def _unified_memory(self, allocation: Allocation) -> int:
        """Return the memory of the machine that an allocation holds through unified GPUs."""
        return sum(
            grant.memory + self.rules.headroom
            for grant in allocation.gpus
            if grant.memory and grant.uuid in self._unified
        )

    def _granted_memory(self, gpu: Gpu, need: GpuNeed) -> int:
        """Return the memory of a grant without the headroom; per cent become bytes."""
        if need.memory >= 0:
            return need.memory
        return max(memory_for_programs(gpu, need.share, need.memory, self.rules), 1)

    def _choose(self, need: GpuNeed) -> list[GpuState] | None:
        able = [state for state in self._gpus.values() if self._obstacle(state, need) is None]
        packs = self.rules.packing == "pack" or self.whole_is_ready
        return choose(able, need, self.distances, packs=packs)

    def _holds(self, grants: Sequence[GpuGrant]) -> bool:
        times = Counter(grant.uuid for grant in grants)
        return all(
            grant.uuid in self._gpus and self._gpus[grant.uuid].holds(grant, times[grant.uuid])
            for grant in grants
        )


def _by_index(states: Iterable[GpuState]) -> list[tuple[Gpu, GpuState]]:
    """Return the GPUs that exist now, with their states, in the order of their index."""
    present = [(state.gpu, state) for state in states if state.gpu is not None]
    return sorted(present, key=lambda pair: (pair[0].index, pair[0].uuid))
