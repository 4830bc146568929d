"""Every command and option of Torc 1.0.0 works, is accepted, or gets a hint.

``upstream_commands.json`` has the options of each command: their names, and whether they have a
value; those under the empty name are global.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli.command_help import parser_of
from torc_tui.cli.command_table import BY_NAME
from torc_tui.cli.global_options import PLAIN, VALUED
from torc_tui.cli.upstream_options import COMMANDS, OPTIONS
from torc_tui.model import Event
from torc_tui.store.event_log import append
from torc_tui.store.feed import Feed

UPSTREAM = json.loads(
    (Path(__file__).parents[1] / "seeds" / "data" / "upstream_commands.json").read_text()
)
OTHERS = {"tui", "logs analyze", "logs bundle"}
"""Commands that are not in the table; other tests call them."""
GLOBAL = {*PLAIN, *VALUED, "-f", "--format", "-s"}


def hint_of(command: str) -> str | None:
    return COMMANDS.get(command) or COMMANDS.get(command.split(" ")[0])


def test_the_table_is_complete() -> None:
    assert len(UPSTREAM) == 141 and "workflows diagnose" in UPSTREAM


@pytest.mark.parametrize("command", [one for one in UPSTREAM if one in BY_NAME])
def test_options(command: str) -> None:
    ours = BY_NAME[command]
    parser = parser_of(ours, "torc", command)
    known = parser._option_string_actions
    translated = OPTIONS.get(ours.names[0], {})
    for *names, kind in UPSTREAM[command]:
        for name in names:
            meaning: Any = translated.get(name, name)
            if isinstance(meaning, str) and meaning not in GLOBAL:
                assert meaning in known, f"{command} {name}"
                assert (known[meaning].nargs == 0) == (kind == "flag"), f"{command} {name}"
            elif not isinstance(meaning, str):
                assert meaning.has_value == (kind == "value"), f"{command} {name}"


def test_global_options() -> None:
    for *names, kind in UPSTREAM[""]:
        if not GLOBAL.isdisjoint(names) and "--format" not in names and "-s" not in names:
            assert any(name in (VALUED if kind == "value" else PLAIN) for name in names), names
        assert not GLOBAL.isdisjoint(names), names


@pytest.mark.parametrize(
    "command", [one for one in UPSTREAM if one and one not in BY_NAME and one not in OTHERS]
)
def test_commands_without_counterpart(torc: Any, place: Path, command: str) -> None:
    hint = hint_of(command)
    assert hint, command
    answer = torc(*command.split(" "))
    assert answer.code == 2 and f"  {hint}\n" in answer.err


def test_no_hint_hides_a_command() -> None:
    assert [one for one in COMMANDS if one in BY_NAME] == []


def test_reports_what_has_no_effect(torc: Any, small: int) -> None:
    answer = torc("recover", small, "--ai-recovery", "--ai-program=x", "--dry-run")
    assert "--ai-recovery has no effect: no program classifies failed jobs" in answer.err
    assert "--ai-program" not in answer.err
    assert torc("recover", small, "--ai-program").code == 2
    answer = torc("exec", "--monitor", "summary", "-i", "5", "-q", "--", "echo", "--monitor", "x")
    assert answer.code == 0 and answer.err == ""
    assert torc("jobs", "list", "exec", "-f", "json").json[0]["command"] == "echo --monitor x"


def test_lists_in_parts(torc: Any, place: Path) -> None:
    needs = [{"name": f"r{i}", "num_cpus": i, "memory": "1g"} for i in (1, 2, 3)]
    (place / "w.json").write_text(json.dumps({"resource_requirements": needs, "jobs": []}))
    torc("create", "w.json")

    def names(*options: str) -> list[str]:
        answer = torc("resource-requirements", "list", 1, "-f", "json", *options)
        return [one["name"] for one in answer.json]

    assert names("-l", "2", "--offset", "1") == ["r2", "r3"]
    assert names("--sort-by", "num_cpus", "--reverse-sort", "-l", "1") == ["r3"]
    answer = torc("resource-requirements", "list", 1, "--sort-by", "cpus")
    assert answer.code == 2 and "cannot sort by 'cpus'" in answer.err
    assert torc("compute-nodes", "list", 1, "-l", "5", "-o", "0", "-r", "-f", "json").json == []
    events = torc("events", "list", 1, "-r", "-l", "1", "-f", "json").json
    assert [one["event_type"] for one in events] == ["workflow_created"]
    assert torc("events", "list", 1, "-o", "1", "-f", "json").json == []
    torc("resource-requirements", "create", 1, "-n", "new", "-m", "2g", "-r", "PT2H")
    assert torc("resource-requirements", "list", 1, "-f", "json").json[-1]["memory"] == "2g"


def test_results_with_logs(torc: Any, small: int) -> None:
    torc("run", small, "-q")
    plain = torc("results", "list", small, "-f", "json").json
    found = torc("results", "list", small, "--include-logs", "-o", "x", "-f", "json").json
    assert plain and [one["id"] for one in found] == [one["id"] for one in plain]
    assert all(Path(one["stdout_path"]).exists() for one in found)
    assert "stdout_path" not in plain[0]
    assert "Stdout" in torc("results", "list", small, "--include-logs", "--wide").out


def test_bundle_and_analyze_logs(torc: Any, small: int, place: Path) -> None:
    torc("run", small, "-q")
    (place / "bundles").mkdir()
    for options in (["-o", "torc_output", "--bundle-dir", "bundles"], ["-o", "bundles"]):
        assert torc("logs", "bundle", small, *options).code == 0
        (place / "bundles" / f"wf{small}.tar.gz").unlink()
    assert torc("logs", "bundle", small).code == 0 and Path(f"wf{small}.tar.gz").exists()
    assert torc("logs", "analyze", "torc_output", "--workflow-id", small).code == 0


def test_diagnose_and_reconcile(torc: Any, small: int) -> None:
    torc("init", small)
    assert torc("workflows", "diagnose", small).out == torc("why", "-w", small).out
    assert torc("workflows", "diagnose", small, "-f", "json").json["waiting"]
    done = torc("workflows", "reconcile", small, 1, "--base-dir", ".", "-f", "json").json
    assert done == {"files": 0, "total_completions": 0, "accepted": 0, "rejected": 0}
    assert "Nothing to reconcile" in torc("workflows", "reconcile", small, 1).out
    assert torc("workflows", "reconcile", 99, 1).code == 2


def test_monitor(torc: Any, small: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows only new events, of the level or above, and writes them to the file too."""
    options = ("-d", "0.02", "--filename", "log", "-f", "json")
    feed, wait = "torc_tui.store.feed.Feed.wait", Feed.wait
    started = []

    def add(self: Feed, timeout: float | None = None) -> list[Event]:
        if not started:
            started.append(timeout)
            with self._store.write() as conn:
                for kind in ("job_failed", "job_retried", "job_started"):
                    append(conn, small, [(kind, 1, None)], at=5.0)
        return wait(self, timeout)

    for level, kinds in (("warning", ["job_failed", "job_retried"]), ("error", ["job_failed"])):
        started.clear()
        monkeypatch.setattr(feed, add)
        answer = torc("events", "monitor", small, "--level", level, *options)
        assert answer.code == 0 and started[0] <= 1.2
        assert [json.loads(line)["event_type"] for line in answer.out.splitlines()] == kinds
    assert len((place / "log").read_text().splitlines()) == 3
    answer = torc("events", "monitor", small, "--filename", "no/log")
    assert answer.code == 2 and "no/log: cannot be written: No such file" in answer.err
