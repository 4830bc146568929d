"""Find out which GPUs a runner may use, by its environment.

Input: the GPUs that the driver can open, and an environment. Output: the UUIDs of devices. Pure.

The rules are those of CUDA: CUDA_VISIBLE_DEVICES holds indices, UUIDs or unique beginnings of
UUIDs; the first entry that matches no device ends the list, a device that is named twice makes it
invalid, and an empty value hides all devices. The order of the list is kept. An
index counts the GPUs that can be opened, in the order of the PCI bus (CUDA itself may put the
fastest first if GPUs differ and CUDA_DEVICE_ORDER is not set). Without that variable, the GPUs of
the Slurm step or job are used (SLURM_STEP_GPUS, SLURM_JOB_GPUS), which Slurm numbers per node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.lazy_regex import regex
from torc_tui.tuples import NamedTuple

_DIGITS = regex(r"\+?([0-9]{1,9})")


class Instance(NamedTuple):
    """A MIG instance: its UUID, and the numbers of its GPU instance and compute instance."""

    uuid: str
    gpu_instance: int
    compute_instance: int


class Device(NamedTuple):
    """A GPU that can be opened.

    ``number`` is its position among all GPUs of the node. A GPU in MIG mode (``mig``) is used only
    through its instances.
    """

    number: int
    uuid: str
    mig: bool = False
    instances: tuple[Instance, ...] = ()

    @property
    def usable(self) -> tuple[str, ...]:
        """The UUIDs by which it is used."""
        return tuple(instance.uuid for instance in self.instances) if self.mig else (self.uuid,)


def visible(
    devices: Sequence[Device], environ: Mapping[str, str], *, hidden: bool = False
) -> list[str]:
    """Return the UUIDs of the devices that may be used, in the order in which they are named.

    ``hidden`` tells that the node has more GPUs, which a cgroup keeps this process from opening.
    """
    everything = [uuid for device in devices for uuid in device.usable]
    inherited = environ.get("CUDA_VISIBLE_DEVICES")
    if inherited is not None:
        return _named(devices, inherited) or []
    numbers = granted_gpus(environ)
    # A cgroup that hides GPUs has selected them already, and may have renumbered the others.
    if numbers is None or hidden or len(devices) <= len(numbers):
        return everything
    return [uuid for device in devices if device.number in numbers for uuid in device.usable]


def names_twice(devices: Sequence[Device], environ: Mapping[str, str]) -> bool:
    """Return whether CUDA_VISIBLE_DEVICES names a device twice; CUDA then shows none."""
    return _named(devices, environ.get("CUDA_VISIBLE_DEVICES", "")) is None


def _named(devices: Sequence[Device], value: str) -> list[str] | None:
    """Return the UUIDs that a list names; None if it names one twice."""
    chosen: list[str] = []
    for entry in value.split(","):
        found = _find(devices, entry.strip())
        if not found:
            break
        if set(found) & set(chosen):
            return None
        chosen += found
    return chosen


def _find(devices: Sequence[Device], entry: str) -> tuple[str, ...]:
    """Return the UUIDs that one entry of CUDA_VISIBLE_DEVICES names; none if it names no device."""
    digits = _DIGITS.match(entry)  # what follows the digits is ignored, as strtoul does
    if digits is not None:
        number = int(digits[1])
        return devices[number].usable if number < len(devices) else ()
    if entry.startswith("MIG-GPU-"):
        # The older form: MIG-<UUID of the GPU>/<GPU instance>/<compute instance>
        parent, _, numbers = entry.removeprefix("MIG-").partition("/")
        instances = [
            instance for device in devices if device.uuid == parent for instance in device.instances
        ]
        return tuple(
            i.uuid for i in instances if f"{i.gpu_instance}/{i.compute_instance}" == numbers
        )
    if entry.startswith("MIG-"):
        return _unique([(i.uuid, (i.uuid,)) for device in devices for i in device.instances], entry)
    if entry.startswith("GPU-"):
        return _unique([(device.uuid, device.usable) for device in devices], entry)
    return ()


def _unique(names: Sequence[tuple[str, tuple[str, ...]]], beginning: str) -> tuple[str, ...]:
    found = [usable for name, usable in names if name.lower().startswith(beginning.lower())]
    return found[0] if len(found) == 1 else ()


def granted_gpus(environ: Mapping[str, str]) -> frozenset[int] | None:
    """Return the numbers of the GPUs that Slurm has granted; None if they cannot be read."""
    if "SLURM_JOB_ID" not in environ:
        return None
    text = (
        environ.get("SLURM_STEP_GPUS")
        or environ.get("SLURM_JOB_GPUS")
        or environ.get("GPU_DEVICE_ORDINAL")
    )
    numbers = numbers_of(text)
    return None if numbers is None else frozenset(numbers)


def numbers_of(text: str | None) -> tuple[int, ...] | None:
    """Return the numbers of a list such as ``0,2-4``; None if it is not such a list."""
    numbers: list[int] = []
    for part in (text or "").split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return None
        numbers += range(int(first), min(int(last or first), int(first) + 1024) + 1)
    return tuple(dict.fromkeys(numbers))
