"""Rings, charts, job groups, saved state and painted lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.tui.feed.machine import Ring
from torc_tui.tui.frame.ui_state import UiState
from torc_tui.tui.jobs.job_groups import JobGroup, JobGroups
from torc_tui.tui.look.charts import Layer, Values, area
from torc_tui.tui.look.text_layout import paint

S = JobStatus
NUMBERS = st.none() | st.floats(0, 100)


@given(st.integers(1, 8), st.lists(NUMBERS, max_size=30))
def test_ring_keeps_the_last(capacity: int, values: list[float | None]) -> None:
    ring = Ring(capacity)
    for at, value in enumerate(values):
        ring.append(float(at), value)
    assert ring.values() == values[-capacity:]
    assert ring.times() == [float(at) for at in range(len(values))][-capacity:]
    assert ring.last == (values[-1] if values else None)


def test_window_averages_and_leaves_gaps() -> None:
    ring = Ring(10)
    for at, value in [(0, 9.0), (91, 2.0), (92, 4.0), (99, 10.0), (95, None)]:
        ring.append(float(at), value)
    assert ring.window(100.0, 10.0, 5) == [3.0, None, None, None, 10.0]
    assert ring.window(100.0, 10.0, 1) == [pytest.approx(16 / 3)]
    with pytest.raises(ValueError, match="at least one"):
        Ring(0)


def chart(values: Values, height: int, *, high: float | None = None, braille: bool) -> list[str]:
    lines = area([Layer(values, "load")], height, high=high, braille=braille)
    return ["".join(text for text, _ in line) for line in lines]


def test_charts_of_blocks() -> None:
    assert chart([0, 1, 4, 8, None], 1, braille=False) == [" ▁▄█ "]
    assert chart([0, 4, 8, 16], 2, high=16, braille=False) == ["   █", " ▄██"]
    assert chart([], 2, braille=False) == ["", ""]


def test_charts_of_braille() -> None:
    assert chart([1, 2, 3, 4, None, 0], 1, high=4, braille=True) == ["⣠⣾ "]
    assert chart([4, 8], 2, high=8, braille=True) == ["⢸", "⣿"]


def test_layers_of_a_chart() -> None:
    layers = [Layer([4, 0, 4, 0], "own"), Layer([4, 8, 0, 0], "others", sparse=True)]
    # Others are sparse, so that they are told from own use without colors.
    assert area(layers, 2, high=8, braille=True) == [[("⢕", "others"), (" ", "")], [("⣗⡇", "own")]]
    bars = [[("█", "own"), ("█", "others"), ("▄", "own"), (" ", "")]]
    assert area(layers, 1, high=8, braille=False) == bars


@given(st.lists(NUMBERS, max_size=20), st.integers(1, 4), st.booleans())
def test_size_of_charts(values: list[float | None], height: int, braille: bool) -> None:
    even = [*values, *values]
    width = len(values) if braille else len(even)
    assert [len(row) for row in chart(even, height, braille=braille)] == [width] * height


def make(*statuses: JobStatus) -> dict[int, Job]:
    jobs = {i: Job(i, f"train_{i}", status, "train_{i}") for i, status in enumerate(statuses, 1)}
    return {**jobs, 50: Job(50, "prep", S.READY, "prep")}


def test_groups_fold_and_open() -> None:
    jobs = make(S.READY, S.RUNNING, S.FAILED)
    groups = JobGroups(jobs.values())
    rows = groups.rows()
    assert isinstance(rows[0], JobGroup) and rows[1:] == [50] and rows[0].jobs == [1, 2, 3]
    assert groups.toggle("train_{i}")
    rows = groups.rows()
    assert rows[1:] == [1, 2, 3, 50]
    assert groups.rows(groups.grouped([3, 50, 1]))[1:] == [3, 1, 50]
    assert {status for _, status in rows[0].strip(6)} == {S.READY, S.RUNNING, S.FAILED}  # type: ignore[union-attr]  # a group


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(list(S))), max_size=20))
def test_counts_of_groups_equal_recounting(moves: list[tuple[int, JobStatus]]) -> None:
    jobs = make(*[S.READY] * 4)
    groups = JobGroups(jobs.values())
    for job_id, status in moves:
        if job_id in jobs:
            jobs[job_id].status = status
        groups.apply([job_id], jobs)
        again = JobGroups(jobs.values())
        assert {one.name: one.counts for one in groups.by_name.values()} == {
            one.name: one.counts for one in again.by_name.values()
        }
    assert groups.apply([1, 2], jobs) == set()


def test_state_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ui.json"
    state = UiState(path)
    assert state.get("split", 0.5) == 0.5 and not state.save()
    state.set("split", 1)
    state.set("theme", "nord")
    state.set("gone", 1)
    state.set("gone", None)
    assert state.save() and not state.save()
    again = UiState(path)
    assert (
        again.get("split", 0.5) == 1.0
        and again.get("theme", "") == "nord"
        and again.get("gone", 3) == 3
    )
    assert again.get("theme", 5) == 5 and again.get("split", True) is True
    assert json.loads(path.read_text()) == {"split": 1, "theme": "nord"}
    assert [entry.name for entry in path.parent.iterdir()] == ["ui.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_broken_state_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ui.json"
    path.write_bytes(content)
    state = UiState(path)
    assert state.get("a", 1) == 1
    state.set("a", 2)
    assert state.save() and UiState(path).get("a", 1) == 2


def test_unwritable_state_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state = UiState(tmp_path / "file" / "ui.json")
    state.set("a", 1)
    assert not state.save()
    state.set("b", object())
    assert not UiState(None).save() and not state.save()


def test_blanks_join_the_text_beside_them() -> None:
    """Over ssh each segment costs 40 bytes; blanks that show nothing but the ground need none."""
    styles = {"": Style(), "a": Style(color="red"), "b": Style(color="blue"),
              "u": Style(underline=True), "g": Style(bgcolor="green")}  # fmt: skip

    def painted(*line: tuple[str, str]) -> list[str]:
        strip = paint(line, styles.__getitem__, Style(bgcolor="black"), 12)
        assert strip.cell_length == 12
        return [segment.text for segment in strip]

    assert painted(("  ", ""), ("one", "a"), ("  ", ""), ("two", "b")) == ["  one  ", "two  "]
    assert painted(("one", "a"), ("two", "a"), ("  ", "u")) == ["onetwo", "  ", "    "]
    assert painted(("one", "a"), (" ", "g"), ("two", "")) == ["one", " ", "two     "]
