"""Read the accounting that sacct prints. Pure.

Input: lines. Output: one record for each allocation and each of its steps. Lines that cannot be
read are left out: some sites print notices of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torc_tui.clusters.base import AccountRecord

FIELDS = (
    *("JobID", "JobName", "State", "ExitCode", "ElapsedRaw", "AllocCPUS", "NNodes", "TotalCPU"),
    *("MaxRSS", "AllocTRES", "NodeList"),
)
_ID = re.compile(r"(\d+(?:_\d+|\+\d+)?)(?:\.(\S+))?")
_TIME = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)")


def read_accounts(lines: Iterable[str]) -> list[AccountRecord]:
    """Return the records of lines with `FIELDS`, separated by bars; names may contain bars."""
    found = []
    for line in lines:
        parts = line.split("|")
        extra = len(parts) - len(FIELDS)
        match = _ID.fullmatch(parts[0].strip())
        if extra < 0 or match is None:
            continue
        name = "|".join(parts[1 : 2 + extra])
        state, code, elapsed, cpus, nodes, cpu_time, peak, granted, nodelist = parts[2 + extra :]
        found.append(
            AccountRecord(
                native_id=match[1],
                step=match[2] or "",
                name=name,
                state=state.split(" ")[0].rstrip("+"),
                exit_code=code,
                elapsed=float(_number(elapsed) or 0),
                cpus=_number(cpus),
                nodes=_number(nodes),
                cpu_time=_seconds(cpu_time),
                peak_memory=_bytes(peak),
                memory=_bytes(dict(_pairs(granted)).get("mem", "")),
                nodelist=nodelist,
            )
        )
    return found


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    for part in text.split(","):
        name, _, value = part.partition("=")
        yield name, value


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _seconds(text: str) -> float | None:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text.strip())
    return int(float(match[1]) * 1024 ** " KMGTP".index(match[2] or " ")) if match else None
