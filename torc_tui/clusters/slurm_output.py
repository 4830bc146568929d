"""Read what the commands of Slurm print. Pure.

Input: lines. Output: records of `torc_tui.clusters.base`. Lines that cannot be read are left out:
some sites print notices of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from torc_tui.clusters.base import SeenAllocation, Submitted
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.partitions import NodeShape, Partition
from torc_tui.units import parse_walltime

SQUEUE_FORMAT = "%i|%T|%S|%e|%N|%k|%r"
"""The comment of a user may contain any character, the reason never a bar."""
SINFO_FORMAT = "%P|%a|%l|%D|%c|%m|%G"
SACCT_FORMAT = "JobID,State,Start,End,NodeList"

_QUEUED = "PENDING CONFIGURING REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESV_DEL_HOLD"
_RUNNING = "RUNNING COMPLETING SUSPENDED SIGNALING STAGE_OUT RESIZING STOPPED"
_OUTCOMES = {
    "COMPLETED": AllocationOutcome.DONE,
    "TIMEOUT": AllocationOutcome.WALLTIME,
    "DEADLINE": AllocationOutcome.WALLTIME,
    "CANCELLED": AllocationOutcome.CANCELED,
    "REVOKED": AllocationOutcome.CANCELED,
    "PREEMPTED": AllocationOutcome.PREEMPTED,
    "NODE_FAIL": AllocationOutcome.NODE_FAILED,
    "BOOT_FAIL": AllocationOutcome.NODE_FAILED,
    "FAILED": AllocationOutcome.FAILED,
    "OUT_OF_MEMORY": AllocationOutcome.FAILED,
}
_STATES = {
    **dict.fromkeys(_QUEUED.split(), AllocationState.QUEUED),
    **dict.fromkeys(_RUNNING.split(), AllocationState.RUNNING),
    **dict.fromkeys(_OUTCOMES, AllocationState.ENDED),
}
_PARSABLE = re.compile(r"(\d+)(?:;(\S+))?")
_ID = re.compile(r"\d+(?:_\d+|\+\d+)?")
_ESTIMATE = re.compile(r"Job \d+ to start at (\S+)")


def submitted(lines: Iterable[str]) -> Submitted | None:
    """Return what ``sbatch --parsable`` printed, among other lines; None without an id."""
    matches = [_PARSABLE.fullmatch(line.strip()) for line in lines]
    found = [match for match in matches if match]
    return Submitted(found[-1][1], found[-1][2] or "") if found else None


def queue(lines: Iterable[str]) -> dict[str, SeenAllocation]:
    """Return the allocations that squeue lists in `SQUEUE_FORMAT`."""
    found = {}
    for line in lines:
        parts = line.split("|", 5)
        if len(parts) < 6 or not _ID.fullmatch(parts[0].strip()):
            continue
        native_id, word, starts, ends, nodes, rest = parts
        comment, _, reason = rest.rpartition("|")
        found[native_id.strip()] = _seen(
            native_id.strip(), word, (starts, ends), nodes, comment=comment, reason=reason
        )
    return found


def accounts(lines: Iterable[str]) -> dict[str, SeenAllocation]:
    """Return the allocations that sacct lists in `SACCT_FORMAT`, separated by bars."""
    found = {}
    for line in lines:
        parts = line.split("|")
        if len(parts) == 5 and _ID.fullmatch(parts[0].strip()):
            native_id, word, starts, ends, nodes = parts
            found[native_id] = _seen(native_id, word.split()[0], (starts, ends), nodes)
    return found


def state_of(word: str) -> AllocationState:
    """Return the state that a word of Slurm stands for."""
    return _STATES.get(word.strip().rstrip("+"), AllocationState.UNKNOWN)


def _seen(
    native_id: str,
    word: str,
    times: tuple[str, str],
    nodes: str,
    *,
    comment: str = "",
    reason: str = "",
) -> SeenAllocation:
    word = word.strip().rstrip("+")
    return SeenAllocation(
        native_id=native_id,
        state=state_of(word),
        outcome=_OUTCOMES.get(word),
        word=word,
        reason="" if reason.strip() in ("None", "(null)", "N/A") else reason.strip(),
        nodelist="" if nodes.strip() in ("(null)", "None assigned") else nodes.strip(),
        comment="" if comment.strip() == "(null)" else comment.strip(),
        starts_at=moment(times[0]),
        ends_at=moment(times[1]),
    )


def moment(text: str) -> float | None:
    """Return a time in seconds since the epoch; None for ``N/A``, ``Unknown`` and the like."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text) or None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def estimate(lines: Iterable[str]) -> float | None:
    """Return the start that ``sbatch --test-only`` estimates."""
    matches = [_ESTIMATE.search(line) for line in lines]
    return next((moment(match[1]) for match in matches if match), None)


def partitions(lines: Iterable[str]) -> list[Partition]:
    """Return the partitions that sinfo lists in `SINFO_FORMAT`, the default first."""
    found: dict[str, Partition] = {}
    for line in lines:
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 7 or not parts[0]:
            continue
        name, is_default = parts[0].removesuffix("*"), parts[0].endswith("*")
        try:
            shape = NodeShape(
                _number(parts[3]), _number(parts[4]), _number(parts[5]) << 20, _gpus(parts[6])
            )
        except ValueError:
            continue
        known = found.get(name) or Partition(
            name, parts[1] == "up", is_default, parse_walltime(parts[2]), ()
        )
        found[name] = known._replace(shapes=(*known.shapes, shape))
    return sorted(found.values(), key=lambda one: not one.is_default)


def _number(text: str) -> int:
    return int(text.rstrip("+"))


def _gpus(text: str) -> tuple[tuple[str, int], ...]:
    """Return the GPUs of ``gpu:a100:4(S:0-1),gpu:2``: numbers by type."""
    numbers: dict[str, int] = {}
    for part in re.split(r",(?![^(]*\))", text):
        match = re.fullmatch(r"gpu(?::([^:(]+))?(?::(\d+))?(?:\(.*)?", part.strip())
        if match is None:
            continue
        kind, number = match[1] or "", match[2]
        if number is None and kind.isdigit():
            kind, number = "", kind
        numbers[kind] = numbers.get(kind, 0) + int(number or 1)
    return tuple(sorted(numbers.items()))
