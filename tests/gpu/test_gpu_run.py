"""Workflows on make-believe cards, through the command line: who gets which card, and what a job sees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_nvml import FakeNvml, card
from nvml_reader import REPOSITORY

SEEN = 'echo "$CUDA_VISIBLE_DEVICES" > {name}.seen'
MEET = SEEN + "; for i in $(seq 500); do [ -e {other}.seen ] && exit 0; sleep 0.02; done; exit 1"


class Bench:
    """A folder with a workflow file, run on the cards of a stand-in driver."""

    def __init__(self, fake: FakeNvml, folder: Path) -> None:
        self.fake = fake
        self.folder = folder

    def start(self, jobs: dict[str, tuple[str, dict[str, Any]]], *options: str) -> subprocess.Popen[str]:
        """Run jobs given as name -> (command, what it wants)."""
        spec = {
            "name": "cards",
            "jobs": [
                {"name": name, "command": command, "resource_requirements": name} for name, (command, _) in jobs.items()
            ],
            "resource_requirements": [
                {"name": name, "num_cpus": 1, "memory": "1m", "runtime": "PT1M", **wants}
                for name, (_, wants) in jobs.items()
            ],
        }
        path = self.folder / f"{'_'.join(jobs)}.json"
        path.write_text(json.dumps(spec))
        environ = self.fake.environment(
            TORC_DATABASE=f"sqlite:///{self.folder}/torc.db", PYTHONPATH=str(REPOSITORY), HOME=str(self.folder)
        )
        words = [sys.executable, "-m", "torc_tui.cli.main", "run", path.name, "-f", "json", *options]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, cwd=self.folder, env=environ, stdout=pipe, stderr=pipe, text=True)

    def run(self, jobs: dict[str, tuple[str, dict[str, Any]]], *options: str) -> tuple[int, str]:
        return ended(self.start(jobs, *options))

    def seen(self, name: str) -> str:
        return (self.folder / f"{name}.seen").read_text().strip()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what was said."""
    with process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err


@pytest.fixture
def bench(fake: FakeNvml, tmp_path: Path) -> Bench:
    fake.gpus = [card(0), card(1)]
    fake.write()
    return Bench(fake, tmp_path)


def test_jobs_beside_each_other_see_their_own_cards(bench: Bench) -> None:
    code, said = bench.run(
        {
            "a": (MEET.format(name="a", other="b"), {"num_gpus": 1}),
            "b": (MEET.format(name="b", other="a"), {"num_gpus": 1}),
            "none": (SEEN.format(name="none"), {}),
        },
        "--num-cpus=3",
    )
    assert code == 0, said
    assert {bench.seen("a"), bench.seen("b")} == {gpu.uuid for gpu in bench.fake.gpus if gpu}
    assert bench.seen("none") == ""


def test_shares_meet_on_one_card(bench: Bench) -> None:
    code, said = bench.run(
        {
            "a": (MEET.format(name="a", other="b"), {"num_gpus": 0.5}),
            "b": (MEET.format(name="b", other="a"), {"num_gpus": 0.25, "gpu_memory": "40g"}),
        },
        "--num-cpus=2",
    )
    assert code == 0, said
    assert bench.seen("a") == bench.seen("b") != ""


def test_what_can_never_run_is_named(bench: Bench) -> None:
    code, said = bench.run(
        {"a": (SEEN.format(name="a"), {"num_gpus": 3}), "b": (SEEN.format(name="b"), {"num_gpus": 2})}
    )
    assert code == 3, said
    assert "needs 3 GPUs, machine has 2" in said
    assert bench.seen("b").split(",") == [gpu.uuid for gpu in bench.fake.gpus if gpu]


def test_virtual_cards_are_numbers(bench: Bench) -> None:
    bench.fake.gpus = []
    bench.fake.write()
    code, said = bench.run({"a": (SEEN.format(name="a"), {"num_gpus": 2, "gpu_model": "H100"})}, "--num-gpus=3")
    assert code == 0, said
    assert bench.seen("a") == "0,1"


def test_two_runners_share_the_cards_without_overlap(bench: Bench) -> None:
    assert bench.run({"first": ("true", {})})[0] == 0  # the store exists before both use it
    both = [
        bench.start({one: (MEET.format(name=one, other=other), {"num_gpus": 1})}, "--num-cpus=2")
        for one, other in (("a", "b"), ("b", "a"))
    ]
    results = [ended(process) for process in both]
    assert [code for code, _ in results] == [0, 0], results
    assert {bench.seen("a"), bench.seen("b")} == {gpu.uuid for gpu in bench.fake.gpus if gpu}
