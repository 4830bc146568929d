"""The stand-in driver as fixtures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_nvml import FakeNvml, NoCompiler, compile_library, fake_gpu
from gpu_bench import Bench
from nvml_reader import Reader


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return compile_library(tmp_path_factory.mktemp("nvml"))
    except NoCompiler as reason:
        pytest.skip(str(reason))


@pytest.fixture
def fake(nvml_library: Path, tmp_path: Path) -> FakeNvml:
    return FakeNvml(tmp_path, nvml_library)


@pytest.fixture
def reader(fake: FakeNvml) -> Iterator[Callable[..., Reader]]:
    """Starts readers: ``reader(CUDA_VISIBLE_DEVICES=...)``."""
    started: list[Reader] = []

    def start(**environ: str) -> Reader:
        started.append(Reader(fake.environment(**environ)))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def bench(fake: FakeNvml, tmp_path: Path) -> Iterator[Bench]:
    """A folder for runs; without GPUs until the test writes some."""
    fake.write()
    one = Bench(fake, tmp_path)
    yield one
    one.close()


@pytest.fixture
def box(bench: Bench) -> Bench:
    """Two GPUs."""
    bench.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    bench.fake.write()
    return bench
