"""A small CUDA program without a toolkit: takes memory on its first visible GPU, works on it, and
says what it saw.

    python cuda_hold.py REPORT MEGABYTES UNTIL

Writes REPORT as JSON: the variables it got, the number of GPUs CUDA shows, the id of the first.
Keeps the memory busy until the file UNTIL exists (at most a minute). With 0 megabytes it only
looks. Under the stand-in driver, which FAKE_NVML_STATE tells, it plays this: then the ids are those
that it was given.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

MB = 1 << 20


def main(report: Path, megabytes: int, until: Path) -> int:
    shown = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")}
    seen: dict[str, object] = {**shown, "pid": os.getpid()}
    see = _play if "FAKE_NVML_STATE" in os.environ else _cuda
    work, leave = see(seen, megabytes)
    fresh = report.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(seen))
    fresh.replace(report)
    try:
        deadline = time.monotonic() + 60
        while megabytes and not until.exists() and time.monotonic() < deadline:
            work()
    finally:
        leave()
    return 0


def _cuda(
    seen: dict[str, object], megabytes: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(function: str, *arguments: object) -> None:
        code = getattr(cuda, function)(*arguments)
        if code:
            raise SystemExit(f"{function} says {code}")

    if code := cuda.cuInit(0):
        seen.update(count=0, cuInit=code)  # 100: no GPU is shown
        return _nothing, _nothing
    count, device, context, memory = (
        ctypes.c_int(),
        ctypes.c_int(),
        ctypes.c_void_p(),
        ctypes.c_uint64(),
    )
    call("cuDeviceGetCount", ctypes.byref(count))
    seen["count"] = count.value
    if not count.value:
        return _nothing, _nothing
    identity = (ctypes.c_ubyte * 16)()
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDeviceGetUuid_v2", ctypes.byref(identity), device)
    seen["uuid"] = str(uuid.UUID(bytes=bytes(identity)))
    if not megabytes:
        return _nothing, _nothing
    call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
    size = ctypes.c_size_t(megabytes * MB)
    call("cuMemAlloc_v2", ctypes.byref(memory), size)

    def work() -> None:
        for value in range(50):
            call("cuMemsetD8_v2", memory, ctypes.c_ubyte(value), size)
        call("cuCtxSynchronize")

    return work, _nothing


def _play(
    seen: dict[str, object], megabytes: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    names = [name for name in (os.environ.get("CUDA_VISIBLE_DEVICES") or "").split(",") if name]
    seen["count"] = len(names)
    if not names:
        return _nothing, _nothing
    seen["uuid"] = names[0].removeprefix("GPU-").removeprefix("MIG-")
    mine = Path(f"{os.environ['FAKE_NVML_STATE']}.d/{os.getpid()}")
    if megabytes:
        fresh = mine.with_name(f"new-{mine.name}")
        fresh.write_text(
            f"process {names[0]} pid={os.getpid()} memory={megabytes * MB} kind=C sm=90\n"
        )
        fresh.replace(mine)
    return lambda: time.sleep(0.01), lambda: mine.unlink(missing_ok=True)


def _nothing() -> None:
    pass


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
