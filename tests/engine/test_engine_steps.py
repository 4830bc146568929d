"""The engine, step by step: claims, records and released dependents. No process runs here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.engine.run_summary import RunSummary
from torc_tui.engine.state import Deadline
from torc_tui.model import AttemptUsage, Cause, Machine, ResourceRequirements
from torc_tui.operations import job_holds
from torc_tui.operations import jobs as acts
from torc_tui.operations.additions import add_jobs
from torc_tui.operations.runners import resize_runner
from torc_tui.operations.workflows import cancel_workflow, pause_workflow, resume_workflow
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.store import queries, sql
from torc_tui.store.feed import list_events

Make = Callable[..., Any]

DIAMOND = """
name: diamond
jobs:
  - {name: top, command: x}
  - {name: left, command: x, depends_on: [top]}
  - {name: right, command: x, depends_on: [top]}
  - {name: bottom, command: x, depends_on: [left, right]}
"""


def results(bench: Any) -> list[tuple[Any, ...]]:
    with bench.store.read() as conn:
        text = "SELECT job_id, run_id, attempt_id, status, return_code, reason, cpu_time FROM result ORDER BY id"
        return [tuple(row) for row in execute(conn, text)]


def kinds(bench: Any, name: str) -> list[str]:
    return [
        event.kind for event in list_events(bench.store, bench.workflow_id, job_id=bench.ids[name])
    ]


def test_names_of_jobs_in_flight(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    step = it.finish("top")
    of_top = [one.kind for one in step.events if step.names.get(one.job_id or 0) == "top"]
    assert of_top == ["job_started", "job_completed"]


def test_diamond(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    assert it.running() == {"top"}
    it.finish("top", usage=AttemptUsage(cpu_time=0.5))
    assert it.running() == {"left", "right"}
    it.finish("left")
    assert it.running() == {"right"}
    it.finish("right")
    step = it.finish("bottom")
    assert step.is_complete
    assert set(it.status().values()) == {"completed"}
    assert [row[:5] for row in results(it)] == [
        (it.ids[n], 1, 1, 5, 0) for n in ("top", "left", "right", "bottom")
    ]
    assert results(it)[0][6] == 0.5
    assert kinds(it, "left") == ["job_ready", "job_claimed", "job_started", "job_completed"]
    assert list_events(it.store, it.workflow_id)[-1].kind == "workflow_completed"
    it.fake.assert_empty()


def test_the_events_of_a_step_are_those_of_the_store(bench: Make) -> None:
    it = bench(DIAMOND)
    last = list_events(it.store, it.workflow_id)[-1].seq
    told = it.step().events + it.finish("top").events
    stored = list_events(it.store, it.workflow_id, after=last)
    assert [(e.seq, e.kind, e.job_id, e.data) for e in told] == [
        (e.seq, e.kind, e.job_id, e.data) for e in stored
    ]


def test_failure_cancels_all_dependents(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    step = it.finish("top", 3)
    assert step.is_complete
    assert it.status() == {
        "top": "failed",
        "left": "canceled",
        "right": "canceled",
        "bottom": "canceled",
    }
    reasons = {job.name: job.reason for job in it.jobs()}
    failed = because(Kind.EXIT, code=3)
    assert reasons["left"] == because(Kind.DEPENDENCY, job="top", status="failed", reason=failed)
    assert reasons["bottom"] in [
        because(Kind.DEPENDENCY, job=name, status="canceled") for name in ("left", "right")
    ]


def test_jobs_that_ignore_failures(bench: Make) -> None:
    it = bench(
        DIAMOND.replace("name: right,", "name: right, cancel_on_blocking_job_failure: false,")
    )
    it.step()
    it.finish("top", 1)
    assert it.running() == {"right"}
    assert it.status()["left"] == "canceled"
    it.finish("right")
    assert it.status()["bottom"] == "canceled"


def test_resources_limit_what_runs_and_smaller_jobs_fill_the_gaps(bench: Make) -> None:
    it = bench(
        """
name: r
jobs:
  - {name: wide, command: x, resource_requirements: three}
  - {name: wide2, command: x, resource_requirements: three}
  - {name: small, command: x, resource_requirements: one}
resource_requirements:
  - {name: three, num_cpus: 3, memory: 1g, runtime: PT1H}
  - {name: one, num_cpus: 1, memory: 1g, runtime: PT1M}
