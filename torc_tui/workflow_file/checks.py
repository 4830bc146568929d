"""Check single values of a workflow file.

Input: a value of the document. Output: the value as the records of ``model`` hold it. A check
raises `InvalidValue`, whose message continues the name of the key: "must be a string, not null".
Each check sees one value; what two keys mean together is not known here.
"""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable, Mapping
from typing import Any

from torc_tui.lazy_regex import regex
from torc_tui.model import Json
from torc_tui.patterns import Pattern, PatternError
from torc_tui.quoting import quoted, wrong_name
from torc_tui.units import MOST_FACTOR, parse_duration, parse_factor
from torc_tui.workflow_file.document import MAX_DEPTH, List, Map
from torc_tui.workflow_file.values import (
    SURROGATE,
    InvalidValue,
    as_written,
    kind_of,
    string,
    suggestion,
)

Check = Callable[[Json], Json]
MADE: dict[Check, tuple[Any, ...]] = {}
"""Checks created by functions of this module -> name and arguments of the function."""
INTEGER_LIMIT = 2**31 - 1
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*")


def made(check: Check, *arguments: Any) -> Check:
    """Record the name and arguments of the function that created a check; return the check."""
    MADE[check] = arguments
    return check


# -- strings ---------------------------------------------------------------------------------------


def nonempty(value: Json) -> str:
    """Return a string that is more than white space."""
    checked = string(value)
    if not checked or checked.isspace():
        raise InvalidValue("is empty")
    return checked


def name(value: Json) -> str:
    """Return a name: one line of printable text."""
    checked = nonempty(value)
    wrong = wrong_name(checked)
    if wrong is not None:
        raise InvalidValue(f"{quoted(checked)} {wrong}")
    return checked


def pattern(value: Json) -> str:
    """Return a valid regular expression."""
    checked = nonempty(value)
    try:
        Pattern(checked)
    except PatternError as error:
        raise InvalidValue(f"{quoted(checked)} is not a regular expression: {error}") from None
    return checked


def choice(*words: str) -> Check:
    """Return a check for one of some words."""

    def check(value: Json) -> str:
        if value not in words:
            message = f"must be one of {', '.join(words)}, not {kind_of(value)}"
            raise InvalidValue(message, suggestion(value, words))
        return str(value)

    return made(check, "choice", *words)


def shell(value: Json) -> str:
    """Return the command line of a program that gets the command of a job as its last argument."""
    import shlex

    checked = nonempty(value)
    try:
        words = shlex.split(checked)
    except ValueError as error:
        raise InvalidValue(f"{quoted(checked)} has a quote that is not closed") from error
    if not words or not words[0]:
        raise InvalidValue("names no program")
    return checked


def signal_name(value: Json) -> str:
    """Return the full name of a signal: ``SIGTERM`` for ``term``."""
    checked = nonempty(value).upper()
    known = [one.name for one in signal.Signals]
    full = checked if checked.startswith("SIG") else f"SIG{checked}"
    if full not in known:
        raise InvalidValue(f"{quoted(checked)} is not a signal", suggestion(full, known))
    return full


# -- numbers ---------------------------------------------------------------------------------------


def boolean(value: Json) -> bool:
    """Return true or false."""
    if type(value) is not bool:
        hint = "without quotes" if value in ("true", "false") else None
        raise InvalidValue(f"must be true or false, not {kind_of(value)}", hint)
    return value


def integer(low: int, high: int = INTEGER_LIMIT) -> Check:
    """Return a check for an integer between two limits."""

    def check(value: Json) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise InvalidValue(f"must be an integer, not {kind_of(value)}")
        if not low <= value <= high:
            limit = f"at least {low}" if value < low else f"at most {high}"
            raise InvalidValue(f"must be {limit}, not {str(value)[:40]}")
        return value

    return made(check, "integer", low, high)


def seconds(value: Json) -> float:
    """Return a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise InvalidValue(f"must be a number of seconds, not {kind_of(value)}")
    return float(value)


def timestamp(value: Json) -> float:
    """Return a number of seconds since the epoch."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise InvalidValue(f"must be a number of seconds since 1970, not {kind_of(value)}")
    return float(value)


def factor(value: Json) -> float:
    """Return a factor by which a request grows: ``x1.5``."""
    try:
        return parse_factor(value)
    except ValueError as error:
        raise InvalidValue(*error.args) from None


def backoff(value: Json) -> float:
    """Return a factor by which the time between attempts grows."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 1 <= value <= MOST_FACTOR:
        raise InvalidValue(f"must be a number from 1 to {MOST_FACTOR}, not {kind_of(value)}")
    return float(value)


def duration(value: Json) -> float:
    """Return the seconds of an ISO 8601 duration such as ``PT1H``."""
    try:
        length = parse_duration(string(value))
    except ValueError as error:
        raise InvalidValue(*error.args) from None
    if length <= 0:
        raise InvalidValue("must be greater than 0")
    return length


def stored_duration(value: Json) -> float:
    """Return the seconds of a duration, which an exported workflow gives as a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return seconds(value)
    return duration(value)


# -- lists -----------------------------------------------------------------------------------------


