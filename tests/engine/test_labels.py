"""Runners take only jobs whose labels they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.engine.run_summary import RunSummary
from torc_tui.engine.state import Deadline
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.job_facts import JobFacts
from torc_tui.operations.jobs import update_jobs
from torc_tui.operations.request_lacks import unserved_labels
from torc_tui.reasons import Kind
from torc_tui.records import replace
from torc_tui.resources.labels import serves
from torc_tui.views.why import why
from torc_tui.wording import sentence

SPEC = """
jobs:
- {name: plain, command: x}
- {name: win, command: x, labels: [windows]}
- {name: both, command: x, labels: [windows, gpu]}
- {name: gpu, command: x, labels: [gpu], priority: 9}
"""


@pytest.mark.parametrize(
    ("own", "jobs"),
    [
        ((), {"plain"}),
        (("windows",), {"win"}),
        (("gpu",), {"gpu"}),
        (("gpu", "windows"), {"win", "both", "gpu"}),
        (("Windows",), set()),
    ],
)
def test_a_runner_takes_jobs_whose_labels_it_has(
    bench: Callable[..., Any], own: tuple[str, ...], jobs: set[str]
) -> None:
    it = bench(SPEC, labels=own)
    it.step()
    assert it.running() == jobs


def test_equal_requests_with_other_labels(bench: Callable[..., Any]) -> None:
    """A class of requests without a job for this runner does not block other classes."""
    text = "jobs:\n" + "".join(
        f"- {{name: j{number}, command: x, priority: {number}"
        + (", labels: [night]}\n" if number > 4 else "}\n")
        for number in range(9)
    )
    it = bench(text)
    it.step()
    assert it.running() == {"j4", "j3", "j2", "j1"}
    elsewhere = replace(it.machine, hostname="elsewhere")
    other, fake = it.join(elsewhere, labels=("night", "x"))
    other.step([], 1.0)
    assert set(fake.job_ids) == {it.ids[f"j{number}"] for number in (5, 6, 7, 8)}


def test_labels_that_change_when_the_attempt_has_ended(bench: Callable[..., Any]) -> None:
    """A runner finds the next attempt under labels that its own step has written."""
    it = bench(
        "jobs: [{name: a, command: x, labels: [x], failure_handler: again}]\n"
        "failure_handlers: [{name: again, rules: [{exit_codes: [3], max_retries: 1}]}]\n",
        labels=("x", "y"),
    )
    it.step()
    changes = parse_changes({"label": ["y"], "clear_labels": True})
    update_jobs(it.outside, [it.ids["a"]], changes=changes, when_done=True)
    it.step()
    it.finish("a", 3)
    [job] = it.jobs()
    assert (job.labels, job.attempt_id, it.status()["a"]) == (("y",), 2, "pending")


def test_the_reason_of_a_job_without_a_runner(bench: Callable[..., Any]) -> None:
    it = bench(SPEC, labels=("windows",))
    facts = JobFacts(it.store, it.workflow_id)
    told = {name: why(facts.of(job_id)) for name, job_id in it.ids.items()}
    assert told["plain"] == "all runners take only jobs with labels"
    assert told["gpu"] == "no runner has the label gpu"
    assert told["both"] == "no runner has the labels gpu and windows"
    assert "label" not in told["win"]
    assert unserved_labels(it.store, it.workflow_id) == {"gpu": 1, "gpu,windows": 1}


def test_what_a_runner_leaves_to_others(bench: Callable[..., Any]) -> None:
    it = bench(SPEC, labels=("windows",))
    summary = RunSummary(it.store, it.engine, it.machine, Deadline())
    reasons = {one.name: sentence(one.reason) for one in summary.unschedulable(1.0)}
    assert reasons == {
        "plain": "unschedulable: this runner takes only jobs with labels",
        "both": "unschedulable: this runner lacks the label gpu",
        "gpu": "unschedulable: this runner lacks the label gpu",
    }
    assert all(one.reason.kind is Kind.UNSCHEDULABLE for one in summary.unschedulable(1.0))


def test_labels_match_exactly() -> None:
    assert serves((), ()) and serves(("a", "b"), ("b",)) and serves(("a", "b"), ("b", "a"))
    assert not serves((), ("a",)) and not serves(("a",), ()) and not serves(("a",), ("a", "b"))
