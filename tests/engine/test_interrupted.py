"""Jobs that were interrupted with their runner: another live runner starts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.model import Cause
from torc_tui.status import WorkflowState
from torc_tui.store import workflows

Make = Callable[..., Any]

HANDLED = """
name: handled
jobs: [{name: a, command: x, failure_handler: h}]
failure_handlers: [{name: h, rules: [{match_all_exit_codes: true, max_retries: 1}]}]
"""


@pytest.mark.parametrize("cause", [Cause.STOPPED, Cause.TIME_LIMIT])
def test_live_runner(bench: Make, cause: Cause) -> None:
    """A live runner starts the next attempt; no retry is used and the workflow is not complete."""
    it = bench(HANDLED)
    it.step()
    other, fake = it.join()
    it.engine.stop(cause=cause)
    step = it.step()
    assert not step.is_complete
    assert it.status() == {"a": "terminated"}
    assert workflows.get_workflow(it.store, it.workflow_id).state is WorkflowState.INTERRUPTED
    other.step([], 5.0)
    assert it.status() == {"a": "pending"}
    assert fake.order(it.ids["a"]).key.attempt_id == 2
    fake.finish(it.ids["a"], 1)
    other.step(fake.wait(0), 6.0)
    assert it.status() == {"a": "pending"}, "the handler still has its retry"


def test_paused(bench: Make) -> None:
    """A paused workflow keeps its interrupted jobs."""
    from torc_tui.operations.workflows import pause_workflow

    it = bench(HANDLED)
    it.step()
    other, _ = it.join()
    it.engine.stop()
    it.step()
    pause_workflow(it.outside, it.workflow_id)
    other.step([], 5.0)
    assert it.status() == {"a": "terminated"}


def test_canceled(bench: Make) -> None:
    """A runner that is stopped because its workflow is canceled leaves no interrupted jobs."""
    from torc_tui.operations.workflows import cancel_workflow

    it = bench(HANDLED)
    it.step()
    it.engine.stop()
    cancel_workflow(it.outside, it.workflow_id)
    it.step()
    assert it.status() == {"a": "canceled"}
