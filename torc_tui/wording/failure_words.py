"""Say in one line what failed attempts have in common.

Input: the parts of a signature. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.wording.quantities import exit_code

KIND_WORDS: Mapping[str, str] = {
    "oom": "out of memory",
    "gpu_oom": "out of GPU memory",
    "gpu_lost": "GPU lost",
    "nccl": "NCCL",
    "cuda": "CUDA",
    "disk_full": "disk full",
    "missing_module": "missing module",
    "missing_command": "missing command",
    "missing_file": "missing file",
    "permission": "permission denied",
    "license": "license",
    "memory_corruption": "memory corruption",
    "segfault": "segmentation fault",
    "crash": "crash",
    "assertion": "assertion",
    "network": "network",
    "mpi": "MPI",
    "killed": "killed",
    "timeout": "ran longer than its runtime",
    "lost": "lost with its runner",
    "launch": "could not be started",
    "canceled": "terminated by a user",
    "missing_files": "did not write an output file",
    "files_not_written": "did not change an output file",
    "missing_user_data": "did not write its user data",
}
"""Kinds of failures in words."""
_OWN = ("exit", "signal")


def kind_words(kind: str) -> str:
    """Return a kind of failure in words; nothing for none."""
    return KIND_WORDS.get(kind, kind.replace("_", " "))


def failure_line(cause: str, code: int | None, kind: str, error: str, message: str) -> str:
    """Return a failure as one line: ``exit 1 ValueError: bad parameter N``."""
    told = ": ".join(part for part in (error, message) if part)
    if cause in _OWN:
        if code is None:
            return told or kind_words(kind) or "exit code unknown"
        return f"exit {code} {told}" if told else f"{exit_code(code)} {kind_words(kind)}".rstrip()
    words = ": ".join(part for part in (kind_words(kind), told) if part)
    return words if code is None else f"{words} (exit {code})"
