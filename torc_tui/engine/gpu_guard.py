"""Watch what jobs do on GPUs: use beyond the request, GPUs that were not given, and failures.

Input: a pool after a reading, and the attempts in flight. Output: events, attempts to stop, and the
GPUs that are set aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from torc_tui.engine.in_flight import InFlight
from torc_tui.model import AttemptKey
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import label
from torc_tui.resources.gpu_claims import Claim
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.pool import Pool
from torc_tui.store.dependency_counters import EventRow

LEAST_FREE = 512 << 20
"""Free memory of a GPU below which ``gpu_over: protect`` stops the job that uses too much."""


class GpuGuard:
    """Reports each excess once per attempt; ``policy`` is ``warn``, ``kill`` or ``protect``."""

    def __init__(self, policy: str) -> None:
        self.rows: list[EventRow] = []
        self.stops: list[tuple[AttemptKey, Reason]] = []
        self._policy = policy
        self._reported: set[tuple[AttemptKey, str, str]] = set()

    def check(self, pool: Pool, in_flight: Mapping[int, InFlight]) -> None:
        """Add events about the jobs of this runner, and the attempts that must be stopped."""
        by_pid = {flight.pid: flight for flight in in_flight.values() if flight.pid}
        for state in pool.gpu_states:
            for claim in state.claims:
                flight = by_pid.get(claim.tenant.pid) if claim.tenant is not None else None
                if flight is not None and claim.grant.memory and not state.limitless:
                    self._check_use(state, claim, flight)
            for process in state.strays:
                flight = by_pid.get(process.leader)
                if flight is not None and state.gpu is not None:
                    gpu = label(state.gpu)
                    stray = because(Kind.GPU_STRAY, gpu=gpu, pid=process.pid, name=process.name)
                    self._report(flight, state.gpu.uuid, stray)

    def mark_lost(self, lost: Collection[str], in_flight: Mapping[int, InFlight]) -> None:
        """Remember which attempts hold a GPU that no longer answers."""
        for flight in in_flight.values():
            gone = [grant.uuid for grant in flight.allocation.gpus if grant.uuid in lost]
            if gone:
                flight.lost_gpus = tuple(gone)

    def _check_use(self, state: GpuState, claim: Claim, flight: InFlight) -> None:
        assert state.gpu is not None
        requested = state.requested(claim.grant)
        if claim.used <= requested:
            return
        excess = because(Kind.GPU_MEMORY_EXCEEDED, used=claim.used, requested=claim.grant.memory)
        flight.reported_excess = True
        self._report(flight, state.gpu.uuid, excess)
        promised = any(
            state.requested(one.grant) > one.used for one in state.claims if one is not claim
        )
        in_need = state.free_memory < LEAST_FREE and promised
        if self._policy == "kill" or (self._policy == "protect" and in_need):
            limit = because(Kind.GPU_OUT_OF_MEMORY, used=claim.used, limit=requested)
            self.stops.append((flight.key, limit))

    def _report(self, flight: InFlight, uuid: str, reason: Reason) -> None:
        key = flight.key, uuid, reason.kind.value
        if key in self._reported:
            return
        self._reported.add(key)
        data = {"message": reason.to_json(), "attempt": flight.key.attempt_id}
        self.rows.append(("job_warning", flight.key.job_id, data))


def presumed_use(pool: Pool) -> tuple[dict[int, int], dict[int, int]]:
    """Return the processes and memory that the pool attributes to jobs without proof.

    The first result maps each such process to the leader of a job, the second maps leaders to bytes
    that no listed process holds. Both are attributed only on GPUs with one job.
    """
    leaders: dict[int, int] = {}
    hidden: Counter[int] = Counter()
    for state in pool.gpu_states:
        tenant = state.claims[0].tenant if len(state.claims) == 1 else None
        if tenant is not None:
            leaders |= {one.pid: tenant.pid for one in state.own if not one.leader}
            listed = sum(one.memory or 0 for one in state.own)
            hidden[tenant.pid] += max(state.claims[0].used - listed, 0)
    return leaders, {pid: memory for pid, memory in hidden.items() if memory}
