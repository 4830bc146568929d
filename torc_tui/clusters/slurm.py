"""Ask the commands of Slurm about the allocation of this process.

Input: an environment. Output: records of `torc_tui.clusters.inside`. Never: an error because Slurm
is slow, unavailable or prints unexpected output; missing values are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torc_tui.clusters.inside import ClusterAllocation, read_allocation


def current_allocation(environ: Mapping[str, str]) -> ClusterAllocation | None:
    """Return the allocation in which this process runs, with its end if Slurm reports it."""
    found = read_allocation(environ)
    if found is None:
        return None
    memory = _memory_of_step(found, environ)
    if memory is not None:
        found = found._replace(memory=min(memory, found.memory or memory))
    if found.ends_at is not None:  # Slurm 23.02 and later
        return found
    return found._replace(ends_at=_end_of(found.native_id, environ))


def _memory_of_step(found: ClusterAllocation, environ: Mapping[str, str]) -> int | None:
    """Return how much memory of this node the step of this process has; None if unknown.

    The environment of a step of ``srun --mem`` has the memory of the allocation.
    """
    step = environ.get("SLURM_STEP_ID", "")
    if not (step.isascii() and step.isdigit()):
        return None
    command = ["scontrol", "-o", "show", "step", f"{found.native_id}.{step}"]
    for line in _lines_of(command, environ):
        granted = re.search(r"\bTRES=(\S+)", line)
        if line.startswith(f"StepId={found.native_id}.{step} ") and granted:
            amounts = dict(part.partition("=")[::2] for part in granted[1].split(","))
            return _memory_by_node(amounts)
    return None


def _memory_by_node(amounts: Mapping[str, str]) -> int | None:
    """Return the bytes on each node of a step with these resources, such as ``mem=1.50G``."""
    nodes = re.fullmatch(r"[1-9][0-9]{0,5}", amounts.get("node", "1"))
    memory = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([KMGT])", amounts.get("mem", ""))
    if nodes is None or memory is None:
        return None
    unit = 1 << 10 * (1 + "KMGT".index(memory[2]))
    return int(float(memory[1]) * unit) // int(nodes[0]) or None


def _end_of(native_id: str, environ: Mapping[str, str]) -> float | None:
    """Return when an allocation ends, in seconds since the epoch; None if that is unknown.

    For one id, squeue may list all tasks of an array: each line begins with the id of its task.
    Some sites print other lines first.
    """
    command = ["squeue", "-h", "-j", native_id, "-o", "%A|%e"]
    for line in _lines_of(command, environ):
        number, _, end = line.partition("|")
        if number == native_id and end.isascii() and end.isdigit() and len(end) < 12:
            return float(end) or None
    return None


def _lines_of(command: list[str], environ: Mapping[str, str]) -> list[str]:
    """Return the lines that a command prints; none if it cannot be run or takes too long."""
    # Most runners do not run in an allocation.
    from torc_tui.clusters.base import ClusterSilent
    from torc_tui.clusters.commands import clean_environ, run_command

    try:
        return run_command(command, environ=clean_environ(environ)).lines
    except ClusterSilent:
        return []
