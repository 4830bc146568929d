"""What the runner records of failed attempts, and how they are grouped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound
from torc_tui.model import Cause
from torc_tui.operations import jobs as acts
from torc_tui.operations.failures import failure_group, failure_groups, log_end
from torc_tui.operations.workflows import initialize
from torc_tui.store.log_files import attempt_stem
from torc_tui.views.failure_groups import FailureGroup
from torc_tui.views.failure_signature import TAIL

Make = Callable[..., Any]
TEXT = """
name: sweep
jobs:
  - {name: "train_{i}", command: "true", parameters: {i: "1:4"}}
  - {name: "plot_{i}", command: "true", depends_on: ["train_{i}"], parameters: {i: "1:4"}}
  - {name: "page_{i}", command: "true", depends_on: ["plot_{i}"], parameters: {i: "1:4"}}
  - {name: other, command: "true"}
"""


def write_log(it: Any, name: str, text: str, *, attempt: int = 1, end: str = "e") -> None:
    folder = str(it.directory / "out")
    stem = attempt_stem(folder, it.workflow_id, it.ids[name], 1, attempt)
    Path(stem).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{stem}.{end}").write_text(text)


def fail(it: Any, name: str, text: str, code: int = 1, **more: Any) -> None:
    write_log(it, name, text)
    it.finish(name, code, **more)


def told(groups: list[FailureGroup]) -> list[tuple[int, list[str], int]]:
    return [
        (group.number, [job.name for job in group.jobs], len(group.canceled)) for group in groups
    ]


def stored(it: Any) -> list[str | None]:
    with it.store.read() as conn:
        return [row[0] for row in execute(conn, "SELECT signature FROM result ORDER BY id")]


def test_groups(bench: Make) -> None:
    it = bench(TEXT)
    it.step()
    fail(it, "train_1", "ValueError: bad 1\n")
    fail(it, "train_2", "OSError: No space left on device: '/x/2'\n")
    it.finish("train_3")
    fail(it, "train_4", "ValueError: bad 4\n")
    groups = failure_groups(it.store, it.workflow_id)
    assert told(groups) == [(1, ["train_1", "train_4"], 4), (2, ["train_2"], 2)]
    assert groups[0].names == ["train_*"] and groups[1].names == ["train_2"]
    assert groups[1].signature.kind == "disk_full"
    assert groups[0].first_at <= groups[0].last_at


def test_success_has_none(bench: Make) -> None:
    it = bench(TEXT)
    it.step()
    write_log(it, "train_1", "ValueError: bad 1\n")
    it.finish("train_1")
    assert stored(it) == [None]


def test_numbers_stay(bench: Make) -> None:
    """A group whose jobs run again leaves the list, and the others keep their numbers."""
    it = bench(TEXT)
    it.step()
    fail(it, "train_1", "ValueError: bad 1\n")
    fail(it, "train_2", "KeyError: 'x'\n", 2)
    acts.retry_jobs(it.store, [it.ids["train_1"]])
    assert told(failure_groups(it.store, it.workflow_id)) == [(2, ["train_2"], 2)]
    it.step()
    write_log(it, "train_1", "ValueError: bad 7\n", attempt=2)
    it.finish("train_1", 1)
    assert [group.number for group in failure_groups(it.store, it.workflow_id)] == [1, 2]
    with pytest.raises(NotFound, match="no group of failures 3"):
        failure_group(it.store, it.workflow_id, 3)


def test_earlier_run(bench: Make) -> None:
    it = bench(TEXT)
    it.step()
    fail(it, "train_1", "ValueError: bad 1\n")
    for name in ("train_2", "train_3", "train_4", "other"):
        it.finish(name)
    for name in ("plot_2", "plot_3", "plot_4", "page_2", "page_3", "page_4"):
        it.finish(name)
    initialize(it.outside, it.workflow_id)
    assert failure_groups(it.store, it.workflow_id) == []
    assert told(failure_groups(it.store, it.workflow_id, 1)) == [(1, ["train_1"], 0)]
    with pytest.raises(NotFound, match="no run 3"):
        failure_groups(it.store, it.workflow_id, 3)


def test_without_signature(bench: Make) -> None:
    """Results of earlier versions have no signature: their logs are read."""
    it = bench(TEXT)
    it.step()
    fail(it, "train_1", "ValueError: bad 1\n")
    before = failure_groups(it.store, it.workflow_id)
    with it.store.write() as conn:
        execute(conn, "UPDATE result SET signature = NULL")
    assert failure_groups(it.store, it.workflow_id) == before


def test_timeouts(bench: Make) -> None:
    it = bench(TEXT)
    it.step()
    for name in ("train_1", "train_2"):
        fail(it, name, f"epoch of {name}\n", 143, cause=Cause.TIMEOUT)
    [group] = failure_groups(it.store, it.workflow_id)
    assert (len(group.jobs), group.signature.kind, group.signature.message) == (2, "timeout", "")
    assert group.signature.text == "epoch of train_1"


def test_values_of_parameters(bench: Make) -> None:
    it = bench(TEXT.replace('"1:4"', "[alpha, beta, gamma, delta]"))
    it.step()
    for word in ("alpha", "beta"):
        fail(it, f"train_{word}", f"no reads for sample {word}\n")
    [group] = failure_groups(it.store, it.workflow_id)
    assert (len(group.jobs), group.signature.message) == (2, "no reads for sample JOB")


def test_log_end(tmp_path: Path) -> None:
    out, err = tmp_path / "x.o", tmp_path / "x.e"
    out.write_bytes(b"x" * TAIL + b"end")
    assert log_end(str(out), str(err)).stream == "stdout"
    assert log_end(str(out), str(err)).start == 3
    err.write_bytes(b" \n")
    assert log_end(str(out), str(err)).stream == "stdout"
    err.write_bytes(b"oops")
    assert log_end(str(out), str(err)) == (b"oops", 0, "stderr")
    assert log_end(str(out), str(out)).stream == "combined"
    assert log_end(None, None).data == b""


def test_log_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", ".", "none"):
        assert log_end(str(tmp_path / path), None).data == b""
