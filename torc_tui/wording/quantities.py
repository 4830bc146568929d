"""Turn numbers and lists into text: counts, lists, sizes, durations, times, exit codes.

Sizes are in powers of 1024 (`16 GiB`), durations have at most two units (`3 min 20 s`), times are
local (`2026-11-28 12:26:31`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, inf
from typing import Any

from torc_tui.status import JobStatus

# -- counts and lists ------------------------------------------------------------------------------


def count(number: float, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 job``, ``2 jobs``, ``0.5 GPUs``.

    ``noun`` may have its verb: ``count(2, "job is", "jobs are")``.
    """
    word = noun if number == 1 else plural or f"{noun}s"
    return f"{number:g} {word}" if isinstance(number, float) else f"{number} {word}"


def status_counts(counts: Mapping[JobStatus, int]) -> str:
    """Return how many jobs have which status: ``3 completed, 1 canceled``."""
    return ", ".join(
        f"{counts[status]} {status.word}" for status in JobStatus if counts.get(status)
    )


def listed(names: Iterable[str], most: int = 3, *, more: int = 0) -> str:
    """Return names as a list: ``a``, ``a and b``, ``a, b, c and 4 more``.

    At most ``most`` names are written; ``more`` counts names that the caller left out already.
    """
    given = list(names)
    shown = given[:most]
    hidden = len(given) - len(shown) + more
    if hidden:
        return f"{', '.join(shown)} and {hidden} more" if shown else f"{hidden} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def in_lines(texts: Iterable[str]) -> str:
    """Return texts one per line, indented by two spaces, at most 20 of them."""
    given = list(texts)
    more = [f"and {len(given) - 20} more"] if len(given) > 20 else []
    return "\n".join(f"  {one}" for one in [*given[:20], *more])


# -- sizes -----------------------------------------------------------------------------------------


_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def size(amount: float) -> str:
    """Return a number of bytes with three digits: ``16 GiB``, ``1.5 MiB``, ``512 B``."""
    if amount < 0:
        return f"-{size(-amount)}"
    if amount < 1000:
        return f"{amount:.0f} B"
    unit, larger = _UNITS[0], iter(_UNITS[1:])
    amount /= 1024
    while amount >= 999.5 and (following := next(larger, None)):
        unit, amount = following, amount / 1024
    digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    text = f"{amount:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits else text} {unit}"


def size_in_column(amount: float) -> str:
    """Return a size with one digit after the point, so that the points of a column are aligned."""
    text, unit = size(amount).split()
    if unit == "B":
        return f"{text} B"
    exact = amount / 1024 ** (1 + _UNITS.index(unit))
    return f"{exact:.1f} {unit}"


def two_sizes(first: float, second: float) -> tuple[str, str]:
    """Return two sizes, with all their bytes where they would look equal and are not."""
    texts = size(first), size(second)
    if texts[0] == texts[1] and first != second:
        return f"{first:.0f} B", f"{second:.0f} B"
    return texts


def standing(status: str) -> str:
    """Return the status of a job or the state of a workflow as a verb: ``has failed``."""
    return f"has {status}" if status in ("completed", "failed") else f"is {status}"


# -- durations and times ---------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``0.42 s``, ``12 s``, ``3 min 20 s``, ``2 d``."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two_units(whole, 60, "min", 1, "s")
    if whole < 86_400:
        return _two_units(whole, 3600, "h", 60, "min")
    return _two_units(whole, 86_400, "d", 3600, "h")


def _two_units(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    first = f"{seconds // large} {large_name}"
    return f"{first} {rest} {small_name}" if rest else first


def time_range(low: float, high: float) -> str:
    """Return how long something may take: ``12–15 min``; one number if both round to the same."""
    fitting = (scale for scale in _RANGE_SCALES if high < scale[0])
    _, size, unit, digits = next(fitting, _RANGE_SCALES[-1])
    first, last = (f"{seconds / size:.{digits}f}" for seconds in (low, high))
    return f"{last} {unit}" if first == last else f"{first}–{last} {unit}"


_RANGE_SCALES = (
    (100.0, 1.0, "s", 0),
    (5400.0, 60.0, "min", 0),
    (36 * 3600.0, 3600.0, "h", 1),
    (inf, 86400.0, "d", 1),
)
"""Values below a limit are shown in that many seconds, with a unit and a number of digits."""


def elapsed(seconds: float) -> str:
    """Return a finished duration for a table: ``0.42 s``, ``3.5 s``, ``12:07``."""
    return duration(max(0.0, seconds)) if seconds < 9.95 else clock(seconds)


def elapsed_in_column(seconds: float) -> str:
    """Return a finished duration; the points of a column are aligned: ``0.42 s``, ``3.50 s``."""
    return f"{max(0.0, seconds):.2f} s" if seconds < 9.995 else clock(seconds)


def clock(seconds: float) -> str:
    """Return a running time that ticks: ``0:04``, ``12:07``, ``3:05:00``, ``4d 03h``."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    if hours >= 72:
        return f"{hours // 24}d {hours % 24:02}h"
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(seconds: float) -> str:
    """Return how long ago something was, in one unit: ``12 min``, ``3 h``, ``5 d``; ``now``."""
    for length, unit in ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"


def ago(seconds: float) -> str:
    """Return how long ago something was: ``3 h ago``, ``now``."""
    text = age(seconds)
    return text if text == "now" else f"{text} ago"


def moment(at: float | None) -> str:
    """Return a time in the local zone, ``2026-11-28 12:26:31``; nothing for None."""
    if at is None:
        return ""
    from datetime import datetime

    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def timestamp(at: float) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond: ``2026-01-31T12:00:00.000Z``."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_timestamps(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record for JSON: its times (keys that end with ``_at``) in ISO 8601."""
    return {
        key: timestamp(value) if key.endswith("_at") and isinstance(value, (int, float)) else value
        for key, value in record.items()
    }


def time_of_day(at: float, *, milliseconds: bool = False) -> str:
    """Return the time of day in the local zone: ``12:26:31``, ``12:26:31.250``."""
    from datetime import datetime

    local = datetime.fromtimestamp(at)
    return local.isoformat(timespec="milliseconds" if milliseconds else "seconds")[11:]


def start_time(at: float, *, far: bool = False) -> str:
    """Return when something will start, ``14:20``; with the date if that is ``far`` away."""
    from datetime import datetime

    return f"{datetime.fromtimestamp(at):{'%m-%d %H:%M' if far else '%H:%M'}}"


def countdown(seconds: float) -> str:
    """Return the time until something, in whole seconds during the last minute."""
    return f"{ceil(seconds)} s" if seconds <= 60 else duration(seconds)


# -- exit codes ------------------------------------------------------------------------------------

SIGNALS: Mapping[int, str] = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM",
    15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
"""Linux's numbers of the signals that end a process."""


def exit_code(code: int) -> str:
    """Return an exit code and the signal that it stands for: ``exit 3``, ``exit 137, SIGKILL``."""
    signal = SIGNALS.get(code - 128)
    return f"exit {code}, {signal}" if signal else f"exit {code}"
