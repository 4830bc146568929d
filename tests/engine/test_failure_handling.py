"""Retries by rules: larger requests, delays, ignored failures, and what survives the runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.engine.report import RunOptions
from torc_tui.model import AttemptUsage, Cause, Machine
from torc_tui.operations import jobs as acts
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.job_facts import JobFacts
from torc_tui.records import replace
from torc_tui.store import queries, workflows
from torc_tui.store.feed import list_events
from torc_tui.views import why as views

Make = Callable[..., Any]
MIB = 1 << 20
WORKFLOW = """
resource_requirements: [{{name: small, num_cpus: 1, memory: 64m, runtime: PT1M}}]
failure_handlers: [{{name: h, rules: [{rule}]}}]
jobs:
  - {{name: a, command: x, resource_requirements: small, failure_handler: h}}
  - {{name: b, command: x, resource_requirements: small}}
  - {{name: c, command: x, depends_on: [a]}}
"""


def request_of(it: Any, name: str) -> tuple[int | None, float | None]:
    job = next(one for one in it.jobs() if one.name == name)
    found = workflows.snapshot(it.store, it.workflow_id).requirements[job.requirement_id]
    return found.memory, found.runtime


def test_growth(bench: Make) -> None:
    """Only the job that needs it gets more, the next attempt has it, and the row remembers it."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [137], memory: x1.5, max_retries: 2}"))
    it.step()
    it.finish("a", 137, cause=Cause.OOM)
    assert request_of(it, "a") == (128 * MIB, 60.0)
    assert request_of(it, "b") == (64 * MIB, 60.0)
    assert it.fake.order(it.ids["a"]).limits.memory == 128 * MIB
    assert it.fake.order(it.ids["a"]).allocation.memory == 128 * MIB
    it.finish("a", 137, cause=Cause.OOM)
    assert request_of(it, "a") == (192 * MIB, 60.0)
    record = queries.get_job(it.store, it.ids["a"])
    assert record["grown"]["memory"] == [64 * MIB, 192 * MIB]
    requirements = workflows.snapshot(it.store, it.workflow_id).requirements
    assert {one.name for one in requirements.values()} == {"small", "small_2", "small_3", "default"}
    before = queries.get_job(it.store, it.ids["b"])["resource_requirements_id"]
    assert record["grown"]["requirement_id"] == before
    it.finish("a", 137, cause=Cause.OOM)
    assert it.status()["a"] == "failed"
    assert request_of(it, "a") == (192 * MIB, 60.0)
    told = [
        one.data["grown"]["memory"]
        for one in list_events(it.store, it.workflow_id)
        if one.kind == "job_retried"
    ]
    assert told == [[64 * MIB, 128 * MIB], [128 * MIB, 192 * MIB]]
    chain = "\n".join(
        views.lines(views.explain(it.ids["a"], JobFacts(it.store, it.workflow_id).of))
    )
    assert "requests 192 MiB of memory instead of 64 MiB" in chain


@pytest.mark.parametrize("cause", [Cause.OOM, None], ids=["stopped", "not-stopped"])
def test_overuse_is_told_once(bench: Make, cause: Cause | None) -> None:
    """A job that was stopped for its memory has that as its reason, and no warning."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [9]}"))
    it.step()
    it.finish("a", 137, cause=cause, usage=AttemptUsage(peak_memory=100 * MIB))
    warnings = [one for one in list_events(it.store, it.workflow_id) if one.kind == "job_warning"]
    assert len(warnings) == (cause is None)


def test_growth_after_a_change_by_a_user(bench: Make) -> None:
    """What a user requests is the base of the next growth, and no longer counts as grown."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [137], memory: x1.5, max_retries: 1}"))
    it.step()
    for _ in range(2):
        it.finish("a", 137, cause=Cause.OOM)
    changes = parse_changes({"memory": "1g"})
    acts.retry_jobs(it.outside, [it.ids["a"]], changes=changes)
    facts = JobFacts(it.store, it.workflow_id).of(it.ids["a"])
    assert facts is not None
    assert facts.grown is None
    it.step()
    it.finish("a", 137, cause=Cause.OOM)
    record = queries.get_job(it.store, it.ids["a"])
    assert record["grown"]["memory"] == [1 << 30, 1536 * MIB]
    names = {one.name for one in workflows.snapshot(it.store, it.workflow_id).requirements.values()}
    assert names == {"small", "small_2", "small_2_2", "small_2_2_2", "default"}


