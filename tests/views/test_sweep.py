"""The model of a sweep: figures, order, CSV, and the heat map."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import Job
from torc_tui.status import JobStatus
from torc_tui.views.heat_map import LEVELS, Scale, heat_map, pairs, scale_of
from torc_tui.views.sweep import (
    PARAMETER,
    JobValues,
    Sweep,
    SweepValues,
    csv_text,
    figures_at_first,
    look_up,
    offers,
    paths_of,
    sweeps_of,
)

S = JobStatus
NOW = 100.0


def job(number: int, values: str, status: JobStatus = S.COMPLETED, **more: object) -> Job:
    """Return a job with these parameters, in JSON without the braces."""
    ended = None if status in (S.READY, S.RUNNING) else 10.0 + number
    began = None if status is S.READY else 10.0
    row = {"started_at": began, "ended_at": ended, "return_code": 0 if ended else None}
    return Job(number, f"fit_{number}", status, "fit_{lr}_{d}", f"{{{values}}}", **{**row, **more})  # type: ignore[arg-type]


def grid() -> Sweep:
    """2 x 3 jobs without one: lr 0.1 and 1e-3, depth 2, 10 and 9."""
    jobs = [
        job(1, '"lr":0.1,"d":2'),
        job(2, '"lr":0.1,"d":10', S.FAILED, return_code=3),
        job(3, '"lr":"1e-3","d":2'),
        job(4, '"lr":"1e-3","d":9', S.RUNNING),
        job(5, '"lr":"1e-3","d":10', S.READY),
    ]
    found = sweeps_of([Job(9, "prep", S.COMPLETED, "prep"), *jobs])
    assert [(one.name, one.parameters) for one in found] == [("fit_{lr}_{d}", ["lr", "d"])]
    values = {1: JobValues(2048, {".loss": 0.5}), 2: JobValues(), 3: JobValues(None, {".loss": 2})}
    sweep = found[0]
    sweep.learn(SweepValues(values, [".loss"], offers([{"loss": 0.5}])), all_read=True)
    return sweep


def test_offered_figures_begin_with_numbers() -> None:
    found = offers([{"name": "a", "m": {"loss": 1, "ok": True}, "few": [1]}, {"m": {"loss": "x"}}])
    assert [one.path for one in found] == [".m.loss", ".few[0]", ".name", ".m.ok"]
    assert (found[0].records, found[0].numbers, found[0].example) == (2, 1, 1)
    assert figures_at_first(found) == [".m.loss", ".few[0]"]
    assert offers([{"curve": [0.1] * 100}, None, [], float("nan")])[0].numbers == 0
    assert len(offers([{str(at): at for at in range(5000)}])) == 200


def test_figures_are_looked_up_in_all_records_of_a_job() -> None:
    documents = [None, {"loss": None}, {"loss": 0.5, "m": {"a b": [7]}}, {"loss": 9}]
    wanted = [".loss", '.m["a b"][0]', ".m", ".gone", "["]
    assert look_up(documents, paths_of(wanted)) == {".loss": 0.5, '.m["a b"][0]': 7}


def test_columns_are_sorted_by_type_and_missing_values_come_last() -> None:
    sweep = grid()
    assert sweep.ordered(PARAMETER + "d", NOW) == [1, 3, 4, 2, 5]
    assert sweep.ordered(PARAMETER + "lr", NOW) == [3, 4, 5, 1, 2]
    for reverse, first in ((False, [1, 3]), (True, [3, 1])):
        assert sweep.ordered(".loss", NOW, reverse=reverse) == [*first, 2, 4, 5]
    assert sweep.ordered("status", NOW)[:2] == [2, 4]
    assert sweep.ordered("time", NOW)[-2:] == [4, 5]
    assert sweep.ordered(None, NOW, reverse=True) == [5, 4, 3, 2, 1]


def test_numbers_inside_of_texts_are_compared_as_numbers() -> None:
    jobs = [job(at, f'"m":"{text}"') for at, text in enumerate(("v10", "v9", "3", "nan"), start=1)]
    assert sweeps_of(jobs)[0].ordered(PARAMETER + "m", NOW) == [3, 4, 2, 1]


def test_the_peak_of_an_earlier_attempt_is_not_shown() -> None:
    sweep = grid()
    assert sweep.value(1, "memory", NOW) == 2048
    sweep.jobs[1].ended_at = None
    assert sweep.value(1, "memory", NOW) is None


def test_learning_of_changed_jobs_keeps_the_others() -> None:
    sweep = grid()
    news = SweepValues({4: JobValues(1, {".loss": 9})}, [".loss"], offers([{"loss": 9, "f1": 1}]))
    sweep.learn(news, all_read=False)
    assert sweep.number(4, ".loss", NOW) == 9 and sweep.number(1, ".loss", NOW) == 0.5
    assert [one.path for one in sweep.offers] == [".loss", ".f1"]


def test_csv() -> None:
    jobs = [job(1, '"status":"a,b","lr":"1.50"'), job(2, '"status":"c","lr":"007"', S.READY)]
    sweep = sweeps_of(jobs)[0]
    figures = {".ok": True, ".s": "\ud800\n"}
    sweep.learn(SweepValues({1: JobValues(5, figures)}, list(figures)), all_read=True)
    head, *rows = csv.reader(io.StringIO(csv_text(sweep, NOW, [2, 1])))
    assert head == [
        "parameter_status", "lr", ".ok", ".s", "status", "seconds", "peak_memory_bytes",
        "return_code", "attempt_id", "job_id", "job_name",
    ]  # fmt: skip
    assert rows[0][:6] == ["c", "007", "", "", "ready", ""]
    assert rows[1][:7] == ["a,b", "1.50", "true", "\\ud800\n", "completed", "1.0", "5"]
    assert [one["lr"] for one in sweep.records(NOW)] == [1.5, "007"]


def test_heat_map() -> None:
    sweep = grid()
    assert pairs(sweep) == [("lr", "d"), ("d", "lr"), ("lr", ""), ("d", "")]
    found = heat_map(sweep, ("lr", "d"), ".loss", "mean", NOW)
    assert (found.rows, found.columns) == (["1e-3", "0.1"], ["2", "9", "10"])
    assert {place: cell.value for place, cell in found.cells.items()} == {
        (1, 0): 0.5, (1, 2): None, (0, 0): 2.0, (0, 1): None, (0, 2): None,
    }  # fmt: skip
    assert (1, 1) not in found.cells and found.cells[1, 2].status is S.FAILED
    assert found.scale == Scale(0.5, 2.0) and not found.is_aggregated
    assert found.jobs_at(0, None) == [3, 4, 5] and found.jobs_at(None, 2) == [2, 5]
    assert found.jobs_at(1, 1) == [] and sorted(found.jobs_at(None, None)) == [1, 2, 3, 4, 5]
    assert found.place_of(4) == (0, 1) and found.place_of(99) is None


@pytest.mark.parametrize(
    ("aggregation", "value"), [("mean", 2.0), ("min", 1.0), ("max", 3.0), ("count", 2.0)]
)
def test_cells_with_several_jobs_are_aggregated(aggregation: str, value: float) -> None:
    jobs = [
        job(at, f'"a":1,"b":2,"seed":{at}', S.FAILED if at == 3 else S.COMPLETED)
        for at in (1, 2, 3)
    ]
    sweep = sweeps_of(jobs)[0]
    assert pairs(sweep)[:2] == [("seed", "a"), ("seed", "b")]
    values = {1: JobValues(None, {".x": 1}), 2: JobValues(None, {".x": 3})}
    sweep.learn(SweepValues(values, [".x"]), all_read=True)
    found = heat_map(sweep, ("a", "b"), ".x", aggregation, NOW)
    cell = found.cells[0, 0]
    assert (cell.value, cell.counts, found.is_aggregated) == (
        value, {S.COMPLETED: 2, S.FAILED: 1}, True
    )  # fmt: skip
    assert cell.status is S.FAILED


def test_the_scale_is_logarithmic_over_several_decades() -> None:
    assert scale_of([]) is None
    assert scale_of([1.0, 999.0]) == Scale(1.0, 999.0)
    found = scale_of([0.01, 1.0, 100.0])
    assert found is not None and found.is_log
    assert [found.level(value) for value in (0.01, 1.0, 100.0)] == [0, LEVELS // 2, LEVELS - 1]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_value_has_a_level(values: list[float]) -> None:
    found = scale_of(values)
    assert found is not None
    levels = [found.level(value) for value in sorted(values)]
    assert levels == sorted(levels) and 0 <= levels[0] <= levels[-1] < LEVELS