"""
    )
    it.step()
    assert it.running() == {"wide", "small"}
    it.finish("wide")
    assert it.running() == {"small", "wide2"}


def test_priority_goes_first(bench: Make) -> None:
    it = bench(
        "name: p\njobs:\n  - {name: a, command: x}\n  - {name: b, command: x, priority: 5}\n",
        max_parallel_jobs=1,
    )
    it.step()
    assert it.running() == {"b"}


@pytest.mark.parametrize(
    ("method", "first"),
    [("gpus_runtime_memory", "long"), ("gpus_memory_runtime", "large"), ("none", "small")],
)
def test_sort_method_of_the_workflow(bench: Make, method: str, first: str) -> None:
    it = bench(
        f"""
name: s
jobs_sort_method: {method}
jobs:
  - {{name: small, command: x, resource_requirements: small}}
  - {{name: large, command: x, resource_requirements: large}}
  - {{name: long, command: x, resource_requirements: long}}
resource_requirements:
  - {{name: small, num_cpus: 1, memory: 1m, runtime: PT1M}}
  - {{name: large, num_cpus: 1, memory: 1g, runtime: PT1M}}
  - {{name: long, num_cpus: 1, memory: 1m, runtime: PT1H}}
""",
        max_parallel_jobs=1,
    )
    it.step()
    assert it.running() == {first}


def test_held_and_released_jobs(bench: Make) -> None:
    it = bench("name: h\njobs:\n  - {name: a, command: x}\n")
    job_holds.hold_jobs(it.outside, [it.ids["a"]], actor="u@h")
    it.step()
    assert it.running() == set()
    job_holds.release_jobs(it.outside, [it.ids["a"]], actor="u@h")
    it.step()
    assert it.running() == {"a"}
    assert kinds(it, "a")[:2] == ["job_held", "job_released"]


def test_a_paused_workflow_starts_nothing(bench: Make) -> None:
    it = bench("name: h\njobs:\n  - {name: a, command: x}\n")
    pause_workflow(it.outside, it.workflow_id)
    it.step()
    assert it.running() == set()
    resume_workflow(it.outside, it.workflow_id)
    it.step()
    assert it.running() == {"a"}


def test_two_runners_share_one_machine(bench: Make) -> None:
    it = bench("name: two\njobs:\n  - {name: 'j_{i}', command: x, parameters: {i: '1:8'}}\n")
    other, other_fake = it.join()
    it.step()
    other.step([], 1.0)
    assert len(it.fake.job_ids) == 4
    assert other_fake.job_ids == set()
    it.finish("j_1")  # the next step of this runner takes the place that it freed itself
    other.step([], 2.0)
    assert len(it.fake.job_ids) + len(other_fake.job_ids) == 4


def test_second_runner_fills_free_resources(bench: Make) -> None:
    it = bench(
        "name: two\njobs:\n  - {name: 'j_{i}', command: x, parameters: {i: '1:8'}}\n",
        max_parallel_jobs=3,
    )
    other, other_fake = it.join()
    it.step()
    other.step([], 1.0)
    assert (len(it.fake.job_ids), len(other_fake.job_ids)) == (3, 1)
    assert not it.fake.job_ids & other_fake.job_ids


def test_a_runner_can_be_resized_while_it_runs(bench: Make) -> None:
    it = bench("name: two\njobs:\n  - {name: 'j_{i}', command: x, parameters: {i: '1:8'}}\n")
    it.step()
    resize_runner(it.outside, it.engine.node.node_id, num_cpus=6)
    it.step()
    assert len(it.fake.job_ids) == 6
    resize_runner(it.outside, it.engine.node.node_id, max_parallel_jobs=2)
    it.finish("j_1")
    assert len(it.fake.job_ids) == 5


RETRIED = """
name: r
jobs:
  - {name: a, command: x, failure_handler: again}
  - {name: b, command: x, depends_on: [a]}
failure_handlers:
  - name: again
    rules: [{exit_codes: [3], max_retries: 2}]
