"""Run the commands of a batch system, and tell refusals from silence.

Input: a command. Output: what it printed. `ClusterSilent` if it cannot be run, takes too long, or
says that it did not reach the batch system.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from typing import IO

from torc_tui.clusters.base import ClusterSilent
from torc_tui.tuples import NamedTuple

TIMEOUT_SECONDS = 10.0
"""Time limit of a command."""

_KEPT = frozenset({"SLURM_CONF", "SLURM_CLUSTERS"})
"""Variables that say which cluster is meant."""
_OPTIONS = re.compile(
    r"(SLURM|SBATCH|SRUN|SALLOC|SQUEUE|SINFO|SCANCEL|SACCT|SCONTROL|SLURMD|PMI)_.*|PMIX?_?.*"
)
"""Variables that are options of the commands, or describe the allocation of this process."""

_SILENT = re.compile(
    r"unable to contact slurm controller|connect failure|timed out|connection refused"
    r"|zero bytes|standby mode|communication connection|protocol authentication"
    r"|temporarily un|temporary|could not establish a configuration|dns srv",
    re.IGNORECASE,
)
"""Errors after which it is unknown whether the batch system did what was asked."""


class CommandOutput(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    lines: list[str]
    errors: list[str]

    @property
    def message(self) -> str:
        """Return the errors in the words of the batch system, without the name of the command."""
        texts = [re.sub(r"^\w+: (error: |fatal: )?", "", line) for line in self.errors]
        last = texts[-1] if texts else f"exit code {self.code}"
        return last.removeprefix("Batch job submission failed: ").rstrip(". ")


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without options of the commands and without traces of an allocation.

    The commands print as in the C locale, times as seconds since the epoch.
    """
    kept = {k: v for k, v in environ.items() if k in _KEPT or not _OPTIONS.fullmatch(k)}
    return {**kept, "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}


def run_command(
    command: Sequence[str],
    *,
    text: str = "",
    environ: Mapping[str, str] | None = None,
) -> CommandOutput:
    """Run a command with ``text`` as its standard input.

    Its output goes to files: a pipe could be held open by a child of a wrapper script.
    """
    given = clean_environ(os.environ) if environ is None else environ
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(text.encode("utf-8", "surrogateescape"))
        stdin.seek(0)
        try:
            done = subprocess.run(
                list(command),
                env=dict(given),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClusterSilent(
                f"{command[0]} did not answer within {TIMEOUT_SECONDS:g} s"
            ) from None
        except OSError as error:
            raise ClusterSilent(f"cannot run {command[0]}: {error.strerror}") from error
        found = CommandOutput(done.returncode, _lines(stdout), _lines(stderr))
    if found.code and _SILENT.search("\n".join(found.errors)):
        raise ClusterSilent(f"{command[0]}: {found.message}")
    return found


def _lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    lines = file.read().decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]
