"""What a job finds around itself: its variables, the folder of ``torc``, the words around its
command.

What comes in: what the store knows of a workflow and a job. What goes out: names and values, for
the engine that starts the job and for the app that opens a shell as if in it. No file and no store
is touched here.

The variables are those of reference facts, section 6.5.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from torc_tui.model import Allocation, Gpu
from torc_tui.resources.binding import environment as gpu_environment
from torc_tui.workflow_file.invocation import interpreter, invocation_kind


def folder_of_torc() -> str | None:
    """Where the running ``torc`` is, so that jobs find the same one; None when it cannot be
    told."""
    beside_python = Path(sys.executable).parent
    if (beside_python / "torc").exists():
        return str(beside_python)
    started_as = shutil.which(sys.argv[0])
    return (
        str(Path(started_as).resolve().parent)
        if started_as and Path(started_as).name.startswith("torc")
        else None
    )


def with_torc(path: str | None) -> str | None:
    """The PATH with the folder of ``torc`` in front; as it is when that cannot be told."""
    folder = folder_of_torc()
    return os.pathsep.join([folder, path or os.defpath]) if folder else path


def workflow_variables(
    env: Mapping[str, str],
    *,
    store_url: str,
    workflow_id: int,
    run_id: int,
    directory: str,
    output_dir: str,
) -> dict[str, str]:
    """What all jobs of a run have: the workflow's own variables, and ours above them."""
    return {
        **env,
        "TORC_DATABASE": store_url,
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_OUTPUT_DIR": output_dir,
        "TORC_WORKFLOW_SUBMISSION_DIR": directory,
        "TORC_RUN_ID": str(run_id),
    }


def job_variables(
    env: str | None,
    *,
    job_id: int,
    name: str,
    attempt_id: int,
    allocation: Allocation,
    gpus: Sequence[Gpu] = (),
    gpus_by_index: bool = False,
) -> dict[str, str]:
    """What one attempt has beyond that. ``env`` are the job's own variables as the store holds
    them: JSON."""
    own: dict[str, str] = json.loads(env) if env else {}
    return {
        **own,
        "TORC_JOB_ID": str(job_id),
        "TORC_JOB_NAME": name,
        "TORC_ATTEMPT_ID": str(attempt_id),
        **gpu_environment(allocation, gpus if allocation.gpus else (), by_index=gpus_by_index),
    }


def shell_line(
    directory: str, variables: Mapping[str, str], command: str, invocation_script: str | None = None
) -> str:
    """One line for bash that does what the job does: in its folder, with its variables, through its
    script."""
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
    folder = folder_of_torc()
    words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    if folder and "PATH" not in variables:
        words.append(f'PATH={shlex.quote(folder)}:"$PATH"')
    return f"cd {shlex.quote(directory)} && env {' '.join(words)} {around}bash -c {shlex.quote(command)}"
