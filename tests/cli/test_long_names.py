"""Names of 200 characters work everywhere; names beyond 1,000 are refused where they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

LONG, MOST, TOO_LONG = "n" * 200, "n" * 1000, "n" * 1001
WORDS = "has 1,001 characters; a name may have at most 1,000"


def write(place: Path, name: str) -> None:
    command = f"echo ${{files.input.{name}}}; exit 3"
    job = {"name": name, "command": command, "output_user_data": [name]}
    spec = {
        "name": name,
        "jobs": [job],
        "files": [{"name": name, "path": "in"}],
        "user_data": [{"name": name}],
    }
    (place / "w.json").write_text(json.dumps(spec))
    (place / "in").touch()


@pytest.mark.parametrize("name", [LONG, MOST], ids=["long", "most"])
def test_long_names_work(torc: Any, place: Path, name: str) -> None:
    write(place, name)
    assert torc("run", "w.json", "-q").code == 1
    assert torc("status", name).code == 0
    assert torc("why", name).code == 0
    assert torc("logs", f"1/{name}").out == "in\n"
    assert torc("jobs", "list", name, "-f", "json").json[0]["name"] == name
    assert torc("user-data", "update", name, "-w", 1, "--data", "1").code == 0
    assert torc("workflows", "export", name, "-o", "e.json").code == 0
    assert torc("workflows", "import", "e.json").code == 0
    assert torc("rerun", f"1/{name}", "-y").code == 0


ENTRIES: dict[str, dict[str, Any]] = {
    "workflow": {"name": TOO_LONG},
    "job": {"jobs": [{"name": TOO_LONG, "command": "x"}]},
    "earlier name": {"jobs": [{"name": "a", "command": "x", "was": TOO_LONG}]},
    "label": {"jobs": [{"name": "a", "command": "x", "labels": [TOO_LONG]}]},
    "file": {"files": [{"name": TOO_LONG, "path": "p"}]},
    "record": {"user_data": [{"name": TOO_LONG}]},
    "undeclared record": {
        "jobs": [{"name": "a", "command": f"x ${{user_data.output.{TOO_LONG}}}"}]
    },
    "requirements": {"resource_requirements": [{"name": TOO_LONG, "num_cpus": 1, "memory": "1m"}]},
    "inline requirements": {
        "jobs": [{"name": "a", "command": "x", "resource_requirements": {"name": TOO_LONG}}]
    },
    "failure handler": {"failure_handlers": [{"name": TOO_LONG, "rules": [{"exit_codes": [1]}]}]},
    "scheduler": {"slurm_schedulers": [{"name": TOO_LONG, "account": "x"}]},
}
"""What brings a name -> keys of a workflow file."""


@pytest.mark.parametrize("kind", ENTRIES)
def test_longer_names_in_a_file(torc: Any, place: Path, kind: str) -> None:
    spec = {"name": "w", "jobs": [{"name": "b", "command": "x"}]} | ENTRIES[kind]
    (place / "w.json").write_text(json.dumps(spec))
    answer = torc("validate", "w.json")
    assert answer.code == 2 and WORDS in answer.err and TOO_LONG not in answer.err


@pytest.mark.parametrize("section", ["files", "user_data", "resource_requirements", "jobs"])
def test_longer_names_in_an_export(torc: Any, place: Path, section: str) -> None:
    write(place, "x")
    torc("create", "w.json")
    document = torc("workflows", "export", 1).json
    document[section][0]["name"] = TOO_LONG
    (place / "e.json").write_text(json.dumps(document))
    answer = torc("workflows", "import", "e.json")
    assert answer.code == 2 and WORDS in answer.err


def test_longer_names_after_expansion(torc: Any, place: Path) -> None:
    job = {"name": "{v}", "command": "x", "parameters": {"v": ["short", TOO_LONG]}}
    (place / "w.json").write_text(json.dumps({"jobs": [job]}))
    answer = torc("validate", "w.json")
    assert answer.code == 2 and WORDS in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("workflows", "new", "-n", TOO_LONG),
        ("exec", "-n", TOO_LONG, "-c", "true"),
        ("create", "w.json", "-n", TOO_LONG),
        ("workflows", "update", "1", "-n", TOO_LONG),
        ("jobs", "update", "1", "-n", TOO_LONG),
        ("user-data", "update", "x", "-w", "1", "-n", TOO_LONG),
        ("files", "create", "1", "-n", TOO_LONG, "-p", "y"),
        ("spawn", "w.json", "--lineage", TOO_LONG),
        ("jobs", "create", "1", "-n", TOO_LONG, "--command", "x"),
        ("jobs", "update", "1", "--label", TOO_LONG),
        ("user-data", "create", "1", "-n", TOO_LONG),
        ("resource-requirements", "create", "1", "-n", TOO_LONG),
        ("run", "1", "--label", TOO_LONG),
        ("workflows", "import", "w.json", "--name", TOO_LONG),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_longer_names_on_the_command_line(torc: Any, place: Path, words: tuple[str, ...]) -> None:
    write(place, "x")
    torc("create", "w.json")
    answer = torc(*words)
    assert answer.code == 2 and WORDS in answer.err
