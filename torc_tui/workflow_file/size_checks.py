"""Check numbers of CPUs and GPUs, and sizes of memory, in a workflow file. Pure."""

from __future__ import annotations

import math

from torc_tui.model import Json
from torc_tui.units import in_thousandths, parse_gpu_memory, parse_memory
from torc_tui.workflow_file.checks import INTEGER_LIMIT
from torc_tui.workflow_file.values import InvalidValue, kind_of

_MAX_GPUS = 10_000


def cpus(value: Json) -> float:
    """Return a number of CPUs, possibly a fraction such as ``0.5``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidValue(f"must be a number of CPUs, not {kind_of(value)}")
    number = in_thousandths(value)
    if not 0 < number <= INTEGER_LIMIT:
        limit = f"at most {INTEGER_LIMIT}" if value > 1 else "at least 0.001"
        raise InvalidValue(f"must be {limit}, not {str(value)[:40]}")
    return number


def gpus(value: Json) -> float:
    """Return a number of GPUs: an integer, or a share of one GPU."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidValue(f"must be a number of GPUs, not {kind_of(value)}")
    if not 0 <= value <= _MAX_GPUS:
        raise InvalidValue(f"must be between 0 and {_MAX_GPUS}, not {str(value)[:40]}")
    if value == int(value):
        return int(value)
    if value > 1:
        hint = "write an integer, or a share of one GPU below 1, such as 0.5"
        raise InvalidValue(f"must be an integer or below 1, not {value:g}", hint)
    return float(value)


def gpu_memory(value: Json) -> int:
    """Return the bytes of a size such as ``16g``, or the negative number of per cent."""
    try:
        return parse_gpu_memory(value)
    except ValueError as error:
        raise InvalidValue(*error.args) from None


def memory(value: Json) -> int:
    """Return the bytes of a size such as ``16g``."""
    try:
        size = parse_memory(value)
    except ValueError as error:
        raise InvalidValue(*error.args) from None
    if size == 0:
        raise InvalidValue("must be greater than 0")
    return size
