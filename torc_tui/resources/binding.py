"""Make the environment variables by which a job sees its GPUs, and no others.

Input: an allocation and the GPUs of the machine. Output: a part of the job's environment. Pure.

On NVIDIA, CUDA_VISIBLE_DEVICES names the GPUs and the variables of AMD are empty. On AMD,
ROCR_VISIBLE_DEVICES alone names them: HIP_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES would select
among what it has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torc_tui.model import Allocation, Gpu

_VIRTUAL, _AMD, _INTEL, _SLURM = "virtual-", "rocr-", "oneapi-", "slurm-"
"""How the UUIDs of GPUs begin that have only an index."""


def environment(
    allocation: Allocation, gpus: Iterable[Gpu], *, by_index: bool = False
) -> dict[str, str]:
    """Return the variables for an attempt with that allocation.

    GPUs are named by their UUID, or with ``by_index`` by their index in the order of the PCI bus.
    A MIG instance has no index, so a job that holds one gets UUIDs in any case. Virtual GPUs have
    only an index. A job without GPUs sees none.
    """
    known = {gpu.uuid: gpu for gpu in gpus}
    uuids = [grant.uuid for grant in allocation.gpus]
    indices = [_index(uuid, known, by_index) for uuid in uuids]
    named = ",".join(uuids if None in indices else map(str, indices))
    return _visible(uuids, named) | _granted(allocation, known)


def unset(allocation: Allocation) -> tuple[str, ...]:
    """Return the variables that an attempt with that allocation must not have."""
    on_amd = any(grant.uuid.startswith(_AMD) for grant in allocation.gpus)
    return ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES") if on_amd else ()


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
    if first.startswith(_INTEL):
        return {
            **found,
            "CUDA_VISIBLE_DEVICES": "",
            "ONEAPI_DEVICE_SELECTOR": f"level_zero:{named}",
            **containers,
        }
    if uuids and not first.startswith(_VIRTUAL):
        containers = {"NVIDIA_VISIBLE_DEVICES": named}
    return found | containers


def _granted(allocation: Allocation, known: Mapping[str, Gpu]) -> dict[str, str]:
    """Return the variables of torc: the GPUs, the share and the memory of each."""
    grants = allocation.gpus
    memory = 0
    if grants:
        first = grants[0]
        gpu = known.get(first.uuid)
        memory = first.memory or (gpu.memory * first.share // 1000 if gpu is not None else 0)
    return {
        "TORC_GPU_UUIDS": ",".join(grant.uuid for grant in grants),
        "TORC_GPU_SHARE": f"{grants[0].share / 1000:g}" if grants else "0",
        "TORC_GPU_MEMORY_MB": str(memory >> 20),
    }


def _index(uuid: str, known: Mapping[str, Gpu], by_index: bool) -> int | None:
    """Return the index by which a GPU is named; None if it is named by its UUID."""
    for beginning in (_VIRTUAL, _AMD, _INTEL, _SLURM):
        if uuid.startswith(beginning):
            return int(uuid.removeprefix(beginning))
    gpu = known.get(uuid)
    return gpu.index if gpu is not None and by_index and gpu.parent is None else None
