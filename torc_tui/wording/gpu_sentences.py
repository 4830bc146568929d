"""Turn reasons about GPUs into sentences: which are missing, in use or held, and by which process.

Input: `Reason` records. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.notices import amount_of
from torc_tui.wording.quantities import count, duration, listed, moment, size, two_sizes

Gpu = tuple[int, str | None]
"""The index of a GPU, and the start of its UUID if it is a MIG instance."""
User = tuple[Any, ...]
"""A process on a GPU: pid, name, bytes that it holds; where they are known, its user, and for how
many seconds it has not computed."""

LEAST_IDLE = 60.0
"""Seconds without work after which a process is called idle."""
NAMED_USERS = 2
"""How many processes of one GPU are named."""


def gpu_label(gpu: Gpu) -> str:
    """Return the name of a GPU: ``GPU 1``, ``GPU 0 (MIG-1c2d3e4f)``."""
    index, instance = gpu
    return f"GPU {index}" if instance is None else f"GPU {index} ({instance})"


def _labels(gpus: Sequence[Gpu]) -> str:
    """Return the names of several GPUs: ``GPUs 0, 2 and 3``."""
    if len(gpus) == 1 or any(instance is not None for _, instance in gpus):
        return listed(map(gpu_label, gpus), len(gpus))
    return f"GPUs {listed((str(index) for index, _ in gpus), len(gpus))}"


def gpu_process(
    pid: int, name: str, memory: int | None, user: str = "", idle: float | None = None
) -> str:
    """Describe a process on a GPU: ``pid 4711 python of anna, 48 GiB, 0 % for 3 h``."""
    parts = [f"pid {pid} {name}".rstrip() + (f" of {user}" if user else "")]
    parts += [] if memory is None else [size(memory)]
    parts += [f"0 % for {duration(idle)}"] if idle is not None and idle >= LEAST_IDLE else []
    return ", ".join(parts)


def hidden_memory(size_in_bytes: int) -> str:
    """Describe memory of a GPU that no listed process holds."""
    return f"{size(size_in_bytes)} of unlisted processes"


def _users(users: Sequence[User]) -> str:
    """Return processes, the largest first: ``pid 4711 python, 48 GiB; pid 12; 2 more``."""
    ordered = sorted(users, key=lambda user: (-(user[2] or 0), user[0]))
    words = [gpu_process(*user) for user in ordered[:NAMED_USERS]]
    if len(ordered) > NAMED_USERS:
        words.append(f"{len(ordered) - NAMED_USERS} more")
    return "; ".join(words)


def _wanted(reason: Reason) -> str:
    """Return what is requested: ``2 GPUs``, ``a GPU matching 'H100'``."""
    number = reason["number"]
    text = "a GPU" if number is None else count(number, "GPU")
    return f"{text} matching {reason['model']!r}" if reason["model"] else text


def _gpus(reason: Reason) -> str:
    text = _wanted(reason)
    if reason["memory"]:
        text += f" with {amount_of('gpu_memory', reason['memory'])} each"
    if reason["joined"]:
        text += " in one job (MIG instances cannot be joined)"
    usable = f"machine has {reason['usable'] or 0}"
    if reason["prohibited"]:
        usable += " that computing is allowed on"
    return f"needs {text}, {usable}"


def _gpu_memory(reason: Reason) -> str:
    requested, largest = two_sizes(reason["requested"] or 0, reason["largest"] or 0)
    return f"needs {requested} of memory on one GPU, the largest has {largest}"


def _gpu_model(reason: Reason) -> str:
    has = "0"
    if reason["total"]:
        names = ", ".join(reason["names"] or ())
        has = f"{reason['alike'] or 0} of {reason['total']} ({names})"
    return f"needs {_wanted(reason)}, machine has {has}"


def _in_use(obstacle: Callable[[Reason], str]) -> Callable[[Reason], str]:
    def text(reason: Reason) -> str:
        obstacles = "; ".join(map(obstacle, reason["obstacles"] or ()))
        number = reason["number"]
        if number is None:
            return obstacles
        needed = count(number, "GPU")
        if reason["memory"]:
            memory = amount_of("gpu_memory", reason["memory"])
            needed += f" with {memory} free{' each' if number > 1 else ''}"
        return f"needs {needed}, {reason['free'] or 0} free: {obstacles}"

    return text


def _held(reason: Reason) -> str:
    gpus: Sequence[Gpu] = reason["gpus"] or ()
    several = len(gpus) != 1
    holders = "are held by other jobs" if several else "is held by another job"
    return f"{_labels(gpus)} {holders}"


def _shared(reason: Reason) -> str:
    return f"{_label(reason)} is shared by {count(reason['jobs'] or 0, 'job')}"


def _foreign(reason: Reason) -> str:
    return f"{_label(reason)} is in use ({_users(reason['users'] or ())})"


def _share_taken(reason: Reason) -> str:
    users = f" ({_users(reason['users'])})" if reason["users"] else ""
    free, requested = reason["free"] or 0, reason["requested"] or 0
    return f"{_label(reason)} has {free:g} free{users}, {requested:g} requested"


def _memory_taken(reason: Reason) -> str:
    parts = [_users(reason["users"])] if reason["users"] else []
    if reason["reserved"]:
        parts.append(f"{size(reason['reserved'])} reserved by other jobs")
    users = f" ({'; '.join(parts)})" if parts else ""
    free = f"{size(reason['free'] or 0)} of {size(reason['total'] or 0)} free"
    requested = amount_of("gpu_memory", reason["requested"]) if reason["requested"] else "a share"
    return f"{_label(reason)} has {free}{users}, {requested} requested"


def _set_aside(reason: Reason) -> str:
    problem, number = reason["problem"], reason["number"] or 1
    why = {
        "failures": "jobs failed there repeatedly",
        "suspected": "jobs failed there repeatedly",
        "ecc": f"it has uncorrected memory errors ({number})",
        "remap": "remapping of its memory has failed",
        "reset": "it needs a reset",
        "xid": f"the driver reported the fatal error Xid {number}",
    }.get(problem, f"{reason['user'] or 'a user'} set it aside")
    until = f" until {moment(reason['until'])}" if reason["until"] else ""
    index, instance = reason["gpu"] or (0, None)
    ends_alone = until or problem == "suspected"
    way = "" if ends_alone else f" (undo with `torc gpu use {instance or index}`)"
    return f"{_label(reason)} is not used{until}: {why}{way}"


def _next(reason: Reason) -> str:
    """Describe the reservation of the next job: ``next on GPUs 0 and 1, by 14:20 …``."""
    gpus, at = reason["gpus"], reason["at"]
    words = f"next on {_labels(gpus)}" if gpus else "next"
    if at is None:
        return words
    minute = moment(ceil(at / 60) * 60)[: -len(":00")]
    return f"{words}, by {minute if reason['far'] else minute[-len('00:00') :]} at the latest"


def _used_again(reason: Reason) -> str:
    by = f" (put back by {reason['user']})" if reason["user"] else ""
    return f"{_label(reason)} is back in use{by}"


def _ended(reason: Reason) -> str:
    return f"finished job {reason['job']}" if reason["job"] else "a finished job"


def _label(reason: Reason) -> str:
    return gpu_label(reason["gpu"] or (0, None))


def gpu_sentences(
    sentence: Callable[[Reason], str],
) -> Mapping[Kind, Callable[[Reason], str]]:
    """Return the wording of reasons about GPUs; ``sentence`` words the reasons inside of one."""
    return {
        Kind.GPUS: _gpus,
        Kind.GPU_MEMORY: _gpu_memory,
        Kind.GPU_MODEL: _gpu_model,
        Kind.GPUS_IN_USE: _in_use(sentence),
        Kind.GPUS_HELD: _held,
        Kind.GPUS_UNREAD: lambda _: "the runner has not read its GPUs yet",
        Kind.GPUS_RESERVED: lambda reason: (
            f"{_labels(reason['gpus'] or ())} "
            f"{'are' if len(reason['gpus'] or ()) != 1 else 'is'} reserved for {reason['job']}"
        ),
        Kind.NEXT: _next,
        Kind.GPU_LOST: lambda reason: f"{_labels(reason['gpus'] or ())} failed while the job ran",
        Kind.GPU_HELD_BY: lambda reason: (
            f"{_label(reason)} is held by "
            + "; ".join(f"job {job} of {user}" for user, job in reason["owners"] or ())
        ),
        Kind.GPU_STRAY: lambda reason: (
            f"its process {reason['pid']} {reason['name'] or ''}".rstrip()
            + f" computes on {_label(reason)}, which the job was not given"
        ),
        Kind.GPU_SET_ASIDE: _set_aside,
        Kind.GPU_USED_AGAIN: _used_again,
        Kind.GPU_OUT_OF_MEMORY: lambda reason: (
            f"used {size(reason['used'])} of GPU memory, {size(reason['limit'] or 0)} allowed"
            if reason["used"]
            else "out of GPU memory"
        ),
        Kind.GPU_HIDDEN: lambda reason: (
            f"{_label(reason)} has {size(reason['used'] or 0)} of {size(reason['total'] or 0)} in"
            " use by no process that the driver lists"
        ),
        Kind.GPU_RETURNING: lambda reason: (
            f"{_label(reason)} waits for the memory of {_ended(reason)}"
        ),
        Kind.GPU_UNRETURNED: lambda reason: (
            f"{_label(reason)}: {size(reason['memory'] or 0)} of {_ended(reason)} not returned"
        ),
        Kind.GPU_LIMIT: lambda reason: (
            f"the runner may use {count(reason['limit'] or 0, 'GPU')} at a time"
        ),
        Kind.GPU_SHARED: _shared,
        Kind.GPU_FOREIGN: _foreign,
        Kind.GPU_SHARE_TAKEN: _share_taken,
        Kind.GPU_MEMORY_TAKEN: _memory_taken,
    }
