"""The two programs ``torc`` and ``torc-client``: from the words of the line to an exit code.

What comes in: ``argv``. What goes out: an exit code (0 good, 1 the work failed, 2 wrong use, 3 jobs that can never run,
130 interrupted). Never here: a heavy import. A job may call ``torc user-data get`` hundreds of times, so that path is
taken by hand before anything else is loaded; everything else is behind :mod:`torc_tui.cli.line`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The program ``torc``."""
    return _main("torc", argv)


def main_client(argv: Sequence[str] | None = None) -> int:
    """The program ``torc-client``: the older names, and JSON unless a table is asked for."""
    return _main("torc-client", argv)


def _main(program: str, argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(program, words)
        sys.stdout.flush()
    except BaseException as error:
        from torc_tui.cli import diagnostics

        return diagnostics.report(error, program, words)
    return code


def _run(program: str, words: list[str]) -> int:
    if words[:1] == ["user-data"] and words[1:2] in (["get"], ["update"]):
        from torc_tui.cli import user_data_fast

        request = user_data_fast.read(words)
        if request is not None:
            return user_data_fast.answer(request, program)
    from torc_tui.cli.line import run

    return run(program, words)


if __name__ == "__main__":
    sys.exit(main())
