"""The ledger of the host: who holds which GPUs, over all users and databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.waiting import DEADLINE
from torc_tui.model import Allocation, GpuGrant
from torc_tui.reasons import Kind
from torc_tui.resources.host_ledger import Ledger, LedgerUnavailable

HELD = Allocation(2, 1 << 30, (GpuGrant("GPU-a"), GpuGrant("GPU-b", 500, 7)))


@pytest.fixture
def ledger(tmp_path: Path) -> Callable[[str], Ledger]:
    return lambda database: Ledger(database, tmp_path / "ledger")


def claim(ledger: Ledger, job: int = 1) -> str:
    name = ledger.name(1, 1, job, 1)
    with ledger.placing():
        ledger.claim(name, "w", f"job{job}", HELD)
    return name


def test_another_database_sees_what_is_held(ledger: Callable[[str], Ledger]) -> None:
    a, b = ledger("a"), ledger("b")
    name = claim(a)
    [entry] = b.others()
    assert (entry.workflow, entry.job, entry.pid) == ("w", "job1", os.getpid())
    assert entry.allocation == HELD
    assert entry.user
    assert a.others() == [], "its own database counts its jobs by itself"
    with b.placing() as found:
        assert found == [entry]
    a.release(name)
    assert b.others() == []
    assert list(a.path.iterdir()) == []


def test_the_lock_lives_as_long_as_the_process_of_the_job(ledger: Callable[[str], Ledger]) -> None:
    a, b = ledger("a"), ledger("b")
    name = claim(a)
    lock = a.lock_of(name)
    assert lock is not None
    with subprocess.Popen(["sleep", "60"], pass_fds=[lock]) as job:
        a.started(name)
        assert a.lock_of(name) is None
        assert [entry.job for entry in b.others()] == ["job1"]
        job.kill()
        job.wait(DEADLINE)
    assert b.others() == [], "the file is still there, without a lock"
    assert (a.path / name).exists()


def test_a_placement_waits_for_the_lock_and_no_longer_than_a_second(
    ledger: Callable[[str], Ledger],
) -> None:
    with ledger("a").placing():
        began = time.monotonic()
        with pytest.raises(LedgerUnavailable) as caught, ledger("b").placing():
            pass
        assert 0.5 < time.monotonic() - began < 10
    assert caught.value.reason["problem"] == "it stays locked"
    with ledger("b").placing():
        pass


@pytest.mark.parametrize("kind", ["mode", "link", "file"])
def test_a_directory_that_cannot_be_trusted_is_not_used(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger"
    if kind == "mode":
        path.mkdir(0o700)
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_text("")
    found = Ledger("a", path)
    with pytest.raises(LedgerUnavailable) as caught, found.placing():
        pass
    assert caught.value.reason.kind is Kind.GPU_LEDGER
    assert found.others() == []


def test_the_jobs_of_a_runner_are_one_entry(ledger: Callable[[str], Ledger]) -> None:
    a, b = ledger("a"), ledger("b")
    name = a.name(7)
    for jobs, cpus in ((3, 4), (100, 64), (1, 1)):
        a.publish(name, "w" * 5000, jobs, Allocation(cpus, cpus << 30))
        [entry] = b.others()
        assert (entry.workflow, entry.job, entry.jobs) == ("w" * 200, "", jobs)
        assert entry.allocation == Allocation(cpus, cpus << 30)
    a.release(name)
    assert b.others() == []


def test_placing_removes_the_files_of_killed_runners(ledger: Callable[[str], Ledger]) -> None:
    a, b = ledger("a"), ledger("b")
    left, kept = claim(a, 1), claim(a, 2)
    a.started(left)  # no process inherited its lock
    (a.path / "notes").write_text("a file of somebody else")
    assert [entry.name for entry in b.others()] == [kept]
    with b.placing():
        assert {path.name for path in a.path.iterdir()} == {kept, "notes"}
    a.release(kept)


GARBAGE = [
    b"",
    b"\xff\x00",
    b"[" * 100_000,
    b"{}",
    b'{"held": [1, 2, [["GPU-a", "x", 1]]], "workflow": "w", "job": "j", "pid": 1}',
    b'{"held": 7, "workflow": "w", "job": "j", "pid": 1}',
    json.dumps({"held": [1, 2, [["GPU-a", 1, 1]] * 9999], "workflow": "w"}).encode() * 9,
]


def test_garbage_counts_as_nothing(ledger: Callable[[str], Ledger]) -> None:
    found = ledger("a")
    with found.placing():
        pass
    files = []
    for number, text in enumerate(GARBAGE):
        path = found.path / f"garbage{number}"
        path.write_bytes(text)
        files.append(path.open("rb"))
    (found.path / "directory").mkdir()
    (found.path / "dangling").symlink_to("nowhere")
    os.mkfifo(found.path / "fifo")
    import fcntl

    for file in files:
        fcntl.flock(file, fcntl.LOCK_EX)
    other = claim(ledger("b"))
    assert [entry.name for entry in found.others()] == [other]
    with found.placing() as entries:
        assert [entry.name for entry in entries] == [other]
    for file in files:
        file.close()


RUNNER = """
import hashlib, os, random, sys, time
from pathlib import Path
folder, user, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
from torc_tui.model import AttemptKey, Gpu, Machine, ResourceRequirements
from torc_tui.engine.gpu_ledger import GpuLedger
from torc_tui.resources import host_ledger
from torc_tui.resources.host_ledger import Ledger
from torc_tui.resources.pool import Pool
lock, locked = host_ledger._lock, []
def timed(*arguments):
    lock(*arguments)
    locked.append(time.thread_time())
