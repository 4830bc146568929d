"""What is known about a runner, by table and by random rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.lifecycle.liveness import (
    LEASE_SECONDS,
    SILENT_SECONDS,
    Liveness,
    Proof,
    Relation,
    RunnerFacts,
    judge,
    relation,
)
from torc_tui.model import MachineIdentity
from torc_tui.records import replace

HERE = MachineIdentity(
    machine_id="m1", boot_id="b1", pid_namespace="pid:[1]", hostname="box", booted_at=1000.0
)
RUNNER = RunnerFacts(
    machine_id="m1", boot_id="b1", pid_namespace="pid:[1]", hostname="box", heartbeat_at=2000.0
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Relation.HERE),
        ({"hostname": "renamed"}, Relation.HERE),
        ({"pid_namespace": "pid:[2]"}, Relation.OTHER_NAMESPACE),
        ({"machine_id": "m2"}, Relation.ELSEWHERE),
        ({"machine_id": "m2", "boot_id": "b2"}, Relation.ELSEWHERE),
        ({"machine_id": ""}, Relation.ELSEWHERE),
        ({"boot_id": "b0", "heartbeat_at": 999.0}, Relation.BEFORE_REBOOT),
        ({"boot_id": "b0", "heartbeat_at": 999.0, "hostname": "renamed"}, Relation.BEFORE_REBOOT),
        ({"boot_id": "b0", "heartbeat_at": 1000.0}, Relation.ELSEWHERE),
        ({"boot_id": "b0"}, Relation.ELSEWHERE),  # a cloned id: this machine was up by then
        ({"machine_id": None, "pid_namespace": None}, Relation.HERE),
        ({"machine_id": None, "hostname": "other"}, Relation.ELSEWHERE),
        ({"machine_id": None, "boot_id": "b0", "heartbeat_at": 999.0}, Relation.BEFORE_REBOOT),
        ({"machine_id": None, "boot_id": "b0"}, Relation.ELSEWHERE),  # another host of that name
    ],
)
def test_relation(changes: dict[str, object], expected: Relation) -> None:
    assert relation(replace(RUNNER, **changes), HERE) is expected  # type: ignore[arg-type]


def test_no_machine_id_is_another_machine() -> None:
    anonymous = replace(HERE, machine_id="")
    assert relation(replace(RUNNER, machine_id=""), anonymous) is Relation.ELSEWHERE


@pytest.mark.parametrize(
    ("changes", "runs", "quiet", "liveness", "proof"),
    [
        ({}, True, 0.0, Liveness.ALIVE, None),
        ({}, True, 9999.0, Liveness.SILENT, None),
        ({}, False, 0.0, Liveness.LOST, Proof.PROCESS_GONE),
        ({"machine_id": "m2"}, False, SILENT_SECONDS - 1, Liveness.ALIVE, None),
        ({"machine_id": "m2"}, False, SILENT_SECONDS, Liveness.SILENT, None),
        ({"machine_id": "m2"}, False, LEASE_SECONDS - 1, Liveness.SILENT, None),
        ({"machine_id": "m2"}, False, LEASE_SECONDS, Liveness.EXPIRED, None),
        ({"machine_id": "m2", "lease_seconds": 300.0}, True, 200.0, Liveness.SILENT, None),
        ({"pid_namespace": "pid:[2]"}, False, 0.0, Liveness.ALIVE, None),
        ({"pid_namespace": "pid:[2]"}, False, 100.0, Liveness.EXPIRED, None),
        ({"boot_id": "b0", "heartbeat_at": 1.0}, True, 0.0, Liveness.LOST, Proof.REBOOTED),
    ],
)
def test_judge(
    changes: dict[str, object], runs: bool, quiet: float, liveness: Liveness, proof: Proof | None
) -> None:
    found = judge(replace(RUNNER, **changes), HERE, process_runs=runs, quiet=quiet)  # type: ignore[arg-type]
    assert (found.liveness, found.proof) == (liveness, proof)


def test_times() -> None:
    """The documentation names these times."""
    assert (SILENT_SECONDS, LEASE_SECONDS) == (15.0, 60.0)


IDS = st.sampled_from(["", "m1", "m2"])


@given(
    machine=st.one_of(st.none(), IDS),
    boot=st.sampled_from(["b0", "b1"]),
    namespace=st.sampled_from(["pid:[1]", "pid:[2]"]),
    name=st.sampled_from(["box", "other"]),
    heartbeat=st.floats(0, 3000),
    runs=st.booleans(),
    quiet=st.floats(0, 1000),
)
def test_silence_is_no_proof(
    machine: str | None,
    boot: str,
    namespace: str,
    name: str,
    heartbeat: float,
    runs: bool,
    quiet: float,
) -> None:
    """A longer silence never makes a runner lost, and a shorter one never saves it."""
    runner = RunnerFacts(
        machine_id=machine,
        boot_id=boot,
        pid_namespace=namespace,
        hostname=name,
        heartbeat_at=heartbeat,
    )
    found = judge(runner, HERE, process_runs=runs, quiet=quiet)
    again = judge(runner, HERE, process_runs=runs, quiet=0.0)
    assert found.is_lost is again.is_lost
    assert (found.proof is not None) is found.is_lost
    if machine == "m2" or relation(runner, HERE) is Relation.OTHER_NAMESPACE:
        assert not found.is_lost
