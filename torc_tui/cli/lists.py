"""Print lists of records: as a table, as JSON in the two dialects, or as CSV.

JSON and CSV are never cut unless ``--limit`` asks for it; a table that is cut says so.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.cli import output
from torc_tui.cli.diagnostics import note, say
from torc_tui.cli.terminal_text import json_text, sanitize

if TYPE_CHECKING:
    from torc_tui.cli.call import Call

_ROWS = {"user_data": 50}
"""Rows of a table without ``--limit``, by what is listed."""
_MOST_ROWS = 10_000
_TOTAL_FROM = 20
"""A longer table is followed by the number of its rows."""


def show(
    call: Call, key: str, columns: Sequence[output.Column], records: Sequence[Mapping[str, Any]]
) -> None:
    """Print records in the format of the call; ``key`` says what they are, such as ``user_data``.

    Only the list goes to standard output; totals and remarks go to standard error.
    """
    if call.format == "json":
        output.json_value({key: records} if call.wrapped else records)
    elif call.format == "json-items":
        output.json_value({"items": records})
    elif call.format == "csv":
        _print_csv(columns, records)
    else:
        _print_table(call, key, columns, records)


def show_ids(call: Call, key: str, ids: Sequence[int]) -> None:
    """Print ids as JSON, for lists that upstream prints so."""
    if call.format == "json-items":
        output.json_value({"items": ids})
    else:
        output.json_value({key: ids} if call.wrapped else ids)


def _print_table(
    call: Call, key: str, columns: Sequence[output.Column], records: Sequence[Mapping[str, Any]]
) -> None:
    things = key.replace("_", " ")
    rows = records
    if getattr(call.options, "limit", None) is None:
        rows = records[: _ROWS.get(key, _MOST_ROWS)]
    output.table(columns, rows)
    if not records:
        say(f"No {things}.")
    elif len(rows) < len(records):
        total = len(records)
        note(f"{len(rows)} of {total} {things}; `-l {total}` or `-f json` lists all")
    elif sys.stdout.isatty() and len(records) > _TOTAL_FROM:
        note(f"Total: {len(records)} {things}")


def _print_csv(columns: Sequence[output.Column], records: Sequence[Mapping[str, Any]]) -> None:
    """Print every key of the records; nested values as JSON. Without records, print the keys of the
    columns."""
    import csv

    keys = [source for _, source in columns if isinstance(source, str)]
    if records:
        keys = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(keys)
    for record in records:
        writer.writerow([_csv_cell(record.get(key)) for key in keys])


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        return json_text(value, indent=None)
    return sanitize(str(value), "\n\t")
