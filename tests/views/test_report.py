"""The timeline and the critical path of a report."""

from __future__ import annotations

from torc_tui.status import JobStatus
from torc_tui.views.report import ReportAttempt, ReportRunner, critical_path, lanes
from torc_tui.views.report_timeline import timeline

NODE = ReportRunner(1, "box", {"gpu-a": 0, "gpu-b": 1})


def ran(job_id: int, start: float, end: float, *gpus: str) -> ReportAttempt:
    return ReportAttempt(job_id, f"j{job_id}", 1, JobStatus.COMPLETED, start, end, gpus)


def rows(attempts: list[ReportAttempt]) -> dict[str, list[int]]:
    return {lane.label: [one.job_id for one in lane.attempts] for lane in lanes(attempts, [NODE])}


def test_slots() -> None:
    """Attempts that overlap are in different rows; a row that is free is used again."""
    found = rows([ran(1, 0, 4), ran(2, 1, 2), ran(3, 2, 3), ran(4, 2.5, 5), ran(5, 4, 6)])
    assert found == {"slot 1": [1, 5], "slot 2": [2, 3], "slot 3": [4]}


def test_gpus() -> None:
    found = rows([ran(1, 0, 4, "gpu-b"), ran(2, 1, 2), ran(3, 5, 6, "gpu-b", "gpu-x")])
    assert found == {"slot 1": [1, 3], "slot 2": [2], "GPU 1": [1, 3]}


def test_unknown_runner() -> None:
    [lane] = lanes([ReportAttempt(1, "a", None, JobStatus.FAILED, 0, 1)], [NODE])
    assert lane.node == "unknown runner"


def test_path() -> None:
    attempts = [ran(1, 0, 1), ran(2, 0, 3), ran(3, 3.5, 5), ran(4, 0, 2)]
    path = critical_path(attempts, [(3, 1), (3, 2)])
    assert [(one.job_id, one.waited, one.seconds) for one in path] == [(2, 0, 3), (3, 0.5, 1.5)]


def test_path_through_gates() -> None:
    """A gate has a negative id, and may stand behind another one."""
    attempts = [ran(1, 0, 1), ran(2, 0, 3), ran(3, 3, 5)]
    edges = [(3, -8), (-8, -7), (-7, 1), (-7, 2)]
    assert [one.job_id for one in critical_path(attempts, edges)] == [2, 3]


def test_path_with_a_cycle() -> None:
    """Clocks that differ must not make an endless path."""
    attempts = [ran(1, 0, 1), ran(2, 0, 1)]
    assert len(critical_path(attempts, [(1, 2), (2, 1)])) == 2
    assert critical_path([], [(1, 2)]) == []


def test_many_bars_are_few() -> None:
    attempts = [ran(number, number * 0.01, number * 0.01 + 0.009) for number in range(10_000)]
    picture = timeline(lanes(attempts, [NODE]), (0.0, 100.0))
    assert picture.count("<rect") < 1100


def test_path_through_canceled_jobs() -> None:
    """Job 4 was canceled; job 3 waited until that was decided."""
    attempts = [ran(1, 0, 1), ran(2, 0, 3), ran(3, 3, 5)]
    path = critical_path(attempts, [(3, 1), (3, 4), (4, 2)])
    assert [one.job_id for one in path] == [2, 3]