host_ledger._lock = timed
if os.getuid() == 0:
    os.setuid(20000 + user)
gpus = tuple(Gpu(uuid=f"GPU-{n}", index=n, memory=1 << 36) for n in range(8))
pool = Pool(Machine(hostname="h", num_cpus=99, memory=1 << 40, gpus=gpus))
ledger = GpuLedger(Ledger(f"user{user}", folder / "ledger"), pool)
rng = random.Random(user)
held, times, started, doubles = {}, [], 0, 0
job = 0
while job < rounds * 4:
    if len(held) < 4:
        with ledger.placing(0.0) as may:
            taken = pool.take(ResourceRequirements(name="r", num_gpus=rng.choice([1, 1, 2])))
            if taken is not None:
                job += 1
                ledger.claim(AttemptKey(1, job, 1, 1), ("w", "j"), taken)
        times.append(time.thread_time() - locked[-1])
        if taken is not None:
            for grant in taken.gpus:
                try:
                    os.close(os.open(folder / "in_use" / grant.uuid, os.O_CREAT | os.O_EXCL))
                    started += 1
                except FileExistsError:
                    doubles += 1
            held[job] = taken
    if held and (len(held) == 4 or taken is None or rng.random() < 0.5):
        ended = rng.choice(list(held))
        for grant in held[ended].gpus:
            os.unlink(folder / "in_use" / grant.uuid)
        ledger.release(AttemptKey(1, ended, 1, 1))
        pool.give(held.pop(ended))
for ended, taken in held.items():
    for grant in taken.gpus:
        os.unlink(folder / "in_use" / grant.uuid)
    ledger.release(AttemptKey(1, ended, 1, 1))
times.sort()
print(started, doubles, times[int(len(times) * 0.99)], flush=True)
"""


def two_users(folder: Path, rounds: int) -> list[tuple[int, int, float]]:
    """Let two users place jobs on 8 GPUs; return (grants, doubles, p99 of a placement in s)."""
    in_use = folder / "in_use"
    in_use.mkdir()
    in_use.chmod(0o777)
    repository = str(Path(__file__).resolve().parents[2])
    words = [sys.executable, "-c", RUNNER, str(folder)]
    users = [
        subprocess.Popen(
            [*words, str(user), str(rounds)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository,
            env=os.environ | {"PYTHONPATH": repository},
        )
        for user in (1, 2)
    ]
    found = []
    for process in users:
        with process:
            out, _ = process.communicate(timeout=DEADLINE * 5)
            assert process.returncode == 0
            grants, doubles, p99 = out.split()
            found.append((int(grants), int(doubles), float(p99)))
    return found


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.long)])
def test_two_users_never_take_the_same_gpu(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        found = two_users(Path(folder), rounds)
    assert [doubles for _, doubles, _ in found] == [0, 0]
    assert all(grants >= rounds * 4 for grants, _, _ in found)
    print([f"p99 {p99 * 1000:.2f} ms" for _, _, p99 in found])
