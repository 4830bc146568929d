"""Run the engine in a test: a real database, a fake executor, and single steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_executor import FakeExecutor
from torc_tui.engine.engine import Engine, StepResult
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.report import RunOptions
from torc_tui.engine.shared_state import NodeIdentity
from torc_tui.engine.state import EngineOptions
from torc_tui.model import Machine
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.records import replace
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, run_context, workflows
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

MACHINE = Machine(hostname="bench", num_cpus=4, memory=64 << 30)
HERE = compute_nodes.MachineProcess(hostname="bench", boot_id="boot", pid=1, started=1)


class Bench:
    """One workflow and one engine on it."""

    def __init__(
        self,
        store: Store,
        directory: Path,
        text: str,
        *,
        machine: Machine = MACHINE,
        **options: Any,
    ) -> None:
        self.store = store
        self.machine = machine
        self.outside = Store.open(store.url)  # as another process sees it
        self.directory = directory
        plan = resolve(loads(text, format="yaml"))
        self.workflow_id = create_workflow(
            store, plan, user="u", directory=str(directory), actor="u@h"
        )
        initialize(store, self.workflow_id)
        self.ids = {job.name: job.id for job in self.jobs()}
        self.engine, self.fake = self.join(machine, **options)

    def join(
        self, machine: Machine = MACHINE, executor: Any = None, **options: Any
    ) -> tuple[Engine, FakeExecutor]:
        """Another runner on the same workflow."""
        fake = executor or FakeExecutor()
        hostname = options.pop("hostname", machine.hostname)
        with self.store.write() as conn:
            context = run_context.read(conn, self.workflow_id)
            labels = options.pop("labels", ())
            stored = {"max_parallel_jobs": options.pop("max_parallel_jobs", None), "labels": labels}
            node_id, _ = compute_nodes.register(
                conn,
                self.workflow_id,
                context.run_id,
                replace(HERE, hostname=hostname),
                machine,
                stored,
                0.0,
            )
        output_dir = str(self.directory / "out")
        maker = OrderMaker(
            context, RunOptions(), store_url=self.store.url, output_dir=output_dir, inherited={}
        )
        identity = NodeIdentity(node_id=node_id, location=hostname, labels=labels)
        return Engine(
            self.store, fake, Pool(machine), maker, identity, EngineOptions(**options)
        ), fake

    def jobs(self) -> list[Any]:
        return workflows.snapshot(self.store, self.workflow_id).jobs

    def status(self) -> dict[str, str]:
        return {job.name: job.status.word for job in self.jobs()}

    def counts(self) -> dict[JobStatus, int]:
        with self.store.read() as conn:
            return workflows.counts(conn, self.workflow_id)

    def step(self) -> StepResult:
        """Run one step with the reports of the executor."""
        self.fake.wake()
        return self.engine.step(self.fake.wait(0), self.fake.now)

    def finish(self, name: str, return_code: int | None = 0, **more: Any) -> StepResult:
        self.fake.finish(self.ids[name], return_code, **more)
        return self.step()

    def running(self) -> set[str]:
        names = {number: name for name, number in self.ids.items()}
        return {names[number] for number in self.fake.job_ids}


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(text: str, **options: Any) -> Bench:
        made.append(Bench(store, tmp_path, text, **options))
        return made[-1]

    yield make
    for one in made:
        one.outside.close()


@pytest.fixture
def make_bench() -> type[Bench]:
    """The class itself, for tests that need a bench for each of many examples."""
    return Bench
