"""Files with the GPU health records of the users of a host."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

import pytest

from torc_tui.resources.gpu_health import BY_USER, GpuHealth, encode
from torc_tui.resources.host_health import HostHealth
from torc_tui.resources.host_ledger import HEALTH, Ledger, LedgerUnavailable


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger("a", tmp_path / "ledger")


def avoid(health: HostHealth) -> None:
    with health.changing() as found:
        found.avoid("GPU-a", 0, 1.0, inf, "anna")


def test_others_see_what_one_has_written(ledger: Ledger) -> None:
    one, other = HostHealth(ledger), HostHealth(Ledger("b", ledger.path))
    assert (other.load(), other.has_changed()) == (None, None), "there is no ledger yet"
    avoid(one)
    assert other.has_changed()
    found = other.load()
    assert found is not None and set(found.set_aside(2.0)) == {"GPU-a"}
    assert not other.has_changed()
    with other.changing() as changed:
        assert changed.use("GPU-a", 3.0) == [BY_USER]
    assert one.has_changed()
    again = one.load()
    assert again is not None and again.set_aside(4.0) == {}
    assert (ledger.path / f"{HEALTH}{os.getuid()}").stat().st_mode & 0o777 == 0o644


def test_nothing_is_written_without_a_change(ledger: Ledger) -> None:
    with HostHealth(ledger).changing():
        pass
    assert list(ledger.path.iterdir()) == []


def test_health_files_are_no_grants(ledger: Ledger) -> None:
    avoid(HostHealth(ledger))
    with Ledger("b", ledger.path).placing() as entries:
        assert entries == []


@pytest.mark.parametrize("kind", ["owner", "link", "fifo", "directory", "garbage", "large"])
def test_files_that_do_not_count(ledger: Ledger, tmp_path: Path, kind: str) -> None:
    text = GpuHealth()
    text.avoid("GPU-a", 0, 1.0, inf, "anna")
    with ledger.locked():
        pass
    path = ledger.path / f"{HEALTH}{os.getuid() + (kind == 'owner')}"
    if kind == "owner":
        path.write_text(encode(text.own))
    elif kind == "link":
        (tmp_path / "elsewhere").write_text(encode(text.own))
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"\xff{" if kind == "garbage" else b" " * (1 << 19) + b"{}")
    found = HostHealth(ledger).load()
    assert found is not None and found.set_aside(2.0) == {}


def test_a_file_that_cannot_be_replaced(ledger: Ledger) -> None:
    with ledger.locked():
        pass
    (ledger.path / f"{HEALTH}{os.getuid()}").mkdir()
    with pytest.raises(LedgerUnavailable):
        avoid(HostHealth(ledger))
