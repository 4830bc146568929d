"""``torc plot`` of jobs that have just run, of their machine, and of requested and used."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from torc_tui.engine import machine_watch
from torc_tui.executors import attempt

pytestmark = pytest.mark.system

BUSY = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 1"
SPEC = f"""
name: sweep
jobs:
  - {{name: "fit_{{i}}", command: "{BUSY}", parameters: {{i: "1:2"}}, resource_requirements: r}}
  - {{name: brief, command: "true"}}
resource_requirements: [{{name: r, num_cpus: 1, memory: 64m, runtime: PT10M}}]
"""


@pytest.fixture
def sweep(torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A workflow whose attempts of 0.3 s and more keep their measures."""
    monkeypatch.setattr(attempt, "SERIES_SECONDS", 0.3)
    monkeypatch.setattr(attempt, "_PEAK_SECONDS", 0.1)
    monkeypatch.setattr(machine_watch, "_FIRST_SECONDS", 0.05)
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "--quiet").code == 0
    return 1


def test_text(torc: Any, sweep: int) -> None:
    answer = torc("plot", "fit_1")
    assert answer.code == 0 and "fit_1 (job 1, run 1, attempt 1)" in answer.out
    assert "CPU: peak" in answer.out and ", of 1 CPU" in answer.out
    assert "memory: peak" in answer.out and ", of 64 MiB" in answer.out
    assert any(0x2800 < ord(char) < 0x2900 for char in answer.out)


def test_json(torc: Any, sweep: int) -> None:
    [found] = torc("plot", "1/fit_2", "-f", "json").json
    assert (found["job_name"], found["run_id"], found["attempt_id"]) == ("fit_2", 1, 1)
    assert found["limits"] == {"cpu_percent": 100.0, "memory_bytes": 64 << 20}
    memory = found["metrics"]["memory_bytes"]
    measured = [one for one in memory["max"] if one is not None]
    assert measured and max(measured) > 100_000
    assert [one is None for one in memory["min"]] == [one is None for one in memory["max"]]
    assert max(one for one in found["metrics"]["cpu_percent"]["max"] if one is not None) > 0


def test_csv(torc: Any, sweep: int) -> None:
    rows = list(csv.DictReader(io.StringIO(torc("plot", "fit_1", "fit_2", "-f", "csv").out)))
    assert {row["job_name"] for row in rows} == {"fit_1", "fit_2"}
    assert float(rows[0]["seconds"]) == 0.0 and any(row["memory_bytes_mean"] for row in rows)


@pytest.mark.parametrize("words", [("fit_1", "fit_2"), (1,), ("--machine",)])
def test_pictures(torc: Any, sweep: int, place: Path, words: tuple[Any, ...]) -> None:
    picture = ET.fromstring(torc("plot", *words, "-f", "svg").out)
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert torc("plot", *words, "-f", "html", "-o", "page.html").code == 0
    page = (place / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "<svg" in page and "default-src 'none'" in page


def test_groups(torc: Any, sweep: int) -> None:
    text = torc("plot", 1).out
    assert "fit_{i} ×2" in text and "of 64 MiB" in text and "█" in text
    found = torc("plot", "sweep", "-f", "json").json["groups"]
    runtime = [one for one in found if one["resource_type"] == "Runtime"]
    assert [(one["group"], one["jobs"], one["requested"]) for one in runtime] == [
        ("fit_{i}", 2, 600.0),
        ("brief", 1, None),
    ]
    assert 0 < runtime[0]["share"] < 1
    assert "resource_type" in torc("plot", "-f", "csv").out.splitlines()[0]


def test_machine(torc: Any, sweep: int) -> None:
    [found] = torc("plot", "--machine", 1, "-f", "json").json
    assert found["metrics"]["memory_bytes"]["max"] and found["compute_node_id"] == 1
    assert "memory: peak" in torc("plot", "--machine").out


def test_without_measures(torc: Any, sweep: int) -> None:
    answer = torc("plot", "brief")
    assert answer.code == 2 and "no measures over time of brief (job 3)" in answer.err
    both = torc("plot", "brief", "fit_1")
    assert both.code == 0 and "no measures over time of brief" in both.err
    assert torc("plot", "fit_1", "--attempt", 7).code == 2
    assert torc("plot", "nobody").code == 2
    assert torc("plot", "--machine", 1, "fit_1").code == 2


@pytest.mark.parametrize(
    "monitor",
    ["{granularity: summary}", "{enabled: false}", "{jobs: {enabled: false}}"],
    ids=["summary", "off", "jobs"],
)
def test_switched_off(torc: Any, place: Path, sweep: int, monitor: str) -> None:
    (place / "off.yaml").write_text(f"{SPEC}\nresource_monitor: {monitor}\n")
    assert torc("run", "off.yaml", "--quiet").code == 0
    assert torc("plot", "-w", 2, "fit_1").code == 2
    assert torc("plot", "--machine", 2).code == (0 if "jobs" in monitor else 2)


def test_last_two_runs(torc: Any, sweep: int) -> None:
    """Also the machines of earlier runs are forgotten."""
    for _ in range(2):
        assert torc("init", 1, "-y").code == 0 and torc("run", 1, "--quiet").code == 0
    assert torc("plot", "fit_1", "-r", 1).code == 2
    assert torc("plot", "fit_1", "-r", 2).code == 0 and torc("plot", "fit_1", "-r", 3).code == 0
    found = torc("plot", "--machine", 1, "-f", "json").json
    assert [one["run_id"] for one in found] == [2, 3]
