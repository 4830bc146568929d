"""Make many logs from the hand-written ones in `logs/`: numbers, names, paths and hosts differ."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from pathlib import Path

LOGS = Path(__file__).parent / "logs"
NAMES = sorted(path.stem for path in LOGS.glob("*.log"))
_MARK = re.compile(r"<<(\w+)>>")


def reasons(name: str) -> list[tuple[int, str]]:
    """Return (exit code, text) of both reasons of a corpus."""
    parts = re.split(r"^=== exit (\d+)\n", (LOGS / f"{name}.log").read_text(), flags=re.MULTILINE)
    return [(int(code), text) for code, text in zip(parts[1::2], parts[2::2], strict=True)]


def failures(name: str, number: int, seed: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the exit code and the log of failing jobs, half of them for each reason."""
    chance = random.Random(f"{name}{seed}")
    both = reasons(name)
    for index in range(number):
        code, text = both[index % 2]
        yield code, _MARK.sub(lambda mark: _value(mark[1], chance), text).encode()


def _value(what: str, chance: random.Random) -> str:
    return _VALUES[what](chance)


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(3, 12)))


def _path(chance: random.Random) -> str:
    parts = [_word(chance) + chance.choice(["", "_7", "-x"]) for _ in range(chance.randint(1, 4))]
    return chance.choice(["/", "./", "~/", "../"]) + "/".join(parts)


def _time(chance: random.Random) -> str:
    return (
        f"2026-11-{chance.randint(10, 28)} {chance.randint(10, 23)}:"
        f"{chance.randint(10, 59)}:{chance.randint(10, 59)},{chance.randint(100, 999)}"
    )


def _noise(chance: random.Random) -> str:
    """Return the output of a sound program; sometimes more than is read."""
    lines = chance.choice([0, 1, 5, 40, 700])
    told = [
        "epoch {} loss {}",
        "{} INFO read {} rows",
        "wrote {} of {}",
        "\x1b[32mstep {}\x1b[0m {}",
    ]
    return "\n".join(
        chance.choice(told).format(chance.randint(1, 10**6), chance.random()) for _ in range(lines)
    )


_VALUES = {
    "digit": lambda chance: str(chance.randint(0, 7)),
    "int": lambda chance: str(chance.randint(1, 10 ** chance.randint(1, 6))),
    "float": lambda chance: str(chance.choice([chance.random(), chance.random() * 1e-7, 3.5])),
    "size": lambda chance: f"{chance.random() * 900:.2f} {chance.choice(['MiB', 'GiB'])}",
    "hex": lambda chance: f"0x{chance.getrandbits(48):012x}",
    "word": _word,
    "path": _path,
    "host": lambda chance: f"{chance.choice(['node', 'gpu-', 'n'])}{chance.randint(1, 999)}",
    "time": _time,
    "month": lambda chance: f"{chance.randint(1, 12):02}",
    "day": lambda chance: f"{chance.randint(1, 28):02}",
    "noise": _noise,
}
