"""Feed hostile command lines, files and data to torc, and check that each gets an answer.

``python -m tests.storms.hostile --inputs 40000 [--seed N]`` calls the program in forked processes.
An answer has an exit code from the documented table, no traceback and no control sequence of the
input, and comes within the deadline.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torc_tui
from torc_tui.cli import main as program
from torc_tui.cli.command_table import COMMANDS
from torc_tui.docs.tables import EXIT_CODES

DEADLINE = 10
"""Seconds within which every input gets its answer."""
CODES = {code for code, _ in EXIT_CODES}
NEVER = {"run", "exec", "wait", "config init", "completions"}
"""Commands that run until jobs end, or write outside the folder."""
ODD = (
    "", " ", "-1", "0", "1", "2", "99999999999999999999", "9223372036854775808", "1e300", "nan",
    "inf", "-inf", "None", "null", "true", "[]", "{}", "{{}}", "{i}", "${files.input.x}", "a/b",
    "../..", "/", "/dev/null", "/dev/full", "/proc/self/mem", "\x1b[2J\x1b]0;x\x07", "\u202e", "é",
    "\udcff", "\ud800", "a" * 70_000, "[bold]x[/bold]", "%s%n", "'; DROP TABLE job; --", "-", "--",
    "-f", "json", "--database", "^(a+)+$", "(", "[", "\\", "@", "@last", "1:10", "10:1", "5:1",
    "1:1O", "\n", "\t", "\r", "name", "storm", "a.yaml", "b.json", "*", "?", "~", "$HOME", "`id`",
)  # fmt: skip
SEEDS = (
    "name: a\njobs:\n  - {name: x, command: 'true'}\n",
    "name: a\njobs:\n  - {name: 'x_{i}', command: 'echo {i}', parameters: {i: '1:3'}}\n",
    "name: a\nfiles:\n  - {name: f, path: f.txt}\njobs:\n"
    "  - {name: x, command: 'touch ${files.output.f}'}\n  - {name: y, command: 'cat ${files.input.f}'}\n",
    '{"name": "a", "jobs": [{"name": "x", "command": "true", "depends_on": ["y"]}]}',
    'name "a"\njob "x" {\n  command "true"\n}\n',
    "name: a\nresource_requirements:\n  - {name: r, memory: 1g, runtime: PT1M, num_cpus: 2}\n"
    "user_data:\n  - {name: u, data: {a: 1}}\njobs:\n  - {name: x, command: 'true', resource_requirements: r}\n",
)


@dataclass
class Tally:
    """What was tried and found."""

    inputs: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def command_lines(chance: random.Random) -> Iterator[list[str]]:
    """Yield command lines: names of commands, their options, odd words."""
    known = [command for command in COMMANDS if command.names[0] not in NEVER]
    while True:
        command = chance.choice(known)
        words = command.names[0].split()
        for argument in command.arguments:
            if argument.flags[0].startswith("-"):
                if chance.random() < 0.25:
                    words.append(chance.choice(argument.flags))
                    if "action" not in argument.options and chance.random() < 0.9:
                        words.append(chance.choice(ODD))
            elif chance.random() < 0.8:
                words.append(chance.choice(ODD))
        if chance.random() < 0.2:
            words.insert(chance.randrange(len(words) + 1), chance.choice(ODD))
        if chance.random() < 0.3:
            words += ["-f", chance.choice(("json", "table", "csv", "x"))]
        if not _follows(words):
            yield words


def _follows(words: list[str]) -> bool:
    """Return whether the command may print events or a log until the workflow ends."""
    after = zip(words, [*words[1:], ""], strict=True)
    formats = ("json", "table", "csv", "x")
    if "--follow" in words or "monitor" in words:
        return True
    return any(word == "-f" and it not in formats for word, it in after)


def mutated(chance: random.Random, text: str) -> bytes:
    """Return the text with a few bytes changed, doubled, cut or replaced."""
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randint(1, 12)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 40)] * chance.choice((1, 2, 50))
            case 3:
                data[at:at] = chance.choice(ODD)[:300].encode("utf-8", "surrogatepass")
            case _:
                data[at:at] = chance.choice(
                    (b"[" * 500, b"{" * 500, b"&a *a", b"!!python/x", b"\x00")
                )
    return bytes(data)


def files(chance: random.Random) -> Iterator[list[str]]:
    """Yield calls that read a mutated workflow file."""
    while True:
        text = chance.choice(SEEDS)
        name = {"{": "m.json", "n": "m.yaml"}[text[0]] if not text.startswith('name "') else "m.kdl"
        Path(name).write_bytes(mutated(chance, text))
        yield chance.choice((["validate", name], ["create", name, "--dry-run"], ["create", name]))


def exports(chance: random.Random) -> Iterator[list[str]]:
    """Yield calls that import a mutated export."""
    original = json.loads(Path("export.json").read_text())
    while True:
        document = json.loads(json.dumps(original))
        for _ in range(chance.randint(1, 3)):
            _mutate(chance, document)
        Path("import.json").write_text(json.dumps(document))
        yield ["workflows", "import", "import.json"]


def _mutate(chance: random.Random, document: Any) -> None:
    place, key = document, None
    while isinstance(place, dict | list) and len(place):
        parent = place
        key = (
            chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        )
        place = place[key]
        if chance.random() < 0.3:
            break
    if key is None:
        return
    if chance.random() < 0.3:
        del parent[key]
    else:
        odd = (
            None,
            [],
            {},
            -1,
            1e308,
            1 << 70,
            "x",
            "",
            True,
            3.5,
            "\ud800",
            [[]],
            chance.choice(ODD),
        )
        parent[key] = chance.choice(odd)


def answer(words: list[str], log: Path) -> tuple[int, float]:
    """Call the program in a forked process; return its exit code and how long it took."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child(words, log)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - began
        if time.monotonic() - began > DEADLINE:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -9, time.monotonic() - began
        time.sleep(0.0005)


