"""Create the environment variables that make exactly the GPUs of a job visible to it.

Input: an allocation and the GPUs of the machine. Output: a part of the job's environment. Pure.

On NVIDIA, CUDA_VISIBLE_DEVICES names the GPUs and the variables of AMD are empty. On AMD,
ROCR_VISIBLE_DEVICES alone names them: HIP_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES would select
from its GPUs only. On Intel, ZE_AFFINITY_MASK names them if torc run was limited by it, otherwise
ONEAPI_DEVICE_SELECTOR, which would select from the GPUs of the mask only.

The maker of a GPU that only Slurm names is unknown: the variables of all makers name it.
HIP_VISIBLE_DEVICES then has all positions in ROCR_VISIBLE_DEVICES, because HIP would otherwise
select from these by CUDA_VISIBLE_DEVICES.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from torc_tui.model import Allocation, Gpu
from torc_tui.resources.gpus import (
    DEFAULT_RULES,
    WHOLE,
    GpuRules,
    memory_for_programs,
    usable_memory,
)

_VIRTUAL, _AMD, _SLURM = "virtual-", "rocr-", "slurm-"
_INTEL, _INTEL_MASK = "oneapi-", "ze-"
"""How the UUIDs of GPUs begin that have only an index."""


def environment(
    allocation: Allocation,
    gpus: Sequence[Gpu],
    *,
    by_index: bool = False,
    rules: GpuRules = DEFAULT_RULES,
) -> dict[str, str]:
    """Return the variables for an attempt with that allocation.

    GPUs are named by their UUID, or with ``by_index`` by their index in the order of the PCI bus.
    A MIG instance has no index, so a job that holds one gets UUIDs in any case. Virtual GPUs have
    only an index. A job without GPUs sees none.
    """
    if not allocation.gpus and not gpus:
        return dict(_without_gpus())  # of most jobs
    return _environment(allocation, gpus, by_index, rules)


@cache
def _without_gpus() -> dict[str, str]:
    return _environment(Allocation(), (), False, DEFAULT_RULES)


def _environment(
    allocation: Allocation, gpus: Iterable[Gpu], by_index: bool, rules: GpuRules
) -> dict[str, str]:
    known = {gpu.uuid: gpu for gpu in gpus}
    uuids = [grant.uuid for grant in allocation.gpus]
    indices = [_index(uuid, known, by_index) for uuid in uuids]
    named = ",".join(uuids if None in indices else map(str, indices))
    found = _visible(uuids, named) | _granted(allocation, known, rules)
    found["TORC_GPU_VISIBLE_DEVICES"] = named  # as in upstream, for GPUs of any vendor
    if not uuids and any(uuid.startswith((_INTEL, _INTEL_MASK, _SLURM)) for uuid in known):
        found["ONEAPI_DEVICE_SELECTOR"] = "*:cpu"
    return found


def unset(allocation: Allocation) -> tuple[str, ...]:
    """Return the variables that an attempt with that allocation must not have."""
    first = allocation.gpus[0].uuid if allocation.gpus else ""
    if first.startswith(_AMD):
        return "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"
    return ("ONEAPI_DEVICE_SELECTOR",) if first.startswith((_INTEL_MASK, _SLURM)) else ()


def _visible(uuids: list[str], named: str) -> dict[str, str]:
    """Return what the libraries of NVIDIA, AMD and Intel read."""
    containers = {"NVIDIA_VISIBLE_DEVICES": "void"}
    first = uuids[0] if uuids else ""
    if first.startswith(_AMD):
        return {"ROCR_VISIBLE_DEVICES": named, **containers}
    found = {
        "CUDA_VISIBLE_DEVICES": named,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "ROCR_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
    }
    found_of_intel = {"CUDA_VISIBLE_DEVICES": "", **containers}
    if first.startswith(_INTEL):
        return found | found_of_intel | {"ONEAPI_DEVICE_SELECTOR": f"level_zero:{named}"}
    if first.startswith(_INTEL_MASK):
        return found | found_of_intel | {"ZE_AFFINITY_MASK": named}
    if first.startswith(_SLURM):
        positions = ",".join(map(str, range(len(uuids))))
        found |= {"ROCR_VISIBLE_DEVICES": named, "HIP_VISIBLE_DEVICES": positions}
        found["ZE_AFFINITY_MASK"] = named
    if uuids and not first.startswith(_VIRTUAL):
        containers = {"NVIDIA_VISIBLE_DEVICES": named}
    return found | containers


def hints(allocation: Allocation, gpus: Iterable[Gpu], rules: GpuRules) -> dict[str, str]:
    """Return variables that limit JAX and MPS clients to a share of a GPU.

    Whole GPUs need none. The fraction for XLA is a fraction of the total memory. A limit for MPS
    names the first visible GPU, 0.
    """
    known = {gpu.uuid: gpu for gpu in gpus if not gpu.virtual and gpu.memory}
    found = {}
    for grant in allocation.gpus:
        gpu = known.get(grant.uuid)
        if gpu is None or grant.share >= WHOLE:
            continue
        memory = memory_for_programs(gpu, grant.share, grant.memory, rules)
        part = memory * 1000 // usable_memory(gpu)
        found = {
            "XLA_PYTHON_CLIENT_MEM_FRACTION": f"{max(part, 1) / 1000:.3f}",
            "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={memory >> 20}M",
        }
    return found


def with_hints(environment: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with hints, unless it already limits the memory of the program.

    JAX refuses to start if both variables for its fraction are set.
    """
    if not environment.keys().isdisjoint((*found, "XLA_CLIENT_MEM_FRACTION")):
        found = {}
    return {**environment, **found}


def _granted(allocation: Allocation, known: Mapping[str, Gpu], rules: GpuRules) -> dict[str, str]:
    """Return the variables of torc: the GPUs, the share and the memory of each."""
    grants = allocation.gpus
    memory = 0
    if grants:
        first = grants[0]
        gpu = known.get(first.uuid)
        memory = first.memory
        if gpu is not None and gpu.memory:
            memory = memory_for_programs(gpu, first.share, first.memory, rules)
    return {
        "TORC_GPU_UUIDS": ",".join(grant.uuid for grant in grants),
        "TORC_GPU_SHARE": f"{grants[0].share / WHOLE:g}" if grants else "0",
        "TORC_GPU_MEMORY_MB": str(memory >> 20),
    }


def _index(uuid: str, known: Mapping[str, Gpu], by_index: bool) -> int | None:
    """Return the index by which a GPU is named; None if it is named by its UUID."""
    for beginning in (_VIRTUAL, _AMD, _INTEL, _INTEL_MASK, _SLURM):
        if uuid.startswith(beginning):
            return int(uuid.removeprefix(beginning))
    gpu = known.get(uuid)
    return gpu.index if gpu is not None and by_index and gpu.parent is None else None
