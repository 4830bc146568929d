"""The two programs ``torc`` and ``torc-client``: from the words of the line to an exit code.

What comes in: ``argv``. What goes out: an exit code (0 good, 1 the work failed, 2 wrong use, 3 jobs that can never run,
130 interrupted). Never here: a heavy import. A job may call ``torc user-data get`` hundreds of times, so that path is
taken by hand before anything else is loaded; everything else is behind :mod:`torc_tui.cli.line`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from torc_tui.cli.user_data_fast import Request


def main(argv: Sequence[str] | None = None) -> int:
    """The program ``torc``."""
    return _main("torc", argv)


def main_client(argv: Sequence[str] | None = None) -> int:
    """The program ``torc-client``: the older names, and JSON unless a table is asked for."""
    return _main("torc-client", argv)


def _main(program: str, argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        request = _fast(words)
        if request is not None:
            code = request.answer(program)
            sys.stdout.flush()
            if argv is None:
                # All is written and closed: what the interpreter would still tidy up costs a fifth of the whole call.
                os._exit(code)
            return code
        from torc_tui.cli.line import run

        code = run(program, words)
        sys.stdout.flush()
    except BaseException as error:
        from torc_tui.cli import diagnostics

        return diagnostics.report(error, program, words)
    return code


def _fast(words: list[str]) -> Request | None:
    """The request, if the line is one of those that jobs give by the hundreds, and plain."""
    if words[:1] != ["user-data"] or words[1:2] not in (["get"], ["update"]):
        return None
    from torc_tui.cli.user_data_fast import read

    return read(words)


if __name__ == "__main__":
    sys.exit(main())
