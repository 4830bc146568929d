"""Detect the capabilities of the terminal from its environment.

Cheap to import, because the command line checks before it loads the app.
"""

from __future__ import annotations

from collections.abc import Mapping


def refusal(environ: Mapping[str, str], *, interactive: bool = True) -> str | None:
    """Return why the app cannot run in this terminal; None if it can.

    ``interactive``: standard input and output are a terminal.
    """
    if not interactive:
        return (
            "the app needs a terminal as standard input and output;"
            " without one, use `torc run` or `torc status`"
        )
    term = environ.get("TERM", "")
    if term in ("dumb", "unknown"):
        return (
            f"the app cannot run in this terminal (TERM={term});"
            " use `torc run FILE` or `torc status ID`"
        )
    if not term:
        return "TERM is not set; set it to the type of the terminal, such as TERM=xterm"
    return None


def is_remote(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal is used over ssh, where the app paints less often."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def colors(environ: Mapping[str, str]) -> int:
    """Return the number of colors: 0 (NO_COLOR), 16, 256 or 1 << 24."""
    if environ.get("NO_COLOR"):
        return 0
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return 1 << 24
    term = environ.get("TERM", "")
    if "direct" in term or "kitty" in term or "ghostty" in term:
        return 1 << 24
    if "256" in term:
        return 256
    if term in ("vt100", "vt102", "vt220"):
        return 0
    return 16


def speaks_unicode(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal shows characters beyond ASCII.

    ``TORC_ASCII=1`` and the Linux console do not.
    """
    if environ.get("TORC_ASCII", "") not in ("", "0"):
        return False
    if environ.get("TERM") in ("linux", "vt100", "vt102", "vt220"):
        return False
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return not locale or "utf" in locale.lower() or locale not in ("C", "POSIX")


def shows_braille(environ: Mapping[str, str]) -> bool:
    """Return whether charts may use braille; terminals of few colors often lack the characters."""
    return speaks_unicode(environ) and colors({**environ, "NO_COLOR": ""}) > 16
