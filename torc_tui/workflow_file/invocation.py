"""How a job's ``invocation_script`` is meant. In: its text. Out: a word for its kind, and the words
of its first line.

Who starts a job and who shows how one would be started by hand must agree on this; nothing is
started here.
"""

from __future__ import annotations

from typing import Literal


def invocation_kind(script: str) -> Literal["script", "shell", "prefix"]:
    """How an invocation script is used: ``script`` (it begins with ``#!``: it is a program of its
    own), ``shell`` (it contains ``"$@"``: bash runs it) — both get ``bash -c COMMAND`` as arguments
    — or ``prefix`` (anything else, such as ``srun`` or ``time``: put in front of the command,
    separated by a space)."""
    if script.startswith("#!"):
        return "script"
    return "shell" if '"$@"' in script else "prefix"


def interpreter(script: str) -> list[str]:
    """The interpreter that the first line of a ``script`` names, and its argument: at most one, as
    the kernel reads that line."""
    return script.split("\n", 1)[0][2:].strip().split(None, 1)
