"""Find the library of the NVIDIA driver, without loading anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LIBRARY = "libnvidia-ml.so.1"
_DIRECTORIES = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/wsl/lib",
)


def library_present(environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Return whether the loader would find NVML, without loading anything."""
    if not sys.platform.startswith("linux"):
        return False
    directories = (os.environ if environ is None else environ).get("LD_LIBRARY_PATH", "").split(":")
    if any(directory and Path(directory, LIBRARY).exists() for directory in directories):
        return True
    with suppress(OSError):
        if LIBRARY.encode() in (root / "etc/ld.so.cache").read_bytes():
            return True
    return any((root / directory.lstrip("/") / LIBRARY).exists() for directory in _DIRECTORIES)
