"""What the commands of Slurm print, as recorded on several clusters, becomes records."""

from __future__ import annotations

import pytest

from torc_tui.clusters import slurm_output
from torc_tui.clusters.base import Submitted
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.partitions import NodeShape
from torc_tui.units import parse_gres, parse_slurm_memory, parse_walltime

QUEUE = """\
Welcome to the cluster! Maintenance on Monday | read the news
4711|PENDING|1795932801|1795936401||torc:abc:1|ReqNodeNotAvail, UnavailableNodes:n1
4712|RUNNING|1795932801|1795936401|n[1-2]|(null)|None
4713|COMPLETED|1795932801|1795936401|n1|a|b|c|None
21+1|TIMEOUT|1795932801|1795936401|n1|(null)|TimeLimit
5_7|NODE_FAIL|1795932801|Unknown|n1||NodeDown
5_[8-9]|PENDING|N/A|N/A||(null)|Resources
4714|CONFIGURING|2026-11-29T06:20:00|N/A|n3||
4715|HIBERNATING|N/A|N/A||(null)|Unheard
broken line
"""


def test_queue_is_read() -> None:
    found = slurm_output.queue(QUEUE.splitlines())
    assert set(found) == {"4711", "4712", "4713", "21+1", "5_7", "4714", "4715"}
    queued = found["4711"]
    assert queued.state is AllocationState.QUEUED
    assert queued.reason == "ReqNodeNotAvail, UnavailableNodes:n1"
    assert (queued.comment, queued.starts_at) == ("torc:abc:1", 1795932801.0)
    assert (found["4712"].nodelist, found["4712"].comment) == ("n[1-2]", "")
    assert (found["4713"].comment, found["4713"].reason) == ("a|b|c", "")
    assert found["4714"].state is AllocationState.QUEUED
    assert found["4714"].starts_at is not None


@pytest.mark.parametrize(
    ("native_id", "outcome"),
    [
        ("4713", AllocationOutcome.DONE),
        ("21+1", AllocationOutcome.WALLTIME),
        ("5_7", AllocationOutcome.NODE_FAILED),
        ("4712", None),
    ],
)
def test_ends_have_an_outcome(native_id: str, outcome: AllocationOutcome | None) -> None:
    assert slurm_output.queue(QUEUE.splitlines())[native_id].outcome is outcome


def test_unknown_state_is_unknown() -> None:
    found = slurm_output.queue(QUEUE.splitlines())["4715"]
    assert (found.state, found.word) == (AllocationState.UNKNOWN, "HIBERNATING")


def test_empty_queue_is_empty() -> None:
    assert slurm_output.queue([]) == {}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["4711"], Submitted("4711"), id="plain"),
        pytest.param(["4711;big"], Submitted("4711", "big"), id="cluster"),
        pytest.param(["Quota: 17 hours", "4711", "bye"], Submitted("4711"), id="banner"),
        pytest.param(["Submitted batch job 4711"], None, id="wrapper"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_submission_is_read(lines: list[str], expected: Submitted | None) -> None:
    assert slurm_output.submitted(lines) == expected


PARTITIONS = """\
*** notice ***
short|up|30:00|4|2|4000|(null)
main*|up|infinite|100|104|256000+|(null)
main*|up|infinite|8|128+|768000|gpu:a100:4(S:0-1),gpu:v100:2(S:0,1)
gpu|drain|2-00:00:00|8|128|768000|gpu:4
odd|up|n/a|x|2|4000|(null)
"""


def test_partitions_are_read() -> None:
    found = slurm_output.partitions(PARTITIONS.splitlines())
    assert [one.name for one in found] == ["main", "short", "gpu"]
    main, short, gpu = found
    assert main.is_default and main.max_walltime is None and len(main.shapes) == 2
    assert main.shapes[1] == NodeShape(8, 128, 768000 << 20, (("a100", 4), ("v100", 2)))
    assert main.shapes[1].num_gpus == 6
    assert (short.max_walltime, short.is_up) == (1800.0, True)
    assert (gpu.max_walltime, gpu.is_up, gpu.shapes[0].gpus) == (172800.0, False, (("", 4),))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 1800.0),
        ("05:00", 300.0),
        ("01:30:00", 5400.0),
        ("1-12", 129600.0),
        ("1-12:30", 131400.0),
        ("2-00:00:01", 172801.0),
        ("infinite", None),
        ("n/a", None),
        ("", None),
        ("x-1", None),
    ],
)
def test_walltime_is_read(text: str, seconds: float | None) -> None:
    assert parse_walltime(text) == seconds


def test_memory_and_gpus_of_a_scheduler_are_read() -> None:
    sizes = [parse_slurm_memory(text) for text in ("4G", "4000", "1t", 512, "0", "all", None)]
    assert sizes == [4 << 30, 4000 << 20, 1 << 40, 512 << 20, None, None, None]
    numbers = [parse_gres(text) for text in ("gpu:a100:2", "gpu", "gpu:3,nvme:1", "nvme:1", None)]
    assert numbers == [2, 1, 3, None, None]


def test_accounting_is_read() -> None:
    lines = ["7|CANCELLED by 0|2026-11-29T06:20:00|2026-11-29T06:21:00|n1", "8|X|None|Unknown|"]
    found = slurm_output.accounts(lines)
    assert found["7"].outcome is AllocationOutcome.CANCELED
    ended, started = found["7"].ends_at, found["7"].starts_at
    assert ended is not None and started is not None and ended - started == 60.0
    assert (found["8"].starts_at, found["8"].state) == (None, AllocationState.UNKNOWN)


def test_estimate_is_read() -> None:
    lines = ["sbatch: Job 3 to start at 1795932801 using 1 processors on nodes n1 in partition x"]
    assert slurm_output.estimate(lines) == 1795932801.0
    assert slurm_output.estimate(["allocation failure: no"]) is None
