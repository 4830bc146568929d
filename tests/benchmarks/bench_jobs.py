"""Jobs as whole runs: what one more costs, what the first costs, what a link of a chain costs; and
a job's own calls.

Every subject is a `torc` process as a user starts it, its output in a file; every reference is
another process that does the least that the same thing needs.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, Row, median, spend

LOOP = """
import os, select, subprocess, sys
jobs = int(sys.argv[1])
os.mkdir("bare")
poll, children, started, ended = select.epoll(), {}, 0, 0
while ended < jobs:
    while started < jobs and len(children) < 2:
        with open(f"bare/{started}.o", "wb") as out, open(f"bare/{started}.e", "wb") as err:
            child = subprocess.Popen(["/bin/bash", "-c", "true"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     start_new_session=True)
        fd = os.pidfd_open(child.pid)
        poll.register(fd, select.EPOLLIN)
        children[fd] = child
        started += 1
    for fd, _ in poll.poll():
        children.pop(fd).wait()
        os.close(fd)
        ended += 1
"""


def _folder(root: Path, name: str) -> Path:
    """A new one."""
    folder = root / f"{name}{sum(1 for _ in root.iterdir())}"
    folder.mkdir()
    return folder


def _torc_run(root: Path, jobs: list[dict[str, object]]) -> Cost:
    folder = _folder(root, "torc")
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": jobs}))
    return spend([TORC, "run", "w.json", "--max-parallel-jobs", "2"], folder)


def _independent(root: Path, jobs: int) -> Cost:
    return _torc_run(root, [{"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}])


def _chain(root: Path, jobs: int) -> Cost:
    links: list[dict[str, object]] = [{"name": "j0", "command": "true"}]
    links += [
        {"name": f"j{i}", "command": "true", "depends_on": [f"j{i - 1}"]} for i in range(1, jobs)
    ]
    return _torc_run(root, links)


def _loop(root: Path, jobs: int) -> Cost:
    return spend([PYTHON, "-c", LOOP, str(jobs)], _folder(root, "loop"))


def _make(root: Path, jobs: int) -> Cost:
    folder = _folder(root, "make")
    rules = [f"j{i}: {f'j{i - 1}' if i else ''}\n\t@true\n" for i in range(jobs)]
    (folder / "Makefile").write_text(
        f".PHONY: all {' '.join(f'j{i}' for i in range(jobs))}\nall: j{jobs - 1}\n" + "".join(rules)
    )
    return spend(["make", "-j2"], folder)


def independent(root: Path, rounds: int, *, few: int = 200, many: int = 2200) -> list[Row]:
    """One more independent job."""
    own, bare = [], []
    for _ in range(rounds):
        bare.append(_loop(root, many).slope(_loop(root, few), many - few))
        own.append(_independent(root, many).slope(_independent(root, few), many - few))
    subject, reference = median(own), median(bare)
    return [
        Row(
            what=f"one more independent job ({few} to {many})",
            unit="ms",
            figure=subject.wall * 1e3,
            reference=reference.wall * 1e3,
            against="Python loop of bash -c",
            budget=1.5,
            cpu=subject.cpu * 1e3,
            reference_cpu=reference.cpu * 1e3,
        )
    ]


def one(root: Path, rounds: int) -> list[Row]:
    """`torc run` of a file with one job."""
    cost = median([_independent(root, 1) for _ in range(rounds)])
    return [Row(what="torc run of one job", unit="s", figure=cost.wall, budget=0.4, cpu=cost.cpu)]


def chain(root: Path, rounds: int, *, few: int = 20, links: int = 200) -> list[Row]:
    """One more link of a chain. Nothing without GNU make."""
    if shutil.which("make") is None:
        return []
    own, made = [], []
    for _ in range(rounds):
        made.append(_make(root, few + links).slope(_make(root, few), links))
        own.append(_chain(root, few + links).slope(_chain(root, few), links))
    subject, reference = median(own), median(made)
    return [
        Row(
            what=f"one more link of a chain ({links})",
            unit="ms",
            figure=subject.wall * 1e3,
            reference=reference.wall * 1e3,
            against="GNU make",
            budget=3.0,
            cpu=subject.cpu * 1e3,
            reference_cpu=reference.cpu * 1e3,
        )
    ]


def user_data(root: Path, rounds: int) -> list[Row]:
    """What a job pays to read or write a record."""
    folder = _folder(root, "data")
    records = [{"name": "a", "data": {"x": 1}}]
    jobs = [{"name": "j", "command": "true", "output_user_data": ["a"]}]
    (folder / "w.json").write_text(json.dumps({"name": "w", "user_data": records, "jobs": jobs}))
    spend([TORC, "create", "w.json"], folder)
    get, update, bare = [], [], []
    for number in range(rounds * 3):
        bare.append(spend([PYTHON, "-c", "pass"], folder))
        get.append(spend([TORC, "user-data", "get", "1"], folder))
        update.append(
            spend([TORC, "user-data", "update", "1", "--data", json.dumps({"x": number})], folder)
        )
    reference = median(bare)
    return [
        Row(
            what=f"torc user-data {name}",
            unit="ms",
            figure=cost.wall * 1e3,
            reference=reference.wall * 1e3,
            against="python -c pass",
            budget=2.5,
            cpu=cost.cpu * 1e3,
            reference_cpu=reference.cpu * 1e3,
        )
        for name, cost in (("get", median(get)), ("update", median(update)))
    ]
