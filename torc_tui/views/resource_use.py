"""Compare what jobs requested with what they used, for each job and for each job group.

Input: jobs with their last attempts, and requirements. Output: records. What was not declared, or
not measured, is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from math import fsum

from torc_tui.model import AttemptUse, JobUse, ResourceRequirements
from torc_tui.tuples import NamedTuple
from torc_tui.wording import duration, size

CPU_TOLERANCE = 5.0
"""Percent by which a CPU share may exceed the request: the kernel counts in ticks of 10 ms."""


class Resource(StrEnum):
    """A resource, under the name that the JSON answers use."""

    MEMORY = "Memory"
    CPU = "CPU"
    RUNTIME = "Runtime"
    GPU_MEMORY = "GPU Memory"


class RequestComparison(NamedTuple):
    """One resource of one attempt: bytes, percent (100 is one CPU) or seconds."""

    job: JobUse
    resource: Resource
    requested: float
    used: float

    @property
    def excess(self) -> float:
        """Return by how many percent the use exceeds the request; negative if it does not."""
        return (self.used / self.requested - 1) * 100

    def exceeds(self, tolerance: float) -> bool:
        """Return whether more was used than requested, by more than ``tolerance`` percent."""
        if self.resource is Resource.CPU:
            tolerance = max(tolerance, CPU_TOLERANCE)
        return self.excess > tolerance

    def words(self, amount: float) -> str:
        """Return a request or a use with its unit."""
        if self.resource is Resource.CPU:
            return f"{amount:.1f}%" if amount % 1 else f"{amount:.0f}%"
        return duration(amount) if self.resource is Resource.RUNTIME else size(amount)


def comparisons(
    jobs: Iterable[JobUse], requirements: Mapping[int, ResourceRequirements]
) -> Iterator[RequestComparison]:
    """Return the comparisons of all jobs, in their order."""
    for job in jobs:
        requested = requirements.get(job.requirement_id)
        if job.attempt is None or requested is None:
            continue
        for resource, (wanted, used) in _pairs(requested, job.attempt).items():
            if wanted and used is not None:
                yield RequestComparison(job, resource, wanted, used)


def _pairs(
    requested: ResourceRequirements, used: AttemptUse
) -> dict[Resource, tuple[float | None, float | None]]:
    gpu_memory = requested.gpu_memory
    if gpu_memory is not None and gpu_memory < 0:
        gpu_memory = None  # per cent of a GPU: how much that was is not known here
    if gpu_memory is not None:
        gpu_memory *= max(1, int(requested.num_gpus))
    return {
        Resource.MEMORY: (requested.memory, used.peak_memory),
        Resource.CPU: (requested.num_cpus * 100, used.peak_cpu_percent),
        Resource.RUNTIME: (requested.runtime, used.seconds),
        Resource.GPU_MEMORY: (gpu_memory, used.peak_gpu_memory),
    }


# -- groups ----------------------------------------------------------------------------------------


class GroupUse(NamedTuple):
    """One resource of a job group: the largest request, the largest peak and the mean of peaks."""

    group: str
    jobs: int
    resource: Resource
    requested: float | None
    peak: float
    mean: float

    @property
    def share(self) -> float | None:
        """Return the share of the request that was used; None if nothing was requested."""
        return self.peak / self.requested if self.requested else None

    def words(self, amount: float) -> str:
        """Return an amount with its unit: CPUs as a number of cores."""
        if self.resource is Resource.CPU:
            return f"{amount / 100:.2f}".rstrip("0").rstrip(".") + " CPU" + "s" * (amount != 100)
        return duration(amount) if self.resource is Resource.RUNTIME else size(amount)

    @property
    def sentence(self) -> str:
        """Return the peak, the request and the mean in words."""
        word, peak = "peak", self.words(self.peak)
        if self.resource is Resource.RUNTIME:
            word = "longest"
        if self.requested is None:
            return f"{word} {peak}, not requested"
        if self.resource is Resource.CPU:
            peak = peak.partition(" ")[0]
        mean = f", mean {self.words(self.mean)}" if self.jobs > 1 else ""
        return f"{word} {peak} of {self.words(self.requested)}{mean}"


def by_group(
    jobs: Iterable[JobUse], requirements: Mapping[int, ResourceRequirements]
) -> list[GroupUse]:
    """Return requested and used for each group and resource; groups in the order of their jobs."""
    found: dict[str, dict[Resource, list[tuple[float | None, float]]]] = {}
    for job in jobs:
        requested = requirements.get(job.requirement_id)
        if job.attempt is None or requested is None:
            continue
        group = found.setdefault(job.group or job.name, {})
        for resource, (wanted, used) in _pairs(requested, job.attempt).items():
            if used is not None:
                group.setdefault(resource, []).append((wanted, used))
    return [
        _group(name, resource, pairs)
        for name, resources in found.items()
        for resource, pairs in sorted(
            resources.items(), key=lambda item: list(Resource).index(item[0])
        )
    ]


def _group(name: str, resource: Resource, pairs: list[tuple[float | None, float]]) -> GroupUse:
    wanted = [one for one, _ in pairs if one]
    used = [one for _, one in pairs]
    return GroupUse(
        name, len(pairs), resource, max(wanted, default=None), max(used), fsum(used) / len(used)
    )
