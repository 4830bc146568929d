"""Compute the environment of a job, and the line for bash that reproduces the job.

Input: the environment of the runner, and the `env` of a workflow and a job. Output: names and
values, for the engine that starts the job and for the app that opens a shell for it.

Invariants
* A job has the user's environment, below the workflow's `env`, below its own, below `TORC_…`.
* `$NAME` and `${NAME}` in a value of `env` are expanded from the runner's environment only.
* PATH is the user's or that of `env`, with the directory of `torc` in front.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from torc_tui.errors import UsageError
from torc_tui.model import Allocation, Gpu
from torc_tui.operations.command_directory import command_directory
from torc_tui.operations.job_database import job_url
from torc_tui.resources.binding import environment as gpu_environment
from torc_tui.workflow_file.invocation import interpreter, invocation_kind

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"\$(?P<literal>\$?)(?:(?P<plain>{_NAME})|{{(?P<braced>{_NAME})}})")


def user_environment() -> dict[str, str]:
    """Return the environment in which this process was started.

    In the C locale, Python sets LC_CTYPE for itself (PEP 538). The jobs must not inherit it.
    """
    environment = dict(os.environ)
    if "LC_CTYPE" in environment:
        try:
            initial = Path("/proc/self/environ").read_bytes()
        except OSError:
            return environment
        if b"\0LC_CTYPE=" not in b"\0" + initial:
            del environment["LC_CTYPE"]
    return environment


def expand(env: Mapping[str, str], environment: Mapping[str, str], owner: str) -> dict[str, str]:
    """Return ``env`` with its references to variables of ``environment`` replaced.

    ``$$NAME`` becomes a literal ``$NAME``, and every other ``$`` stays. Raise UsageError for a
    variable that is not set; ``owner`` says whose `env` this is.
    """
    expanded: dict[str, str] = {}
    for key, value in env.items():

        def replacement(found: re.Match[str], key: str = key) -> str:
            if found["literal"]:
                return found[0][1:]
            name = found["plain"] or found["braced"]
            if name not in environment:
                raise UsageError(
                    f"env of {owner}: {key} uses ${name}, which is not set",
                    hint=f"set {name} before the run, or write $${name} for a literal ${name}",
                )
            return environment[name]

        expanded[key] = _REFERENCE.sub(replacement, value) if "$" in value else value
    return expanded


def own_variables(env: str | None, environment: Mapping[str, str], job_name: str) -> dict[str, str]:
    """Return the expanded `env` of a job, which the database holds as JSON."""
    return expand(json.loads(env), environment, f"job {job_name!r}") if env else {}


def with_commands(path: str | None) -> str:
    """Return a PATH that begins with the directory of `torc`."""
    directory = command_directory()
    rest = os.defpath if path is None else path
    if directory is None:
        return rest
    others = [entry for entry in rest.split(os.pathsep) if entry != directory]
    return os.pathsep.join([directory, *others]) if rest else directory


def workflow_variables(
    *, store_url: str, workflow_id: int, run_id: int, directory: str, output_dir: str
) -> dict[str, str]:
    """Return the TORC variables that all jobs of a run share."""
    return {
        "TORC_DATABASE": job_url(store_url),
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_OUTPUT_DIR": output_dir,
        "TORC_WORKFLOW_SUBMISSION_DIR": directory,
        "TORC_RUN_ID": str(run_id),
    }


def attempt_variables(
    *,
    job_id: int,
    name: str,
    attempt_id: int,
    allocation: Allocation,
    gpus: Sequence[Gpu] = (),
    gpus_by_index: bool = False,
) -> dict[str, str]:
    """Return the variables of one attempt: its ids, and the GPUs that it sees."""
    return {
        "TORC_JOB_ID": str(job_id),
        "TORC_JOB_NAME": name,
        "TORC_ATTEMPT_ID": str(attempt_id),
        **gpu_environment(allocation, gpus if allocation.gpus else (), by_index=gpus_by_index),
    }


def shell_line(
    directory: str, variables: Mapping[str, str], command: str, invocation_script: str | None = None
) -> str:
    """Return one line for bash that does what the job does.

    It runs in the directory of the job, with its variables and its invocation script. A PATH in
    ``variables`` is that of `env`.
    """
    script = (invocation_script or "").strip()
    around = ""
    if script:
        kind = invocation_kind(script)
        if kind == "prefix":
            command = f"{script} {command}"
        elif kind == "shell":
            around = f"bash -c {shlex.quote(script)} bash "
        else:
            around = (
                f"{shlex.join(interpreter(script))} <(printf %s {shlex.quote(script + chr(10))}) "
            )
    words = [f"{key}={shlex.quote(value)}" for key, value in variables.items() if key != "PATH"]
    if "PATH" in variables:
        words.append(f"PATH={shlex.quote(with_commands(variables['PATH']))}")
    elif commands := command_directory():
        words.append(f'PATH={shlex.quote(commands)}:"$PATH"')
    start = f"env {' '.join(words)} {around}bash -c {shlex.quote(command)}"
    return f"cd {shlex.quote(directory)} && {start}"
