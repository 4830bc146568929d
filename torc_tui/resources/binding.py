"""The variables by which a job sees its GPUs, and no others.

In: an allocation and the GPUs of the machine. Out: a part of the job's environment. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.model import Allocation, Gpu

_VIRTUAL = "virtual-"


def environment(
    allocation: Allocation, gpus: Iterable[Gpu], *, by_index: bool = False
) -> dict[str, str]:
    """The variables for an attempt with that allocation.

    GPUs are named by their UUID, or on request by their number in the order of the PCI bus. MIG
    instances have no number, so a job with one gets ids in any case. Virtual GPUs have a number
    only. Without GPUs the job sees none.
    """
    known = {gpu.uuid: gpu for gpu in gpus}
    numbers: list[int | None] = []
    for grant in allocation.gpus:
        gpu = known.get(grant.uuid)
        if gpu is not None:
            numbers.append(gpu.index if gpu.virtual or (by_index and gpu.parent is None) else None)
        elif grant.uuid.startswith(_VIRTUAL):
            numbers.append(int(grant.uuid.removeprefix(_VIRTUAL)))
        else:
            numbers.append(None)
    if None in numbers:
        named = [grant.uuid for grant in allocation.gpus]
    else:
        named = [str(number) for number in numbers]
    return {"CUDA_VISIBLE_DEVICES": ",".join(named), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
