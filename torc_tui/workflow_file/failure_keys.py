"""List the keys of failure rules: of failure handlers, and of ``on_oom`` and ``on_timeout``."""

from __future__ import annotations

from torc_tui.model import Cause, Json
from torc_tui.quoting import quoted
from torc_tui.workflow_file.checks import (
    Check,
    backoff,
    boolean,
    choice,
    exit_codes,
    factor,
    integer,
    made,
    stored_duration,
    strings,
)
from torc_tui.workflow_file.document import Map
from torc_tui.workflow_file.key_tables import Key, KeyTable
from torc_tui.workflow_file.size_checks import memory
from torc_tui.workflow_file.values import InvalidValue, string

_UNHANDLED = {Cause.CANCELED, Cause.STOPPED, Cause.TIME_LIMIT}
"""Ends of a user or of a runner, about which no failure handler is asked."""
HANDLED_CAUSES = tuple(cause.value for cause in Cause if cause not in _UNHANDLED)

RETRYING = {
    "max_retries": Key(integer(0, 1_000_000)),
    "delay": Key(stored_duration),
    "backoff": Key(backoff),
    "max_delay": Key(stored_duration),
    "memory": Key(factor),
    "gpu_memory": Key(factor),
    "runtime": Key(factor),
    "memory_limit": Key(memory),
    "runtime_limit": Key(stored_duration),
    "recovery_script": Key(string),
    "recovery_timeout": Key(stored_duration),
    "if_script_fails": Key(choice("retry", "fail")),
    "then": Key(choice("fail", "pending", "ignore")),
}
"""What a rule does, whatever it applies to."""


def _end_rule(*resources: str) -> Check:
    """Return the check for a rule about one kind of end; a factor alone grows ``resources``.

    A mapping of a file is checked later, with the lines of its keys.
    """

    def check(value: Json) -> Map | dict[str, Json]:
        if isinstance(value, Map):
            return value
        if isinstance(value, dict):  # from an exported workflow
            return {key: _stored(key, one) for key, one in value.items() if one is not None}
        found = Map()
        for resource in resources:
            found[resource] = factor(value)
        return found

    return made(check, "end_rule")


def _stored(key: str, value: Json) -> Json:
    if key not in RETRYING:
        raise InvalidValue(f"has the unknown key {quoted(key)}")
    return RETRYING[key].check(value)


END_RULES = {name: KeyTable(name, RETRYING, is_short=True) for name in ("on_oom", "on_timeout")}
"""Rules that need no failure handler, by the kind of end to which they apply."""
END_KEYS = {
    "on_oom": Key(_end_rule("memory", "gpu_memory"), "record", END_RULES["on_oom"]),
    "on_timeout": Key(_end_rule("runtime"), "record", END_RULES["on_timeout"]),
}

RULE = KeyTable(
    "rule",
    {
        "exit_codes": Key(exit_codes, "list"),
        "causes": Key(strings(choice(*HANDLED_CAUSES)), "list"),
        "match_all_exit_codes": Key(boolean),
        **RETRYING,
    },
)
