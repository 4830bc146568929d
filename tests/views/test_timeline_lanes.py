"""The lanes of the timeline: nothing overlaps, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from torc_tui.status import JobStatus
from torc_tui.views.lane_cells import BarLane, CellRun, LoadLane, TimeScale
from torc_tui.views.report import ReportAttempt, ReportRunner
from torc_tui.views.time_axis import label, step_of, ticks
from torc_tui.views.timeline_lanes import MOST_SLOTS, Grouping, Timeline, timeline

S = JobStatus
BEGIN = 1_800_000_000.0
RUNNERS = [ReportRunner(1, "box", {"a": 0, "b": 1}, 8), ReportRunner(2, "box", {}, 4)]


@st.composite
def attempts(draw: st.DrawFn) -> list[ReportAttempt]:
    """Attempts with short, long and no duration; many share a start or an end."""
    moments = st.one_of(st.integers(0, 40).map(float), st.floats(0, 40))
    lengths = st.one_of(st.just(0.0), st.floats(0, 0.01), st.integers(0, 9).map(float))
    rows = draw(
        st.lists(
            st.tuples(
                moments,
                lengths,
                st.sampled_from([1, 2, 3, None]),
                st.sampled_from([S.COMPLETED, S.FAILED, S.RUNNING]),
                st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("x",)]),
                st.sampled_from([0.5, 1.0, 3.0]),
            ),
            max_size=30,
        )
    )
    return [
        ReportAttempt(
            number, f"j{number}", node, status, BEGIN + start, BEGIN + start + length, gpus,
            status is S.RUNNING, num_cpus=cpus,
        )
        for number, (start, length, node, status, gpus, cpus) in enumerate(rows)
    ]  # fmt: skip


def bars(found: Timeline | None) -> list[BarLane]:
    return [] if found is None else [lane for lane in found.lanes if isinstance(lane, BarLane)]


def ids(found: list[BarLane] | list[LoadLane]) -> list[int]:
    return sorted(one.job_id for lane in found for one in lane.attempts)


@given(attempts())
def test_no_overlap_and_no_loss(some: list[ReportAttempt]) -> None:
    slots, gpus = timeline(some, RUNNERS, Grouping.SLOTS), timeline(some, RUNNERS, Grouping.GPUS)
    for lane in bars(slots) + bars(gpus):
        for before, after in pairwise(lane.attempts):
            assert before.ended_at <= after.started_at
    assert ids(bars(slots)) == [one.job_id for one in some]
    assert ids(bars(gpus)) == sorted(one.job_id for one in some for _ in one.gpus)
    loads = timeline(some, RUNNERS, Grouping.RUNNERS)
    lanes = [] if loads is None else [one for one in loads.lanes if isinstance(one, LoadLane)]
    assert ids(lanes) == [one.job_id for one in some]
    for found in (slots, loads):
        for one in () if found is None else found.attempts:
            place = found.find(one._replace(ended_at=BEGIN + 99)) if found else None
            assert place is not None
            assert found.lanes[place.lane].attempts[place.attempt] == one  # type: ignore[union-attr]
    assert gpus is None or gpus.hidden == sum(not one.gpus for one in some)


@settings(max_examples=300)
@given(attempts(), st.sampled_from([0.001, 0.1, 0.37, 1.0, 3.0, 50.0]))
@example([ReportAttempt(0, "a", 1, S.FAILED, BEGIN + 0.3, BEGIN + 0.3)], 0.1)
def test_cells_show_every_attempt(some: list[ReportAttempt], cell: float) -> None:
    found = timeline(some, RUNNERS, Grouping.SLOTS)
    if found is None:
        return
    scale = TimeScale(found.span[0], cell)
    cells = range(scale.cell_of(found.span[1]) + 1)
    for lane in bars(found):
        runs = lane.runs(scale, cells)
        assert sum(run.width for run in runs) == len(cells)
        assert all(a.cell + a.width == b.cell for a, b in pairwise(runs))
        shown = {place for run in runs for place in range(run.first, run.last)}
        assert shown == set(range(len(lane.attempts)))
        check_places(lane, scale, runs)


def check_places(lane: BarLane, scale: TimeScale, runs: list[CellRun]) -> None:
    """An attempt is shown only in cells that overlap it, and no cell that is in use is empty."""
    for run in runs:
        left, right = scale.edge(run.cell), scale.edge(run.cell + run.width)
        for one in lane.attempts[run.first : run.last]:
            assert one.started_at < right and one.ended_at >= left
        if run.first == run.last:
            inside = [
                one for one in lane.attempts if one.started_at < right and one.ended_at > left
            ]
            assert not inside


@given(attempts(), st.integers(0, 300), st.integers(1, 50))
def test_a_part_is_the_same_as_in_the_whole(
    some: list[ReportAttempt], first: int, width: int
) -> None:
    found = timeline(some, RUNNERS, Grouping.SLOTS)
    for lane in bars(found):
        scale = TimeScale(BEGIN, 0.2)
        whole = _cells(lane.runs(scale, range(400)))
        part = _cells(lane.runs(scale, range(first, first + width)))
        assert part == whole[first : first + width]


def _cells(runs: list[CellRun]) -> list[tuple[int, int]]:
    """Return the range of attempts of each cell; an empty range is the same everywhere."""
    return [
        (run.first, run.last) if run.first < run.last else (0, 0)
        for run in runs
        for _ in range(run.width)
    ]


@given(attempts())
def test_load_adds_up(some: list[ReportAttempt]) -> None:
    found = timeline(some, RUNNERS, Grouping.RUNNERS)
    if found is None:
        return
    for lane in found.lanes:
        assert isinstance(lane, LoadLane)
        scale = TimeScale(BEGIN, 0.7)
        levels = lane.levels(scale, range(80))
        spent = sum(one.num_cpus * (one.ended_at - one.started_at) for one in lane.attempts)
        assert lane.cpu_seconds == pytest.approx(spent, abs=1e-4)
        assert sum(level.all for level in levels) * scale.cell * lane.top == pytest.approx(
            spent, abs=1e-3
        )
        assert all(one.bad + one.running <= one.all + 1e-6 for one in levels)


def ran(start: float, end: float, status: JobStatus = S.COMPLETED) -> ReportAttempt:
    return ReportAttempt(1, "j", 1, status, start, end)


def test_bars_of_three_cells_are_whole() -> None:
    """Attempts that follow each other share no cell, wherever the boundary is."""
    lane = BarLane(0, "1", [ran(0, 3.4), ran(3.4, 6.8), ran(6.8, 10)])
    runs = lane.runs(TimeScale(0, 1), range(12))
    assert [(run.cell, run.width, run.first, run.ended) for run in runs] == [
        (0, 3, 0, True), (3, 4, 1, True), (7, 3, 2, True), (10, 2, 3, False)
    ]  # fmt: skip


def test_many_short_attempts_are_dense() -> None:
    short = [ran(place / 10, place / 10 + 0.05) for place in range(20)]
    lane = BarLane(0, "1", [*short, ran(2, 2.05, S.FAILED)])
    dense, other, failed = lane.runs(TimeScale(0, 1), range(3))
    assert dense.last - dense.first == 10 and dense.share == pytest.approx(0.5)
    assert not lane.has_trouble(dense) and not lane.has_trouble(other) and lane.has_trouble(failed)


def test_slots_by_runner() -> None:
    found = timeline([ran(0, 2), ran(1, 3)], RUNNERS, Grouping.SLOTS)
    assert found is not None
    assert [lane.label for lane in found.lanes] == ["box", "1", "2"]
    assert found.used == pytest.approx(4 / (3 * 8))


def test_hosts_with_several_runners() -> None:
    two = [ran(0, 1), ran(0, 1)._replace(node_id=2), ran(0, 1)._replace(node_id=None)]
    found = timeline(two, RUNNERS, Grouping.RUNNERS)
    assert found is not None
    assert [lane.label for lane in found.lanes] == ["box #1", "box #2", "unknown runner"]


def test_very_many_slots_begin_as_runners() -> None:
    some = [ran(0, 1) for _ in range(MOST_SLOTS + 1)]
    few, many = timeline(some[1:], RUNNERS), timeline(some, RUNNERS)
    assert few is not None and few.grouping is Grouping.SLOTS
    assert many is not None and many.grouping is Grouping.RUNNERS


def test_a_shared_gpu_has_several_lanes() -> None:
    shared = [ran(0, 2)._replace(gpus=("b",)), ran(1, 3)._replace(gpus=("b", "a"))]
    found = timeline(shared, RUNNERS, Grouping.GPUS)
    assert [(lane.label, len(lane.attempts)) for lane in bars(found)] == [
        ("GPU 0", 1), ("GPU 1", 1), ("GPU 1", 1)
    ]  # fmt: skip


Zone = Callable[[str], None]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Set the time zone of this process for one test."""

    def choose(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield choose
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (0.001, "08:00:10.250"),
        (0.05, "08:00:10.25"),
        (0.5, "08:00:10.2"),
        (1, "08:00:10"),
        (60, "08:00"),
        (3600, "08:00"),
    ],
)
def test_labels(zone: Zone, step: float, shown: str) -> None:
    zone("UTC")
    assert label(BEGIN + 10.25, step) == shown
    assert label(BEGIN + 16 * 3600, 3600) == "01-16"


@pytest.mark.parametrize("cell", [0.001, 0.1, 1.0, 7.0, 400.0, 100_000.0])
def test_ticks_are_round_and_apart(zone: Zone, cell: float) -> None:
    zone("Asia/Kolkata")  # five hours and a half ahead
    found = ticks(TimeScale(BEGIN, cell), range(200))
    assert 3 <= len(found) <= 15
    step = step_of(cell)
    assert all(b[0] - a[0] >= 13 for a, b in pairwise(found))
    local = BEGIN + 5.5 * 3600
    first = local + (found[0][0] + 1) * cell
    assert first % step <= 1.01 * cell
