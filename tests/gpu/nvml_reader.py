"""A subprocess in which torc reads the GPUs, so that the real pynvml loads the stand-in driver
there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.waiting import DEADLINE

REPOSITORY = Path(__file__).resolve().parents[2]

_CHILD = """
import json, os, sys
from torc_tui.records import fields
from torc_tui.resources.gpu_monitor import GpuMonitor
from torc_tui.wording import sentence
monitor = GpuMonitor(os.environ)
def read(own=()):
    return monitor.read({pid: "" for pid in own}).gpus
def values(record):
    return {one.name: getattr(record, one.name) for one in fields(record)}
for line in sys.stdin:
    result = eval(line)
    print(json.dumps(result, default=values), flush=True)
"""


class Reader:
    """A process with a GpuMonitor; ``ask`` evaluates an expression about ``monitor`` in it."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=REPOSITORY,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, expression: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def notices(self) -> list[str]:
        found: list[str] = self.ask("list(map(sentence, monitor.notices))")
        return found

    def read(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.ask("read()")
        return answer

    def uuids(self) -> list[str]:
        return [gpu["uuid"] for gpu in self.read()]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(DEADLINE)
        self._process.stdout.close()
        assert code == 0
