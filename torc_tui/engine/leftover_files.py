"""Find the files of attempts that are no longer needed.

Input: an attempt that has ended, or the output directory of a runner that was killed. Output: paths
to remove after the end of the attempts is recorded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence

_EXIT_FILE = r"job_wf{workflow_id}_j(\d+)_r(\d+)_a(\d+){log_id}\.exit(?:\.sh|\.invocation)?"


def after_end(
    stdout: str | None, stderr: str | None, exit_file: str, *, delete_logs: bool
) -> list[str]:
    """Return the files to remove after an attempt: its exit file, and an empty ``.e`` file."""
    if delete_logs:
        return [exit_file, *dict.fromkeys(path for path in (stdout, stderr) if path)]
    if stderr is not None and stderr != stdout and _is_empty(stderr):
        return [exit_file, stderr]
    return [exit_file]


def exit_files(location: str, workflow_id: int) -> dict[str, tuple[int, int, int]]:
    """Return the exit files and scripts of a workflow: path -> (job id, run id, attempt id).

    ``location`` is the location of the logs (see `log_ownership`).
    """
    directory, mark, log_id = location.partition("//")
    name = f"_{log_id}" if mark else ""
    pattern = re.compile(_EXIT_FILE.format(workflow_id=workflow_id, log_id=re.escape(name)))
    folder = os.path.join(directory, "job_stdio")
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    found = {}
    for name in names:
        if match := pattern.fullmatch(name):
            found[f"{folder}/{name}"] = (int(match[1]), int(match[2]), int(match[3]))
    return found


def without_attempt(
    files: dict[str, tuple[int, int, int]], run_id: int, active: Collection[Sequence[int]]
) -> list[str]:
    """Return the files that belong to none of the ``active`` attempts (job id, attempt id).

    List the files before you read the attempts: a runner claims an attempt before it makes the
    file.
    """
    kept = {(job_id, run_id, attempt_id) for job_id, attempt_id in active}
    return [path for path, attempt in files.items() if attempt not in kept]


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False
