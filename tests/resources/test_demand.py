"""Which allocations the ready jobs of a workflow need."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.resources.demand import plan_demand
from torc_tui.resources.demand_records import (
    DemandInput,
    DemandLimits,
    DemandPlan,
    GroupRules,
    JobDemand,
    OpenAllocation,
)
from torc_tui.resources.partitions import NodeShape, Partition
from torc_tui.wording import sentence

GIB = 1 << 30
SMALL = NodeShape(4, 2, 4 * GIB)
MAIN = Partition("main", True, True, None, (SMALL,))
GPU = Partition("gpu", True, False, 48 * 3600.0, (NodeShape(2, 8, 64 * GIB, (("a100", 4),)),))
DEBUG = Partition("debug", True, False, 300.0, (NodeShape(1, 2, 4 * GIB),))
PAUSED = because(Kind.GROUP_PAUSED, group="main", workflow=1)


def needs(number: int = 1, **values: Any) -> ResourceRequirements:
    return ResourceRequirements(name=f"r{number}", **{"runtime": 60.0, **values})


def jobs(
    ready: int = 1, number: int = 1, *, scheduler: str | None = None, soon: int = 0, **values: Any
) -> JobDemand:
    return JobDemand(number, needs(number, **values), ready, soon, scheduler)


def planned(*demands: JobDemand, **values: Any) -> DemandPlan:
    given = {"partitions": (MAIN, DEBUG, GPU), **values}
    return plan_demand(DemandInput(jobs=demands, **given))


def opened(plan: DemandPlan, *, first: int = 1, is_queued: bool = True) -> list[OpenAllocation]:
    return [
        OpenAllocation(
            number,
            one.group,
            one.labels,
            one.nodes,
            one.cpus,
            one.memory,
            one.gpus,
            one.walltime,
            is_queued,
            planned=one.jobs,
        )
        for number, one in enumerate(plan.wanted, first)
    ]


def test_nothing_ready_requests_nothing() -> None:
    assert planned() == DemandPlan((), (), ())
    assert planned(jobs(0)).wanted == ()


def test_one_small_job_gets_a_part_of_a_node() -> None:
    [one] = planned(jobs(1, memory=GIB)).wanted
    assert (one.group, one.partition, one.nodes, one.cpus, one.gpus) == ("main", "main", 1, 1, 0)
    assert one.memory == GIB + (256 << 20)
    assert one.walltime == 300.0 and one.jobs == {1: 1}


def test_undeclared_memory_is_left_to_the_site() -> None:
    [one] = planned(jobs(1)).wanted
    assert one.memory is None


def test_many_jobs_share_nodes_and_time() -> None:
    plan = planned(jobs(1000), limits=DemandLimits(max_nodes=4, max_queued=10))
    assert [one.cpus for one in plan.wanted] == [2] * 4
    # 125 jobs on each of 8 CPUs are more than 8 waves
    assert {one.walltime for one in plan.wanted} == {900.0}
    [unserved] = plan.unserved
    assert unserved.reason == because(Kind.ALLOCATION_LIMIT, name="max_nodes", limit=4)
    assert unserved.jobs + sum(one.jobs[1] for one in plan.wanted) == 1000


def test_gpu_jobs_get_their_partition() -> None:
    plan = planned(jobs(3, 1), jobs(2, 2, num_gpus=2, gpu_model="A100"))
    assert [(one.group, one.gpus, one.gpu_type) for one in plan.wanted] == [
        ("main", 0, ""),
        ("gpu", 4, "a100"),
    ]


def test_shares_of_gpus_are_packed() -> None:
    [one] = planned(jobs(4, num_gpus=0.5)).wanted
    assert (one.group, one.gpus, one.nodes, one.jobs) == ("gpu", 2, 1, {1: 4})


def test_scheduler_overrides_field_by_field() -> None:
    rules = {"big": GroupRules(partition="gpu", nodes=2, memory=8 * GIB, gpus=1, walltime=7200.0)}
    [one] = planned(jobs(4, scheduler="big"), rules=rules).wanted
    assert (one.group, one.scheduler, one.nodes) == ("big", "big", 2)
    assert (one.memory, one.gpus, one.walltime) == (8 * GIB, 1, 7200.0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"memory": 900 * GIB},
            "needs 900 GiB, the largest nodes have 64 GiB (gpu)",
        ),
        ({"num_cpus": 9}, "needs 9 CPUs, the largest nodes have 8 CPUs (gpu)"),
        ({"num_gpus": 8}, "needs 8 GPUs, the largest nodes have 4 GPUs (gpu)"),
        ({"gpu_model": "H100"}, "no partition has GPUs of the model H100"),
        ({"num_nodes": 2}, "jobs with several nodes (2) are not supported yet"),
    ],
)
def test_request_that_fits_nowhere_has_a_reason(values: dict[str, Any], text: str) -> None:
    plan = planned(jobs(3, **values))
    [unserved] = plan.unserved
    assert plan.wanted == () and unserved.never and unserved.jobs == 3
    assert sentence(unserved.reason) == text


def test_undeclared_runtime_fits_somewhere() -> None:
    assert planned(jobs(1, runtime=None)).wanted[0].walltime == 5700.0
    assert planned(jobs(1, runtime=None), partitions=[DEBUG]).wanted[0].walltime == 300.0
    rules = {"s": GroupRules(walltime=600.0)}
    assert planned(jobs(1, scheduler="s", runtime=None), rules=rules).wanted[0].walltime == 600.0


def test_runtime_beyond_every_limit_has_a_reason() -> None:
    plan = planned(jobs(1, runtime=50 * 3600.0), partitions=(DEBUG, GPU))
    assert sentence(plan.unserved[0].reason) == (
        "runs 2 d 2 h, the longest partition allows 2 d (gpu) including 90 s for start and end"
    )


def test_runtime_beyond_the_walltime_of_its_scheduler_has_a_reason() -> None:
    rules = {"s": GroupRules(walltime=600.0)}
    plan = planned(jobs(1, scheduler="s", runtime=550.0), rules=rules)
    assert plan.unserved[0].reason.kind is Kind.WALLTIME_TOO_SHORT and plan.unserved[0].never


def test_unknown_partition_has_a_reason() -> None:
    plan = planned(jobs(1), defaults=GroupRules(partition="nosuch"))
    assert plan.unserved[0].reason == because(Kind.UNKNOWN_PARTITION, name="nosuch")


def test_partition_that_is_down_is_not_used() -> None:
    plan = planned(jobs(1), partitions=(MAIN._replace(is_up=False), GPU))
    assert [one.partition for one in plan.wanted] == ["gpu"]


def test_paused_group_requests_nothing() -> None:
    plan = planned(jobs(2), stopped={"main": PAUSED})
    assert plan.wanted == () and plan.unserved[0].reason == PAUSED


def test_running_allocation_serves_what_fits_before_its_end() -> None:
    here = OpenAllocation(1, "main", (), 1, 2, None, 0, time_left=130.0)
    assert planned(jobs(4), open=[here]).wanted == ()
    [more] = planned(jobs(5), open=[here]).wanted
    assert more.jobs == {1: 1}
    ending = here._replace(time_left=50.0)
    assert planned(jobs(1), open=[ending]).wanted != ()


def test_jobs_that_run_take_room() -> None:
    here = OpenAllocation(1, "main", (), 1, 2, None, 0, time_left=100.0, held=2)
    assert planned(jobs(1), open=[here]).wanted != ()


def test_surplus_is_canceled_and_what_was_requested_by_hand_is_not() -> None:
    first = OpenAllocation(1, "main", (), 1, 1, None, 0, 300.0, is_queued=True)
    others = [
        first._replace(id=2, is_queued=False),
        first._replace(id=3, is_fixed=True),
        first._replace(id=4, group="gpu"),
    ]
    gpu = jobs(1, 2, num_gpus=1)
    assert planned(gpu, open=[first, *others]).surplus == (1,)
    assert planned(jobs(0, soon=1), open=[first]).surplus == ()


def test_ahead_counts_jobs_that_are_ready_soon() -> None:
    assert planned(jobs(0, soon=2)).wanted == ()
    [one] = planned(jobs(0, soon=2), ahead=True).wanted
    assert one.jobs == {1: 2}


def test_pack_requests_one_allocation_of_several_nodes() -> None:
    limits = DemandLimits(max_nodes=10)
    [one] = planned(jobs(16, runtime=3600.0), mode="pack", limits=limits).wanted
    assert (one.nodes, one.cpus, one.jobs) == (8, 2, {1: 16})


def test_groups_by_requirements() -> None:
    plan = planned(jobs(1, 1), jobs(1, 2), group_by="resource-requirements")
    assert [one.group for one in plan.wanted] == ["r1", "r2"]


def test_queued_limit_is_for_each_group() -> None:
    plan = planned(jobs(40, 1, runtime=3600.0), jobs(40, 2, num_gpus=4, runtime=3600.0))
    assert Counter(one.group for one in plan.wanted) == {"main": 2, "gpu": 2}


def test_node_hours_are_limited() -> None:
    plan = planned(jobs(40, runtime=3600.0), limits=DemandLimits(max_node_hours=3.0))
    assert sum(one.nodes * one.walltime for one in plan.wanted) <= 3 * 3600.0
    assert plan.unserved[0].reason["name"] == "max_node_hours"


# -- properties ------------------------------------------------------------------------------------

REQUESTS = st.builds(
    needs,
    st.integers(1, 3),
    num_cpus=st.sampled_from([0.5, 1, 2, 3, 8, 64]),
    memory=st.sampled_from([None, GIB // 2, GIB, 3 * GIB, 60 * GIB, 900 * GIB]),
    num_gpus=st.sampled_from([0, 0, 0.25, 0.5, 1, 2, 4]),
    runtime=st.sampled_from([None, 1.0, 60.0, 200.0, 3600.0, 200_000.0]),
)
DEMANDS = st.lists(
    st.tuples(REQUESTS, st.integers(0, 400), st.sampled_from([None, None, "a", "b"])), max_size=4
)
LIMITS = st.builds(
    DemandLimits,
    max_nodes=st.integers(1, 12),
    max_queued=st.integers(1, 4),
    max_allocations=st.integers(1, 12),
    max_node_hours=st.sampled_from([None, 1.0, 30.0]),
    one_node=st.booleans(),
)
WIDE = DemandLimits(max_nodes=100_000, max_queued=100_000, max_allocations=100_000)
RULES = st.fixed_dictionaries(
    {
        "a": st.builds(GroupRules, walltime=st.sampled_from([None, 600.0, 7200.0])),
        "b": st.builds(
            GroupRules,
            walltime=st.none(),
            nodes=st.sampled_from([None, 1, 3]),
            memory=st.sampled_from([None, 2 * GIB]),
            max_nodes=st.sampled_from([None, 3]),
        ),
    }
)
PARTITIONS = st.lists(st.sampled_from([MAIN, GPU, DEBUG]), unique=True, max_size=3)


def demand_input(
    demands: list[Any], partitions: list[Partition], rules: Any, mode: Any, limits: DemandLimits
) -> DemandInput:
    return DemandInput(
        jobs=[
            JobDemand(number, request, ready, 0, scheduler)
            for number, (request, ready, scheduler) in enumerate(demands, 1)
        ],
        partitions=partitions,
        rules=rules,
        limits=limits,
        mode=mode,
    )


GIVEN = (DEMANDS, PARTITIONS, RULES, st.sampled_from(["single", "pack"]))


@given(*GIVEN, LIMITS)
@settings(deadline=None)
def test_plan_stays_within_the_limits(
    demands: list[Any], partitions: list[Partition], rules: Any, mode: Any, limits: DemandLimits
) -> None:
    plan = plan_demand(demand_input(demands, partitions, rules, mode, limits))
    most = 1 if limits.one_node else limits.max_nodes
    assert sum(one.nodes for one in plan.wanted) <= most
    assert len(plan.wanted) <= limits.max_allocations
    assert all(n <= limits.max_queued for n in Counter(one.group for one in plan.wanted).values())
    hours = sum(one.nodes * one.walltime for one in plan.wanted) / 3600
    assert limits.max_node_hours is None or hours <= limits.max_node_hours + 1e-6
    for one in plan.wanted:
        limit = next(p.max_walltime for p in partitions if p.name == one.partition)
        assert limit is None or one.scheduler == "a" or one.walltime <= limit
        assert one.jobs and all(number > 0 for number in one.jobs.values())


@given(*GIVEN, LIMITS)
@settings(deadline=None)
def test_every_job_is_served_or_has_a_reason(
    demands: list[Any], partitions: list[Partition], rules: Any, mode: Any, limits: DemandLimits
) -> None:
    plan = plan_demand(demand_input(demands, partitions, rules, mode, limits))
    counted: Counter[int] = Counter()
    for one in plan.wanted:
        counted.update(one.jobs)
    for left in plan.unserved:
        counted[left.requirement_id] += left.jobs
        assert sentence(left.reason)
    ready = {number: ready for number, (_, ready, _) in enumerate(demands, 1) if ready}
    assert dict(counted) == ready


@given(*GIVEN, st.one_of(LIMITS, st.just(WIDE)))
@settings(deadline=None)
def test_planning_twice_requests_once(
    demands: list[Any], partitions: list[Partition], rules: Any, mode: Any, limits: DemandLimits
) -> None:
    first = demand_input(demands, partitions, rules, mode, limits)
    plan = plan_demand(first)
    hours = sum(one.nodes * one.walltime for one in plan.wanted) / 3600
    again = replace(first, open=opened(plan), requested=len(plan.wanted), node_hours=hours)
    second = plan_demand(again)
    assert second.wanted == () and second.surplus == ()
    running = replace(again, open=opened(plan, is_queued=False), limits=WIDE)
    served = {left.requirement_id for left in plan.unserved}
    assert served or plan_demand(running).wanted == ()


def test_many_requests_end_in_few_rounds() -> None:
    """Rounds of requests that start at once serve all jobs, whatever the limits are."""
    left, rounds = 1000, 0
    while left:
        plan = planned(jobs(left))
        left -= sum(one.jobs[1] for one in plan.wanted)
        rounds += 1
        assert plan.wanted
    assert rounds < 60
