"""Make the environment variables by which a job sees its GPUs, and no others.

Input: an allocation and the GPUs of the machine. Output: a part of the job's environment. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.model import Allocation, Gpu

_VIRTUAL = "virtual-"


def environment(
    allocation: Allocation, gpus: Iterable[Gpu], *, by_index: bool = False
) -> dict[str, str]:
    """Return the variables for an attempt with that allocation.

    GPUs are named by their UUID, or with ``by_index`` by their index in the order of the PCI bus.
    A MIG instance has no index, so a job that holds one gets UUIDs in any case. Virtual GPUs have
    only an index. A job without GPUs sees none.
    """
    known = {gpu.uuid: gpu for gpu in gpus}
    indices: list[int | None] = []
    for grant in allocation.gpus:
        gpu = known.get(grant.uuid)
        if gpu is not None:
            indices.append(gpu.index if gpu.virtual or (by_index and gpu.parent is None) else None)
        elif grant.uuid.startswith(_VIRTUAL):
            indices.append(int(grant.uuid.removeprefix(_VIRTUAL)))
        else:
            indices.append(None)
    if None in indices:
        named = [grant.uuid for grant in allocation.gpus]
    else:
        named = [str(index) for index in indices]
    return {"CUDA_VISIBLE_DEVICES": ",".join(named), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
