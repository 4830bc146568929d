"""Describe workflow files as a JSON Schema that editors use to complete and check them.

Input: the tables of keys, and the meaning of each key. Output: a schema of draft 7, without
references. It accepts every file without an error in a key or value; it does not check references
between entries. Null means that a key is not given, so every key accepts null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_tui.model import Json
from torc_tui.workflow_file import checks, failure_keys, size_checks, values
from torc_tui.workflow_file.checks import MADE, Check
from torc_tui.workflow_file.key_tables import Key, KeyTable
from torc_tui.workflow_file.schema import WORKFLOW

Meanings = Mapping[str, Mapping[str, str]]
"""Name of a table -> key -> meaning of the key."""

_DURATION = (
    r"^\s*[Pp]([\d.,]+[Yy])?([\d.,]+[Mm])?([\d.,]+[Ww])?([\d.,]+[Dd])?"
    r"([Tt]([\d.,]+[Hh])?([\d.,]+[Mm])?([\d.,]+[Ss])?)?\s*$"
)
_SIZE = r"^\s*\d+\s*[kmgtKMGT]?\s*$"
_WORD = r"^[A-Za-z_][A-Za-z0-9_]*$"
_SCALAR = ["string", "number", "boolean", "null"]
_TEXT: Json = {"type": "string", "pattern": r"\S"}
_NUMBER: Json = {"type": "number"}
_FACTOR: Json = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"\d"}]}
_TIME: Json = {"type": "string", "pattern": _DURATION}

_PLAIN: Mapping[Check, Json] = {
    values.string: {"type": "string"},
    values.label: {"type": "string", "pattern": r"^[^,]+$"},
    checks.nonempty: _TEXT,
    checks.name: _TEXT,
    checks.pattern: {"type": "string", "format": "regex"},
    checks.shell: _TEXT,
    checks.signal_name: _TEXT,
    checks.boolean: {"type": "boolean"},
    checks.seconds: {"type": "number", "minimum": 0},
    checks.timestamp: _NUMBER,
    checks.factor: _FACTOR,
    checks.backoff: {"type": "number", "minimum": 1},
    checks.duration: _TIME,
    checks.stored_duration: {"anyOf": [_TIME, {"type": "number", "minimum": 0}]},
    checks.exit_codes: {
        "anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}],
    },
    checks.mapping: {"type": "object"},
    checks.report: _TEXT,
    checks.stdio: {"enum": list(checks.STDIO_MODES)},
    checks.json_value: True,
    checks.metadata: True,
    checks.json_schema: {"type": ["object", "boolean"]},
    checks.variables: {
        "type": "object",
        "propertyNames": {"pattern": _WORD},
        "additionalProperties": {"type": _SCALAR},
    },
    checks.slurm_defaults: {"type": "object", "additionalProperties": {"type": _SCALAR}},
    size_checks.cpus: {"type": "number", "exclusiveMinimum": 0},
    size_checks.gpus: {"type": "number", "minimum": 0},
    size_checks.memory: {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE}],
    },
    size_checks.gpu_memory: {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\s*\d"}],
    },
}
_PARAMETERS: Json = {
    "type": "object",
    "additionalProperties": {"type": [*_SCALAR, "array"]},
}


def workflow_schema(meanings: Meanings) -> Json:
    """Return the schema of a workflow file."""
    found = _table(WORKFLOW, meanings)
    found["properties"]["$schema"] = {"type": "string"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Workflow file of torc",
        **found,
    }


def _table(table: KeyTable, meanings: Meanings) -> Any:
    """Return the schema of an entry."""
    texts = meanings.get(table.what, {})
    properties: dict[str, Json] = {}
    for name, key in table.keys.items():
        found = _or_null(_key(name, key, table, meanings))
        properties[name] = {**found, "description": texts[name]} if name in texts else found
    for alias, name in table.aliases.items():
        properties[alias] = {**properties[name], "deprecated": True}
    properties |= dict.fromkeys(table.gone, True)
    entry: dict[str, Json] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if needed := list(table.required):
        entry["required"] = needed
    if table.free is not None:
        entry["patternProperties"] = {f"^{table.free}": True}
    return entry


def _key(name: str, key: Key, table: KeyTable, meanings: Meanings) -> Any:
    """Return the schema of the value of a key."""
    if name == "parameters":
        return _PARAMETERS
    if key.table is None:
        return _check(key.check)
    entry = _table(key.table, meanings)
    if key.shape == "records":
        return {"type": "array", "items": entry}
    return {"anyOf": [_check(key.check), entry]} if key.table.is_short else entry


def _check(check: Check) -> Any:
    """Return the schema of the values that a check accepts."""
    if check in _PLAIN:
        return _PLAIN[check]
    kind, *arguments = MADE[check]
    match kind:
        case "choice":
            return {"enum": arguments}
        case "integer":
            return {"type": "integer", "minimum": arguments[0], "maximum": arguments[1]}
        case "strings":
            item = _check(arguments[0])
            return {"anyOf": [item, {"type": "array", "items": item}]}
        case "loose_mapping":
            known = {name: _or_null(_check(one)) for name, one in arguments[0].items()}
            return {"type": "object", "properties": known}
    assert check in {key.check for key in failure_keys.END_KEYS.values()}
    return _FACTOR


def _or_null(found: Any) -> Any:
    """Return a schema that also accepts null."""
    if found is True:
        return {}
    if isinstance(found.get("type"), str):
        return {**found, "type": [found["type"], "null"]}
    if "enum" in found:
        return {"enum": [*found["enum"], None]}
    if "anyOf" in found:
        return {"anyOf": [*found["anyOf"], {"type": "null"}]}
    return {**found, "type": [*found["type"], "null"]} if "type" in found else found