def _child(words: list[str], log: Path) -> None:
    code = 1
    try:
        with log.open("w", encoding="utf-8", errors="backslashreplace") as file:
            sys.stdout = sys.stderr = file  # type: ignore[assignment]
            sys.stdin = open(os.devnull)  # noqa: SIM115 - as long as the process
            sys.argv = ["torc", *words]
            try:
                code = program.main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
                code = 99
    finally:
        os._exit(code)


def judge(words: list[str], code: int, seconds: float, text: str, tally: Tally) -> None:
    """Record an answer and its faults."""
    tally.inputs += 1
    tally.codes[code] += 1
    tally.slowest = max(tally.slowest, seconds)
    shown = " ".join(ascii(word[:60]) for word in words)
    if code not in CODES:
        tally.faults.append(f"exit {code}: {shown}: {text[-300:]}")
    if (
        "Traceback (most recent" in text
        or "internal error" in text
        or "error of this program" in text
    ):
        tally.faults.append(f"traceback: {shown}: {text[-300:]}")
    if "\x1b[2J" in text or "\x1b]0;" in text:
        tally.faults.append(f"control sequence: {shown}")
    if seconds > DEADLINE:
        tally.faults.append(f"{seconds:.0f} s: {shown}")


def preload() -> None:
    """Import what commands import, once instead of in each forked process."""
    for module in pkgutil.walk_packages(torc_tui.__path__, "torc_tui."):
        if not module.name.startswith(("torc_tui.tui", "torc_tui.store.statements")):
            importlib.import_module(module.name)


def prepare() -> None:
    """Store a small workflow, and its export, in the current folder's database."""
    Path("a.yaml").write_text(SEEDS[5])
    for words in (
        ["create", "a.yaml"],
        ["init", "1"],
        ["workflows", "export", "1", "-o", "export.json"],
    ):
        code, _ = answer(words, Path("log"))
        assert code == 0, (words, Path("log").read_text())


def storm(inputs: int, seed: int, *, show: bool = False) -> Tally:
    """Try that many inputs in a temporary folder; return what was found."""
    tally = Tally()
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="torc-hostile-") as name, contextlib.chdir(name):
        for variable in [one for one in os.environ if one.startswith("TORC_")]:
            del os.environ[variable]
        os.environ |= {
            "TORC_DATABASE": f"{name}/t.db",
            "XDG_STATE_HOME": f"{name}/state",
            "HOME": name,
        }
        preload()
        prepare()
        makers: list[Callable[[random.Random], Iterator[list[str]]]] = [
            command_lines,
            files,
            exports,
        ]
        sources = [maker(chance) for maker in makers]
        while tally.inputs < inputs:
            words = next(chance.choice(sources))
            code, seconds = answer(words, Path("log"))
            text = Path("log").read_text(encoding="utf-8", errors="replace")
            judge(words, code, seconds, text, tally)
            if show and tally.inputs % 1000 == 0:
                print(tally.inputs, dict(tally.codes), f"{tally.slowest:.2f} s", flush=True)
    return tally


def main() -> int:
    """Read the command line, run the storm and print its tally."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = storm(options.inputs, options.seed, show=True)
    print(f"{tally.inputs} inputs, slowest {tally.slowest:.2f} s, exit codes {dict(tally.codes)}")
    print("\n".join(tally.faults[:50]) or "no faults")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
