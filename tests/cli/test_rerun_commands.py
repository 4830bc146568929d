"""The second run: `torc plan`, `reinit`, `accept`, and `run` on a finished workflow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORKFLOW = """
name: demo
jobs:
  - name: prep
    command: cat in.txt > mid.txt; echo prep >> ran
    input_files: [raw]
    output_files: [mid]
  - name: fit
    command: wc -c < mid.txt > fit.txt; echo fit >> ran
    input_files: [mid]
    output_files: [fit]
  - name: plot
    command: echo plot ${user_data.input.colors} >> ran
    input_files: [fit]
  - {name: note, command: echo note >> ran, depends_on: [plot]}
files:
  - {name: raw, path: in.txt}
  - {name: mid, path: mid.txt}
  - {name: fit, path: fit.txt}
user_data:
  - {name: colors, data: {line: red}}
"""


@pytest.fixture
def demo(torc: Any, place: Path) -> Callable[..., list[str]]:
    """A workflow that ran once; call it to run it again, and get the jobs that ran."""
    (place / "in.txt").write_text("hello\n")
    (place / "w.yaml").write_text(WORKFLOW)
    assert torc("run", "w.yaml", "-q").code == 0

    def again(*options: str, code: int = 0) -> list[str]:
        before = (place / "ran").read_text().splitlines()
        assert torc("run", 1, "-q", *options).code == code
        return [line.split()[0] for line in (place / "ran").read_text().splitlines()][len(before) :]

    return again


def touch(place: Path) -> None:
    os.utime(place / "in.txt", (1, 1))


def back(place: Path) -> None:
    (place / "in.txt").write_text("other\n")
    (place / "in.txt").write_text("hello\n")


@pytest.mark.parametrize("change", [touch, back, lambda place: None], ids=["touch", "back", "none"])
def test_nothing_is_stale(
    torc: Any, place: Path, demo: Callable[..., list[str]], change: Callable[[Path], None]
) -> None:
    change(place)
    assert torc("plan", 1, "--check").code == 0
    assert "none of 4 jobs is stale" in torc("run", 1).err
    assert demo("--stale") == []


def test_same_size(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """A change of equal size is noticed, and equal outputs end the rerun."""
    (place / "in.txt").write_text("hallo\n")
    assert torc("plan", 1, "--check").code == 1
    assert demo(code=4) == []
    assert demo("--keep") == []
    assert demo("--stale") == ["prep", "fit"]
    assert demo("--stale") == []


def test_follows(place: Path, demo: Callable[..., list[str]]) -> None:
    """A rerun continues along changed files and along depends_on."""
    (place / "in.txt").write_text("longer than before\n")
    assert demo("--stale") == ["prep", "fit", "plot", "note"]


def test_output(place: Path, demo: Callable[..., list[str]]) -> None:
    (place / "fit.txt").unlink()
    assert demo("--stale") == ["fit"]


def test_user_data(torc: Any, demo: Callable[..., list[str]]) -> None:
    """An edit of a record makes the jobs that read it stale; reverting the edit does not."""
    for color, stale in (("blue", 1), ("red", 0)):
        assert torc("user-data", "update", "colors", "--data", f'{{"line": "{color}"}}').code == 0
        assert torc("plan", 1, "--check").code == stale
    torc("user-data", "update", "colors", "--data", '{"line": "green"}')
    assert demo("--stale") == ["plot", "note"]


def test_evidence(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """The plan names the input that changed, as text and as JSON."""
    (place / "in.txt").write_text("hallo\n")
    lines = torc("plan", 1).out.splitlines()
    assert any("prep" in line and "input raw (in.txt) changed" in line for line in lines)
    document = torc("plan", 1, "-f", "json").json
    jobs = {job["name"]: job for job in document["jobs"]}
    assert jobs["prep"]["verdict"] == "run"
    assert torc("plan", 1, "plot").code == 0


def test_finished(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """A run without work says so, and does not claim that jobs ran."""
    told = torc("run", 1)
    assert (told.code, told.out) == (0, "")
    assert told.err.startswith("workflow 1 has finished, and none of 4 jobs is stale\n")
    (place / "in.txt").write_text("hallo\n")
    for options, code in (((), 4), (("--keep",), 0), (("--detach",), 4)):
        told = torc("run", 1, *options)
        assert (told.code, told.out) == (code, "")


def test_finished_with_failures(torc: Any, place: Path) -> None:
    """The failures are shown once more, without the heading and the time of a run."""
    (place / "w.yaml").write_text("name: w\njobs: [{name: bad, command: exit 3}]\n")
    assert torc("run", "w.yaml", "-q").code == 1
    told = torc("run", 1)
    assert told.code == 1
    lines = "  1 failed for 1 reason; `torc failures 1`\n    1 × exit 3 (bad, job 1)\n"
    assert told.out == f"Workflow 1 (w) failed: 1 failed\n{lines}"
    assert torc("run", 1, "-q").err.endswith("torc: Workflow 1 (w) failed: 1 failed\n")


def test_undecided(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """Undecided jobs are counted apart from stale ones, and each names its reason."""
    (place / "in.txt").write_text("hallo\n")
    told = "1 of 4 jobs is stale, 3 more run if their inputs change"
    assert torc("plan", 1).out.startswith(f"Workflow 1 (demo): {told}\n")
    document = torc("plan", 1, "-f", "json").json
    assert (document["stale"], document["undecided"]) == (1, 3)
    lines = torc("run", 1, "--stale").out
    assert "kept: plot (job 3): nothing it depends on has changed" in lines


def test_edited_file(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """The plan of a file is that of the workflow created from it, and says so."""
    assert "edits" not in torc("plan", "w.yaml").err
    os.utime(place / "w.yaml", (4e9, 4e9))
    told = torc("plan", "w.yaml").err
    assert "w.yaml was modified after workflow 1 was created from it; edits are not" in told
    assert "`torc update w.yaml`" in told
    missing = torc("plan", "none.yaml")
    assert (missing.code, "there is no file none.yaml" in missing.err) == (2, True)


def test_accept(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    (place / "in.txt").write_text("hallo\n")
    assert torc("accept", "prep", "-w", 1).code == 0
    assert torc("plan", 1, "--check").code == 0
    assert demo("--stale") == []


@pytest.mark.parametrize(
    "words", [("reinit",), ("workflows", "reinit"), ("workflows", "reinitialize")]
)
def test_reinit(
    torc: Any, place: Path, demo: Callable[..., list[str]], words: tuple[str, ...]
) -> None:
    (place / "in.txt").write_text("hallo\n")
    assert torc(*words, 1, "--dry-run").code == 0
    assert demo(code=4) == []
    assert torc(*words, 1).code == 0
    assert demo() == ["prep", "fit"]
    results = torc("results", "list", 1, "--all-runs", "-f", "json").json
    assert sorted({row["run_id"] for row in results}) == [1, 2]


def test_both_options(torc: Any, demo: Callable[..., list[str]]) -> None:
    answer = torc("run", 1, "--stale", "--keep")
    assert answer.code == 2
    assert "--stale and --keep cannot be used together" in answer.err


def test_json(torc: Any, place: Path, demo: Callable[..., list[str]]) -> None:
    """Exit code 4 says that stale jobs were left as they are; the status stays completed."""
    (place / "in.txt").write_text("hallo\n")
    answer = torc("run", 1, "-f", "json")
    assert (answer.code, answer.json["status"], answer.json["exit_code"]) == (4, "completed", 4)
    assert "1 of 4 jobs is stale, 3 more run if their inputs change" in answer.err


@pytest.mark.parametrize(
    ("key", "stale"),
    [("rerun_check: never", 0), ("rerun_check: time", 1), ("rerun_check: content", 1)],
    ids=["never", "time", "content"],
)
def test_rerun_check(torc: Any, place: Path, key: str, stale: int) -> None:
    (place / "in.txt").write_text("hello\n")
    (place / "w.yaml").write_text(WORKFLOW.replace("path: in.txt", f"path: in.txt, {key}"))
    assert torc("run", "w.yaml", "-q").code == 0
    (place / "in.txt").write_text("hallo\n")
    assert torc("plan", 1, "--check").code == stale


def test_rerun_check_is_kept(torc: Any, place: Path) -> None:
    """Jobs that are added later leave the checks of the files as they are."""
    (place / "in.txt").write_text("hello\n")
    (place / "w.yaml").write_text(
        WORKFLOW.replace("path: in.txt", "path: in.txt, rerun_check: never")
    )
    (place / "more.txt").write_text("true\n")
    assert torc("run", "w.yaml", "-q").code == 0
    assert torc("jobs", "create-from-file", 1, "more.txt").code == 0
    assert torc("run", 1, "-q").code == 0
    (place / "in.txt").write_text("hallo\n")
    assert torc("plan", 1, "--check").code == 0


def test_rerun_on(torc: Any, place: Path) -> None:
    """With `rerun_on: [command]`, a changed input does not make a job stale."""
    (place / "in.txt").write_text("hello\n")
    text = WORKFLOW.replace("  - name: prep\n", "  - name: prep\n    rerun_on: [command]\n")
    (place / "w.yaml").write_text(text)
    assert torc("run", "w.yaml", "-q").code == 0
    (place / "in.txt").write_text("hallo\n")
    assert torc("plan", 1, "--check").code == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("path: in.txt", "path: in.txt, rerun_check: hash", "'rerun_check' must be one of"),
        ("name: prep\n", "name: prep\n    rerun_on: [code]\n", "rerun_on"),
        ("name: demo", "name: demo\nhash_limit: many", "hash_limit"),
    ],
    ids=["check", "aspect", "limit"],
)
def test_bad_keys(torc: Any, place: Path, old: str, new: str, message: str) -> None:
    (place / "w.yaml").write_text(WORKFLOW.replace(old, new))
    answer = torc("validate", "w.yaml")
    assert answer.code == 2
    assert message in answer.out + answer.err
