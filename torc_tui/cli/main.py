"""Run the programs ``torc`` and ``torc-client``: from the words of the line to an exit code.

Exit codes are listed in `torc_tui.docs.tables`.

A job may call ``torc user-data get`` and ``torc spawn`` hundreds of times. These commands are
recognized here, before anything slow is imported; everything else goes through
`torc_tui.cli.command_line`.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from torc_tui.cli.spawn import SpawnCall
    from torc_tui.cli.user_data_fast import UserDataCall


YOUNG_OBJECTS = 50_000
"""Number of new objects after which garbage is collected. Python's own 700 would search the modules
of a command again and again while they are loaded, for a fifteenth of the time of a short run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``torc``. Without ``argv`` it is the whole process, and this does not return."""
    return _run("torc", argv) if argv is not None else _leave(_run("torc", sys.argv[1:]))


def main_client(argv: Sequence[str] | None = None) -> int:
    """Run ``torc-client``: legacy command names, and JSON unless another format is requested."""
    return (
        _run("torc-client", argv) if argv is not None else _leave(_run("torc-client", sys.argv[1:]))
    )


def _run(program: str, argv: Sequence[str]) -> int:
    words = list(argv)
    _prepare_streams()
    if "_ARGCOMPLETE" in os.environ:
        from torc_tui.cli.completions import answer

        answer(program)
    retry = None
    while True:
        try:
            code = _do(program, words)
            sys.stdout.flush()
            return code
        except BaseException as error:
            if "user-data" in words or "spawn" in words:
                from torc_tui.cli.job_retry import JobRetry, waits

                retry = retry or JobRetry()
                if waits(error, words) and retry.wait(error, program):  # type: ignore[arg-type]  # waits() checks
                    continue
            from torc_tui.cli import diagnostics

            return diagnostics.report(error, program, words)


def _do(program: str, words: list[str]) -> int:
    if not words or (len(words) == 1 and words[0].isdecimal()):
        from torc_tui.cli.open_app import open_app

        return open_app(words[0] if words else None, None)
    gc.set_threshold(YOUNG_OBJECTS)
    request = _fast(words)
    if request is not None:
        return request.answer(program)
    from torc_tui.cli.command_line import run

    return run(program, words)


def _prepare_streams() -> None:
    """Open the standard streams that the caller closed, and let output accept every character.

    Otherwise other files would get the numbers of the streams. Characters that the encoding lacks
    are escaped.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process
    if getattr(sys.stdout, "errors", "") in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper


def _leave(code: int) -> int:
    """End the process at once, unless a thread is still running.

    Everything is written and closed. The clean-up of the interpreter would take a fifth of the time
    of a ``user-data get``, and 40 ms of a ``run``.
    """
    threading = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:
        os._exit(code)
    return code


def _fast(words: list[str]) -> UserDataCall | SpawnCall | None:
    """Return the request if the line is a plain ``user-data get``, ``update`` or ``spawn``."""
    if words[:1] == ["spawn"]:
        gc.disable()  # few objects, and the process ends soon
        from torc_tui.cli import spawn

        return spawn.read(words)
    if words[:1] != ["user-data"] or words[1:2] not in (["get"], ["update"]):
        return None
    from torc_tui.cli import user_data_fast

    return user_data_fast.read(words)


if __name__ == "__main__":
    sys.exit(main())
