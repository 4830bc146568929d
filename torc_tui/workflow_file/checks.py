"""Checks of single values. In: a value of the document. Out: the value as the records of ``model``
hold it.

A check raises ``Wrong`` with a sentence for users. Never done here: looking at more than one value
at a time.
"""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable

from torc_tui.json_errors import why_no_json
from torc_tui.model import Json
from torc_tui.patterns import Pattern, PatternError
from torc_tui.units import parse_duration, parse_memory
from torc_tui.workflow_file.document import MAX_DEPTH, List, Map, quoted

Check = Callable[[Json], Json]
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that no name may hold."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WHOLE_LIMIT = 2**31 - 1


class Wrong(Exception):
    """A value that cannot be used; ``item`` is the index in a list, or the key in a mapping, where
    it stands."""

    def __init__(
        self, message: str, hint: str | None = None, item: int | str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.item = item


def kind_of(value: Json) -> str:
    """The kind of a value, in the words of a user."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {str(value)[:40]}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a mapping" if isinstance(value, dict) else "a list"


def text(value: Json) -> str:
    if type(value) is not str:
        hint = 'put it in quotes: "…"' if isinstance(value, (int, float)) else None
        raise Wrong(f"must be a text, not {kind_of(value)}", hint)
    if "\0" in value:
        raise Wrong("holds a NUL character")
    return value


def filled(value: Json) -> str:
    checked = text(value)
    if not checked or checked.isspace():
        raise Wrong("is empty")
    return checked


def name(value: Json) -> str:
    checked = filled(value)
    if not checked.isprintable() and CONTROL.search(checked):
        raise Wrong(f"{quoted(checked)} holds a line break or a control character")
    return checked


def flag(value: Json) -> bool:
    if type(value) is not bool:
        hint = "without quotes" if value in ("true", "false") else None
        raise Wrong(f"must be true or false, not {kind_of(value)}", hint)
    return value


def whole(low: int, high: int = WHOLE_LIMIT) -> Check:
    def check(value: Json) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise Wrong(f"must be a whole number, not {kind_of(value)}")
        if not low <= value <= high:
            limit = f"at least {low}" if value < low else f"at most {high}"
            raise Wrong(f"must be {limit}, not {str(value)[:40]}")
        return value

    return check


def seconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise Wrong(f"must be a number of seconds, not {kind_of(value)}")
    return float(value)


def cards(value: Json) -> float:
    """A whole number of cards, or a share of one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Wrong(f"must be a number of cards, not {kind_of(value)}")
    if value < 0 or value > 10_000:
        raise Wrong(f"must be between 0 and 10000, not {str(value)[:40]}")
    if value == int(value):
        return int(value)
    if value > 1:
        raise Wrong(
            f"{value:g} cards cannot be given",
            "a whole number of cards, or a share of one below 1, such as 0.5",
        )
    return float(value)


def memory(value: Json) -> int:
    try:
        size = parse_memory(value)
    except ValueError as error:
        raise Wrong(error.args[0], error.args[1] if len(error.args) > 1 else None) from None
    if size == 0:
        raise Wrong("must be more than nothing")
    return size


def duration(value: Json) -> float:
    try:
        length = parse_duration(text(value))
    except ValueError as error:
        raise Wrong(error.args[0], error.args[1] if len(error.args) > 1 else None) from None
    if length <= 0:
        raise Wrong("must be longer than nothing")
    return length


def pattern(value: Json) -> str:
    checked = filled(value)
    try:
        Pattern(checked)
    except PatternError as error:
        raise Wrong(f"{quoted(checked)} is not a regular expression: {error}") from None
    return checked


def choice(*words: str) -> Check:
    def check(value: Json) -> str:
        if value not in words:
            raise Wrong(
                f"must be one of {', '.join(words)}, not {kind_of(value)}", nearest(value, words)
            )
        return str(value)

    return check


def nearest(value: Json, words: tuple[str, ...] | list[str]) -> str | None:
    """A did-you-mean for a word that is not among those."""
    from difflib import get_close_matches  # only a mistake pays for it

    if not isinstance(value, str):
        return None
    lowered = {word.lower(): word for word in words}
    found = get_close_matches(value.lower()[:80], lowered, 1, 0.6)
    return f"did you mean '{lowered[found[0]]}'?" if found else None


def texts(item: Check = filled) -> Check:
    """A list of texts; one text stands for a list of one."""

    def check(value: Json) -> tuple[str, ...]:
        if isinstance(value, str):
            return (item(value),)
        if not isinstance(value, list):
            raise Wrong(f"must be a list of texts, not {kind_of(value)}")
        return _each(value, item)

    return check


def codes(value: Json) -> tuple[int, ...]:
    return _each(value if isinstance(value, list) else [value], whole(0, 255))


def _each(values: list[Json], check: Check) -> tuple[Json, ...]:
    """Every value checked; what is wrong names the entry."""
    found = []
    for index, one in enumerate(values):
        try:
            found.append(check(one))
        except Wrong as wrong:
            raise Wrong(f"entry {index + 1} {wrong.message}", wrong.hint, index) from None
    return tuple(found)


def mapping(value: Json) -> Map:
    if not isinstance(value, dict):
        raise Wrong(f"must be a mapping, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but Map


def records(value: Json) -> List:
    if isinstance(value, dict):
        raise Wrong("must be a list, not a mapping", "begin each entry with '- '")
    if not isinstance(value, list):
        raise Wrong(f"must be a list, not {kind_of(value)}")
    return value  # type: ignore[return-value]  # the readers build nothing but List


def plain(value: Json, depth: int = 0) -> Json:
    """Any JSON, as plain dicts and lists. JSON that stood in a text comes here without a reader
    having looked at it."""
    if depth > MAX_DEPTH:
        raise Wrong(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {plain(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise Wrong("holds half a surrogate pair, which is no character")
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise Wrong(f"{value} is not JSON")
    return value


def settings(value: Json) -> Json:
    return plain(mapping(value))


def variables(value: Json) -> dict[str, str]:
    """A mapping of names to texts; whole numbers and booleans are taken as they print."""
    found = {}
    for key, one in mapping(value).items():
        if not _VARIABLE.fullmatch(key):
            raise Wrong(
                f"{quoted(key)} is not a name for a variable", "letters, digits and _ only", key
            )
        if one is None:
            continue
        if isinstance(one, bool):
            found[key] = "true" if one else "false"
        elif isinstance(one, int):
            found[key] = str(one)
        else:
            try:
                found[key] = text(one)
            except Wrong as wrong:
                raise Wrong(f"{quoted(key)} {wrong.message}", wrong.hint, key) from None
    return found


def metadata(value: Json) -> Json:
    if not isinstance(value, str):
        return plain(value)
    try:
        return plain(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise Wrong(f"must hold JSON: {why_no_json(value, error)}") from None


def schema_of_data(value: Json) -> Json:
    if not isinstance(value, (dict, bool)):
        raise Wrong(f"must be a JSON Schema, a mapping, not {kind_of(value)}")
    return plain(value)


def defaults_of_slurm(value: Json) -> Json:
    refused = {"partition", "nodes", "walltime", "time", "mem", "gres", "name", "job-name"}
    for key, one in mapping(value).items():
        if key.lower() in refused:
            raise Wrong(f"{quoted(key)} cannot be a default", "write it in slurm_schedulers", key)
        if one is not None and not isinstance(one, (str, int, float)):
            raise Wrong(
                f"{quoted(key)} must be a text, a number or a boolean, not {kind_of(one)}",
                None,
                key,
            )
    return plain(value)


def signal_name(value: Json) -> str:
    checked = filled(value).upper()
    known = [one.name for one in signal.Signals]
    full = checked if checked.startswith("SIG") else f"SIG{checked}"
    if full not in known:
        raise Wrong(f"{quoted(checked)} is not a signal", nearest(full, known))
    return full
