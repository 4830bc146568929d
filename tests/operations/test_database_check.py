"""Whether nodes can use a database: locks between two of them, connections from one."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any
from unittest.mock import MagicMock

import pytest

from tests.fake_executor import FakeExecutor
from tests.waiting import DEADLINE
from torc_tui.clusters.base import AllocationRequest, Submitted
from torc_tui.clusters.fake import FakeCluster
from torc_tui.engine.report import RunOptions
from torc_tui.engine.runner import run
from torc_tui.errors import Refused, TorcError
from torc_tui.model import Machine
from torc_tui.operations import database_check, node_probe, shared_file
from torc_tui.operations import workflows as operations
from torc_tui.operations.allocation_demand import is_limited
from torc_tui.operations.cluster_job import ClusterJobOptions
from torc_tui.operations.database_check import NodeCheck, locks_problem
from torc_tui.operations.node_probe import LockProbe, NodeAnswer
from torc_tui.operations.shared_file import WatcherPresence, examine_file, refuse_second_node
from torc_tui.plan.resolve import resolve
from torc_tui.store import allocations, sql
from torc_tui.store.compute_nodes import this_location
from torc_tui.store.database import Store
from torc_tui.store.opening import file_system
from torc_tui.workflow_file.load import loads

FIRST = NodeAnswer("n1", "done", "nfs:x", None, 400)
SECOND = NodeAnswer("n2", "done", "nfs:x", "refused", 400)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    store = Store.open(str(tmp_path / "torc.db"))
    yield store
    store.close()


# -- the probe


def test_locks_of_two_processes(tmp_path: Path) -> None:
    node_probe.prepare_locks(tmp_path)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "torc_tui.operations.node_probe", str(tmp_path)],
            env={**os.environ, "SLURM_PROCID": str(rank), "SLURMD_NODENAME": f"n{rank + 1}"},
        )
        for rank in range(2)
    ]
    assert [process.wait(DEADLINE) for process in processes] == [0, 0]
    first, second = (node_probe.answer_of(tmp_path, number) for number in range(2))
    assert (first.host, second.host, second.lock) == ("n1", "n2", "refused")
    assert (first.counter, second.counter) == (400, 400)
    assert locks_problem([first, second], "") is None


class Nodes(FakeCluster):
    """Runs the probe of each node in a thread: locks of one process do not exclude each other."""

    def submit(self, request: AllocationRequest) -> Submitted:
        directory = Path(request.runner[-1])
        for number in range(request.nodes):
            threading.Thread(target=LockProbe(directory, number).run, daemon=True).start()
        return super().submit(request)


def test_file_system_without_locks(file: Store) -> None:
    found = database_check.check_locks(file.place, Nodes(), ClusterJobOptions(timeout=DEADLINE))
    assert found.problem is not None and "both tasks ran on" in found.problem
    assert not list(Path(file.place).parent.glob(".torc-check-*"))


def test_locks_that_fail(tmp_path: Path) -> None:
    def no_locks(_file: IO[bytes], _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    node_probe.prepare_locks(tmp_path)
    LockProbe(tmp_path, 0, no_locks).run()
    answer = node_probe.answer_of(tmp_path, 0)
    assert answer.step == "done" and answer.error is not None


@pytest.mark.parametrize(
    ("answers", "log", "problem"),
    [
        ([FIRST, SECOND], "", None),
        ([FIRST, SECOND._replace(lock="granted")], "", "n1 held the lock of a file, and n2 got it"),
        ([FIRST, SECOND._replace(lock="No locks")], "", "n2 cannot lock files: No locks"),
        ([FIRST, SECOND._replace(counter=371)], "", "400 times, and then read 400 and 371"),
        ([FIRST._replace(error="malformed"), SECOND], "", "SQLite failed on n1: malformed"),
        ([FIRST, SECOND._replace(host="n1")], "", "both tasks ran on n1"),
        ([FIRST, NodeAnswer()], "no such file", "the nodes did not finish the check: no such file"),
        ([NodeAnswer(), NodeAnswer()], "", "they do not see its directory"),
        ([FIRST, SECOND._replace(step="tried")], "", "n2 did not finish the check"),
    ],
)
def test_verdict_on_locks(answers: list[NodeAnswer], log: str, problem: str | None) -> None:
    found = locks_problem(answers, log)
    assert found is None if problem is None else problem in str(found)


def test_job_that_does_not_start(file: Store) -> None:
    cluster = FakeCluster()
    with pytest.raises(TorcError, match=r"Slurm job 1 did not start or end within 0\.1 s"):
        database_check.check_locks(file.place, cluster, ClusterJobOptions(timeout=0.1))
    assert cluster.calls["cancel"] == 1


def test_connection_from_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_probe, "connect_postgresql", lambda place: MagicMock())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        node_probe.try_connections(tmp_path, [("localhost", port), ("127.0.0.1", port)])
    answer = node_probe.answer_of(tmp_path, 0)
    assert database_check.server_problem(f"localhost:{port}", answer, "") is None
    node_probe.try_connections(tmp_path, [("localhost", port)])
    answer = node_probe.answer_of(tmp_path, 0)
    text = database_check.server_problem(f"localhost:{port}", answer, "")
    assert text is not None and f"cannot reach localhost:{port}: " in text


def test_log_in_from_a_node(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is reached may still refuse the log-in of a node, which has another home."""

    def problem(url: str) -> tuple[str | None, str | None]:
        monkeypatch.setenv("TORC_DATABASE", url)
        with socket.create_server(("127.0.0.1", 0)) as server:
            target = "127.0.0.1", server.getsockname()[1]
            node_probe.try_connections(tmp_path, [target])
        answer = node_probe.answer_of(tmp_path, 0)
        return database_check.server_problem(f"{target[0]}:{target[1]}", answer, ""), answer.hint

    assert problem(postgresql_url) == (None, None)
    scheme, _, rest = postgresql_url.partition("://")
    text, hint = problem(f"{scheme}://nobody-here@{rest.partition('@')[2]}")
    assert text is not None and " cannot log in: log-in refused by the server" in text
    assert hint is not None and hint.startswith("check the user name")


