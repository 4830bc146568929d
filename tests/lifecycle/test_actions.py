"""When actions run, and when they run again, as pure decisions."""

from __future__ import annotations

import pytest

from torc_tui.lifecycle.actions import MOST_SECONDS, FailureBatch, is_armed_again, is_failure
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus
from torc_tui.workflow_file.schema import TRIGGERS

WHEN_ANYTHING_RUNS = {"on_workflow_complete", "on_workflow_failed"}
WHEN_ITS_JOBS_RUN = {"on_jobs_ready", "on_jobs_complete"}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_is_rearmed(trigger: str) -> None:
    anything, its_jobs = trigger in WHEN_ANYTHING_RUNS, trigger in WHEN_ITS_JOBS_RUN
    assert is_armed_again(trigger, [1, 2], None, {2, 3}) is (anything or its_jobs)
    assert is_armed_again(trigger, [1, 2], 0, {3}) is anything
    assert is_armed_again(trigger, [], None, {3}) is anything
    assert is_armed_again(trigger, [1, 2], None, set()) is False
    assert is_armed_again(trigger, [1, 2], 5, set()) is True  # it failed


@pytest.mark.parametrize("status", JobStatus, ids=lambda one: one.word)
def test_is_failure(status: JobStatus) -> None:
    bad = status in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
    assert is_failure(status, None) is bad
    assert is_failure(status, because(Kind.EXIT, code=1)) is bad
    assert is_failure(status, because(Kind.TERMINATED_BY_USER)) is False


def test_batch_waits_for_a_pause() -> None:
    batch = FailureBatch()
    assert batch.is_due(100.0) is False
    batch.add(10.0)
    assert not batch.is_due(10.9)
    assert batch.is_due(11.0)
    batch.add(10.9)
    assert not batch.is_due(11.5)
    batch.clear()
    assert not batch.is_due(100.0)


def test_endless_failures_do_not_delay_a_batch() -> None:
    batch = FailureBatch()
    for tenth in range(int(MOST_SECONDS * 10)):
        batch.add(tenth / 10)
        assert not batch.is_due(tenth / 10)
    assert batch.is_due(MOST_SECONDS)
    assert MOST_SECONDS == 5.0  # as the documentation says
