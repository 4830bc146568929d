"""The script for machines with a GPU: skipped without one; with fake GPUs all its checks pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_nvml import FakeNvml, fake_gpu

SCRIPT = Path(__file__).with_name("check_real.py")


def test_skipped_without_gpu() -> None:
    environ = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("skipped: no NVIDIA GPU")


@pytest.mark.long
@pytest.mark.parametrize("gpus", [1, 2])
def test_stand_in(fake: FakeNvml, gpus: int) -> None:
    fake.gpus = [fake_gpu(number) for number in range(gpus)]
    fake.write()
    words = [sys.executable, str(SCRIPT), "--quick"]
    done = subprocess.run(
        words, env=fake.environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "all is well"
    assert sum(line.startswith("ok ") for line in lines) == 24 + gpus + (3 if gpus == 1 else 2)
