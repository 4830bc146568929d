"""Define the arguments of commands: their types, and those that several commands share.

Invariants: a text that names something is not empty and is valid Unicode, unless its argument says
otherwise; a number is one that every database and every clock can hold. A violation is a usage
error that names the argument.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torc_tui.settings import MOST_GIB, MOST_INTEGER, MOST_SECONDS
from torc_tui.tuples import NamedTuple

_MOST_FACTOR = 1000
"""Largest factor by which a request may grow at once."""


class Argument(NamedTuple):
    """What ``argparse.add_argument`` gets. Shells complete ``file`` and ``directory``."""

    flags: tuple[str, ...]
    options: dict[str, Any]
    complete: str | None = None


def arg(
    words: str, help: str = "", *, complete: str | None = None, empty: bool = False, **options: Any
) -> Argument:
    """Return an argument such as ``-n --name NAME``: its flags or its name, and a placeholder.

    Without a placeholder, its type gives the one that help shows. Its value must not be empty,
    unless ``empty`` allows it.
    """
    first, *more = words.split()
    flags = (first, *(word for word in more if word.startswith("-")))
    options |= {"help": help} if help else {}
    if len(flags) <= len(more):
        options["metavar"] = more[-1]
    if "type" not in options and "choices" not in options:
        options["type"] = path if complete else text if empty else name
    if options.get("type") in _METAVARS:
        options.setdefault("metavar", _METAVARS[options["type"]])
    return Argument(flags, options, complete)


def flag(words: str, help: str) -> Argument:
    """Return an option without a value, from all its flags."""
    return Argument(tuple(words.split()), {"action": "store_true", "help": help})


def text(value: str) -> str:
    """Return a text that a database can hold, or raise argparse's error."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong(f"'{value}' is not valid UTF-8") from None
    return value


def path(value: str) -> str:
    """Return a path, which may have any bytes, or raise argparse's error if it is empty."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise _wrong(f"'{value}' is not a path") from None
    if not value.strip():
        raise _wrong("must not be empty (is the variable set that should contain it?)")
    return value


def name(value: str) -> str:
    """Return a text that can name something, or raise argparse's error."""
    return path(text(value))


def labels(value: str) -> list[str]:
    """Return the labels of a comma-separated list, or raise argparse's error."""
    from torc_tui.workflow_file.values import InvalidValue
    from torc_tui.workflow_file.values import label as checked

    try:
        return [checked(one.strip()) for one in value.split(",")]
    except InvalidValue as invalid:
        raise _wrong(f"{value!r}: {invalid.message}") from None


def label(value: str) -> str:
    """Return a name of a workflow, job, file or record, or raise argparse's error."""
    from torc_tui.quoting import quoted, wrong_name

    wrong = wrong_name(name(value))
    if wrong is not None:
        raise _wrong(f"{quoted(value)} {wrong}")
    return value


def _wrong(message: str) -> Exception:
    from argparse import ArgumentTypeError

    return ArgumentTypeError(message)


def _checked(read: Callable[[str], Any], kind: str) -> Callable[[str], Any]:
    """Return a type for argparse; its error names what is expected."""

    def checked(value: str) -> Any:
        try:
            return read(value)
        except (ValueError, OverflowError) as error:
            hint = f" ({error.args[1]})" if len(error.args) > 1 else ""
            raise _wrong(f"{value!r} is not {kind}{hint}") from None

    return checked


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError
    return _integer(value)


def _integer(value: str) -> int:
    number = int(value)
    if abs(number) > MOST_INTEGER:
        raise ValueError
    return number


def _positive(value: str) -> int:
    number = _count(value)
    if number == 0:
        raise ValueError
    return number


def _port(value: str) -> int:
    number = _count(value)
    if not 1024 <= number <= 65535:
        raise ValueError
    return number


def _cpus(value: str) -> float:
    from torc_tui.workflow_file.size_checks import cpus
    from torc_tui.workflow_file.values import InvalidValue

    try:
        return cpus(float(value))
    except InvalidValue as invalid:
        raise ValueError from invalid


