"""The identity of a machine, read from files like those of Linux."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from torc_tui.resources import machine_identity


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_id_is_hashed(tmp_path: Path) -> None:
    write(tmp_path, "etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n")
    found = machine_identity.machine_id(tmp_path)
    assert len(found) == 24
    assert "b08dfa60" not in found
    assert found == machine_identity.machine_id(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "uninitialized\n"])
def test_an_empty_id_is_none(tmp_path: Path, text: str) -> None:
    write(tmp_path, "etc/machine-id", text)
    assert machine_identity.machine_id(tmp_path) == ""
    write(tmp_path, "var/lib/dbus/machine-id", "abc")
    assert machine_identity.machine_id(tmp_path) != ""


def test_the_boot_replaces_a_missing_id(tmp_path: Path) -> None:
    """As in a container: runners there must find each other, until the machine is booted."""
    ids = []
    for boot in ("7cba3ba1\n", "7cba3ba1\n", "0b53a6f9\n"):
        write(tmp_path, "proc/sys/kernel/random/boot_id", boot)
        ids.append(machine_identity.machine_id(tmp_path))
    assert ids[0] == ids[1] != ids[2] and all(ids)
    write(tmp_path, "etc/machine-id", "abc")
    assert machine_identity.machine_id(tmp_path) not in ids


def test_without_proc(tmp_path: Path) -> None:
    assert machine_identity.machine_id(tmp_path) == ""
    assert machine_identity.pid_namespace(tmp_path) == ""
    assert machine_identity.boot_id(tmp_path).startswith("boot-")
    assert machine_identity.booted_at(tmp_path) == psutil.boot_time()


def test_boot_time(tmp_path: Path) -> None:
    write(tmp_path, "proc/uptime", "100.5 50.1\n")
    assert machine_identity.booted_at(tmp_path) == pytest.approx(time.time() - 100.5, abs=60)


def test_this_machine() -> None:
    here = machine_identity.this_machine()
    assert here.hostname == machine_identity.hostname()
    assert here.boot_id
    assert here.booted_at < time.time()
    assert machine_identity.this_machine() is here
