"""Cores: read from the kernel's description, chosen near each other, and never assigned twice."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.resources.core_ledger import CoreLedger
from torc_tui.resources.cpu_cores import CpuCore, choose, read_cores


def core(number: int, package: int = 0, cache: int | None = None) -> CpuCore:
    return CpuCore((number,), package, (package, number if cache is None else cache))


def describe(folder: Path, cpus: dict[int, tuple[str, str, str]]) -> Path:
    for cpu, (siblings, package, cache) in cpus.items():
        topology, shared = folder / f"cpu{cpu}/topology", folder / f"cpu{cpu}/cache/index3"
        topology.mkdir(parents=True)
        shared.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{siblings}\n")
        (topology / "physical_package_id").write_text(f"{package}\n")
        (shared / "shared_cpu_list").write_text(f"{cache}\n")
    return folder


def test_cpus_of_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = {cpu: (f"{cpu % 4},{cpu % 4 + 4}", "0", "0-7") for cpu in range(8)}
    description = describe(tmp_path, cpus)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert [one.cpus for one in read_cores(description)] == [(0, 4), (1, 5), (2, 6), (3, 7)]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 6}, raising=False)
    assert [one.cpus for one in read_cores(description)] == [(1, 5), (6,)]
    assert [one.cpus for one in read_cores(tmp_path / "none")] == [(1,), (5,), (6,)]


def test_packages_and_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = {
        cpu: (str(cpu), str(cpu // 4), f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}") for cpu in range(8)
    }
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    found = read_cores(describe(tmp_path, cpus))
    assert [(one.package, one.cache) for one in found[3:5]] == [(0, (0, 2)), (1, (1, 4))]


@pytest.mark.parametrize(
    ("free", "number", "chosen"),
    [
        ([core(0, 0, 0), core(1, 0, 1), core(2, 0, 1)], 2, (1, 2)),
        ([core(0, 0, 0), core(1, 0, 0), core(2, 0, 1)], 1, (2,)),
        ([core(0, 0), core(1, 1), core(2, 1)], 2, (1, 2)),
        ([core(0, 0), core(1, 1)], 2, (0, 1)),
        ([core(0)], 2, None),
        ([], 1, None),
    ],
    ids=["cache", "smallest", "package", "both", "few", "none"],
)
def test_near_cores(free: list[CpuCore], number: int, chosen: tuple[int, ...] | None) -> None:
    found = choose(free, number)
    numbers = None if found is None else tuple(sorted(cpu for one in found for cpu in one.cpus))
    assert numbers == chosen


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=16), st.integers(1, 16))
def test_as_many_different_cores_as_wanted(places: list[tuple[int, int]], number: int) -> None:
    free = [core(at, package, cache) for at, (package, cache) in enumerate(places)]
    found = choose(free, number)
    assert (found is not None) == (number <= len(free))
    assert found is None or len(set(found)) == number


CORES = tuple(core(number) for number in range(3))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TORC_GPU_LEDGER", str(tmp_path / "ledger"))
    yield tmp_path / "ledger-cores"


def test_runners_of_two_databases(folder: Path) -> None:
    one, two = CoreLedger("sqlite:///a", CORES), CoreLedger("sqlite:///b", CORES)
    first, second, third = one.name(1, 1, 1, 1), two.name(1, 1, 1, 1), one.name(1, 1, 2, 1)
    a, b = one.take(first, 1), two.take(second, 2)
    assert a is not None and b is not None
    assert set(a) | set(b) == {0, 1, 2} and len(a) + len(b) == 3
    assert one.take(third, 1) is None
    two.release(second)
    assert one.take(third, 2) == b


def test_a_killed_runner_leaves_its_cores_to_its_jobs(folder: Path) -> None:
    """The lock of a job counts as long as one of its processes lives, and no longer."""
    ledger, other = CoreLedger("sqlite:///a", CORES), CoreLedger("sqlite:///b", CORES)
    name = ledger.name(1, 1, 1, 1)
    assert ledger.take(name, 3) is not None
    lock = ledger.lock_of(name)
    assert lock is not None
    job = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)
    )
    ledger.started(name)  # the runner is killed and frees nothing
    assert other.take(other.name(2, 1, 1, 1), 1) is None
    job.communicate(b"\n")
    assert other.take(other.name(2, 1, 1, 1), 3) is not None
    assert not (folder / name).exists()


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b"7", b'["x"]'], ids=range(5))
def test_files_of_others_that_say_nothing(folder: Path, text: bytes) -> None:
    ledger = CoreLedger("sqlite:///a", CORES)
    assert ledger.take(ledger.name(1, 1, 1, 1), 1) == (0,)
    other = folder / "notes"
    other.write_bytes(text)
    assert ledger.take(ledger.name(1, 1, 2, 1), 1) == (1,)
    assert other.read_bytes() == text, "it is not removed"
    with other.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert ledger.take(ledger.name(1, 1, 3, 1), 1) == (2,)


def test_without_a_directory(folder: Path) -> None:
    """The jobs of one runner never share a core."""
    folder.write_text("not a directory")
    ledger = CoreLedger("sqlite:///a", CORES)
    taken = [ledger.take(ledger.name(1, 1, job, 1), 1) for job in range(4)]
    assert taken == [(0,), (1,), (2,), None]
    ledger.release(ledger.name(1, 1, 1, 1))
    assert ledger.take(ledger.name(1, 1, 5, 1), 1) == (1,)
