"""Convert sizes, durations and numbers to the texts of a workflow file, and back.

Input: ``"16g"``, ``"PT1H30M"``. Output: bytes and seconds, or texts of the same numbers.
``parse_*`` raise ValueError with the message for the user, and with a hint as a second argument
where there is one.
"""

from __future__ import annotations

import re

from torc_tui.lazy_regex import regex
from torc_tui.quoting import quoted

_MEMORY = regex(r"(\d{1,19})\s*([kmgt]?)", re.IGNORECASE)
_SHIFT = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_MEMORY_LIMIT = 1 << 60
_PER_CENT = regex(r"(\d{1,3})\s*%")
LEAST_GPU_MEMORY = 16 << 20
"""The smallest request of GPU memory: less is a forgotten unit."""
_FACTOR = regex(r"[x×*]\s*(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
MOST_FACTOR = 100

_NUMBER = r"(\d{1,12}(?:[.,]\d{1,9})?)"
_DURATION = regex(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.IGNORECASE,
)
_SECONDS = (31_557_600, 2_629_800, 604_800, 86_400, 3_600, 60, 1)
_SHORT = regex(r"(\d+)\s*(s|sec|m|min|h|d)[a-z]*", re.IGNORECASE)
_CLOCK = regex(r"(\d{1,4}):(\d{2}):(\d{2})")


def parse_memory(text: str | int) -> int:
    """Return the bytes of ``"16g"``.

    A size is an integer with one of the letters k, m, g, t (powers of 1024), or without for bytes.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        if 0 <= text <= _MEMORY_LIMIT:
            return text
        raise ValueError(
            "cannot be negative" if text < 0 else f"is too large; the limit is {_MEMORY_LIMIT}"
        )
    if not isinstance(text, str):
        raise ValueError("must be an integer with k, m, g or t, such as 16g")
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{quoted(str(text), 40)} is not a size", _memory_hint(text))
    size = int(match[1]) << _SHIFT[match[2].lower()]
    if size > _MEMORY_LIMIT:
        raise ValueError(f"{quoted(str(text), 40)} is too large")
    return size


def _memory_hint(text: str) -> str:
    match = re.fullmatch(
        r"\s*(\d{1,12})(\.\d{1,6})?\s*([kmgt]?)(i?b(?:ytes?)?)?\s*", text, re.IGNORECASE
    )
    if match is None or (match[2] and not match[3]):
        return "write an integer with k, m, g or t, such as 512m or 16g"
    from decimal import Decimal

    exact = Decimal(match[1] + (match[2] or "")) * (1 << _SHIFT[match[3].lower()])
    return f"write {format_memory(int(exact))}"


def parse_factor(value: object) -> float:
    """Return the factor by which a request grows: 1.5 for ``"x1.5"``, ``"1.5"`` or 1.5."""
    found = _FACTOR.fullmatch(value.strip()) if isinstance(value, str) else None
    number = found[1] if found else value
    if isinstance(number, bool) or not isinstance(number, (int, float, str)):
        raise ValueError("must be a factor such as x1.5")
    try:
        factor = float(number)
    except ValueError:
        raise ValueError(f"{quoted(str(value), 40)} is not a factor", "write x1.5") from None
    if not 1 < factor <= MOST_FACTOR:
        raise ValueError(f"must be above 1 and at most {MOST_FACTOR}, not {number}", "write x1.5")
    return factor


def parse_gpu_memory(text: str | int) -> int:
    """Return the bytes of ``"16g"``; per cent of a GPU, ``"50%"``, become a negative number."""
    found = _PER_CENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is not None:
        if not 1 <= int(found[1]) <= 100:
            raise ValueError("must be from 1% to 100%")
        return -int(found[1])
    size = parse_memory(text)
    if size < LEAST_GPU_MEMORY:
        raise ValueError(
            "must be at least 16m" if size else "must be greater than 0",
            f"write {size}g, or {size}%" if 0 < size <= 100 else "write a size such as 16g",
        )
    return size


def in_thousandths(number: float) -> float:
    """Return a number of CPUs or GPUs without rounding errors, as an integer if it is whole."""
    found = round(number, 3)
    return int(found) if found == int(found) else found


def format_memory(size: int) -> str:
    """Return the shortest text that is read as exactly this many bytes or per cent: ``16g``."""
    if size < 0:
        return f"{-size}%"
    for letter in ("t", "g", "m", "k"):
        unit = 1 << _SHIFT[letter]
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)


def parse_duration(text: str) -> float:
    """Return the seconds of an ISO 8601 duration such as ``PT1H30M``.

    A year counts 31,557,600 s, a month 2,629,800 s.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or not any(match.groups()) or text.strip().upper().endswith("T"):
        raise ValueError(f"{quoted(str(text), 40)} is not a duration", _duration_hint(str(text)))
    from decimal import Decimal

    total = Decimal(0)
    for number, seconds in zip(match.groups(), _SECONDS, strict=True):
        if number:
            total += Decimal(number.replace(",", ".")) * seconds
    return float(total)


def short_duration(text: str) -> int | None:
    """Return the seconds of a duration such as ``2h`` or ``90 min``; None for any other text."""
    match = _SHORT.fullmatch(text.strip()[:20])
    if match is None:
        return None
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2][0].lower()]


