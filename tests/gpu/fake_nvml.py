"""Make-believe GPUs for tests: a stand-in for NVIDIA's library, which the real ``pynvml`` loads in
a subprocess.

    fake = FakeNvml(folder)                      # compiles the library once; NoCompiler if there is
    no C compiler fake.gpus += [fake_gpu(0), fake_gpu(1)] fake.processes.append(FakeProcess(1, pid=4711,
    memory=48 << 30)) fake.write()                                 # seen at once by all that were
    started with fake.environment()

Jobs play a CUDA program with ``fake.use("12g", until=path)``: a command that finds its GPUs in
CUDA_VISIBLE_DEVICES, takes that much memory on each and keeps it until the file exists.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

GB = 1 << 30
_HERE = Path(__file__).resolve()


class NoCompiler(Exception):
    """There is no C compiler here."""


@dataclass
class FakeInstance:
    """A MIG instance."""

    uuid: str
    memory: int
    gpu_instance: int = 1
    compute_instance: int = 0
    name: str = "NVIDIA A100 MIG 1g.10gb"


@dataclass
class FakeGpu:
    """A GPU; ``overhead`` is memory that no process uses, ``power`` is in milliwatts, ``mode`` NVML's
    compute mode."""

    uuid: str
    memory: int = 80 * GB
    name: str = "NVIDIA A100-SXM4-80GB"
    overhead: int = 0
    reserved: int = 0
    ecc: int = 0
    remap: int = 0
    recovery: int = 0
    util: int = 0
    temp: int = 40
    power: int = 60000
    mode: int = 0
    mig: bool = False
    hidden: bool = False
    instances: list[FakeInstance] = field(default_factory=list)


@dataclass
class FakeProcess:
    """A process on a GPU (its number, or the id of a GPU or instance). ``memory`` -1: the driver
    does not tell; ``kind``: C compute, G graphics, B both; ``sm``: percent."""

    gpu: int | str
    pid: int
    memory: int = GB
    kind: str = "C"
    sm: int = 0
    seen: int | None = None
    """The pid in another namespace, under which the driver lists the process."""

    def line(self) -> str:
        seen = "" if self.seen is None else f" seen={self.seen}"
        return f"process {self.gpu} pid={self.pid} memory={self.memory} kind={self.kind} sm={self.sm}{seen}\n"


def fake_gpu(number: int, **fields: object) -> FakeGpu:
    """The GPU ``GPU-00000000-0000-0000-0000-00000000000N``, but for what is said."""
    return FakeGpu(**({"uuid": f"GPU-0000000{number}-0000-0000-0000-000000000000"} | fields))  # type: ignore[arg-type]


class FakeNvml:
    """The GPUs of a machine, as a driver reports them. Change the lists, then ``write``."""

    def __init__(self, folder: Path, library: Path | None = None) -> None:
        self.gpus: list[FakeGpu | None] = []  # None: a GPU that is listed and does not answer
        self.processes: list[FakeProcess] = []
        self.links: dict[tuple[int, int], int] = {}
        self.nvlinks: list[tuple[int, int]] = []
        self.failures: list[
            tuple[str, int, int | None]
        ] = []  # function, error code, number of the GPU
        self.hangs: list[tuple[str, int | None]] = []  # function, number of the GPU
        self.xids: list[
            tuple[int, int]
        ] = []  # number of the GPU, error; only for events registered before
        self.mps: list[tuple[int, int]] = []  # number of the GPU, pid of a client
        self.state = folder / "nvml_state"
        self.library = library if library is not None else compile_library(folder)
        Path(f"{self.state}.d").mkdir(parents=True, exist_ok=True)

    def write(self) -> None:
        lines = []
        for number, gpu in enumerate(self.gpus):
            if gpu is None:
                continue
            lines.append(
                f"gpu {number} uuid={gpu.uuid} memory={gpu.memory} overhead={gpu.overhead} util={gpu.util}"
                f" reserved={gpu.reserved} ecc={gpu.ecc} remap={gpu.remap} recovery={gpu.recovery}"
                f" temp={gpu.temp} power={gpu.power} mode={gpu.mode} mig={int(gpu.mig)} hidden={int(gpu.hidden)}"
                f" name={gpu.name}\n"
            )
            for place, instance in enumerate(gpu.instances):
                lines.append(
                    f"mig {number} {place} uuid={instance.uuid} memory={instance.memory} gi={instance.gpu_instance}"
                    f" ci={instance.compute_instance} name={instance.name}\n"
                )
        lines += [process.line() for process in self.processes]
        lines += [f"link {one} {other} {level}\n" for (one, other), level in self.links.items()]
        lines += [f"nvlink {one} {other}\n" for one, other in self.nvlinks]
        memory = "nvmlDeviceGetMemoryInfo"  # there is no version of it that works alone
        failures = [
            *self.failures,
            *((f"{memory}_v2", c, g) for f, c, g in self.failures if f == memory),
        ]
        hangs = [*self.hangs, *((f"{memory}_v2", g) for f, g in self.hangs if f == memory)]
        for function, code, gpu_number in failures:
            lines.append(
                f"fail {function} {code}" + ("\n" if gpu_number is None else f" {gpu_number}\n")
            )
        lines += [f"xid {gpu_number} {xid}\n" for gpu_number, xid in self.xids]
        lines += [f"mps {gpu_number} pid={pid}\n" for gpu_number, pid in self.mps]
        for function, hung in hangs:
            lines.append(f"hang {function}" + ("\n" if hung is None else f" {hung}\n"))
        fresh = self.state.with_suffix(".new")
        fresh.write_text("".join(lines))
        fresh.replace(self.state)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment for a process that sees these GPUs, without inherited GPU
        variables.
        """
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM_", "CUDA_")) and name != "GPU_DEVICE_ORDINAL"
        }
        path = f"{self.library.parent}:{environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
        ledger = f"{self.state.parent}/ledger"
        shared = {"FAKE_NVML_STATE": str(self.state), "TORC_GPU_LEDGER": ledger}
        return environ | {"LD_LIBRARY_PATH": path} | shared | more

    def use(self, memory: str, *, until: Path, sm: int = 90) -> str:
        """Return a shell command that simulates a CUDA program: it takes memory ("12g", or bytes) until the file
        exists."""
        words = [sys.executable, str(_HERE), "use", memory, str(sm), str(until)]
        return shlex.join(words)