def test_job_of_a_check_gets_the_environment_of_a_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_CLUSTER__PROLOGUE", "module load site")
    cluster = FakeCluster()
    for url in ("postgresql://ann@kl1/torc", "postgresql://ann:s3cretword@kl1/torc"):
        with pytest.raises(TorcError, match="did not start or end"):
            database_check.check_server(url, tmp_path, cluster, ClusterJobOptions(timeout=0.1))
    plain, secret = cluster.requests.values()
    assert plain.commands == secret.commands == ("module load site",)
    assert plain.environ == (("TORC_DATABASE", "postgresql://ann@kl1/torc"),)
    assert secret.environ == () and "s3cretword" in secret.secrets[0][1]


def test_other_names_of_the_server() -> None:
    answer = NodeAnswer("n3", "done", reached={"kl1:6901": "refused", "kl1.hsn:6901": None})
    text = database_check.server_problem("kl1:6901", answer, "")
    assert text == "n3 cannot reach kl1:6901: refused; it reaches kl1.hsn"
    assert database_check.server_names("db.example.org") == ["db.example.org"]
    assert database_check.server_names("localhost")[0] == "localhost"
    assert "did not finish" in str(database_check.server_problem("x:1", NodeAnswer(), ""))


# -- what is stored


def check_of(file: Store, problem: str | None = None) -> NodeCheck:
    here = file_system(file.place)
    return NodeCheck(1.0, ("n1", "n2"), problem, (here.id if here else "x",))


def keep(file: Store, found: NodeCheck) -> None:
    with file.write() as conn:
        database_check.keep(conn, found)


def test_result_holds_for_its_file_system(file: Store) -> None:
    assert is_limited(file)
    keep(file, check_of(file))
    assert not is_limited(file)
    keep(file, check_of(file)._replace(file_systems=("nfs:elsewhere",)))
    assert is_limited(file) == (file_system(file.place) is not None)
    keep(file, check_of(file, "bad"))
    assert is_limited(file)


# -- the first runner


def why_unfit(store: Store, **how: Any) -> str | None:
    return examine_file(store, **how).problem


def never(_seconds: float) -> None:
    raise AssertionError("nothing to wait for")


def free(_file: IO[bytes], _operation: int) -> None:
    """Grant every lock, as a file system does that knows nothing of other hosts."""


def test_checked_database_is_used_at_once(file: Store) -> None:
    keep(file, check_of(file))
    assert why_unfit(file, sleep=never) is None
    keep(file, check_of(file, "locks are bad"))
    assert "locks are bad" in str(why_unfit(file, sleep=never))


