"""Describe the partitions of a cluster, and find the nodes on which a request fits. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.gpus import gpu_need
from torc_tui.tuples import NamedTuple

START_SECONDS = 90.0
"""Time of an allocation in which no job runs: the start of the runner, and the end."""


class NodeShape(NamedTuple):
    """Equal nodes of a partition: their number, and what each of them has.

    ``memory`` is in bytes. ``gpus`` are numbers by type; the type is empty if it has no name.
    """

    nodes: int
    cpus: int
    memory: int
    gpus: tuple[tuple[str, int], ...] = ()

    @property
    def num_gpus(self) -> int:
        """Return the number of GPUs of a node."""
        return sum(number for _, number in self.gpus)


class Partition(NamedTuple):
    """A partition. ``max_walltime`` is in seconds, None without a limit."""

    name: str
    is_up: bool
    is_default: bool
    max_walltime: float | None
    shapes: tuple[NodeShape, ...]


class FittingNodes(NamedTuple):
    """The partition for a request, and the smallest of its nodes on which it fits.

    ``gpu_type`` is the type of the GPUs if the request names a model.
    """

    partition: Partition
    shape: NodeShape
    gpu_type: str = ""


def gpus_of(request: ResourceRequirements) -> float:
    """Return how many GPUs of one node a request takes, in parts of a GPU."""
    need = gpu_need(request)
    if need is None:
        return 0.0
    return request.num_gpus if 0 < request.num_gpus < 1 else float(need.number)


def fitting(
    request: ResourceRequirements, runtime: float, partitions: Sequence[Partition]
) -> FittingNodes | Reason:
    """Return the first partition whose nodes and limit fit a request, or why there is none."""
    for partition in partitions:
        if not _has_time(partition, runtime):
            continue
        shapes = [(shape, _type_of(request, shape)) for shape in partition.shapes]
        found = [(shape, kind) for shape, kind in shapes if _fits(request, shape, kind)]
        if found:
            shape, kind = min(found, key=lambda pair: _size(pair[0]))
            return FittingNodes(partition, shape, kind or "")
    return _why_none(request, runtime, partitions)


def _has_time(partition: Partition, runtime: float) -> bool:
    return partition.max_walltime is None or runtime + START_SECONDS <= partition.max_walltime


def _fits(request: ResourceRequirements, shape: NodeShape, kind: str | None) -> bool:
    gpus = dict(shape.gpus).get(kind, 0) if kind else shape.num_gpus
    return (
        request.num_cpus <= shape.cpus
        and request.planned_memory <= shape.memory
        and (kind is not None and ceil(gpus_of(request)) <= gpus)
    )


def _type_of(request: ResourceRequirements, shape: NodeShape) -> str | None:
    """Return the type of GPU that has the model of a request: empty for any, None if none has."""
    if not request.gpu_model:
        return ""
    wanted = request.gpu_model.lower()
    names = [name for name, _ in shape.gpus if name]
    if not names and shape.gpus:
        return ""  # types without a name may be of that model
    return next((name for name in names if name.lower() in wanted or wanted in name.lower()), None)


def _size(shape: NodeShape) -> tuple[int, int, int]:
    return shape.num_gpus, shape.memory, shape.cpus


def _why_none(
    request: ResourceRequirements, runtime: float, partitions: Sequence[Partition]
) -> Reason:
    """Return the resource of which no partition has enough, with the largest that there is."""
    shapes = [(one, shape) for one in partitions for shape in one.shapes]
    wanted: tuple[tuple[str, float, Callable[[NodeShape], float]], ...] = (
        ("cpus", request.num_cpus, lambda shape: shape.cpus),
        ("memory", request.planned_memory, lambda shape: shape.memory),
        ("gpus", ceil(gpus_of(request)), lambda shape: shape.num_gpus),
    )
    for resource, requested, amount in wanted:
        largest = max(shapes, key=lambda pair: amount(pair[1]), default=None)
        if largest is None or requested > amount(largest[1]):
            return _too_large(resource, requested, largest and amount(largest[1]), largest)
    if request.gpu_model and all(_type_of(request, shape) is None for _, shape in shapes):
        return because(Kind.NO_PARTITION, resource="gpu_model", requested=request.gpu_model)
    limits = [one.max_walltime for one in partitions]
    if None not in limits and runtime + START_SECONDS > max(filter(None, limits), default=0.0):
        longest = max(partitions, key=lambda one: one.max_walltime or 0.0)
        return because(
            Kind.NO_PARTITION,
            resource="runtime",
            requested=runtime,
            largest=longest.max_walltime,
            partition=longest.name,
        )
    return because(Kind.NO_PARTITION, resource="all")


def _too_large(
    resource: str,
    requested: float,
    amount: float | None,
    largest: tuple[Partition, NodeShape] | None,
) -> Reason:
    name = largest[0].name if largest else None
    return because(
        Kind.NO_PARTITION, resource=resource, requested=requested, largest=amount, partition=name
    )


def usable(partitions: Iterable[Partition], name: str | None) -> list[Partition]:
    """Return the partitions that are up, or the one that is named."""
    return [one for one in partitions if (one.name == name if name else one.is_up)]