def test_growth_ends_at_the_machine(bench: Make) -> None:
    machine = Machine(hostname="bench", num_cpus=4, memory=100 * MIB)
    it = bench(WORKFLOW.format(rule="{match_all_exit_codes: true, memory: x1.5}"), machine=machine)
    it.step()
    it.finish("a", 137)
    assert request_of(it, "a") == (100 * MIB, 60.0)
    it.finish("a", 137)
    assert it.status()["a"] == "failed"
    warnings = [
        one.data["message"]
        for one in list_events(it.store, it.workflow_id)
        if one.kind == "job_warning"
    ]
    assert {
        "kind": "not_grown",
        "limit": "machine",
        "requested": 100 * MIB,
        "resource": "memory",
    } in (warnings)


def test_delay(bench: Make) -> None:
    """The next attempt starts after the delay, also with another runner."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [3], delay: PT30S, backoff: 2}"))
    it.step()
    it.finish("b")
    it.finish("a", 3)
    assert (it.status()["a"], it.running()) == ("ready", set())
    assert it.engine.state.next_retry == it.fake.now + 30
    assert not it.engine.is_retry_due(it.fake.now + 29)
    assert it.engine.is_retry_due(it.fake.now + 30)
    chain = views.explain(it.ids["a"], JobFacts(it.store, it.workflow_id).of)
    assert "attempt 2 of 4" in "\n".join(views.lines(chain))
    it.fake.advance(29)
    it.step()
    assert it.running() == set()
    now = it.fake.now
    it.engine, it.fake = it.join()
    it.fake.now = now
    it.step()
    assert it.running() == set(), "the time is in the row"
    it.fake.advance(1.5)
    it.step()
    assert it.running() == {"a"}
    assert it.engine.state.next_retry is None
    it.finish("a", 3)
    assert it.engine.state.next_retry == it.fake.now + 60


def test_user_resets_the_delay(bench: Make) -> None:
    it = bench(WORKFLOW.format(rule="{exit_codes: [3], delay: PT30S}"))
    it.step()
    it.finish("a", 3)
    acts.cancel_jobs(it.outside, [it.ids["a"]])
    acts.retry_jobs(it.outside, [it.ids["a"]])
    it.step()
    assert "a" in it.running()


def test_ignored(bench: Make) -> None:
    """Dependents start, the workflow is complete, and a retry takes the job back."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [3], max_retries: 0, then: ignore}"))
    it.step()
    it.finish("b")
    it.finish("a", 3)
    assert it.running() == {"c"}
    it.finish("c")
    workflow = workflows.get_workflow(it.store, it.workflow_id)
    assert (workflow.state.value, workflow.ignored) == ("completed", 1)
    assert it.status() == {"a": "failed", "b": "completed", "c": "completed"}
    facts = JobFacts(it.store, it.workflow_id).of(it.ids["a"])
    assert views.why(facts) == "exit 3; this failure is ignored: jobs that depend on it start"
    acts.retry_jobs(it.outside, [it.ids["a"]])
    assert workflows.get_workflow(it.store, it.workflow_id).ignored == 0
    assert it.status() == {"a": "ready", "b": "completed", "c": "blocked"}
    it.step()
    it.finish("a", 4)
    workflow = workflows.get_workflow(it.store, it.workflow_id)
    assert (workflow.state.value, workflow.ignored) == ("failed", 0)
    assert it.status()["c"] == "canceled"