def compile_library(folder: Path) -> Path:
    """Compile the stand-in into the folder; NoCompiler if nothing here can."""
    compiler = next(
        (found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None
    )
    if compiler is None or not sys.platform.startswith("linux"):
        raise NoCompiler("no C compiler (cc, gcc, clang) to build the stand-in for libnvidia-ml")
    target = folder / "libnvidia-ml.so.1"
    target.parent.mkdir(parents=True, exist_ok=True)
    source = str(_HERE.with_suffix(".c"))
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(target), source, "-lpthread"], check=True
    )
    return target


def _use(memory: str, sm: int, until: Path) -> int:
    """Be a CUDA program: hold memory of every visible GPU until the file exists."""
    amount = int(memory[:-1]) * GB if memory.endswith("g") else int(memory)
    devices = [uuid for uuid in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if uuid]
    print(",".join(devices), flush=True)
    mine = Path(os.environ["FAKE_NVML_STATE"] + f".d/{os.getpid()}")
    fresh = mine.with_name(f"new-{mine.name}")
    fresh.write_text(
        "".join(FakeProcess(uuid, os.getpid(), amount, "C", sm).line() for uuid in devices)
    )
    fresh.replace(mine)
    try:
        while not until.exists():
            time.sleep(0.01)
    finally:
        mine.unlink()
    return 0 if devices else 1


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] != "use":
        sys.exit("usage: fake_nvml.py use MEMORY SM_PERCENT UNTIL_FILE")
    sys.exit(_use(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
