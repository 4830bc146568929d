"""A small plan with every kind of entry, for the tests of the database."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    Action,
    EdgeKind,
    FailureHandler,
    FailureRule,
    FileSpec,
    Gate,
    JobSpec,
    Plan,
    PlannedJob,
    ResourceRequirements,
    SlurmScheduler,
    UserDataSpec,
    WorkflowSpec,
)


def make_plan(count: int = 6, name: str = "sweep") -> Plan:
    """``prepare`` writes a file, a record and a config; ``count`` trainings read them; two
    collectors wait for all trainings through one gate. The last edge is explicit: report waits for
    the collectors."""
    trainings = [
        JobSpec(
            name=f"train_{i}",
            command=f"python train.py --lr {i}",
            group="train_{lr}",
            values=(("lr", i), ("mode", "fast")),
            priority=i,
            resource_requirements="large",
            env={"SEED": str(i)},
        )
        for i in range(count)
    ]
    jobs = [
        JobSpec(name="prepare", command="torc user-data update ${...}", failure_handler="again"),
        *trainings,
        JobSpec(name="collect_a", command="collect a", scheduler="cluster"),
        JobSpec(name="collect_b", command="collect b", cancel_on_blocking_job_failure=False),
        JobSpec(
            name="report", command="report", stdio={"mode": "combined"}, require_user_data=True
        ),
    ]
    last = len(jobs) - 1
    requirements = (
        ResourceRequirements(
            name="large", num_cpus=4, memory=1 << 34, num_gpus=0.5, gpu_memory=1 << 30, runtime=90.0
        ),
        DEFAULT_REQUIREMENTS,
    )
    spec = WorkflowSpec(
        name=name,
        description="a sweep — ü",
        project="p",
        metadata={"k": [1, None]},
        jobs=jobs,
        files=(
            FileSpec(name="raw", path="data/raw.csv"),
            FileSpec(name="clean", path="data/clean.csv"),
        ),
        user_data=(
            UserDataSpec(name="config", data={"b": 1, "a": [1.5, "ü"]}, schema={"type": "object"}),
            UserDataSpec(name="summary", is_ephemeral=True),
            UserDataSpec(name="score", declared=False),
        ),
        resource_requirements=requirements,
        failure_handlers=(
            FailureHandler(name="again", rules=(FailureRule(exit_codes=(1, 2), max_retries=2),)),
        ),
        slurm_schedulers=(SlurmScheduler(name="cluster", settings={"account": "x"}),),
        actions=(
            Action(
                trigger_type="on_jobs_complete", action_type="run_commands", commands=("echo done",)
            ),
        ),
        env={"A": "1"},
        settings={"jobs_sort_method": "gpus_runtime_memory"},
        file="/somewhere/sweep.yaml",
        text="name: sweep\n",
        format="yaml",
    )
    planned = [
        PlannedJob(
            spec.jobs[0],
            ("torc user-data update ", 1, " --data 1 # ", 0),
            None,
            1,
            0,
            0,
            1,
            None,
            0,
        ),
        *[PlannedJob(job, job.command, None, 0, None, 1, None, 1, None) for job in trainings],
        *[PlannedJob(job, job.command, None, 1, None, None, None, 0, None) for job in jobs[-3:-1]],
        PlannedJob(jobs[-1], jobs[-1].command, ("wrap ", 2), 1, None, None, None, None, 2),
    ]
    trained = tuple(range(1, count + 1))
    return Plan(
        spec,
        planned,
        spec.files,
        spec.user_data,
        requirements,
        file_groups=[(0,), (1,)],
        user_data_groups=[(1,), (0, 1), (2,)],
        edges=[
            *[(i, 0, EdgeKind.FILE, 1) for i in trained],
            (last, last - 2, EdgeKind.EXPLICIT, None),
            (last, last - 1, EdgeKind.EXPLICIT, None),
        ],
        gates=[Gate(trained, (last - 2, last - 1), EdgeKind.REGEX, "train_.*")],
        action_jobs=[trained],
    )


@pytest.fixture(name="make_plan")
def _make_plan() -> Callable[..., Plan]:
    """Return a function that makes these plans."""
    return make_plan
