"""Lists in every format, and that none is cut silently."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.command_table import COMMANDS, LIST, CliCommand

LISTS = [
    command
    for command in COMMANDS
    if command.formats == LIST
    and not command.names[0].startswith(("hpc", "slurm sacct"))  # need a cluster
    and command.names[0] != "slurm usage"  # one object with two lists and a total
]

MANY = """
name: many
jobs: [{name: 'j_{i}', command: 'x ${user_data.output.r_{i}}', parameters: {i: '1:62'}}]
user_data: [{name: 'r_{i}', parameters: {i: '1:62'}}]
"""


def words_of(command: CliCommand) -> list[str]:
    needs_record = any(argument.flags == ("record",) for argument in command.arguments)
    return [*command.names[0].split(), *(["1"] if needs_record else [])]


def by_name(command: CliCommand) -> str:
    return command.names[0]


@pytest.mark.parametrize("command", LISTS, ids=by_name)
def test_formats(torc: Any, client: Any, small: int, command: CliCommand) -> None:
    words = words_of(command)
    records = torc(*words, "-f", "json").json
    assert isinstance(records, list)
    assert torc(*words, "-f", "json-items").json == {"items": records}
    (wrapped,) = client(*words, "-f", "json").json.values()
    assert wrapped == records
    text = torc(*words, "-f", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    if "list-missing" in words or "list-required-existing" in words:
        return  # JSON has the ids only
    assert [row["id"] for row in rows if "id" in row] == [
        str(record["id"]) for record in records if "id" in record
    ]
    assert len(rows) == len(records) and text.count("\n") >= 1


def test_csv_cells(torc: Any, small: int) -> None:
    torc("user-data", "update", 1, "--data", '{"a, b": ["\\u001b", null]}')
    (row,) = csv.DictReader(io.StringIO(torc("user-data", "list", "-f", "csv").out))
    assert json.loads(row["data"]) == {"a, b": ["\x1b", None]}
    assert (row["id"], row["name"], row["is_ephemeral"]) == ("1", "config", "false")


def test_formats_from_settings(torc: Any, small: int, place: Path) -> None:
    (place / "torc.toml").write_text('[client]\nformat = "json"\njson = "items"\n')
    assert list(torc("jobs", "list").json) == ["items"]
    assert torc("jobs", "list", "-f", "json").json["items"][0]["id"] == 1
    assert torc("status").json["id"] == small  # not a list
    (place / "torc.toml").write_text('[client]\nformat = "csv"\n')
    assert torc("jobs", "list").out.startswith("id,")
    assert "Workflow:" in torc("status").out
    (place / "torc.toml").write_text('[client]\nformat = "xml"\n')
    answer = torc("jobs", "list")
    assert (answer.code, answer.out[:1]) == (0, "╭")
    assert answer.err == (
        "warning: torc.toml: client.format must be table, json, json-items or csv, not 'xml';"
        " it is ignored\n"
    )
    assert torc("config", "validate").code == 1


def test_only_tables_are_shortened(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text(MANY)
    torc("create", "w.yaml")
    for form in ("json", "csv"):
        text = torc("user-data", "list", "-f", form).out
        assert text.count("r_62") == 1
    table = torc("user-data", "list")
    assert table.out.count("\n") == 50 + 4
    assert table.err == "50 of 62 user data; `-l 62` or `-f json` lists all\n"
    every = torc("user-data", "list", "-l", 62)
    assert (every.out.count("\n"), every.err) == (62 + 4, "")
    assert torc("user-data", "list", "-l", 5, "-f", "json").out.count('"name"') == 5
    assert torc("user-data", "list", "--offset", 60, "-f", "json").out.count('"name"') == 2
    assert torc("jobs", "list").out.count("\n") == 62 + 4


@pytest.mark.parametrize("command", LISTS, ids=by_name)
def test_no_list_has_a_limit_by_default(command: CliCommand) -> None:
    for argument in command.arguments:
        if "--limit" in argument.flags:
            assert argument.options.get("default") is None


def test_columns_by_name(torc: Any, small: int) -> None:
    table = torc("jobs", "list", "--columns", "name,id,priority").out.splitlines()
    assert table[1].replace("│", " ").split() == ["Name", "ID", "Priority"]
    text = torc("jobs", "list", "--columns", "id, Status", "-f", "csv").out
    assert text.splitlines() == ["id,status", "1,ready", "2,blocked"]
    wrong = torc("jobs", "list", "--columns", "id,color")
    assert wrong.code == 2
    assert "there is no column 'color'" in wrong.err and "columns: id, name, status" in wrong.err


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("command", LISTS, ids=by_name)
def test_tables_fit_the_terminal(
    torc: Any, small: int, command: CliCommand, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torc("run", small, "--quiet")
    monkeypatch.setattr("torc_tui.cli.output.terminal_width", lambda: width)
    answer = torc(*words_of(command))
    assert all(len(line) <= width for line in answer.out.splitlines()), answer.out
    wide = torc(*words_of(command), "--wide")
    assert "not shown" not in wide.err and len(wide.out) >= len(answer.out)
    if width == 80 and command.names[0] == "results list":
        assert "--wide shows all columns" in answer.err


def test_a_computed_column_in_csv(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text('name: w\njobs: [{name: a, command: "true"}]\n')
    torc("run", "w.yaml", "-q")
    heading, row = torc("jobs", "list", "-f", "csv", "--columns", "name,time").out.splitlines()
    assert heading == "name,time" and row.startswith("a,") and row.endswith(" s")


def test_reasons_in_csv(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("name: w\njobs: [{name: a, command: exit 3}]\n")
    torc("run", "w.yaml", "-q")
    for line in ("results list", "jobs list"):
        [row] = csv.DictReader(io.StringIO(torc(*line.split(), "-f", "csv").out))
        assert row["reason"] == "exit 3", line


TIMES = (
    "jobs list",
    "jobs get first",
    "results list",
    "compute-nodes list",
    "workflows list",
    "user-data history note",
    "failures",
    "report",
)


@pytest.mark.parametrize("line", TIMES)
def test_times_in_json(torc: Any, place: Path, line: str) -> None:
    """Times in JSON are ISO 8601 with a zone, except those that are numbers upstream."""
    command = "torc user-data update note --data 1; exit 3"
    jobs = f"[{{name: first, command: '{command}'}}]"
    (place / "w.yaml").write_text(f"name: w\njobs: {jobs}\nuser_data: [{{name: note}}]\n")
    torc("run", "w.yaml", "-q")
    torc("user-data", "update", "note", "--data", "2")
    times = dict(_times_of(torc(*line.split(), "-f", "json").json))
    assert times
    for key, value in times.items():
        assert datetime.fromisoformat(value).tzinfo is not None, key


def _times_of(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _times_of(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key.endswith("_at") or key in ("timestamp", "start_time", "completion_time"):
                yield key, one
            yield from _times_of(one)
