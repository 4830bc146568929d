"""Start a private Slurm cluster on one machine, for tests.

Its nodes n1, n2, … each have a host name, a process table and a boot id of their own, so that
``kill_node`` is like a loss of power. Two fake GPUs per node. Partitions: ``main`` (the default),
``debug`` (node n1, at most 5 minutes) and ``urgent``, which preempts ``main``.

All files are in a temporary directory, and all ports are free ones; nothing of the system is
changed. Memory and CPUs are counted, not enforced. The daemons end with the process that started
them.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import DEADLINE, wait_for

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged", "unshare", "setpriv")
PATH = f"/usr/sbin:/sbin:{os.environ.get('PATH', '/usr/bin:/bin')}"
NODES = 4
CPUS = 2
MEMORY_MB = 4000
GPUS = 2
NAMESPACES = ("unshare", "--uts", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
OPEN = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "COMPLETING", "REQUEUED", "SIGNALING")
"""States of allocations that have not ended."""

NODE = """
hostname "$1"; mount --bind "$2/boot_id" /proc/sys/kernel/random/boot_id
slurmd -D -N "$1" -f "$SLURM_CONF" & wait; while :; do wait; sleep 60; done
"""
"""The first process of a node: the kernel kills all that runs on the node when this one ends."""

SETTINGS = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=1
ReturnToService=2
SlurmdTimeout={slurmd_timeout}
InactiveLimit=0
KillWait=5
MinJobAge=600
MessageTimeout=4
TCPTimeout=2
SlurmctldPidFile={folder}/pid/slurmctld
SlurmdPidFile={folder}/pid/slurmd-%n
SlurmdSpoolDir={folder}/spool/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd-%n
SlurmdParameters=config_overrides
DefMemPerCPU={memory_per_cpu}
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobCompType=jobcomp/none
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
"""
PARTITIONS = """\
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 PriorityTier=1 \
PreemptMode=REQUEUE GraceTime=10 State=UP
PartitionName=debug Nodes=n1 MaxTime=5 DefaultTime=1 PriorityTier=1 PreemptMode=OFF State=UP
PartitionName=urgent Nodes=ALL MaxTime=60 DefaultTime=10 PriorityTier=10 PreemptMode=OFF State=UP
"""


class CannotRun(Exception):
    """This machine cannot run the cluster; the text says why."""


