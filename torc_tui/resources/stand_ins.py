"""Create GPUs that no driver reads: virtual GPUs, and those named by an environment. Pure.

GPUs that Slurm grants, or that the variables of AMD and Intel name, are real even if torc cannot
read them: jobs get them by index, and their memory is unknown. HIP_VISIBLE_DEVICES counts the GPUs
of ROCR_VISIBLE_DEVICES, and ONEAPI_DEVICE_SELECTOR those of ZE_AFFINITY_MASK. Slurm may set the
variables of all makers at once, which then tell nothing about the maker.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.errors import UsageError
from torc_tui.model import Gpu
from torc_tui.resources.visible import numbers_of


def stand_ins(
    environ: Mapping[str, str], has_driver: bool, number: int | None, virtual: int | None
) -> tuple[Gpu, ...]:
    """Return the GPUs of a machine whose GPUs cannot be read.

    ``number`` is ``--num-gpus``, ``virtual`` is ``--virtual-gpus``. There are none beside a driver,
    even one that fails.
    """
    if has_driver:
        if virtual:
            raise UsageError(
                "--virtual-gpus cannot be used on a machine with a GPU driver",
                hint="--num-gpus limits the number of GPUs that are used",
            )
        return ()
    if virtual is not None:
        return virtual_gpus(virtual)
    named = _named(environ)
    if named is not None:
        return named if number is None else named[:number]
    if not number or environ.get("CUDA_VISIBLE_DEVICES") == "":
        return ()
    return virtual_gpus(number)


def virtual_gpus(number: int) -> tuple[Gpu, ...]:
    """Return GPUs that exist only to try a workflow."""
    return tuple(
        Gpu(uuid=f"virtual-{index}", index=index, name="virtual GPU", virtual=True)
        for index in range(number)
    )


_NAMING = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
"""Variables of NVIDIA, AMD and Intel that Slurm may set."""


def _named(environ: Mapping[str, str]) -> tuple[Gpu, ...] | None:
    """Return the GPUs that the environment names; None if it names none."""
    granted = _granted_by_slurm(environ)
    if granted is not None:
        return _numbered(granted, "GPU", "slurm")
    numbers = _among(
        numbers_of(environ.get("ROCR_VISIBLE_DEVICES")),
        numbers_of(environ.get("HIP_VISIBLE_DEVICES")),
    )
    if numbers is not None:
        return _numbered(numbers, "AMD GPU", "rocr")
    mask = numbers_of(environ.get("ZE_AFFINITY_MASK"))
    kind, _, devices = environ.get("ONEAPI_DEVICE_SELECTOR", "").partition(":")
    numbers = _among(mask, numbers_of(devices) if kind in ("level_zero", "opencl") else None)
    if numbers is not None:
        return _numbered(numbers, "Intel GPU", "oneapi" if mask is None else "ze")
    return None


def _granted_by_slurm(environ: Mapping[str, str]) -> tuple[int, ...] | None:
    """Return the GPUs that Slurm grants; None without Slurm, or if the maker is known.

    The numbers are those of CUDA_VISIBLE_DEVICES: they differ where a cgroup hides the others.
    """
    if "SLURM_JOB_ID" not in environ:
        return None
    granted = numbers_of(environ.get("SLURM_STEP_GPUS") or environ.get("SLURM_JOB_GPUS"))
    named = [name in environ for name in _NAMING]
    if granted is None or (sum(named) == 1 and not named[0]):
        return None
    shown = environ.get("CUDA_VISIBLE_DEVICES")
    if shown == "":
        return ()
    return numbers_of(shown) or granted


def _among(every: tuple[int, ...] | None, chosen: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the GPUs of a list that a second list selects by position."""
    if every is None or chosen is None:
        return chosen if every is None else every
    return tuple(every[at] for at in chosen if at < len(every))


def _numbered(numbers: tuple[int, ...], name: str, origin: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(uuid=f"{origin}-{index}", index=index, name=name) for index in numbers)