"""


def test_retries_keep_results_and_dependents_wait(bench: Make) -> None:
    it = bench(RETRIED)
    it.step()
    for attempt in (1, 2):
        it.finish("a", 3)
        assert it.status() == {"a": "pending", "b": "blocked"}
        assert it.fake.order(it.ids["a"]).environment["TORC_ATTEMPT_ID"] == str(attempt + 1)
    it.finish("a", 3)
    assert it.status() == {"a": "failed", "b": "canceled"}
    assert [row[2:5] for row in results(it)] == [(1, 6, 3), (2, 6, 3), (3, 6, 3)]
    assert kinds(it, "a").count("job_retried") == 2


def test_a_declared_output_that_is_missing_is_a_failure(bench: Make) -> None:
    it = bench(
        "name: o\njobs:\n  - {name: a, command: 'x ${files.output.out}'}\nfiles:\n  - {name: out, path: out.txt}\n"
    )
    it.step()
    it.finish("a", 0)
    (row,) = results(it)
    assert row[3:6] == (
        int(JobStatus.FAILED),
        1,
        because(Kind.MISSING_FILES, files=(("out", "out.txt"),)).encode(),
    )


def test_a_written_output_is_recorded(bench: Make) -> None:
    it = bench(
        "name: o\njobs:\n  - {name: a, command: 'x ${files.output.out}'}\nfiles:\n  - {name: out, path: out.txt}\n"
    )
    it.step()
    (Path(it.directory) / "out.txt").write_text("12345")
    it.finish("a", 0)
    with it.store.read() as conn:
        assert execute(conn, "SELECT st_size, st_mtime > 0 FROM file")[0] == (5, 1)
    assert it.status() == {"a": "completed"}


@pytest.mark.parametrize(
    ("require", "expected"), [("", "completed"), ("require_user_data: true\n", "failed")]
)
def test_user_data_that_stays_empty(bench: Make, require: str, expected: str) -> None:
    it = bench(f"name: u\n{require}jobs:\n  - {{name: a, command: 'x ${{user_data.output.d}}'}}\n")
    it.step()
    it.finish("a", 0)
    assert it.status() == {"a": expected}
    assert ("job_warning" in kinds(it, "a")) is (expected == "completed")


def test_late_report(bench: Make) -> None:
    it = bench(RETRIED)
    it.step()
    first = it.fake.order(it.ids["a"]).key
    it.finish("a", 3)
    before = it.status()
    from torc_tui.model import Exited

    step = it.engine.step([Exited(key=first, return_code=0, started_at=0, ended_at=1)], 9.0)
    assert it.status() == before
    assert step.events == []


def test_jobs_of_another_node_are_left_alone(bench: Make) -> None:
    it = bench("name: x\njobs:\n  - {name: a, command: x}\n")
    other, _ = it.join()
    it.step()
    it.fake.finish(it.ids["a"])
    with it.store.write() as conn:
        conn.each(sql.TRANSFER_JOB, [it.ids["a"]], compute_node_id=other.node.node_id)
    it.step()
    assert results(it) == []


def test_cancel_of_a_running_job_goes_through_its_runner(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    acts.cancel_jobs(it.outside, [it.ids["top"]], actor="u@h")
    it.step()
    assert [stop.cause for stop in it.fake.stops] == [Cause.CANCELED]
    it.step()
    assert set(it.status().values()) == {"canceled"}


def test_terminate_records_the_reason(bench: Make) -> None:
    it = bench("name: x\njobs:\n  - {name: a, command: x}\n")
    it.step()
    acts.terminate_jobs(it.outside, [it.ids["a"]])
    it.step()
    it.step()
    assert it.status() == {"a": "terminated"}


def test_cancel_of_a_workflow_ends_everything(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    assert cancel_workflow(it.outside, it.workflow_id, actor="u@h") == 4
    it.step()
    it.step()
    assert set(it.status().values()) == {"canceled"}


def test_retry_restores_canceled_dependents(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    it.finish("top", 1)
    done = acts.retry_jobs(it.outside, [it.ids["top"]], actor="u@h")
    assert done.moved == [it.ids["top"]]
    assert it.status() == {
        "top": "ready",
        "left": "blocked",
        "right": "blocked",
        "bottom": "blocked",
    }
    it.step()
    assert it.fake.order(it.ids["top"]).key.attempt_id == 2
    it.finish("top", 0)
    assert it.running() == {"left", "right"}


def test_retry_of_one_branch_of_a_join(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    it.finish("top")
    it.finish("left", 1)
    acts.retry_jobs(it.outside, [it.ids["left"]])
    it.step()
    it.finish("right")
    assert it.status()["bottom"] == "blocked"
    it.finish("left")
    assert it.running() == {"bottom"}


def test_disabled_jobs_are_left_out(bench: Make) -> None:
    it = bench(DIAMOND)
    acts.disable_jobs(it.outside, [it.ids["left"]])
    it.step()
    it.finish("top")
    assert it.running() == {"right"}
    it.finish("right")
    it.finish("bottom")
    assert it.status() == {
        "top": "completed",
        "left": "disabled",
        "right": "completed",
        "bottom": "completed",
    }


def test_stop_interrupts_jobs(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    it.engine.stop()
    it.step()
    assert it.status() == {
        "top": "terminated",
        "left": "blocked",
        "right": "blocked",
        "bottom": "blocked",
    }
    from torc_tui.store import workflows

    with it.store.write() as conn:
        ((kind, job_id, data),) = workflows.resume_interrupted(conn, it.workflow_id)
    assert (kind, job_id) == ("job_retried", it.ids["top"])
    stopped = because(Kind.RUNNER_STOPPED)
    assert data == {"attempt": 2, "reason": because(Kind.RESUMED, after=stopped).to_json()}
    again, fake = it.join()
    again.step([], 1.0)
    assert fake.job_ids == {it.ids["top"]}


def test_deleted_workflow_ends_the_runner(bench: Make) -> None:
    it = bench(DIAMOND)
    it.step()
    from torc_tui.store import workflows

    workflows.delete(it.outside, [it.workflow_id])
    it.step()
    assert it.engine.shared.gone_reason
    assert [stop.grace for stop in it.fake.stops] == [0.0]


def test_time_left_keeps_long_jobs_from_starting(bench: Make) -> None:
    text = """
