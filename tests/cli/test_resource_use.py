"""``workflows check-resources`` and ``correct-resources``, as upstream's scripts read them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

SPEC = """
name: use
jobs:
  - {name: "fit_{i}", command: "true", resource_requirements: shared, parameters: {i: "1:2"}}
  - {name: plot, command: "true", resource_requirements: shared}
  - {name: bad, command: "exit 3", resource_requirements: other}
resource_requirements:
  - {name: shared, num_cpus: 2, memory: 2g, runtime: PT1H}
  - {name: other, num_cpus: 1, memory: 1g, runtime: PT1H}
"""
PEAKS = {"fit_1": (3 << 30, 150.0), "fit_2": (1 << 30, 290.0), "plot": (1 << 28, 90.0)}


@pytest.fixture
def measured(torc: Any, place: Path) -> int:
    """A workflow that has run, with measures of our own."""
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "--quiet").code == 1
    jobs = {one["name"]: one["id"] for one in torc("jobs", "list", 1, "-f", "json").json}
    with contextlib.closing(sqlite3.connect(place.parent / "store.db")) as database:
        for name, (memory, cpu) in PEAKS.items():
            measures = "UPDATE result SET peak_memory = ?, peak_cpu_percent = ? WHERE job_id = ?"
            database.execute(measures, (memory, cpu, jobs[name]))
        database.commit()
    return 1


def requirements(torc: Any) -> dict[str, Any]:
    found = torc("resource-requirements", "list", 1, "-f", "json").json
    return {one["name"]: (one["memory"], one["num_cpus"]) for one in found}


def test_check(torc: Any, measured: int) -> None:
    found = torc("workflows", "check-resources", 1, "-f", "json").json
    assert (found["total_results"], found["over_utilization_count"]) == (3, 2)
    assert [
        (one["job_name"], one["resource_type"], one["specified"], one["peak_used"])
        for one in found["violations"]
    ] == [("fit_1", "Memory", "2 GiB", "3 GiB"), ("fit_2", "CPU", "200%", "290%")]
    assert found["violations"][0]["over_utilization"] == "+50.0%"
    assert "resource_violations" not in found and "within_limits" not in found
    text = torc("workflows", "check-resources", 1)
    assert "2 of 3 jobs used more than requested" in text.out and "fit_1" in text.out
    assert "1 job that did not succeed left out" in text.err


def test_check_more(torc: Any, client: Any, measured: int) -> None:
    words = ("check-resource-utilization", 1, "--include-failed", "--all", "-f", "json")
    found = client("reports", *words).json
    assert found["total_results"] == 4 and found["resource_violations_count"] == 2
    [fit] = [one for one in found["resource_violations"] if one["job_name"] == "fit_1"]
    assert fit["memory_violation"] and fit["configured_memory"] == "2g"
    assert {one["job_name"] for one in found["within_limits"]} >= {"plot", "bad"}
    few = torc("workflows", "check-resources", 1, "--min-over-utilization", 48, "-f", "json").json
    assert few["over_utilization_count"] == 1
    assert torc("workflows", "check-resources", 1, "-r", 9).code == 2


def test_correct(torc: Any, measured: int) -> None:
    dry = torc("workflows", "correct-resources", 1, "--dry-run", "-f", "json").json
    assert dry["dry_run"] and requirements(torc)["shared"] == ("2g", 2)
    assert "2g" in torc("workflows", "correct-resources", 1, "--dry-run").out
    words = ("--memory-multiplier", "1.5", "-f", "json")
    done = torc("workflows", "correct-resources", 1, *words).json
    assert done["status"] == "success" and done["resource_requirements_updated"] == 1
    [one] = done["adjustments"]
    assert (one["direction"], one["original_memory"], one["new_memory"]) == ("upscale", "2g", "5g")
    assert (one["original_cpus"], one["new_cpus"], one["job_names"]) == (2, 4, ["fit_1", "fit_2"])
    assert (one["max_peak_memory_bytes"], one["jobs_affected"]) == (3 << 30, 3)
    assert "original_runtime" not in one
    assert requirements(torc)["shared"] == ("5g", 4)
    kinds = [one["event_type"] for one in torc("events", "list", 1, "-f", "json").json]
    assert kinds.count("requirements_updated") == 1


def test_split(torc: Any, measured: int) -> None:
    done = torc("workflows", "correct-resources", 1, "--split", "--no-downsize").out
    assert done.startswith("1 entry changed") and "shared" in done
    found = requirements(torc)
    assert found["shared"] == ("2g", 2) and found["shared_2"] == ("4g", 4)
    jobs = {one["name"]: one for one in torc("jobs", "list", 1, "-f", "json").json}
    own = {one["resource_requirements_id"] for one in (jobs["fit_1"], jobs["fit_2"])}
    assert len(own) == 1 and jobs["plot"]["resource_requirements_id"] not in own


def test_nothing_to_correct(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text("{name: w, jobs: [{name: a, command: 'true'}]}")
    assert torc("create", "w.yaml").code == 0
    assert "no corrections needed" in torc("workflows", "correct-resources", 1).out
    assert "no job has ended yet" in torc("workflows", "check-resources", 1).out


def test_stopped_at_a_limit(torc: Any, place: Path) -> None:
    """A job that ran out of time did not exceed it, and needs more all the same."""
    (place / "w.yaml").write_text(
        "name: w\njobs: [{name: slow, command: sleep 30, resource_requirements: r}]\n"
        "resource_requirements: [{name: r, num_cpus: 1, runtime: PT0.2S}]\n"
    )
    assert torc("run", "w.yaml", "--quiet").code == 1
    words = ("workflows", "check-resources", 1, "--include-failed")
    assert "ran out of time: slow" in torc(*words, "--min-over-utilization", 900).out
    done = torc("workflows", "correct-resources", 1, "-f", "json").json["adjustments"]
    assert [(one["original_runtime"], one["new_runtime"]) for one in done] == [("PT0.2S", "PT1M")]


@pytest.mark.parametrize(
    "words",
    [("--memory-multiplier", "0"), ("--cpu-multiplier", "nan"), ("--job-ids", "nobody")],
    ids=["zero", "nan", "job"],
)
def test_refused(torc: Any, measured: int, words: tuple[str, str]) -> None:
    assert torc("workflows", "correct-resources", 1, *words).code == 2


def test_archived(torc: Any, measured: int) -> None:
    assert torc("workflows", "archive", "true", 1).code == 0
    answer = torc("workflows", "correct-resources", 1)
    assert answer.code == 2 and "cannot correct the resources of workflow 1" in answer.err


def test_json_is_the_same_in_both(torc: Any, client: Any, measured: int) -> None:
    words = ("workflows", "correct-resources", 1, "--dry-run", "-f", "json")
    assert json.loads(torc(*words).out) == json.loads(client(*words).out)