def _number_to(most: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = float(value)
        if not 0 <= number <= most:  # also false for nan
            raise ValueError
        return number

    return read


def _span(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        from torc_tui.units import parse_duration

        number = parse_duration(value)
    if not 0 <= number <= MOST_SECONDS:
        raise ValueError
    return number


def _runtime(value: str) -> float:
    seconds = _span(value)
    if seconds == 0:
        raise ValueError
    return seconds


def _any_span(value: str) -> float:
    from torc_tui.units import short_duration

    seconds = short_duration(value)
    return _span(value if seconds is None else str(seconds))


def _size(value: str) -> int:
    from torc_tui.units import parse_memory

    number = parse_memory(value)
    if number == 0:
        raise ValueError
    return number


def _gpu_size(value: str) -> int:
    from torc_tui.units import parse_gpu_memory

    return parse_gpu_memory(value)


def _gpus(value: str) -> float:
    number = _number_to(MOST_INTEGER)(value)
    if number > 1 and number != int(number):
        raise ValueError
    return int(number) if number == int(number) else number


def _growth(value: str) -> float:
    from torc_tui.units import parse_factor

    return parse_factor(value)


def _moment(value: str) -> float:
    from datetime import datetime, timedelta

    now = datetime.now().astimezone()
    if len(value) <= 5 and ":" in value:
        at = datetime.strptime(value, "%H:%M")
        moment = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        return (moment if moment > now else moment + timedelta(days=1)).timestamp()
    return datetime.fromisoformat(value).astimezone().timestamp()


def _factor(value: str) -> float:
    number = float(value)
    if not 0 < number <= _MOST_FACTOR:  # also false for nan
        raise ValueError
    return number


COUNT = _checked(_count, "a whole number from 0")
CPUS = _checked(_cpus, "a number of CPUs such as 2 or 0.5")
POSITIVE = _checked(_positive, "a whole number greater than 0")
PORT = _checked(_port, "a port from 1024 to 65535")
INTEGER = _checked(_integer, "a whole number")
SECONDS = _checked(_number_to(MOST_SECONDS), "a number of seconds")
GIB = _checked(_number_to(MOST_GIB), f"a number of GiB from 0 to {MOST_GIB}")
SPAN = _checked(_span, "a number of seconds or a duration")
RUNTIME = _checked(_runtime, "a number of seconds or a duration greater than 0")
GPUS = _checked(_gpus, "a number of GPUs, or a share below 1")
ANY_SPAN = _checked(_any_span, "a duration such as 2h")
SIZE = _checked(_size, "a size greater than 0")
GPU_SIZE = _checked(_gpu_size, "a size of at least 16m, or a percentage of the GPU such as 50%")
FACTOR = _checked(_factor, "a number greater than 0")
PERCENT = _checked(_number_to(MOST_SECONDS), "a percentage from 0")
GROWTH = _checked(_growth, "a factor above 1 and at most 100, such as x1.5")
MOMENT = _checked(_moment, "a time such as 18:30 or 2030-01-31T18:30")

_METAVARS: dict[Callable[[str], Any], str] = {
    path: "FILE",
    label: "NAME",
    COUNT: "N",
    CPUS: "N",
    POSITIVE: "N",
    PORT: "PORT",
    INTEGER: "N",
    SECONDS: "SECONDS",
    GIB: "GIB",
    GPUS: "N",
    SPAN: "TIME",
    RUNTIME: "TIME",
    ANY_SPAN: "TIME",
    SIZE: "SIZE",
    GPU_SIZE: "SIZE",
    MOMENT: "TIME",
    FACTOR: "X",
    PERCENT: "PERCENT",
    GROWTH: "FACTOR",
}

TEMPLATES = ("diamond", "sweep", "config-pipeline", "gpu", "slurm")
"""Files in ``torc_tui/templates``, the default first."""
FILE = arg(
    "file", "workflow file: YAML, JSON, JSON5 or KDL (- for standard input)", complete="file"
)
WORKFLOW = arg(
    "workflow WORKFLOW",
    "id, name or @last (default: newest of this directory; changes ask if there are several)",
    nargs="?",
)
OF_WORKFLOW = arg("-w --workflow WORKFLOW", "id or name of the workflow")
WORKFLOWS = arg("workflows WORKFLOW", "ids or names", nargs="+")
JOB = arg("job JOB", "name, WORKFLOW/NAME, or id")
JOBS = arg("jobs JOB", "names, WORKFLOW/NAME, or ids", nargs="+")
RECORD = arg("record RECORD", "id or name (-w if several workflows have a record of that name)")
NO_PROMPTS = flag("-y --no-prompts --yes", "do not ask for confirmation")
OFFSET = arg("--offset", "skip the first N", type=COUNT, default=0)
ORDER = (
    arg("--sort-by COLUMN", "sort by this key of the records"),
    flag("--reverse-sort", "sort in descending order"),
)
LISTING = (arg("-l --limit", "list at most N", type=COUNT), OFFSET, *ORDER)
NO_CHECKS = flag("--skip-checks", "accepted for compatibility, without effect")