name: t
jobs:
  - {name: long, command: x, resource_requirements: hour}
  - {name: short, command: x, resource_requirements: minute}
resource_requirements:
  - {name: hour, num_cpus: 1, memory: 1m, runtime: PT1H}
  - {name: minute, num_cpus: 1, memory: 1m, runtime: PT1M}
"""
    it = bench(text, deadline=Deadline(1_000_000.0 + 600))
    it.step()
    assert it.running() == {"short"}


@pytest.mark.parametrize(("usual", "started"), [(0.0, {"a"}), (600.0, {"a"}), (601.0, set())])
def test_time_for_jobs_without_runtime(bench: Make, usual: float, started: set[str]) -> None:
    text = "name: t\njobs: [{name: a, command: x}]\n"
    it = bench(text, deadline=Deadline(1_000_000.0 + 600, usual=usual))
    it.step()
    assert it.running() == started


@pytest.mark.parametrize(
    ("monitor", "peak"), [("{enabled: false}", None), ("{enabled: true}", 7 << 20), ("{}", 7 << 20)]
)
def test_resource_monitor(bench: Make, monitor: str, peak: int | None) -> None:
    it = bench(
        f"""
name: m
resource_monitor: {monitor}
jobs: [{{name: a, command: x, resource_requirements: r}}]
resource_requirements: [{{name: r, num_cpus: 1, memory: 1m}}]
"""
    )
    it.step()
    it.finish("a", usage=AttemptUsage(peak_memory=7 << 20))
    assert [one["peak_memory_bytes"] for one in queries.list_results(it.store, it.workflow_id)] == [
        peak
    ]
    assert ("job_warning" in kinds(it, "a")) is (peak is not None)


def test_unschedulable_job_does_not_block_others(bench: Make) -> None:
    it = bench(
        """
name: n
jobs:
  - {name: never, command: x, resource_requirements: huge}
  - {name: first, command: x, resource_requirements: all}
  - {name: second, command: x, depends_on: [first]}
resource_requirements:
  - {name: huge, num_cpus: 512, memory: 1g}
  - {name: all, num_cpus: 4, memory: 1g}
"""
    )
    it.step()
    assert it.running() == {"first"}
    it.finish("first")
    assert it.running() == {"second"}


def test_requirements_that_were_just_added(bench: Any) -> None:
    """Jobs with new requirements may be added between a step and the check for remaining work."""
    one = bench("name: w\njobs: [{name: a, command: x}]\n")
    one.step()
    machine = Machine(hostname="bench", num_cpus=4, memory=64 << 30)
    wanted = ResourceRequirements(name="new", num_cpus=9999)
    add_jobs(one.outside, one.workflow_id, ["true"], wanted)
    summary = RunSummary(one.store, one.engine, machine, Deadline())
    assert summary.unschedulable(0.0) == []
    one.step()
    assert [job.name for job in summary.unschedulable(0.0)] == ["job1"]