def test_nobody_else_uses_it(file: Store) -> None:
    assert why_unfit(file, sleep=never) is None


def lease(file: Store) -> None:
    with file.write() as conn:
        allocations.take_lease(conn, "allocator:1", "ada", None)


def renew(file: Store) -> Any:
    def sleep(_seconds: float) -> None:
        with file.write() as conn:
            conn.execute(sql.RENEW_LEASE, name="allocator:1", holder="ada")

    return sleep


def test_lock_of_the_login_node_is_seen(file: Store) -> None:
    lease(file)

    def held(_file: IO[bytes], _operation: int) -> None:
        raise BlockingIOError

    assert why_unfit(file, lock=held, sleep=never) is None


def test_lock_of_the_login_node_is_not_seen(file: Store) -> None:
    lease(file)
    text = str(why_unfit(file, lock=free, sleep=renew(file)))
    assert "got a lock on" in text and "SQLite would be damaged" in text


def test_login_process_that_has_ended(file: Store) -> None:
    lease(file)
    waited: list[float] = []
    assert why_unfit(file, lock=free, sleep=waited.append) is None
    assert sum(waited) > 30


def test_no_locks_at_all(file: Store) -> None:
    def no_locks(_file: IO[bytes], _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    assert "cannot lock" in str(why_unfit(file, lock=no_locks, sleep=never))


def test_presence_excludes_another_process(file: Store) -> None:
    presence, second = WatcherPresence(file), WatcherPresence(file)
    presence.take()
    second.take()
    code = f"import fcntl; fcntl.lockf(open('{file.place}-watch', 'r+b'), {fcntl.LOCK_EX | fcntl.LOCK_NB})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert other.returncode == 1
    presence.release()
    second.release()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WORKFLOW = "{name: w, jobs: [{name: a, command: x}]}"
RUNNER = (
    "INSERT INTO compute_node (id, workflow_id, run_id, hostname, pid, process_started, boot_id,"
    " num_cpus, memory, gpus, options, is_active, started_at, heartbeat_at, node_name, heartbeats)"
    " SELECT 1, id, 1, 'n7', 1, 1, 'b', 1, 1, '[]', '{}', TRUE, 0, 0, 'n7', 0 FROM workflow"
)


def test_nodes_that_start_together(file: Store, tmp_path: Path) -> None:
    """Neither sees the other in the check; the second one to join is refused, in its transaction."""
    workflow_id = operations.create_workflow(
        file, resolve(loads(WORKFLOW, format="yaml")), user="ann", directory=str(tmp_path),
        actor=None,
    )  # fmt: skip
    operations.initialize(file, workflow_id)
    found = examine_file(file, sleep=never)
    assert found.problem is None and found.silent == frozenset()
    with file.write() as conn:
        conn.raw.execute(RUNNER)
    machine = Machine(hostname="n1", num_cpus=1, memory=1 << 30)
    options = RunOptions(silent_elsewhere=found.silent)
    with pytest.raises(Refused, match="is in use on n7, and no two nodes have checked it"):
        run(file, workflow_id, options, machine=machine, executor=FakeExecutor())
    with file.read() as conn:
        assert [row.id for row in conn.rows(sql.RUNNERS_ANYWHERE)] == [1]


def test_another_node_uses_it(file: Store) -> None:
    store = file
    operations.create_workflow(
        store, resolve(loads(WORKFLOW, format="yaml")), user="ann", directory="/", actor=None
    )
    with store.write() as conn:
        conn.raw.execute(RUNNER)

    def beat(_seconds: float) -> None:
        with store.write() as conn:
            conn.raw.execute("UPDATE compute_node SET heartbeats = heartbeats + 1")

    text = str(why_unfit(store, sleep=beat))
    assert "is in use on n7, and no two nodes have checked it" in text
    waited: list[float] = []
    assert why_unfit(store, sleep=waited.append) is None
    assert sum(waited) == shared_file.HEARTBEAT_SECONDS
    with store.write() as conn, pytest.raises(Refused, match="is in use on n7"):
        refuse_second_node(store, conn, ())
    with store.write() as conn:
        refuse_second_node(store, conn, examine_file(store, sleep=waited.append).silent or ())
    with store.write() as conn:  # another node of this machine: locks work within one kernel
        conn.raw.execute("UPDATE compute_node SET location = ?", (this_location("slurm:c:7:n7"),))
    assert why_unfit(store, sleep=never) is None
