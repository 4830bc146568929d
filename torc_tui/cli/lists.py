"""Print lists of records: as a table, as JSON in the two dialects, or as CSV.

JSON and CSV are never cut unless ``--limit`` asks for it; a table that is cut says so.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.cli import output
from torc_tui.cli.columns import OutputColumn
from torc_tui.cli.diagnostics import note, print_stderr
from torc_tui.cli.terminal_text import json_text, sanitize
from torc_tui.errors import UsageError
from torc_tui.wording import with_timestamps

if TYPE_CHECKING:
    from torc_tui.cli.call import Call

Records = Sequence[Mapping[str, Any]]
_ROWS = {"user_data": 50}
"""Rows of a table without ``--limit``, by what is listed."""
_MOST_ROWS = 10_000
_TOTAL_FROM = 20
"""A longer table is followed by the number of its rows."""


def show(call: Call, key: str, columns: Sequence[OutputColumn], records: Records) -> None:
    """Print records in the format of the call; ``key`` is their plural, such as ``user_data``.

    Only the list goes to standard output; totals and remarks go to standard error.
    """
    if call.json:
        records = list(map(with_timestamps, records))
    if call.format == "json":
        output.json_value({key: records} if call.wrapped else records)
    elif call.format == "json-items":
        output.json_value({"items": records})
    elif call.format == "csv":
        _print_csv(call, columns, records)
    else:
        _print_table(call, key, columns, records)


def part(call: Call, records: Records) -> Records:
    """Return the part of a whole list that the options select; UsageError for an unknown order."""
    page = call.page
    key = call.options.sort_by
    if key is not None:
        keys = dict.fromkeys(name for record in records for name in record)
        if records and key not in keys:
            raise UsageError(f"cannot sort by {key!r}", hint=f"keys: {', '.join(keys)}")
        records = sorted(records, key=lambda record: _sort_key(record.get(key)))
    if page["reverse"]:
        records = list(reversed(records))
    return records[page["offset"] :][: page["limit"]]


def _sort_key(value: Any) -> tuple[int, Any]:
    """Return an order of all JSON values: null, numbers, and the rest as text."""
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))


def show_ids(call: Call, key: str, ids: Sequence[int]) -> None:
    """Print ids as JSON, for lists that upstream prints so."""
    if call.format == "json-items":
        output.json_value({"items": ids})
    else:
        output.json_value({key: ids} if call.wrapped else ids)


def _print_table(call: Call, key: str, columns: Sequence[OutputColumn], records: Records) -> None:
    things = key.replace("_", " ")
    if not records:
        print_stderr(f"No {things}.")
        return
    excluded = _excluded(call, columns, records)
    chosen = _chosen(call, columns, records) or columns
    shown = [column for column in chosen if column.key not in excluded]
    rows = records
    if getattr(call.options, "limit", None) is None:
        rows = records[: _ROWS.get(key, _MOST_ROWS)]
    wide = bool(call.options.wide)
    left_out = output.table(shown, rows, wide=wide)
    if left_out:
        note(f"not shown: {', '.join(one.heading for one in left_out)}; --wide shows all columns")
    if len(rows) < len(records):
        total = len(records)
        note(f"{len(rows)} of {total} {things}; `-l {total}` or `-f json` lists all")
    elif sys.stdout.isatty() and len(records) > _TOTAL_FROM:
        note(f"Total: {len(records)} {things}")


def _chosen(
    call: Call, columns: Sequence[OutputColumn], records: Records
) -> list[OutputColumn] | None:
    """Return the columns that ``--columns`` names, None without the option."""
    if call.options.columns is None:
        return None
    found = _named(columns, records, call.options.columns)
    return [column._replace(worth=1, some=False) for column in found]


def _excluded(call: Call, columns: Sequence[OutputColumn], records: Records) -> set[str]:
    """Return the keys of the columns that ``--exclude`` names."""
    given = call.options.exclude or ()
    return {column.key for text in given for column in _named(columns, records, text)}


def _named(columns: Sequence[OutputColumn], records: Records, text: str) -> list[OutputColumn]:
    """Return columns by their headings or keys, or by any key of the records."""
    known = {column.key: column for column in columns}
    known |= {column.heading.lower().replace(" ", "_"): column for column in columns}
    keys = dict.fromkeys(key for record in records for key in record)
    found = []
    for word in text.split(","):
        name = word.strip().lower().replace(" ", "_")
        if name not in known and name not in keys:
            names = ", ".join(dict.fromkeys([*(column.key for column in columns), *keys]))
            raise UsageError(f"there is no column {word.strip()!r}", hint=f"columns: {names}")
        found.append(known.get(name) or OutputColumn(name.replace("_", " ").capitalize(), name))
    return found


def _print_csv(call: Call, columns: Sequence[OutputColumn], records: Records) -> None:
    """Print every key of the records, or the named ones; nested values as JSON.

    Without records, print the keys of the columns.
    """
    import csv

    keys = [column.key for column in columns if isinstance(column.source, str)]
    if records:
        keys = list(dict.fromkeys(key for record in records for key in record))
        keys = [column.key for column in _chosen(call, columns, records) or ()] or keys
        excluded = _excluded(call, columns, records)
        keys = [key for key in keys if key not in excluded]
    by_key = {column.key: column for column in columns}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(keys)
    for record in records:
        values = with_timestamps(record)
        for key in keys:
            if key not in record and key in by_key:
                values[key] = by_key[key].value(record)
        writer.writerow([_csv_cell(values.get(key)) for key in keys])


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        return json_text(value, indent=None)
    if isinstance(value, (str, int, float)):
        return sanitize(str(value), "\n\t")
    return output.cell(value)
