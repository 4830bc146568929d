"""Tell how the ``invocation_script`` of a job is used.

Input: the text of the script. Output: its kind, and the words of its first line. The executor that
starts a job and the commands that show how to start it by hand use the same rules. Nothing is
started here.
"""

from __future__ import annotations

from typing import Literal


def invocation_kind(script: str) -> Literal["script", "shell", "prefix"]:
    """Return how an invocation script is used.

    A ``script`` begins with ``#!`` and is a separate program. A ``shell`` contains ``"$@"`` and
    is run by bash. Both get ``bash -c COMMAND`` as arguments. Anything else, such as ``srun`` or
    ``time``, is a ``prefix``: it is put in front of the command, separated by a space.
    """
    if script.startswith("#!"):
        return "script"
    return "shell" if '"$@"' in script else "prefix"


def interpreter(script: str) -> list[str]:
    """Return the interpreter in the first line of a ``script``, and its argument.

    There is at most one argument: the kernel does not split the rest of the line.
    """
    return script.split("\n", 1)[0][2:].strip().split(None, 1)