class SlurmCluster:
    """A running cluster. ``environment`` finds it; it holds no settings of other databases."""

    def __init__(self, folder: Path, *, slurmd_timeout: int = 5) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM", "SBATCH_", "TORC_"))
        }
        self.environment |= {"PATH": PATH, "SLURM_CONF": str(folder / "slurm.conf")}
        self.environment |= {"TORC_GPU_LEDGER": str(folder / "ledger"), "LC_ALL": "C"}
        self._slurmd_timeout = slurmd_timeout
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    # -- commands of a user ------------------------------------------------------------------------

    def call(self, *words: str, check: bool = True, **how: Any) -> str:
        """Run a command of Slurm, or any other, with its environment; return its output."""
        done = subprocess.run(
            words,
            env=self.environment,
            stdin=None if "input" in how else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            **how,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout.strip()

    def sbatch(self, script: str, *options: str, cwd: Path) -> str:
        """Submit a bash script; return the id of the allocation. Its output is in slurm-ID.out."""
        text = f"#!/bin/bash\n{script}\n"
        return self.call("sbatch", "--parsable", *options, input=text, cwd=cwd).split(";")[0]

    def states(self) -> dict[str, str]:
        """Return the states of all allocations, also of those that have ended."""
        lines = self.call("squeue", "-h", "-t", "all", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def wait_for_state(self, native_id: str, *states: str, seconds: float = DEADLINE) -> str:
        """Wait until an allocation has one of these states; return it."""

        def found() -> str:
            state = self.states().get(native_id, "gone")
            return state if state in states else ""

        return wait_for(found, lambda: f"{states}: {self.states()}", seconds=seconds, interval=0.1)

    def wait_for_ends(self, *native_ids: str, seconds: float = DEADLINE) -> dict[str, str]:
        """Wait until allocations have ended; return their last states."""

        def ended() -> dict[str, str]:
            states = {one: self.states().get(one, "gone") for one in native_ids}
            return {} if any(state in OPEN for state in states.values()) else states

        return wait_for(ended, lambda: str(self.states()), seconds=seconds, interval=0.2)

    def cancel_all(self) -> None:
        """End all allocations."""
        if open_ids := [one for one, state in self.states().items() if state in OPEN]:
            self.call("scancel", *open_ids, check=False)
            self.wait_for_ends(*open_ids)

    # -- faults ------------------------------------------------------------------------------------

    def kill_node(self, number: int) -> None:
        """End a node and all that runs on it at once, as a loss of power."""
        self._end(f"n{number}", signal.SIGKILL)

    def nodes(self) -> list[int]:
        """Return the numbers of the nodes that are up."""
        return [number for number in range(1, NODES + 1) if f"n{number}" in self._daemons]

    def start_node(self, number: int) -> None:
        """Start a node: it has booted anew."""
        name = f"n{number}"
        if name in self._daemons:
            return
        spool = self.folder / "spool" / name
        spool.mkdir(exist_ok=True)
        (spool / "boot_id").write_text(f"{uuid.uuid4()}\n")
        self._start(name, *NAMESPACES, "bash", "-c", NODE, "node", name, str(spool))

    def stop_controller(self) -> None:
        """Stop slurmctld: no command of Slurm is answered. It saves what it knows."""
        self._end("slurmctld", signal.SIGTERM)

    def start_controller(self) -> None:
        """Start slurmctld, which knows the allocations from before."""
        self._start("slurmctld", "slurmctld", "-D", "-i", "-f", self.environment["SLURM_CONF"])
        wait_for(self._answers, "slurmctld answers", interval=0.05)

    def restore(self) -> None:
        """End all allocations and start what a test has stopped."""
        if "slurmctld" not in self._daemons:
            self.start_controller()
        for number in range(1, NODES + 1):
            self.start_node(number)
        self.cancel_all()
        wait_for(self._is_idle, lambda: self.call("sinfo", "-N", check=False), interval=0.1)

    # -- start and stop ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start all daemons; raise CannotRun if this machine cannot."""
        for name in ("munge", "state", "log", "spool", "pid"):
            (self.folder / name).mkdir()
        self._write_settings()
        munge = self.folder / "munge"
        options = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        words = [f"--{name}={munge / value}" for name, value in options.items()]
        self._start("munged", "munged", "-F", *words, f"--log-file={munge / 'log'}")
        wait_for((munge / "socket").exists, "munged listens")
        self.start_controller()
        for number in range(1, NODES + 1):
            self.start_node(number)
        wait_for(self._is_idle, self._explain, interval=0.05)

    def stop(self) -> None:
        """End all processes of the cluster."""
        for name in sorted(self._daemons, key=lambda one: not one.startswith("n")):
            self._end(name, signal.SIGKILL)

    def _start(self, name: str, *command: str) -> None:
        """Start a daemon that is killed when this process ends."""
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _end(self, name: str, number: int) -> None:
        process = self._daemons.pop(name, None)
        if process is not None:
            process.send_signal(number)
            process.wait(DEADLINE)

    def _answers(self) -> bool:
        return "is UP" in self.call("scontrol", "ping", check=False)

    def _is_idle(self) -> bool:
        lines = self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%N %t", check=False)
        return sorted(lines.splitlines()) == [f"n{n} idle" for n in range(1, NODES + 1)]

    def _explain(self) -> str:
        logs = sorted((self.folder / "log").iterdir())
        ends = [f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in logs]
        return "\n".join([self.call("sinfo", "-N", check=False), *ends])

    def _write_settings(self) -> None:
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        host, ports = socket.gethostname().partition(".")[0], free_ports(NODES + 1)
        text = SETTINGS.format(
            folder=self.folder,
            host=host,
            ports=ports,
            slurmd_timeout=self._slurmd_timeout,
            memory_per_cpu=MEMORY_MB // CPUS,
        )
        gres = ""
        for number in range(1, NODES + 1):
            text += (
                f"NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[number]}"
                f" CPUs={CPUS} RealMemory={MEMORY_MB} Gres=gpu:fake:{GPUS} State=UNKNOWN\n"
            )
            files = f"{self.folder}/fake-gpu[0-{GPUS - 1}]"
            gres += f"NodeName=n{number} Name=gpu Type=fake File={files}\n"
        for gpu in range(GPUS):
            self._make_device(self.folder / f"fake-gpu{gpu}")
        (self.folder / "gres.conf").write_text(gres)
        (self.folder / "slurm.conf").write_text(text + PARTITIONS)

    def _make_device(self, path: Path) -> None:
        """Make another /dev/null, which Slurm takes for a GPU."""
        try:
            os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
        except OSError as error:
            raise CannotRun(f"no device can be made in {path.parent}: {error.strerror}") from error


def free_ports(number: int) -> list[int]:
    """Return free TCP ports."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def why_not() -> str | None:
    """Return why this machine cannot run the cluster; None if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    return f"not installed: {', '.join(missing)}" if missing else why_no_machines()


def why_no_machines() -> str | None:
    """Return why parts of this machine cannot pass for machines of their own; None if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces of Linux need root"
    if shutil.which("unshare") is None:
        return "not installed: unshare"
    if not _succeeds([*NAMESPACES, "bash", "-c", "hostname n1; mount --bind /etc /mnt"]):
        return "the kernel does not allow namespaces of its own to a node"
    return None


def _succeeds(command: Sequence[str]) -> bool:
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


@pytest.fixture(scope="session")
def slurm_session() -> Iterator[SlurmCluster]:
    """Start the cluster of a test run, in 3 s; skip where that is not possible."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"no Slurm cluster: {reason}")
    with tempfile.TemporaryDirectory(prefix="torc-slurm-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        cluster = SlurmCluster(Path(name))
        try:
            cluster.start()
        except CannotRun as error:
            pytest.skip(f"no Slurm cluster: {error}")
        else:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def slurm(slurm_session: SlurmCluster) -> Iterator[SlurmCluster]:
    """Return a cluster of 4 idle nodes with 2 CPUs, 4000 MB and 2 GPUs each."""
    slurm_session.restore()
    yield slurm_session
    slurm_session.restore()