def _duration_hint(text: str) -> str:
    if match := _CLOCK.fullmatch(text.strip()):
        seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
        return f"write {format_duration(seconds)}"
    if (short := short_duration(text)) is not None:
        return f"write {format_duration(short)}"
    return "write an ISO 8601 duration, such as PT30M, PT4H or P1DT12H"


def format_duration(seconds: float) -> str:
    """Return ISO 8601 text of a number of seconds: ``PT1H30M``, ``P2DT3H``, ``PT0.25S``."""
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    days, whole = divmod(whole, 86_400)
    hours, whole = divmod(whole, 3600)
    minutes, whole = divmod(whole, 60)
    second = f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)
    clock = "".join(
        f"{number}{letter}"
        for number, letter in ((hours, "H"), (minutes, "M"), (second, "S"))
        if number not in (0, "0")
    )
    if not days and not clock:
        return "PT0S"
    return f"P{days}D" * bool(days) + "P" * (not days) + f"T{clock}" * bool(clock)


# -- the notation of Slurm -------------------------------------------------------------------------


def parse_walltime(text: str) -> float | None:
    """Return the seconds of ``1-12:00:00``, ``30:00`` or ``30`` (minutes); None for no limit."""
    days, mark, clock = text.strip().rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts) or (mark and not days.isdigit()):
        return None
    numbers = [int(part) for part in parts]
    if mark:  # days-hours[:minutes[:seconds]]
        numbers += [0] * (3 - len(numbers))
    elif len(numbers) == 1:
        numbers = [0, numbers[0], 0]
    if len(numbers) > 3:
        return None
    hours, minutes, seconds = [0] * (3 - len(numbers)) + numbers
    return float(int(days or 0) * 86_400 + hours * 3600 + minutes * 60 + seconds)


def parse_slurm_memory(text: object) -> int | None:
    """Return the bytes of ``mem``, in MiB without a unit; None for none, and for ``0`` (all)."""
    found = re.fullmatch(r"(\d+)([KMGT])?B?", str(text or "").strip().upper())
    if found is None or not int(found[1]):
        return None
    return parse_memory(f"{found[1]}{(found[2] or 'M').lower()}")


def parse_gres(gres: object) -> int | None:
    """Return the number of GPUs in ``gpu:a100:2``; None if it names none."""
    numbers = []
    for part in str(gres or "").split(","):
        words = part.strip().partition("(")[0].split(":")
        if words[0] == "gpu":
            numbers.append(int(words[-1]) if len(words) > 1 and words[-1].isdigit() else 1)
    return sum(numbers) if numbers else None


def shortest(value: float) -> str:
    """Return a number as short as possible, without an exponent and without ``.0``."""
    from decimal import Decimal

    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def printed(value: int | float | str) -> str:
    """Return a value as names and commands contain it."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else shortest(value)
