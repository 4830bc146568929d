"""How well allocations were used: by the accounting of Slurm, and by what torc measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.clusters.base import AccountRecord
from torc_tui.clusters.slurm_accounts import read_accounts
from torc_tui.operations.allocation_usage import accounted_use
from torc_tui.views.allocation_usage import (
    AccountedUse,
    UsedAllocation,
    UsedAttempt,
    allocation_use,
    total_use,
)

SACCT = """\
Welcome | to | the cluster
1|torc-wf1|COMPLETED|0:0|57|1|1|00:19.064||billing=1,cpu=1,mem=2304M,node=1|n1
1.batch|batch|COMPLETED|0:0|57|1|1|00:00.014|9084K|cpu=1,mem=2304M,node=1|n1
1.0|a|b|COMPLETED|0:0|56|1|1|00:19.049|92100K|cpu=1,mem=2304M,node=1|n1
2|x|CANCELLED by 1000|0:15|86400|16|2|1-02:03:04|||None assigned
21+1|y|TIMEOUT|0:0|oops|||INVALID|16?|mem=1.50G|n1
3|too|few
"""
GIB = 1 << 30


def test_accounting_is_read() -> None:
    found = {f"{one.native_id}.{one.step}": one for one in read_accounts(SACCT.splitlines())}
    assert set(found) == {"1.", "1.batch", "1.0", "2.", "21+1."}
    assert found["1.0"] == AccountRecord(
        *("1", "0", "a|b", "COMPLETED", "0:0", 56.0, 1, 1, 19.049, 92100 << 10, 2304 << 20, "n1")
    )
    assert (found["2."].state, found["2."].cpu_time) == ("CANCELLED", 93784.0)
    assert found["2."].memory is None
    assert (found["21+1."].cpus, found["21+1."].cpu_time, found["21+1."].peak_memory) == (None,) * 3
    assert found["21+1."].memory == 3 << 29


@given(st.lists(st.text(alphabet="0123456789.|:-+_KMG=,amem \x1b"), max_size=5))
def test_any_line_can_be_read(lines: list[str]) -> None:
    assert len(read_accounts(lines)) <= len(lines)


def test_peak_of_the_steps_is_that_of_the_allocation() -> None:
    found = accounted_use(read_accounts(SACCT.splitlines()))
    assert set(found) == {"1", "2", "21+1"}
    assert found["1"] == AccountedUse(57.0, 1, 1, 2304 << 20, 19.064, 92100 << 10)


def test_own_figures_without_accounting() -> None:
    one = UsedAllocation(1, "7", "main", "done", nodes=2, cpus=4, memory=8 * GIB, elapsed=100.0)
    attempts = [
        UsedAttempt(1, 0.0, 50.0, 2, 60.0, GIB),
        UsedAttempt(1, 10.0, 60.0, 2, 40.0, GIB),
        UsedAttempt(1, 60.0, 100.0, 1, None, GIB),
        UsedAttempt(2, 0.0, 40.0, 4, 100.0, GIB),
    ]
    use = allocation_use(one, attempts, None)
    assert (use.source, use.jobs, use.cpus) == ("torc", 4, 8)
    assert use.node_hours == pytest.approx(200 / 3600)
    assert use.cpu_hours == pytest.approx(800 / 3600)
    assert use.cpu_efficiency == pytest.approx(200 / 800)
    assert use.peak_memory == 2 * GIB and use.memory_efficiency == 0.25
    assert use.idle_share == pytest.approx(1 - 400 / 800)


def test_accounting_takes_precedence() -> None:
    one = UsedAllocation(1, "7", "main", "done", nodes=2, cpus=4, memory=8 * GIB, elapsed=90.0)
    known = AccountedUse(100.0, 16, 2, 32 * GIB, 400.0, 4 * GIB)
    use = allocation_use(one, [UsedAttempt(1, 0.0, 50.0, 16, 1.0, GIB)], known)
    assert (use.elapsed, use.cpus, use.memory, use.source) == (100.0, 16, 16 * GIB, "accounting")
    assert (use.cpu_efficiency, use.memory_efficiency, use.idle_share) == (0.25, 0.25, 0.5)


def test_allocation_that_has_just_started() -> None:
    one = UsedAllocation(1, "7", "main", "running", nodes=1, cpus=4, memory=None, elapsed=0.0)
    use = allocation_use(one, [], None)
    assert (use.cpu_efficiency, use.memory_efficiency, use.idle_share) == (None, None, None)
    total = total_use([use])
    assert (total.allocations, total.idle_share, total.cpu_efficiency) == (1, None, None)
