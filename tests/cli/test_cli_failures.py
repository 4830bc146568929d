"""``torc failures``: one row per reason, and actions on all its jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """
name: sweep
jobs:
  - name: train_{i}
    command: |
      if [ $(( {i} % 2 )) = 0 ]; then echo "OSError: No space left on device: '/x/{i}'" >&2; exit 28; fi
      echo starting; echo "ValueError: bad parameter {i}" >&2; exit 1
    resource_requirements: small
    parameters: {i: "1:6"}
  - {name: "plot_{i}", command: "true", depends_on: ["train_{i}"], parameters: {i: "1:6"}}
resource_requirements: [{name: small, num_cpus: 1, memory: 100m}]
"""


@pytest.fixture
def failed(torc: Any, place: Path) -> int:
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "--quiet").code == 1
    return 1


def number_of(torc: Any, kind: str | None) -> int:
    [group] = [one for one in torc("failures", 1, "-f", "json").json if one["kind"] == kind]
    return int(group["number"])


def statuses(torc: Any) -> dict[str, str]:
    return {job["name"]: job["status"] for job in torc("jobs", "list", 1, "-f", "json").json}


def test_list(torc: Any, failed: int) -> None:
    groups = torc("failures", "-f", "json").json
    assert sorted(one["failure"] for one in groups) == [
        "exit 1 ValueError: bad parameter N",
        "exit 28 OSError: No space left on device: '…'",
    ]
    assert [(one["failed"], one["canceled"], one["jobs"]) for one in groups] == [
        (3, 3, "train_*"),
        (3, 3, "train_*"),
    ]
    [sample] = [one["sample"] for one in groups if one["kind"] is None]
    assert (sample["stream"], sample["line"]) == ("stderr", 1)
    table = torc("failures", 1).out
    assert "ValueError: bad parameter N" in table and table.count("train_*") == 2


def test_own_name(torc: Any, place: Path) -> None:
    """A job that failed alone keeps its name in the reason: it may be a word of the sentence."""
    command = 'echo "ValueError: bad key bad_$TORC_JOB_NAME" >&2; exit 1'
    jobs = f"{{name: bad, command: '{command}'}}, {{name: worse, command: exit 2}}"
    (place / "w.yaml").write_text(f"name: w\njobs: [{jobs}]\n")
    assert torc("run", "w.yaml", "--quiet").code == 1
    found = [one["failure"] for one in torc("failures", "-f", "json").json]
    assert sorted(found) == ["exit 1 ValueError: bad key bad_bad", "exit 2"]


def test_show(torc: Any, failed: int) -> None:
    number = number_of(torc, "disk_full")
    told = torc("failures", 1, "show", number)
    assert "3 jobs (train_*) failed, 3 jobs were canceled because of it" in told.out
    assert ".e:1" in told.out and "    OSError: No space left" in told.out
    assert torc("failures", "show", number, "-f", "json").json["kind"] == "disk_full"


def test_show_of_a_run(torc: Any, failed: int) -> None:
    """The place of a sample is in the log of the run that is asked for."""
    torc("init", 1, "-y")
    assert torc("run", 1, "--quiet").code == 1
    assert "_r2_a1.e:1" in torc("failures", 1, "show", 1).out
    assert "_r1_a1.e:1" in torc("failures", 1, "show", 1, "--run", 1).out


def test_retry(torc: Any, failed: int) -> None:
    number = number_of(torc, None)
    answer = torc("failures", 1, "retry", number, "--memory", "x2", "--command", "s/exit 1/exit 0/")
    assert answer.code == 0 and "Retrying 3 jobs" in answer.out
    assert statuses(torc)["train_1"] == "ready" and statuses(torc)["train_2"] == "failed"
    found = torc("resource-requirements", "list", 1, "-f", "json").json
    assert sorted(one["memory"] for one in found if "small" in one["name"]) == ["100m", "200m"]
    assert torc("run", 1, "--quiet").code == 1
    assert [one["kind"] for one in torc("failures", 1, "-f", "json").json] == ["disk_full"]


def test_skip(torc: Any, failed: int) -> None:
    answer = torc("failures", 1, "skip", number_of(torc, "disk_full"))
    assert answer.out.startswith("Disabled 3 jobs") and "depend" not in answer.out
    assert statuses(torc)["plot_2"] == "ready" and statuses(torc)["plot_1"] == "canceled"


def test_retry_of_jobs(torc: Any, failed: int) -> None:
    assert torc("jobs", "retry", "train_1", "-w", 1, "--memory", "+100m").code == 0
    assert torc("jobs", "retry", "train_2", "-w", 1, "--memory", "much").code == 2


def test_summary_of_one_failure(torc: Any, place: Path) -> None:
    command = 'echo "ValueError: bad parameter 7" >&2; exit 1'
    (place / "w.yaml").write_text(f"name: w\njobs: [{{name: a, command: '{command}'}}]\n")
    told = torc("run", "w.yaml").out
    lines = (
        "  1 failed for 1 reason; `torc failures 1`\n"
        "    1 × exit 1 ValueError: bad parameter 7 (a, job 1)\n"
        f"        {place}/torc_output/job_stdio/job_wf1_j1_r1_a1.e:1\n"
    )
    assert told[-len(lines) :] == lines
    assert lines in torc("status", 1).out and lines in torc("why", "w").out


@pytest.mark.parametrize(("width", "most"), [(80, 80), (300, 120), (None, 300)])
def test_message_width(
    torc: Any, place: Path, monkeypatch: pytest.MonkeyPatch, width: int | None, most: int
) -> None:
    """Messages are cut on a terminal; a pipe gets longer messages."""
    command = f'echo "ValueError: {"bad " * 40}" >&2; exit 1'
    jobs = "{name: 'a{i}', parameters: {i: '1:2'}, command: '" + command + "'}"
    (place / "w.yaml").write_text(f"name: w\njobs: [{jobs}]\n")
    monkeypatch.setattr("torc_tui.cli.output.terminal_width", lambda: width)
    lines = torc("run", "w.yaml").out.partition("2 failed for 1 reason")[2].splitlines()[1:]
    assert [line.split()[0] for line in lines[:2]] == ["2", "such"]
    lines = lines[:2]  # then the path of the log
    assert all(len(line) <= most for line in lines)
    assert all(("…" in line) == (width is not None) for line in lines)
    assert width is None or all(line.count("bad") > 5 for line in lines)


def test_summary_of_run(torc: Any, place: Path) -> None:
    """Failed jobs are shown by reason, not one by one."""
    (place / "w.yaml").write_text(SPEC)
    told = torc("run", "w.yaml").out.partition("Workflow 1 (sweep) failed")[2]
    assert "  6 failed for 2 reasons; `torc failures 1`\n" in told
    assert "  3 × exit 1 ValueError: bad parameter N (train_*), 3 canceled\n" in told
    assert "train_3" not in told


def test_status_and_why(torc: Any, failed: int) -> None:
    """Status and why of a workflow show the failures by reason, each with a sample."""
    for words in (["status", 1], ["why", "-w", 1], ["why", "sweep"], ["why", "@last"], ["why"]):
        told = torc(*words).out
        assert "3 × exit 1 ValueError: bad parameter N (train_*), 3 canceled\n" in told, words
        assert "such as train_1 (job 1): ValueError: bad parameter 1\n" in told, words
    found = torc("why", "sweep", "-f", "json").json
    assert (found["workflow_id"], found["state"]) == (1, "failed")
    assert [one["failed"] for one in found["failures"]] == [3, 3]


def test_why_of_waiting_jobs(torc: Any, place: Path) -> None:
    jobs = """
      - {name: first, command: "true"}
      - {name: "after_{i}", command: "true", depends_on: [first], parameters: {i: "1:5"}}
      - {name: big, command: "true", resource_requirements: big}
      - {name: kept, command: "true"}
    """
    big = "{name: big, num_cpus: 4096, memory: 1m, runtime: PT1H}"
    (place / "w.yaml").write_text(f"name: w\njobs: {jobs}\nresource_requirements: [{big}]\n")
    torc("create", "w.yaml")
    torc("init", 1, "-y")
    torc("jobs", "hold", "kept")
    answer = torc("why", "w")
    assert "Workflow 1 (w) is ready: 5 blocked, 3 ready\n" in answer.out
    assert "  1 ready job, such as first (job 1): " in answer.out
    assert "  5 blocked jobs, such as after_1 (job 2): waits for first\n" in answer.out
    assert "such as big (job 7): unschedulable: needs 4096 CPUs" in answer.out
    assert "such as kept" not in answer.out and "1 job is held" in answer.out
    assert "no active runner" in answer.err
    assert {one["name"] for one in torc("why", "-f", "json").json["waiting"]} == {
        "first",
        "after_1",
        "big",
    }


def test_own_words(torc: Any, place: Path) -> None:
    """A reason with the same message in all jobs is shown unchanged."""
    jobs = [
        """{name: alone, command: 'echo "RuntimeError: run 3 of 7" >&2; exit 1'}""",
        """{name: "equal_{i}", command: 'echo "error in step 12" >&2; exit 2', parameters: {i: "1:2"}}""",
        """{name: "part_{i}", command: 'echo "KeyError: {i}" >&2; exit 3', parameters: {i: "1:2"}}""",
    ]
    (place / "w.yaml").write_text(f"name: w\njobs: [{', '.join(jobs)}]\n")
    assert torc("run", "w.yaml", "--quiet").code == 1
    found = {one["jobs"]: one["failure"] for one in torc("failures", "-f", "json").json}
    assert found == {
        "alone": "exit 1 RuntimeError: run 3 of 7",
        "equal_*": "exit 2 error in step 12",
        "part_*": "exit 3 KeyError: N",
    }


def test_nothing_failed(torc: Any, place: Path) -> None:
    (place / "w.yaml").write_text('name: w\njobs: [{name: a, command: "true"}]\n')
    torc("run", "w.yaml", "--quiet")
    assert torc("failures", 1).err == "No failures.\n"
    assert torc("failures", 1, "-f", "json").json == []


WRONG = {
    "failures 1 frob 2": "unexpected argument 'frob'",
    "failures 1 --memory x2": "are for retry",
    "failures 1 show 1 --memory x2": "are for retry",
    "failures 1 show": "show needs the number of a group",
    "failures 1 show one": "show needs the number of a group",
    "failures 1 show 9": "no group of failures 9",
    "failures 1 --run 9": "has no run 9",
    "failures 1 retry 1 --run 1": "only the last run",
    "failures 1 skip 1 --memory x2": "are for retry",
    "failures 1 retry 1 --memory x": "--memory",
    "failures 1 2 show 1": "unexpected argument",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong(torc: Any, failed: int, line: str) -> None:
    answer = torc(*line.split())
    assert answer.code == 2 and WRONG[line] in answer.err
    assert statuses(torc)["train_1"] == "failed"
