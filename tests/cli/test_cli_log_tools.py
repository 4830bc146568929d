"""``torc logs --grep``, ``bundle`` and ``analyze``: the output of all jobs of a workflow."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

SPEC = """
name: sweep
env: {API_TOKEN: s3cret}
jobs:
  - name: train_{i}
    command: |
      echo one; echo "step {i}"; printf '\\033[31mlast\\033[0m\\n'
      echo "password=hunter2" >&2; echo "ValueError: bad {i}" >&2; exit $(( {i} % 2 ))
    parameters: {i: "1:4"}
"""


@pytest.fixture
def ran(torc: Any, place: Path) -> Path:
    (place / "w.yaml").write_text(SPEC)
    assert torc("run", "w.yaml", "--quiet").code == 1
    return place


def test_grep(torc: Any, ran: Path) -> None:
    answer = torc("logs", "--grep", "step [12]$")
    assert answer.code == 0
    assert answer.out == "train_1 stdout:2:step 1\ntrain_2 stdout:2:step 2\n"
    assert torc("logs", "--grep", "^last", "train_3").out == "train_3 stdout:3:last\n"
    assert torc("logs", "--grep", "bad", "--failed", "-l").out == "train_1\ntrain_3\n"
    assert torc("logs", "--grep", "bad", "--group", "train_[34]", "-l").out == "train_3\ntrain_4\n"
    assert torc("logs", "--grep", "step 1", "-C", 1).out.splitlines() == [
        "train_1 stdout-1-one",
        "train_1 stdout:2:step 1",
        "train_1 stdout-3-last",
    ]
    [hit] = torc("logs", "--grep", "step 4", "-f", "json").json
    assert (hit["job"], hit["line"], hit["text"], hit["offset"]) == ("train_4", 2, "step 4", 4)


@pytest.mark.parametrize(("stream", "code"), [("--stdout", 0), ("--stderr", 1)])
def test_grep_stream(torc: Any, ran: Path, stream: str, code: int) -> None:
    assert torc("logs", "--grep", "step", stream).code == code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--grep step -a 1", "--attempt cannot be used with --grep"),
        ("--grep step -r 1", "--run-id cannot be used with --grep"),
        ("--grep step -n 0", "--lines cannot be used with --grep"),
        ("--grep step -f", "--follow cannot be used with --grep"),
        ("--grep step --path", "--path cannot be used with --grep"),
        ("train_1 --failed", "--failed cannot be used with `torc logs JOB`"),
        ("train_1 -C 0", "--context cannot be used with `torc logs JOB`"),
        ("bundle -l", "--files-with-matches cannot be used with bundle"),
        ("bundle --stdout", "--stdout cannot be used with bundle"),
        ("analyze --group x", "--group cannot be used with analyze"),
    ],
    ids=["a", "r", "n", "f", "path", "failed", "C", "l", "stdout", "group"],
)
def test_options_of_others(torc: Any, ran: Path, words: str, message: str) -> None:
    """An option that would have no effect is refused."""
    answer = torc("logs", *words.split())
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err and "`torc logs --help`" in answer.err


def test_grep_finds_nothing(torc: Any, ran: Path) -> None:
    assert torc("logs", "--grep", "nothing").code == 1
    assert torc("logs", "--grep", "(").code == 2


def test_endless_pattern(torc: Any, ran: Path) -> None:
    """A pattern whose backtracking would never end is searched in linear time."""
    [log] = ran.rglob("job_wf1_j1_*.o")
    log.write_text("a" * 50_000 + "b\n")
    assert torc("logs", "--grep", "^(a+)+$").code == 1
    assert torc("logs", "--grep", "^(a+)+b$", "-l").out == "train_1\n"


def test_bundle(torc: Any, ran: Path) -> None:
    assert torc("logs", "bundle", 1).out == "Wrote 8 logs of workflow 1 to wf1.tar.gz\n"
    with tarfile.open(ran / "wf1.tar.gz") as archive:
        names = archive.getnames()
        texts = {name: archive.extractfile(name).read().decode() for name in names}  # type: ignore[union-attr]
    assert not any("hunter2" in text or "s3cret" in text for text in texts.values())
    assert "password=***\nValueError: bad 1" in texts["wf1/logs/job_wf1_j1_r1_a1.e"]
    assert json.loads(texts["wf1/failures.json"])[0]["jobs"] == ["train_1", "train_3"]
    assert len(json.loads(texts["wf1/plan.json"])) == 4
    assert json.loads(texts["wf1/workflow.json"])["workflow"]["name"] == "sweep"
    again = torc("logs", "bundle", 1)
    assert again.code == 2 and "exists" in again.err
    assert torc("logs", "bundle", "--failed", "-o", "f.tgz").out.startswith("Wrote 4 logs")


def test_analyze(torc: Any, ran: Path) -> None:
    for where in ("1", "torc_output"):
        found = torc("logs", "analyze", where, "-f", "json").json
        assert [one["error"] for one in found] == ["ValueError"] * 4
        assert found[0]["text"] == "ValueError: bad 1" and found[0]["line"] == 2
    torc("logs", "bundle", 1)
    answer = torc("logs", "analyze", "wf1.tar.gz")
    assert answer.out.count("ValueError: bad") == 4 and "4 × ValueError" in answer.err
    assert torc("logs", "analyze", "./none").code == 2


def test_words(torc: Any, ran: Path) -> None:
    assert "unexpected argument 'b'" in torc("logs", "a", "b").err
