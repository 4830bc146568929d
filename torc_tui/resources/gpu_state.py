"""Account for one GPU: the parts held and used by jobs, used by other programs, and free.

Input: readings (``Gpu``) and grants. Output: obstacles, and bytes. Pure.

Invariants
* A grant of a whole GPU (1000 thousandths) excludes every other grant of that GPU, and the shares
  of a GPU add up to at most 1000.
* Each job claims what it requested or uses, whichever is more. The memory available to other jobs
  is the free memory of the last reading, less the claimed memory that is not used yet. So it does
  not change when a job uses memory that it requested, and no job can get memory that another job
  has reserved.
* Memory is not limited on a virtual GPU, and on one whose driver reports no memory (0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.model import Gpu, GpuGrant, GpuProcess
from torc_tui.resources.gpu_claims import Claim, GrantOwner, JobEnd, Returning, presumed_claim
from torc_tui.resources.gpus import (
    DEFAULT_RULES,
    WHOLE,
    GpuNeed,
    GpuRules,
    Obstacle,
    is_too_small,
    matches,
    requested_memory,
    usable_memory,
)

_EXCLUSIVE = frozenset({"exclusive_process", "exclusive_thread"})
_MOST_HIDDEN = 2 << 30
"""Most bytes that no listed process holds on a GPU that counts as idle."""
RETURN_SECONDS = 30.0
"""Longest time to wait for the memory of a job that has ended."""


class GpuState:
    """What is known and granted of one GPU.

    ``gpu`` is None while no reading shows the GPU; claims are kept. ``foreign`` are the processes
    of others, and those of our jobs that compute here without a grant (``strays``).
    """

    __slots__ = (
        "claims",
        "foreign",
        "gpu",
        "hidden",
        "own",
        "own_used",
        "quietest",
        "returning",
        "rules",
        "strays",
        "unreturned",
    )

    def __init__(self, gpu: Gpu | None = None, rules: GpuRules | None = None) -> None:
        self.rules = DEFAULT_RULES if rules is None else rules
        self.claims: list[Claim] = []
        self.foreign: tuple[GpuProcess, ...] = ()
        self.strays: tuple[GpuProcess, ...] = ()
        self.own: tuple[GpuProcess, ...] = ()
        self.own_used = 0
        self.hidden = 0
        """Bytes that no listed process holds."""
        self.quietest: int | None = None
        """The minimum hidden memory while no job of this database was on the GPU."""
        self.returning: tuple[Returning, ...] = ()
        self.unreturned: tuple[Returning, ...] = ()
        """Memory that was waited for in vain, to be reported."""
        self.gpu: Gpu | None = None
        self.read(gpu)

    # -- readings ----------------------------------------------------------------------------------

    def read(self, gpu: Gpu | None, at: float = 0.0) -> None:
        """Take a reading of that time (epoch); None when the GPU does not answer."""
        self.gpu = gpu
        if gpu is None:
            return
        tenants = {one.tenant.pid: one for one in self.claims if one.tenant is not None}
        for claim in self.claims:
            claim.used = 0
        self._sort(gpu.processes, tenants, is_watched=at > 0)
        known = sum(process.memory or 0 for process in gpu.processes)
        self.hidden = 0 if gpu.unified else max(usable_memory(gpu) - self.free_memory - known, 0)
        ours = [one for one in self.claims if one.owner is None]
        loose = sum(one.memory or 0 for one in self.own) - sum(one.used for one in ours)
        if not self.claims and not self.own and not self.returning:
            quietest = self.hidden if self.quietest is None else self.quietest
            self.quietest = min(quietest, self.hidden)
        if len(self.claims) == 1:
            self.claims[0].used += loose
            self.claims[0].used += self._hidden_use(self.claims[0])
            loose = 0
        self.own_used = sum(one.used for one in ours) + loose
        self._check_returning(at)

    def _sort(
        self, processes: Sequence[GpuProcess], tenants: Mapping[int, Claim], *, is_watched: bool
    ) -> None:
        """Tell the processes of our jobs here from those of others, and count what they use.

        It is not known which job a process belongs to before the GPU is watched.
        """
        own, foreign, strays = [], [], []
        for process in processes:
            claim = tenants.get(process.leader) if process.leader else None
            claim = claim or presumed_claim(self.claims, process)
            if claim is not None and claim.owner is not None:
                claim.used += process.memory or 0
            elif claim is not None:
                claim.used += process.memory or 0
                own.append(process)
            elif process.own and not (is_watched and process.leader):
                own.append(process)
            else:
                foreign.append(process)
                strays += [process] if process.own else []
        self.own, self.foreign, self.strays = tuple(own), tuple(foreign), tuple(strays)

    def _hidden_use(self, claim: Claim) -> int:
        """Return hidden memory that is taken for that of the only job here.

        Inside a container, the driver may hide processes, including those of this database's jobs.
        """
        if self.quietest is None or any(process.memory is None for process in self.foreign):
            return 0
        unused = max(self.requested(claim.grant) - claim.used, 0)
        found = min(max(self.hidden - self.quietest, 0), unused)
        self.hidden -= found
        return found

    def _check_returning(self, at: float) -> None:
        """Forget memory that was returned in this reading, or that was waited for long enough."""
        if not self.returning:
            return
        still = sum(max(self.requested(one.grant) - one.used, 0) for one in self.claims)
        back = self.hidden <= (self.quietest or 0) + self.rules.idle_memory + still
        kept = []
        for one in self.returning:
            if at - one.end.at > RETURN_SECONDS:
                self.unreturned = (*self.unreturned, Returning(one.end, self.hidden))
            elif at <= one.end.at or not back:
                kept.append(one)
        self.returning = tuple(kept)

    # -- grants ------------------------------------------------------------------------------------

    def add(self, grant: GpuGrant, owner: GrantOwner | None = None) -> Claim:
        """Count a grant; ``owner`` is set for a grant of another database."""
        claim = Claim(grant, owner=owner)
        self.claims.append(claim)
        return claim

    def remove(self, grant: GpuGrant, end: JobEnd | None = None) -> None:
        """No longer count a grant; after the ``end`` of its job, wait for its memory."""
        claim = self.claim_of(grant)
        if claim is None:
            return
        self.claims.remove(claim)
        if end is not None and self.gpu is not None and not self.gpu.virtual:
            self.returning = (*self.returning, Returning(end, claim.used))

    def claim_of(self, grant: GpuGrant) -> Claim | None:
        """Return the claim of this very grant, or of one that is equal to it."""
        same = (one for one in self.claims if one.grant is grant)
        equal = (one for one in self.claims if one.grant == grant)
        return next(same, None) or next(equal, None)

    def holds(self, grant: GpuGrant, times: int) -> bool:
        """Return whether the grant is among at least ``times`` grants of this GPU."""
        return sum(one.grant == grant for one in self.claims) >= times

    def requested(self, grant: GpuGrant) -> int:
        """Return how many bytes the job with a grant may use."""
        if self.gpu is None:
            return max(grant.memory, 0)
        return requested_memory(self.gpu, grant.share, grant.memory, self.rules)

    # -- sums --------------------------------------------------------------------------------------

    @property
    def grants(self) -> int:
        """The number of grants."""
        return len(self.claims)

    @property
    def wholes(self) -> int:
        """The number of grants of the whole GPU."""
        return sum(one.grant.share >= WHOLE for one in self.claims)

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """User and job of the grants that other databases hold."""
        owners = (one.owner for one in self.claims if one.owner is not None)
        return tuple((one.user, one.job) for one in owners)

    @property
    def share(self) -> int:
        """The sum of the granted shares, in thousandths."""
        return sum(one.grant.share for one in self.claims)

    @property
    def reserved(self) -> int:
        """Bytes that the jobs claim: what each requested or uses, whichever is more."""
        return sum(max(self.requested(one.grant), one.used) for one in self.claims)

    @property
    def free_memory(self) -> int:
        """Bytes that nobody uses."""
        if self.gpu is None:
            return 0
        usable = usable_memory(self.gpu)
        return usable if self.gpu.memory_free is None else min(self.gpu.memory_free, usable)

    @property
    def memory_available(self) -> int:
        """Bytes that another job can get."""
        if self.gpu is None:
            return 0
        unused = sum(max(self.requested(one.grant) - one.used, 0) for one in self.claims)
        unclaimed = usable_memory(self.gpu) - self.reserved
        return max(min(self.free_memory - unused, unclaimed), 0)

    @property
    def computing(self) -> list[GpuProcess]:
        """Processes of others that compute here, and do not only draw."""
        return [process for process in self.foreign if not process.graphics]

    @property
    def foreign_memory(self) -> int:
        """Bytes that others use: known processes, and what no listed process holds."""
        return sum(process.memory or 0 for process in self.foreign)

    @property
    def others_used(self) -> int:
        """Bytes in use that belong to no job, including those that no listed process holds."""
        if self.gpu is None:
            return 0
        return max(usable_memory(self.gpu) - self.free_memory - self.own_used, 0)

    @property
    def hidden_to_name(self) -> int:
        """Bytes that no listed process holds, or 0 if an idle GPU may have as many in use."""
        return self.hidden if self.hidden > self.rules.idle_memory else 0

    @property
    def share_available(self) -> int:
        """Thousandths that a new grant can get.

        Processes of others that compute count by the part of the memory that they hold.
        """
        gpu, taken = self.gpu, 0
        if gpu is not None and gpu.memory:
            taken = sum(process.memory or 0 for process in self.computing) * WHOLE // gpu.memory
        return max(WHOLE - self.share - taken, 0)

    @property
    def limitless(self) -> bool:
        """Whether the size of its memory is unknown."""
        return self.gpu is not None and (self.gpu.virtual or not self.gpu.memory)

    @property
    def is_hiding(self) -> bool:
        """Whether more memory is in use without a process than an idle GPU has."""
        if self.gpu is None or self.gpu.unified or self.limitless:
            return False
        return self.hidden > self._idle_use

    @property
    def _idle_use(self) -> int:
        """The most bytes that may be in use on a GPU that counts as idle."""
        quietest = self.quietest if self.quietest is not None else self.hidden
        return min(quietest + self.rules.idle_memory, _MOST_HIDDEN)

    # -- obstacles ---------------------------------------------------------------------------------

    def obstacle(self, need: GpuNeed) -> Obstacle | None:
        """Return the first obstacle to serving the request now; None if there is none."""
        gpu = self.gpu
        if gpu is None or not matches(gpu, need.model):
            return Obstacle.MODEL
        if need.number > 1 and gpu.parent is not None:
            return Obstacle.INSTANCE  # a CUDA process can use one MIG instance only
        if is_too_small(gpu, need.memory):
            return Obstacle.TOO_SMALL
        if gpu.compute_mode == "prohibited":
            return Obstacle.PROHIBITED
        return self._share_obstacle(need, gpu) or self._memory_obstacle(need, gpu)

    def _share_obstacle(self, need: GpuNeed, gpu: Gpu) -> Obstacle | None:
        if self.wholes:
            return Obstacle.HELD
        exclusive = gpu.compute_mode in _EXCLUSIVE
        if need.share < WHOLE and not exclusive:
            if need.share > self.share_available:
                return Obstacle.SHARE
            return Obstacle.RETURNING if self.returning else None
        if self.claims:
            return Obstacle.SHARED
        if exclusive and self.computing:
            return Obstacle.FOREIGN
        return self._idle_obstacle()

    def _idle_obstacle(self) -> Obstacle | None:
        """Return what keeps a GPU without grants from being free for a whole job."""
        if self.rules.foreign == "avoid":
            foreign = sum(process.memory or 0 for process in self.computing)
            if self.strays or foreign > self.rules.idle_memory:
                return Obstacle.FOREIGN
        if self.returning:
            return Obstacle.RETURNING
        return Obstacle.HIDDEN if self.rules.foreign == "avoid" and self.is_hiding else None

    def _memory_obstacle(self, need: GpuNeed, gpu: Gpu) -> Obstacle | None:
        if self.limitless:
            return None
        if need.share >= WHOLE:
            needed = max(need.memory, 0)
        else:
            needed = max(requested_memory(gpu, need.share, need.memory, self.rules), 1)
        if needed >= usable_memory(gpu) - self.rules.idle_memory:  # all of an idle GPU
            needed = max(usable_memory(gpu) - self._idle_use, 1)
        return Obstacle.MEMORY if self.memory_available < needed else None
