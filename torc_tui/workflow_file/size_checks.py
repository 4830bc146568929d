"""Check sizes of memory in a workflow file. Pure."""

from __future__ import annotations

from torc_tui.model import Json
from torc_tui.units import parse_gpu_memory, parse_memory
from torc_tui.workflow_file.values import InvalidValue


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