def test_pending(bench: Make) -> None:
    it = bench(WORKFLOW.format(rule="{exit_codes: [3], max_retries: 0, then: pending}"))
    it.step()
    it.finish("a", 3)
    assert it.status()["a"] == "pending_failed"
    assert it.status()["c"] == "blocked"


END_RULES = """
on_oom: {{memory: x2, max_retries: 1}}
resource_requirements: [{{name: small, num_cpus: 1, memory: 64m, runtime: PT1M}}]
jobs:
  - {{name: a, command: x, resource_requirements: small{own}}}
"""


@pytest.mark.parametrize(
    ("own", "memory"), [("", 128), (", on_oom: x3", 192), (", on_oom: {max_retries: 2}", 64)]
)
def test_own_rule_before_that_of_the_workflow(bench: Make, own: str, memory: int) -> None:
    it = bench(END_RULES.format(own=own))
    it.step()
    it.finish("a", 137, cause=Cause.OOM)
    assert it.status()["a"] == "pending"
    assert request_of(it, "a")[0] == memory * MIB


def test_options_of_the_runner(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """They apply where neither job nor workflow says anything."""
    import tests.engine.conftest as bench_module

    options = replace(RunOptions(), on_oom=2.0, on_timeout=2.0)
    monkeypatch.setattr(bench_module, "RunOptions", lambda: options)
    it = bench(END_RULES.format(own=""))
    it.step()
    it.finish("a", 42, cause=Cause.TIMEOUT)
    assert request_of(it, "a") == (64 * MIB, 120.0)
    it.finish("a", 137, cause=Cause.OOM)
    assert it.status()["a"] == "failed", "the workflow allows one retry"


def test_memory_that_is_not_declared(bench: Make) -> None:
    """The peak of the attempt is what grows."""
    it = bench("on_oom: x1.5\njobs: [{name: a, command: x}]")
    it.step()
    it.finish("a", 137, usage=AttemptUsage(peak_memory=100 * MIB))
    assert it.fake.order(it.ids["a"]).limits.memory == 192 * MIB


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_user_action_skips_failure_handlers(bench: Make, how: str) -> None:
    """A job that a user terminates is not retried, even if it reaches its limit."""
    it = bench(WORKFLOW.format(rule="{match_all_exit_codes: true}"))
    it.fake.obedient = False
    it.step()
    it.fake.start(it.ids["a"])
    it.step()
    act = acts.cancel_jobs if how == "cancel" else acts.terminate_jobs
    act(it.outside, [it.ids["a"]])
    it.step()
    it.finish("a", 152, cause=Cause.TIMEOUT)
    assert it.status()["a"] in ("terminated", "canceled")


def test_end_with_the_runner_keeps_the_retry(bench: Make) -> None:
    """A job that fails by itself while the runner stops is ready for the next runner."""
    it = bench(WORKFLOW.format(rule="{exit_codes: [3]}"))
    it.fake.obedient = False
    it.step()
    it.fake.finish(it.ids["a"], 3)
    it.engine.stop()
    it.step()
    assert it.status()["a"] == "ready"


def test_runtime_that_is_only_planned(bench: Make) -> None:
    it = bench(
        WORKFLOW.format(rule="{exit_codes: [3]}") + "execution_config: {enforce_runtime: false}"
    )
    it.step()
    limits = it.fake.order(it.ids["a"]).limits
    assert (limits.memory, limits.runtime) == (64 * MIB, None)


def test_gpu_lost(bench: Make) -> None:
    """The job reruns at most twice without using a retry; then its rules apply."""
    it = bench(WORKFLOW.format(rule="{causes: [gpu_lost], max_retries: 1}"))
    it.step()
    for _ in range(2):
        it.finish("a", 1, cause=Cause.GPU_LOST)
        assert it.status()["a"] == "pending"
    it.finish("a", 1, cause=Cause.GPU_LOST)
    assert it.status()["a"] == "pending"
    it.finish("a", 1, cause=Cause.GPU_LOST)
    assert it.status()["a"] == "failed"
    assert next(one for one in it.jobs() if one.name == "a").attempt_id == 4
