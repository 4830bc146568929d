"""Read what identifies this machine: machine id, boot id, pid namespace and boot time.

The machine id is stored as a hash: systemd asks programs not to publish the id itself
(``man machine-id``).
"""

from __future__ import annotations

import os
import sys
import time
from _blake2 import blake2b  # that of hashlib, without OpenSSL
from functools import lru_cache
from pathlib import Path

from torc_tui.model import MachineIdentity

_ROOT = Path("/")
_ID_FILES = ("etc/machine-id", "var/lib/dbus/machine-id")


@lru_cache(maxsize=1)
def this_machine() -> MachineIdentity:
    """Return the identity of this machine; it does not change while the process runs."""
    return MachineIdentity(
        machine_id=machine_id(),
        boot_id=boot_id(),
        pid_namespace=pid_namespace(),
        hostname=hostname(),
        booted_at=booted_at(),
    )


def machine_id(root: Path = _ROOT) -> str:
    """Return a hash of the id of this machine; empty where the system has none.

    A fresh root file system, as in a container, has no id; then the id of the kernel's boot
    identifies the machine until the next boot.
    """
    found = (
        _id_of_files(root)
        or (_platform_uuid() if sys.platform == "darwin" else "")
        or _kernel_boot_id(root)
    )
    if not found:
        return ""
    return blake2b(found.encode(), digest_size=12, person=b"torc-machine").hexdigest()


def _id_of_files(root: Path) -> str:
    for name in _ID_FILES:
        try:
            text = (root / name).read_text().strip().lower()
        except (OSError, UnicodeDecodeError):
            continue
        if text and text != "uninitialized":
            return text
    return ""


def _platform_uuid() -> str:
    """Return the hardware UUID of a Mac."""
    import subprocess

    try:
        output = subprocess.run(
            ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    for line in output.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == '"IOPlatformUUID"':
            return value.strip().strip('"').lower()
    return ""


def boot_id(root: Path = _ROOT) -> str:
    """Return a name for the time since the last boot, within which process start times compare."""
    return _kernel_boot_id(root) or f"boot-{int(booted_at(root))}"


def _kernel_boot_id(root: Path) -> str:
    """Return the random id that Linux gives each boot; empty elsewhere."""
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def pid_namespace(root: Path = _ROOT) -> str:
    """Return the id of the process table that this process sees; empty where there is only one."""
    try:
        return str((root / "proc/self/ns/pid").readlink())
    except OSError:
        return ""


def hostname() -> str:
    """Return the name of this host, for display."""
    return os.uname().nodename


def booted_at(root: Path = _ROOT) -> float:
    """Return when this machine was booted, in seconds since the epoch."""
    try:
        uptime = float((root / "proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        import psutil

        return psutil.boot_time()
    return time.time() - uptime
