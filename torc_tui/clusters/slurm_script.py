"""Write the script that sbatch gets. Pure.

Input: a request. Output: a text without anything secret: passwords go through the environment.
"""

from __future__ import annotations

import shlex
from math import ceil

from torc_tui.clusters.base import AllocationRequest
from torc_tui.errors import UsageError
from torc_tui.quoting import CONTROL, quoted

_MIB = 1 << 20


def batch_script(request: AllocationRequest) -> str:
    """Return the script: options of sbatch, the lines of the user, and the start of runners.

    Runners are started by srun, so that preemption and scancel reach them at once. A site may set
    a limit after which the end of one runner ends the others: ``--wait=0`` turns it off.
    """
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in _options(request)),
        "",
        *(f"export {name}={shlex.quote(value)}" for name, value in request.environ),
        "unset SLURM_MEM_PER_CPU SLURM_MEM_PER_GPU",
        *request.commands,
        f"exec srun --ntasks-per-node=1 --cpus-per-task={request.cpus} --wait=0"
        f" --kill-on-bad-exit=0 {shlex.join(request.runner)}",
    ]
    return "\n".join(lines) + "\n"


def _options(request: AllocationRequest) -> list[str]:
    """Return the options of sbatch, those of the user last."""
    options = {
        "job-name": request.name,
        "comment": request.comment,
        "chdir": request.directory,
        "output": _path(request.output),
        "account": request.account,
        "partition": request.partition,
        "qos": request.qos,
        "nodes": str(request.nodes),
        "ntasks-per-node": "1",
        "cpus-per-task": str(request.cpus),
        "mem": None if request.memory is None else f"{ceil(request.memory / _MIB)}M",
        "gres": request.gpus or None,
        "time": walltime(request.walltime),
        "open-mode": "append" if request.requeue else None,
        "dependency": "singleton" if request.serialize else None,
    }
    found = [f"--{name}={_word(name, value)}" for name, value in options.items() if value]
    found.append("--requeue" if request.requeue else "--no-requeue")
    if request.nodes > 1:
        found.append("--no-kill")
    for option in request.options:
        if CONTROL.search(option):
            raise UsageError(f"an option of sbatch has a line break: {quoted(option)}")
        found.append(option)
    return found


def _word(name: str, value: str) -> str:
    """Return a value as the options in a script are read: in double quotes where necessary."""
    if CONTROL.search(value):
        raise UsageError(f"--{name} of sbatch cannot have a line break: {quoted(value)}")
    if shlex.quote(value) == value:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _path(path: str) -> str:
    """Return a path in which Slurm replaces nothing but our ``%j``."""
    folder, _, name = path.rpartition("/")
    return f"{folder.replace('%', '%%')}/{name}" if folder else name


def walltime(seconds: float) -> str:
    """Return a time limit as ``days-hours:minutes:seconds``."""
    minutes, second = divmod(ceil(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{f'{days}-' if days else ''}{hour:02}:{minute:02}:{second:02}"
