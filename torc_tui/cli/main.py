"""The two programs ``torc`` and ``torc-client``: from the words of the line to an exit code.

What comes in: ``argv``. What goes out: an exit code (0 good, 1 the work failed, 2 wrong use, 3 jobs
that can never run, 130 interrupted). Never here: a heavy import. A job may call ``torc user-data
get`` hundreds of times, so that path is taken by hand before anything else is loaded; everything
else is behind :mod:`torc_tui.cli.command_line`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from torc_tui.cli.user_data_fast import Request


def main(argv: Sequence[str] | None = None) -> int:
    """The program ``torc``. Without ``argv`` it is the whole process, and does not come back."""
    return _run("torc", argv) if argv is not None else _leave(_run("torc", sys.argv[1:]))


def main_client(argv: Sequence[str] | None = None) -> int:
    """The program ``torc-client``: the older names, and JSON unless a table is asked for."""
    return (
        _run("torc-client", argv) if argv is not None else _leave(_run("torc-client", sys.argv[1:]))
    )


def _run(program: str, argv: Sequence[str]) -> int:
    words = list(argv)
    if sys.stdout is None:  # closed by whoever called: there is nobody to tell
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
    try:
        request = _fast(words)
        if request is not None:
            code = request.answer(program)
        else:
            from torc_tui.cli.command_line import run

            code = run(program, words)
        sys.stdout.flush()
    except BaseException as error:
        from torc_tui.cli import diagnostics

        return diagnostics.report(error, program, words)
    return code


def _leave(code: int) -> int:
    """End the process at once. All is written and closed by now; what the interpreter would still
    tidy up costs a fifth of a whole ``user-data get``, and 40 ms of a ``run``. Where a thread still
    works it is left to end as usual."""
    threading = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:
        os._exit(code)
    return code


def _fast(words: list[str]) -> Request | None:
    """The request, if the line is one of those that jobs give by the hundreds, and plain."""
    if words[:1] != ["user-data"] or words[1:2] not in (["get"], ["update"]):
        return None
    from torc_tui.cli.user_data_fast import read

    return read(words)


if __name__ == "__main__":
    sys.exit(main())
