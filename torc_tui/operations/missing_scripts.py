"""Find the scripts that commands run and that do not exist.

Input: a plan, and the directory in which its jobs run. Output: the scripts, and the jobs that run
them. Only plain calls at the beginning of a line count: ``python train.py``, ``bash run.sh``,
``./run.sh``. A plan that may create the scripts, or change the directory, is left alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from torc_tui.lazy_regex import regex
from torc_tui.model import JobSpec, Plan

_PROGRAMS = r"(?:python3?|bash|sh|Rscript|julia|perl|ruby|node)[ \t]+(?:-[A-Za-z]+[ \t]+)?"
_CALL = regex(rf"^[ \t]*(?:{_PROGRAMS}(\w[\w./-]*\.\w+)|(\./[\w./-]+))(?=[ \t;]|$)", re.MULTILINE)
_PREPARES = regex(
    r"\b(?:cd|pushd|git|curl|wget|tar|unzip|rsync|scp|cp|mv|ln|tee|install|make|cmake|cc|gcc)\b"
)
"""Commands that may create a script or change the directory."""


def missing_scripts(plan: Plan, folder: str) -> dict[str, list[JobSpec]]:
    """Return scripts that do not exist, with the jobs that run them."""
    called: dict[str, list[JobSpec]] = {}
    for job in plan.jobs:
        if "shell" not in {*plan.spec.settings, *job.spec.options}:
            for script in {match[1] or match[2] for match in _CALL.finditer(job.spec.command)}:
                called.setdefault(script, []).append(job.spec)
    missing = {one: jobs for one, jobs in called.items() if not _exists(folder, one)}
    if not missing or any(_PREPARES.search(job.spec.command) for job in plan.jobs):
        return {}
    written = {os.path.normpath(file.path) for file in plan.files}
    redirected = [job.spec.command for job in plan.jobs if ">" in job.spec.command]
    return {
        script: jobs
        for script, jobs in missing.items()
        if os.path.normpath(script) not in written
        and not any(re.search(rf">\s*{re.escape(script)}", text) for text in redirected)
    }


def _exists(folder: str, script: str) -> bool:
    return os.path.lexists(Path(folder, script))