def strings(item: Check = nonempty) -> Check:
    """Return a check for a list of strings; one string stands for a list of one."""

    def check(value: Json) -> tuple[str, ...]:
        if isinstance(value, str):
            return (item(value),)
        if not isinstance(value, list):
            raise InvalidValue(f"must be a list of strings, not {kind_of(value)}")
        return _each(value, item)

    return made(check, "strings", item)


def exit_codes(value: Json) -> tuple[int, ...]:
    """Return one or several exit codes."""
    return _each(value if isinstance(value, list) else [value], integer(0, 255))


def _each(values: list[Json], check: Check) -> tuple[Json, ...]:
    found = []
    for index, one in enumerate(values):
        try:
            found.append(check(one))
        except InvalidValue as invalid:
            message = f"entry {index + 1} {invalid.message}"
            raise InvalidValue(message, invalid.hint, index) from None
    return tuple(found)


def records(value: Json) -> List:
    """Return a list of entries, which are not checked yet."""
    if isinstance(value, dict):
        raise InvalidValue("must be a list, not a mapping", "begin each entry with '- '")
    if not isinstance(value, list):
        raise InvalidValue(f"must be a list, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but List


# -- mappings and JSON -----------------------------------------------------------------------------


def mapping(value: Json) -> Map:
    """Return a mapping whose values are not checked yet."""
    if not isinstance(value, dict):
        raise InvalidValue(f"must be a mapping, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but Map


STDIO_MODES = ("separate", "combined", "no_stdout", "no_stderr", "none")
"""How the output of a job is kept."""


def stdio(value: Json) -> Map:
    """Return how the output is kept; a mode alone stands for ``{mode: MODE}``."""
    if isinstance(value, str):
        found = Map()
        found["mode"] = choice(*STDIO_MODES)(value)
        return found
    return mapping(value)


def report(value: Json) -> dict[str, Json]:
    """Return how a file appears in a report; a string alone stands for its caption."""
    given = {"caption": value} if isinstance(value, str) else mapping(value)
    found: dict[str, Json] = {}
    for key, one in given.items():
        if key not in ("caption", "group"):
            hint = suggestion(key, ("caption", "group"))
            raise InvalidValue(f"has no key {quoted(key)}", hint or "it has caption, group", key)
        try:
            found[key] = nonempty(one)
        except InvalidValue as invalid:
            raise InvalidValue(f"{quoted(key)} {invalid.message}", invalid.hint, key) from None
    return found


def json_value(value: Json, depth: int = 0) -> Json:
    """Return any JSON as plain dicts and lists."""
    if depth > MAX_DEPTH:  # JSON inside a string was not seen by a reader
        raise InvalidValue(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {json_value(key): json_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [json_value(item, depth + 1) for item in value]
    if isinstance(value, str):
        if not value.isascii() and SURROGATE.search(value):
            raise InvalidValue("holds half a surrogate pair, which is not a character")
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidValue(f"{value} is not JSON")
    return value


def metadata(value: Json) -> Json:
    """Return JSON, which may be written as a string that holds JSON."""
    if not isinstance(value, str):
        return json_value(value)
    try:
        return json_value(json.loads(value))
    except (ValueError, RecursionError) as error:
        from torc_tui.json_errors import why_no_json

        raise InvalidValue(f"must hold JSON: {why_no_json(value, error)}") from None


def json_schema(value: Json) -> Json:
    """Return a JSON Schema."""
    if not isinstance(value, (dict, bool)):
        raise InvalidValue(f"must be a JSON Schema, a mapping, not {kind_of(value)}")
    return json_value(value)


def variables(value: Json) -> dict[str, str]:
    """Return a mapping of names to strings; numbers and booleans keep their spelling."""
    given = mapping(value)
    found = {}
    for key, one in given.items():
        if not _VARIABLE.fullmatch(key):
            message = f"{quoted(key)} is not a name for a variable"
            raise InvalidValue(message, "use letters, digits and _ only", key)
        if one is None:
            continue
        try:
            found[key] = as_written(one, given.spelling(key))
        except InvalidValue as invalid:
            raise InvalidValue(f"{quoted(key)} {invalid.message}", invalid.hint, key) from None
    return found


def slurm_defaults(value: Json) -> Json:
    """Return options of sbatch for all schedulers, without those that each scheduler sets."""
    refused = {"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"}
    for key, one in mapping(value).items():
        if key.lower() in refused:
            message = f"{quoted(key)} cannot be a default"
            raise InvalidValue(message, "write it in slurm_schedulers", key)
        if one is not None and not isinstance(one, (str, int, float)):
            message = f"{quoted(key)} must be a string, a number or a boolean, not {kind_of(one)}"
            raise InvalidValue(message, None, key)
    return json_value(value)


def loose_mapping(known: Mapping[str, Check]) -> Check:
    """Return a check for a mapping of which some keys are known and others are kept as they are."""

    def check(value: Json) -> Json:
        for key, one in mapping(value).items():
            if key in known and one is not None:
                try:
                    known[key](one)
                except InvalidValue as invalid:
                    message = f"{quoted(key)} {invalid.message}"
                    raise InvalidValue(message, invalid.hint, key) from None
        return json_value(value)

    return made(check, "loose_mapping", known)
